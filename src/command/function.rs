//! FUNCTION and FCALL: libraries of functions, and which function is called. The engine runs it.

use super::context::busy_with;
use super::help::write_help;
use super::scripting::{Access, invoke, key_count, kill};
use super::{
    ALLOW_BUSY, ALONE, Args, CONTAINER, Context, DENY_OOM, Keys, NO_KEYSPACE, NO_SCRIPT, READ,
    Spec, WRITE, container, spec, wrong_usage,
};
use crate::bytes::{is_word, lossy};
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::hub::config::SCRIPT_MEMORY_LIMIT;
use crate::persist::rdb::{self, NoLibrary};
use crate::reply::Reply;
use crate::script::{Callee, Collision, Function, Host, Kind, Libraries, Shapes, Watch};
use crate::store::Patience;
use crate::types::glob::{self, Case};

const KEYS: Keys = Keys::Counted { at: 2, also: 0 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name               arity keys        flags                                 handler
    spec("fcall",             -3, KEYS,       ALONE | NO_SCRIPT,                    fcall),
    spec("fcall_ro",          -3, KEYS,       ALONE | NO_SCRIPT | READ,             fcall_ro),
    spec("function",          -2, Keys::None, CONTAINER,                            container),
    spec("function|delete",    3, Keys::None, ALONE | NO_SCRIPT | WRITE,            delete),
    spec("function|dump",      2, Keys::None, ALONE | NO_SCRIPT,                    dump),
    spec("function|flush",    -2, Keys::None, ALONE | NO_SCRIPT | WRITE,            flush),
    spec("function|help",      2, Keys::None, 0,                                    help),
    spec("function|kill",      2, Keys::None, NO_KEYSPACE | NO_SCRIPT | ALLOW_BUSY, kill_function),
    spec("function|list",     -2, Keys::None, ALONE | NO_SCRIPT,                    list),
    spec("function|load",     -3, Keys::None, ALONE | NO_SCRIPT | WRITE | DENY_OOM, load),
    spec("function|restore",  -3, Keys::None, ALONE | NO_SCRIPT | WRITE | DENY_OOM, restore),
    spec("function|stats",     2, Keys::None, NO_KEYSPACE | NO_SCRIPT | ALLOW_BUSY, stats),
];

/// `FCALL function numkeys [key [key ...]] [arg [arg ...]]`: calls a function.
fn fcall(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Access::Any)
}

/// `FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]`: as FCALL, for a function that
/// writes nothing.
fn fcall_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    call(cx, args, Access::ReadOnly)
}

fn call(cx: &mut Context<'_>, args: &mut Args<'_>, access: Access) -> Result {
    let function = cx.scripts.libraries().function(args.next()?).cloned();
    let function = function.ok_or(Error::Plain("ERR Function not found"))?;
    let keys = key_count(args, Error::Plain("ERR Bad number of keys provided"))?;
    // Its first run is not for an event loop's thread, nor is the next after a long one.
    let is_proven = function.proof.is_short() && !cx.hub.monitors.any();
    if cx.patience != Patience::Waits && !is_proven {
        return Err(Error::Away);
    }
    invoke(cx, Callee::Function(function), keys, access)
}

/// `FUNCTION DELETE library-name`: forgets a library.
fn delete(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = args.next()?;
    if !cx.aside(|cx| cx.scripts.libraries().delete(name)) {
        return Err(Error::Plain("ERR Library not found"));
    }
    cx.out.ok();
    Ok(())
}

/// `FUNCTION DUMP`: the libraries as bytes.
fn dump(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let libraries = cx.scripts.libraries();
    cx.cost(libraries.iter().map(|(_, library)| library.code.len()).sum::<usize>() / 64)?;
    let payload = rdb::dump_libraries(libraries.iter().map(|(_, library)| &*library.code));
    cx.out.bulk(&payload);
    Ok(())
}

/// `FUNCTION FLUSH [ASYNC | SYNC]`: forgets all libraries.
fn flush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let is_mode = |word: &[u8]| is_word(word, "sync") || is_word(word, "async");
    if args.left() > 1 {
        return Err(wrong_usage(args));
    }
    if args.peek().is_some_and(|word| !is_mode(word)) {
        return Err(Error::Plain("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    // Closing a Lua state takes its time.
    cx.cost(cx.scripts.libraries().lua_bytes() / 64)?;
    cx.aside(|cx| cx.scripts.libraries().flush());
    cx.out.ok();
    Ok(())
}

/// `FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]`: what is known of the libraries.
fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (mut with_code, mut pattern) = (false, None);
    while !args.is_done() {
        if !with_code && args.option("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.option("LIBRARYNAME") {
            let missing = Error::Plain("ERR library name argument was not given");
            pattern = Some(args.next().map_err(|_| missing)?);
        } else {
            return Err(Error::text(format!("ERR Unknown argument {}", lossy(args.next()?))));
        }
    }
    let libraries = cx.scripts.libraries();
    let is_meant =
        |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Ignore));
    let meant = || libraries.iter().filter(|(name, _)| is_meant(name));
    cx.out.array(meant().count());
    for (name, library) in meant() {
        cx.out.map(if with_code { 4 } else { 3 });
        cx.out.bulk(b"library_name");
        cx.out.bulk(name);
        cx.out.bulk(b"engine");
        cx.out.bulk(b"LUA");
        cx.out.bulk(b"functions");
        cx.out.array(library.functions.len());
        library.functions.iter().for_each(|function| write_function(cx.out, function));
        if with_code {
            cx.out.bulk(b"library_code");
            cx.out.bulk(&library.code);
        }
    }
    Ok(())
}

