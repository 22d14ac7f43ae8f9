//! DEBUG: what test suites lean on, and a look inside.
//!
//! A client inside the process may always; one on a socket only where `enable-debug-command` says
//! so. What would end the process is refused: it is not ours to end.

mod digest;
mod show;

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::help::write_help;
use super::{ALONE, Args, Context, Keys, NO_SCRIPT, Spec, spec};
use crate::bytes::{lossy, parse_int, saturating_double};
use crate::error::{Error, Result};
use crate::hub::config::{ENABLE_DEBUG_COMMAND, parse_memory};
use crate::hub::listeners::WATCHED;
use crate::hub::{Client, Delivery};
use crate::reply::Reply;
use crate::store::db_string::Deadline;
use crate::types::glob::{self, Case};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name  arity keys        flags              handler
    spec("debug", -2, Keys::None, ALONE | NO_SCRIPT, debug),
];

/// The choices of `enable-debug-command` beside "no".
const LOCAL: i64 = 1;
const YES: i64 = 2;

/// No element is a node of its own below this; servers keep well away from 4 GB.
const PACKED_THRESHOLD_MAX: i64 = (1 << 32) - (1 << 20);

/// How many patterns STRINGMATCH-TEST makes up.
const STRINGMATCH_TESTS: usize = 20_000;

/// May faults be asked for in this process? (`DEBUG PANIC key`)
fn may_fail() -> bool {
    cfg!(debug_assertions) || std::env::var_os("LATCHKEY_FAULT_INJECTION").is_some()
}

fn check_allowed(cx: &Context<'_>) -> Result {
    let allowed = match cx.config().get(ENABLE_DEBUG_COMMAND) {
        _ if cx.client.is_inside => true,
        YES => true,
        LOCAL => is_local(cx.client),
        _ => false,
    };
    if allowed {
        return Ok(());
    }
    Err(Error::Plain(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    ))
}

/// Does the client come from this machine?
fn is_local(client: &Client) -> bool {
    let address = client.handle.mailbox.address();
    match address.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().to_canonical().is_loopback(),
        // The path of a Unix socket.
        Err(_) => true,
    }
}

/// `DEBUG subcommand [argument ...]`
fn debug(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    check_allowed(cx)?;
    let asked = args.next()?;
    let name = asked.to_ascii_uppercase();
    let run = find(&name, args.left()).ok_or_else(|| unknown(asked))?;
    run(cx, args)
}

fn unknown(asked: &[u8]) -> Error {
    let shown = lossy(&asked[..asked.len().min(128)]);
    Error::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP."
    ))
}

/// The subcommand of this name that takes so many words.
fn find(name: &[u8], left: usize) -> Option<super::Handler> {
    Some(match (name, left) {
        (b"HELP", 0) => help,
        (b"OBJECT", 1 | 2) => show::object,
        (b"SDSLEN", 1) => show::sdslen,
        (b"LISTPACK", 1) => show::listpack,
        (b"QUICKLIST", 1 | 2) => show::quicklist,
        (b"HTSTATS", 1..) => show::htstats,
        (b"HTSTATS-KEY", 1..) => show::htstats_key,
        (b"DIGEST", 0) => digest::digest,
        (b"DIGEST-VALUE", _) => digest::digest_value,
        (b"SLEEP", 1) => sleep,
        (b"SET-ACTIVE-EXPIRE", 1) => set_active_expire,
        (b"SET-SKIP-CHECKSUM-VALIDATION", 1) => set_skip_checksum,
        (b"QUICKLIST-PACKED-THRESHOLD", 1) => packed_threshold,
        (b"CHANGE-REPL-ID", 0) => change_replication_id,
        (b"POPULATE", 1..=3) => populate,
        (b"PROTOCOL", 1) => protocol,
        (b"ERROR", 1) => error,
        (b"STRINGMATCH-LEN", 2) => stringmatch,
        (b"STRINGMATCH-TEST", 0) => stringmatch_test,
        (b"REPLYBUFFER", 2) => reply_buffer,
        // There is no log, no dictionary that is resized at the wrong time, no Java.
        (b"LOG" | b"DICT-RESIZING", 1) | (b"JMAP", _) => accept,
        (b"PANIC", 1) if may_fail() => fail,
        (
            b"SEGFAULT" | b"PANIC" | b"ASSERT" | b"OOM" | b"RESTART" | b"CRASH-AND-RECOVER"
            | b"LEAK",
            _,
        ) => refuse_harm,
        (b"RELOAD" | b"LOADAOF", _) => refuse_reload,
        _ => return None,
    })
}

