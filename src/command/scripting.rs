//! EVAL and its kin: which script is called, with which keys. The engine runs it.

use std::sync::Arc;

use super::context::busy_with;
use super::help::write_help;
use super::{
    ALLOW_BUSY, ALONE, Args, CONTAINER, Context, FollowUp, Keys, NO_KEYSPACE, NO_SCRIPT, READ,
    Spec, container, spec,
};
use crate::bytes::{is_word, parse_int};
use crate::error::{Error, Result};
use crate::script::{Callee, Kind, Script, Sha};
use crate::store::Patience;

const KEYS: Keys = Keys::Counted { at: 2, also: 0 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name            arity keys        flags                      handler
    spec("eval",           -3, KEYS,       ALONE | NO_SCRIPT,         eval),
    spec("eval_ro",        -3, KEYS,       ALONE | NO_SCRIPT | READ,  eval_ro),
    spec("evalsha",        -3, KEYS,       ALONE | NO_SCRIPT,         evalsha),
    spec("evalsha_ro",     -3, KEYS,       ALONE | NO_SCRIPT | READ,  evalsha_ro),
    spec("script",         -2, Keys::None, CONTAINER,                 container),
    spec("script|debug",    3, Keys::None, NO_KEYSPACE | NO_SCRIPT,   debug),
    spec("script|exists",  -3, Keys::None, ALONE | NO_SCRIPT,         exists),
    spec("script|flush",   -2, Keys::None, ALONE | NO_SCRIPT,         flush),
    spec("script|help",     2, Keys::None, NO_KEYSPACE,       help),
    spec("script|kill",     2, Keys::None, NO_KEYSPACE | NO_SCRIPT | ALLOW_BUSY, kill_script),
    spec("script|load",     3, Keys::None, ALONE | NO_SCRIPT,         load),
    spec("script|show",     3, Keys::None, ALONE | NO_SCRIPT,         show),
];

#[rustfmt::skip]
const HELP: &[(&str, &str)] = &[
    ("DEBUG NO", "There is no debugger: YES and SYNC are refused."),
    ("EXISTS <sha1> [<sha1> ...]", "Which of these scripts are known."),
    ("FLUSH [ASYNC|SYNC]", "Forgets all scripts."),
    ("KILL", "Stops the running script, unless it has changed something."),
    ("LOAD <script>", "Makes a script known; answers its SHA1."),
    ("SHOW <sha1>", "The text of a script."),
];

const NO_SCRIPT_FOUND: Error = Error::Plain("NOSCRIPT No matching script.");

/// May a script write?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Any,
}

/// A script or function that is to be run. Its keys and arguments stand among the words of the
/// command.
pub struct Invocation {
    pub callee: Callee,
    /// The place of the first key, and how many there are; the arguments follow.
    pub first_key: usize,
    pub keys: usize,
    pub access: Access,
}

/// `EVAL script numkeys [key [key ...]] [arg [arg ...]]`: runs a script.
fn eval(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Named::Text, Access::Any)
}

/// `EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]`: as EVAL, for a script that writes
/// nothing.
fn eval_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Named::Text, Access::ReadOnly)
}

/// `EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]`: runs a script that is known already.
fn evalsha(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Named::Sha, Access::Any)
}

/// `EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]`: as EVALSHA, for a script that writes
/// nothing.
fn evalsha_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Named::Sha, Access::ReadOnly)
}

/// How a script is named.
#[derive(Clone, Copy)]
enum Named {
    Text,
    Sha,
}

fn call(cx: &mut Context<'_>, args: &mut Args<'_>, named: Named, access: Access) -> Result {
    let name = args.next()?;
    if matches!(named, Named::Sha) && name.len() != size_of::<Sha>() {
        return Err(NO_SCRIPT_FOUND);
    }
    let keys = key_count(args, Error::NotAnInteger)?;
    let script = cx.aside(|cx| find(cx, named, name))?;
    invoke(cx, Callee::Script(script), keys, access)
}

/// Has the engine call what the words name; its keys and arguments follow.
pub fn invoke(cx: &mut Context<'_>, callee: Callee, keys: usize, access: Access) -> Result {
    cx.follow_up(FollowUp::Script(Invocation { callee, first_key: 3, keys, access }));
    Ok(())
}

/// How many of the words that follow are keys.
pub fn key_count(args: &mut Args<'_>, not_a_count: Error) -> Result<usize> {
    let count = parse_int(args.next()?).ok_or(not_a_count)?;
    if count > args.left() as i64 {
        return Err(Error::Plain("ERR Number of keys can't be greater than number of args"));
    }
    usize::try_from(count).map_err(|_| Error::Plain("ERR Number of keys can't be negative"))
}