fn write_function(out: &mut Reply, function: &Function) {
    out.map(3);
    out.bulk(b"name");
    out.bulk(&function.name);
    out.bulk(b"description");
    out.bulk_or_nil(function.description.as_deref());
    out.bulk(b"flags");
    out.set(function.flags.names().count());
    function.flags.names().for_each(|flag| out.status(flag));
}

/// `FUNCTION LOAD [REPLACE] function-code`: runs the text of a library, which registers functions.
fn load(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut collision = Collision::Refuse;
    while args.left() > 1 {
        if !args.option("REPLACE") {
            let word = lossy(args.next()?);
            return Err(Error::text(format!("ERR Unknown option given: {word}")));
        }
        collision = Collision::Replace;
    }
    let code = args.next()?;
    let name =
        with_libraries(cx, |libraries, host, watch| libraries.load(code, collision, host, watch))?;
    cx.out.bulk(&name);
    Ok(())
}

/// `FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]`: loads libraries that
/// FUNCTION DUMP wrote, all or none.
fn restore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.left() > 2 {
        return Err(wrong_usage(args));
    }
    let payload = args.next()?;
    let collision = match args.peek() {
        None => Collision::Refuse,
        Some(word) if is_word(word, "append") => Collision::Refuse,
        Some(word) if is_word(word, "replace") => Collision::Replace,
        Some(word) if is_word(word, "flush") => Collision::Flush,
        Some(_) => {
            return Err(Error::Plain(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let codes = rdb::restore_libraries(payload, super::dump::checksums(cx)).map_err(refusal)?;
    let codes = codes.map(|code| code.map_err(refusal));
    with_libraries(cx, |libraries, host, watch| libraries.restore(codes, collision, host, watch))?;
    cx.out.ok();
    Ok(())
}

fn refusal(fault: NoLibrary) -> Error {
    Error::Plain(match fault {
        NoLibrary::Footer => "ERR DUMP payload version or checksum are wrong",
        NoLibrary::Kind => "ERR given type is not a function",
        NoLibrary::OldFormat => "ERR Pre-GA function format not supported",
        NoLibrary::Text => "ERR Failed loading library payload",
    })
}

/// Loads libraries, which runs what nobody has run before: not on an event loop's thread.
fn with_libraries<R>(
    cx: &mut Context<'_>,
    work: impl FnOnce(&mut Libraries, &mut dyn Host, &Watch) -> Result<R>,
) -> Result<R> {
    if cx.patience != Patience::Waits {
        return Err(Error::Away);
    }
    let limit = cx.config().get(SCRIPT_MEMORY_LIMIT) as usize;
    cx.aside(|cx| {
        let mut libraries = cx.scripts.libraries();
        libraries.machine()?.limit_bytes(limit);
        work(&mut libraries, &mut Silent(cx.hub), &cx.scripts.watch)
    })
}

/// What a library may ask of the store while it is loaded: to be heard.
struct Silent<'a>(&'a Hub);

impl Host for Silent<'_> {
    fn call(&mut self, _words: &[&[u8]], _shapes: Shapes, out: &mut Reply) {
        out.error_text(b"ERR redis.call can only be called inside a script invocation");
    }

    fn may_call(&mut self, _words: &[&[u8]]) -> Option<bool> {
        None
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.0.log(level, message);
    }
}

/// `FUNCTION KILL`: stops the running function, unless it has changed something.
fn kill_function(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    kill(cx, Kind::Function)
}

/// `FUNCTION STATS`: what is running, and how much is known.
fn stats(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let watch = &cx.scripts.watch;
    let running = watch.running();
    if let Some((kind @ Kind::Script, _)) = running {
        return Err(busy_with(kind));
    }
    let (_, figures) = cx.scripts.figures();
    cx.out.map(2);
    cx.out.bulk(b"running_script");
    match running.zip(watch.call()) {
        Some(((_, elapsed), (name, words))) => {
            cx.out.map(3);
            cx.out.bulk(b"name");
            cx.out.bulk(&name);
            cx.out.bulk(b"command");
            cx.out.array(words.len());
            for word in &words {
                cx.out.bulk(word);
            }
            cx.out.bulk(b"duration_ms");
            cx.out.int(elapsed.as_millis() as i64);
        }
        None => cx.out.nil(),
    }
    cx.out.bulk(b"engines");
    cx.out.map(1);
    cx.out.bulk(b"LUA");
    cx.out.map(2);
    cx.out.bulk(b"libraries_count");
    cx.out.len(figures.count());
    cx.out.bulk(b"functions_count");
    cx.out.len(figures.functions());
    Ok(())
}

/// `FUNCTION HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("DELETE <library-name>", "Forgets a library and its functions."),
            ("DUMP", "All libraries as bytes, for RESTORE."),
            ("FLUSH [ASYNC | SYNC]", "Forgets all libraries."),
            ("KILL", "Stops the function that is running, if it has written nothing."),
            ("LIST [LIBRARYNAME <pattern>] [WITHCODE]", "The libraries and their functions."),
            ("LOAD [REPLACE] <function-code>", "Makes a library known; answers its name."),
            ("RESTORE <payload> [FLUSH | APPEND | REPLACE]", "Loads what DUMP has written."),
            ("STATS", "The function that is running, and how many there are."),
        ],
    );
    Ok(())
}