fn accept(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.ok();
    Ok(())
}

fn refuse_harm(_cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = lossy(args.all()[1]).to_ascii_uppercase();
    Err(Error::text(format!("ERR DEBUG {name} would harm the process that latchkey is part of")))
}

fn refuse_reload(_cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = lossy(args.all()[1]).to_ascii_uppercase();
    Err(Error::text(format!("ERR DEBUG {name} is not possible: nothing is kept in files")))
}

/// `DEBUG PANIC key`, for tests of latchkey itself: fails while it changes the key.
fn fail(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.db.entry_mut(args.key()?);
    panic!("asked to by DEBUG PANIC");
}

/// `DEBUG SLEEP seconds`: nothing else happens in the store meanwhile.
fn sleep(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    // What is no number is none at all, as `strtod` has it.
    let seconds = saturating_double(args.next()?).unwrap_or(0.0);
    cx.cost(usize::MAX)?;
    if let Ok(time) = Duration::try_from_secs_f64(seconds) {
        std::thread::sleep(time);
    }
    cx.out.ok();
    Ok(())
}

/// A switch as C's `atoi` reads it: on unless it is zero or no number.
fn switch(args: &mut Args<'_>) -> Result<bool> {
    let word = args.next()?;
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    Ok(parse_int(&word[..digits]).is_some_and(|value| value != 0))
}

/// `DEBUG SET-ACTIVE-EXPIRE 0|1`: do keys die before somebody asks for them?
fn set_active_expire(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.hub.debug.keeps_dead_keys.store(!switch(args)?, Relaxed);
    accept(cx, args)
}

/// `DEBUG SET-SKIP-CHECKSUM-VALIDATION 0|1`: does RESTORE believe in checksums?
fn set_skip_checksum(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.hub.debug.ignores_checksums.store(switch(args)?, Relaxed);
    accept(cx, args)
}

/// `DEBUG QUICKLIST-PACKED-THRESHOLD size`: from how many bytes on an element of a list has a
/// node to itself; 0 leaves that to `list-max-listpack-size`.
fn packed_threshold(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let bytes = std::str::from_utf8(args.next()?).ok().filter(|word| !word.is_empty());
    let bytes = bytes.and_then(parse_memory).filter(|bytes| *bytes <= PACKED_THRESHOLD_MAX);
    let bytes = bytes.ok_or(Error::Plain(
        "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
    ))?;
    cx.hub.debug.packed_threshold_bytes.store(bytes as u32, Relaxed);
    accept(cx, args)
}

/// `DEBUG CHANGE-REPL-ID`
fn change_replication_id(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.hub.debug.change_replication_id();
    accept(cx, args)
}