/// The script of this name. Compiling is not for an event loop's thread, and neither is the first
/// run of a script, nor the next after a long one.
fn find(cx: &Context<'_>, named: Named, name: &[u8]) -> Result<Arc<Script>> {
    let mut known = cx.scripts.known();
    let found = match named {
        Named::Text => known.by_text(name),
        Named::Sha => Some(known.by_sha(name).ok_or(NO_SCRIPT_FOUND)?),
    };
    match found {
        Some(script) if cx.patience == Patience::Waits => Ok(script),
        // Begun again it would be monitored twice.
        Some(script) if script.proof.is_short() && !cx.hub.monitors.any() => Ok(script),
        None if cx.patience == Patience::Waits => known.evaled(name),
        _ => Err(Error::Away),
    }
}

/// May what EXEC is about to run be a script that takes long? EXEC cannot be begun again.
pub fn may_take_long(cx: &Context<'_>, spec: &Spec, words: &[Box<[u8]>]) -> bool {
    let Some(name) = words.get(1) else { return false };
    let known = cx.scripts.known();
    match spec.name {
        "eval" | "eval_ro" => known.by_text(name).is_none_or(|script| !script.proof.is_short()),
        "evalsha" | "evalsha_ro" => {
            known.by_sha(name).is_none_or(|script| !script.proof.is_short())
        }
        "fcall" | "fcall_ro" => {
            let libraries = cx.scripts.libraries();
            libraries.function(name).is_none_or(|function| !function.proof.is_short())
        }
        "function|load" | "function|restore" => true,
        _ => false,
    }
}

/// `SCRIPT EXISTS sha1 [sha1 ...]`: which of these scripts are known.
fn exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let known = cx.scripts.known();
    cx.out.array(args.left());
    for sha in args.rest() {
        cx.out.yes_no(known.by_sha(sha).is_some());
    }
    Ok(())
}

/// `SCRIPT FLUSH [ASYNC | SYNC]`: forgets all scripts.
fn flush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let is_mode = |word: &[u8]| is_word(word, "sync") || is_word(word, "async");
    if args.left() > 1 || args.peek().is_some_and(|word| !is_mode(word)) {
        return Err(Error::Plain("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    // Closing a Lua state takes its time.
    cx.cost(cx.scripts.known().lua_bytes() / 64)?;
    cx.aside(|cx| cx.scripts.known().flush());
    cx.out.ok();
    Ok(())
}

/// `SCRIPT DEBUG YES | SYNC | NO`: there is no debugger to switch on.
fn debug(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mode = args.next()?;
    if is_word(mode, "no") {
        cx.out.ok();
        return Ok(());
    }
    Err(Error::Plain(if is_word(mode, "yes") || is_word(mode, "sync") {
        "ERR latchkey has no debugger for scripts"
    } else {
        "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    }))
}

/// `SCRIPT KILL`: stops the running script, unless it has changed something.
fn kill_script(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    kill(cx, Kind::Script)
}

/// Stops what is running, if it is of this kind.
pub fn kill(cx: &mut Context<'_>, kind: Kind) -> Result {
    let watch = &cx.scripts.watch;
    match watch.running() {
        None => Err(Error::Plain("NOTBUSY No scripts in execution right now.")),
        Some((running, _)) if running != kind => Err(busy_with(running)),
        Some(_) if watch.kill() => {
            cx.out.ok();
            Ok(())
        }
        Some(_) => Err(Error::Plain(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You \
             can either wait the script termination or kill the server in a hard way using the \
             SHUTDOWN NOSAVE command.",
        )),
    }
}

fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(cx, HELP);
    Ok(())
}

/// `SCRIPT LOAD script`: makes a script known; answers its SHA1.
fn load(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let text = args.next()?;
    if cx.patience != Patience::Waits && cx.scripts.known().by_text(text).is_none() {
        return Err(Error::Away);
    }
    let script = cx.aside(|cx| cx.scripts.known().load(text))?;
    cx.out.bulk(&script.sha);
    Ok(())
}

/// `SCRIPT SHOW sha1`: the text of a script.
fn show(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let script = cx.scripts.known().by_sha(args.next()?).ok_or(NO_SCRIPT_FOUND)?;
    cx.out.bulk(&script.text);
    Ok(())
}