/// `DEBUG POPULATE count [prefix] [size]`: makes keys that are not there yet.
fn populate(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let out_of_range = || Error::Plain("ERR value is out of range, must be positive");
    let count = args.positive(out_of_range())?;
    let prefix = if args.is_done() { b"key" } else { args.next()? };
    let size = if args.is_done() { 0 } else { args.positive(out_of_range())? };
    if u32::try_from(size).is_err() {
        return Err(Error::StringTooLong);
    }
    cx.cost(count.saturating_mul(1 + size / crate::store::BYTES_PER_ELEMENT))?;
    let mut key = prefix.to_vec();
    for i in 0..count {
        key.truncate(prefix.len());
        key.push(b':');
        key.extend_from_slice(itoa::Buffer::new().format(i).as_bytes());
        if cx.db.peek(&key).is_some() {
            continue;
        }
        let mut value = format!("value:{i}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        cx.db.set_string(&key, &value, Deadline::Clear);
        if cx.hub.listeners.any(WATCHED) {
            cx.hub.watch.touched(cx.db.index(), &key);
        }
    }
    accept(cx, args)
}

/// `DEBUG ERROR message`: these words as an error.
fn error(_cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    Err(Error::text(String::from_utf8_lossy(args.next()?).replace(['\r', '\n'], " ")))
}

/// `DEBUG STRINGMATCH-LEN pattern string`: does it match, as KEYS would say?
fn stringmatch(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (pattern, text) = (args.next()?, args.next()?);
    cx.out.yes_no(glob::matches(pattern, text, Case::Sensitive));
    Ok(())
}

/// `DEBUG STRINGMATCH-TEST`: patterns by chance, none of which may do harm.
fn stringmatch_test(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.cost(STRINGMATCH_TESTS)?;
    let mut dice = cx.space.dice();
    let (mut text, mut pattern) = ([0; 32], [0; 32]);
    for _ in 0..STRINGMATCH_TESTS {
        text.fill_with(|| dice.below(128) as u8);
        pattern.fill_with(|| match dice.below(2) {
            0 => b"*?[]^-\\a"[dice.below(8)],
            _ => dice.below(128) as u8,
        });
        let (text, pattern) = (&text[..dice.below(33)], &pattern[..dice.below(33)]);
        std::hint::black_box(glob::matches(pattern, text, Case::Sensitive));
    }
    cx.out.status("Apparently the server did not crash: test passed");
    Ok(())
}

/// `DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER|RESET|ms` and `RESIZING 0|1`: there are no such
/// buffers here.
fn reply_buffer(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.option("PEAK-RESET-TIME") {
        if !args.option("NEVER") && !args.option("RESET") {
            args.int()?;
        }
    } else if !args.option("RESIZING") {
        return Err(unknown(args.all()[1]));
    }
    accept(cx, args)
}

/// `DEBUG PROTOCOL type`: a reply of this type.
fn protocol(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = args.next()?.to_ascii_lowercase();
    let out = &mut *cx.out;
    match &name[..] {
        b"string" => out.bulk(b"Hello World"),
        b"integer" => out.int(12345),
        b"double" => out.double(3141.0 / 1000.0),
        b"bignum" => out.big_number(b"1234567999999999999999999999999999999"),
        b"null" => out.nil(),
        b"array" | b"set" => {
            if name[..] == *b"set" {
                out.set(3);
            } else {
                out.array(3);
            }
            (0..3).for_each(|i| out.int(i));
        }
        b"map" => {
            out.map(3);
            for i in 0..3 {
                out.int(i);
                out.bool(i == 1);
            }
        }
        b"attrib" => out.bulk(b"Some real reply following the attribute"),
        b"push" => return push(cx),
        b"true" => out.bool(true),
        b"false" => out.bool(false),
        b"verbatim" => out.verbatim(b"This is a verbatim\nstring"),
        _ => {
            return Err(Error::Plain(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

fn push(cx: &mut Context<'_>) -> Result {
    if !cx.client.is_resp3() {
        return Err(Error::Plain("ERR RESP2 is not supported by this command"));
    }
    cx.aside(|cx| {
        let mut push = Reply::new();
        push.push(2);
        push.bulk(b"server-cpu-usage");
        push.int(42);
        cx.client.handle.deliver(Delivery::Push(std::sync::Arc::new(push)));
    });
    cx.out.bulk(b"Some real reply following the push reply");
    Ok(())
}

/// `DEBUG HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CHANGE-REPL-ID", "Gives the store another replication id."),
            ("DIGEST", "A signature of everything there is."),
            ("DIGEST-VALUE <key> [<key> ...]", "Signatures of these values."),
            ("ERROR <message>", "Answers these words as an error."),
            ("HTSTATS <db>", "How large the tables of a database are."),
            ("HTSTATS-KEY <key>", "How large the table of a value is."),
            ("LISTPACK <key>", "The elements of a value's listpack, one by one."),
            ("OBJECT <key> [fast]", "How the value is kept; fast leaves out what takes time."),
            ("POPULATE <count> [<prefix>] [<size>]", "Makes keys that are not there yet."),
            ("PROTOCOL <type>", "Answers with a value of this type of the protocol."),
            ("QUICKLIST <key>", "The nodes of a long list, one by one."),
            ("QUICKLIST-PACKED-THRESHOLD <size>", "From where on list elements are on their own."),
            ("SDSLEN <key>", "How long key and string are, and what they take."),
            ("SET-ACTIVE-EXPIRE <0|1>", "Whether keys die before somebody asks for them."),
            ("SET-SKIP-CHECKSUM-VALIDATION <0|1>", "Whether RESTORE goes without checksums."),
            ("SLEEP <seconds>", "Lets the store stand still."),
            ("STRINGMATCH-LEN <pattern> <string>", "Whether they match, as KEYS would say."),
            ("STRINGMATCH-TEST", "Tries many patterns by chance."),
        ],
    );
    Ok(())
}

/// Text that is added to; writing to a String cannot fail.
fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(more);
}
