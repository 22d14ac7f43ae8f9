//! Loading a library: its text is run once, and registers functions.
//!
//! While it runs it sees little: `redis.register_function`, `redis.log` and some constants. The
//! functions are made by that very text and run later, so both see the same table of globals, and
//! what that table shows is changed for the time of loading.

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi;

use super::Host;
use super::api;
use super::cache::Flags;
use super::frame::Frame;
use super::machine::{Compiled, Ended, Machine, Task, run_of};
use super::sandbox::{keep, push_globals, push_kept, push_library, refuse_missing, show};
use super::watch::{Kind, Watch};
use crate::reply::{Reply, Token};

/// A function that a library has registered.
pub struct Registered {
    pub name: Box<[u8]>,
    pub description: Option<Box<[u8]>>,
    pub flags: Flags,
    pub callback: Compiled,
}

/// What functions do not have of the table `redis`.
const OF_SCRIPTS: &[&CStr] = &[c"breakpoint", c"debug", c"replicate_commands"];

/// Constants that begin so are for what is not there yet while a library is loaded.
const OF_REPLICATION: &[u8] = b"REPL_";

/// Where the registry has the globals that are seen while loading, and the name of the field that
/// decides which are seen.
static LOADING_KEY: u8 = 0;
static INDEX_KEY: u8 = 0;

pub const INVALID_NAME: &str = "ERR Library names can only contain letters, numbers, or \
                                underscores(_) and must be at least one character long";

/// May a library or a function be called so?
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Makes of the world of scripts that of functions, and the globals for the time of loading.
/// Called by `sandbox::build` before anything is protected.
pub fn build(frame: Frame<'_>, run: *mut c_void) {
    push_library(frame, Some(c"redis"));
    for name in OF_SCRIPTS {
        frame.push_nil();
        frame.set_field(-2, name);
    }
    frame.push_table();
    let constants = api::NUMBERS.iter().map(|(name, _)| *name);
    let constants = constants.chain(api::TEXTS.iter().map(|(name, _)| *name));
    let constants = constants.filter(|name| !name.to_bytes().starts_with(OF_REPLICATION));
    for name in constants.chain([c"log"]) {
        frame.push_field(-2, name);
        frame.set_field(-2, name);
    }
    frame.push_pointer(run);
    frame.push_function(register_function, 1);
    frame.set_field(-2, c"register_function");
    refuse_missing(frame);
    show(frame);
    frame.push_table();
    for name in [c"redis", c"server"] {
        frame.push_copy(-2);
        frame.set_field(-2, name);
    }
    refuse_missing(frame);
    keep(frame, &LOADING_KEY);
    frame.push_bytes(b"__index");
    keep(frame, &INDEX_KEY);
    frame.pop(2);
}

/// Which globals are seen.
#[derive(Clone, Copy)]
enum Seen {
    Loading,
    Usual,
}

/// Decides which globals are seen. Allocates nothing and cannot fail, because
/// the table that shows the globals has a metatable with this field.
fn show_globals(frame: Frame<'_>, seen: Seen) {
    frame.push_metatable(ffi::LUA_GLOBALSINDEX);
    push_kept(frame, &INDEX_KEY);
    match seen {
        Seen::Loading => push_kept(frame, &LOADING_KEY),
        Seen::Usual => push_globals(frame),
    }
    frame.raw_set(-3);
    frame.pop(1);
}

impl Machine {
    /// Runs the text of a library. `Err` has the words of a refusal.
    pub fn load(
        &mut self,
        text: &[u8],
        host: &mut dyn Host,
        watch: &Watch,
    ) -> Result<Vec<Registered>, String> {
        let entry = self
            .compile(text, c"@user_function")
            .map_err(|words| format!("ERR Error compiling function: {words}"))?;
        let task = Task { entry, kind: Kind::Library, name: b"", keys: &[], args: &[] };
        let mut answer = Reply::new();
        self.run.registered = Some(Vec::new());
        show_globals(self.frame(), Seen::Loading);
        let ended = self.run(&task, host, watch, &mut answer);
        show_globals(self.frame(), Seen::Usual);
        self.forget(entry);
        let registered = self.run.registered.take().unwrap_or_default();
        if ended == Ended::Done && !registered.is_empty() {
            return Ok(registered);
        }
        for function in &registered {
            self.forget(function.callback);
        }
        if ended == Ended::Done {
            return Err("ERR No functions registered".into());
        }
        let words = match answer.first() {
            _ if self.run.stop.is_some() => "ERR FUNCTION LOAD timeout".into(),
            Some(Token::Error(words)) => String::from_utf8_lossy(words),
            _ => "ERR unknown error".into(),
        };
        Err(format!("ERR Error registering functions: {words}"))
    }
}

/// `redis.register_function(name, callback)`, or with one table of named arguments.
fn register_function(frame: Frame<'_>) -> c_int {
    let run = run_of(frame);
    if run.registered.is_none() {
        refuse(frame, "ERR server.register_function can only be called on FUNCTION LOAD command");
    }
    let flags = match frame.top() {
        1 => named_arguments(frame),
        2 => positional_arguments(frame),
        _ => refuse(frame, "ERR wrong number of arguments to server.register_function"),
    };
    let name = frame.bytes(NAME);
    if !is_name(name) {
        refuse(frame, INVALID_NAME);
    }
    let is_there = |all: &Vec<Registered>| all.iter().any(|it| it.name.eq_ignore_ascii_case(name));
    if run.registered.as_ref().is_some_and(is_there) {
        refuse(frame, "ERR Function already exists in the library");
    }
    frame.push_copy(CALLBACK);
    let callback = Compiled(frame.keep());
    let has_description = frame.kind(DESCRIPTION) != ffi::LUA_TNIL;
    let description = frame.bytes(DESCRIPTION);
    if let Some(registered) = &mut run.registered {
        let description = has_description.then(|| description.into());
        registered.push(Registered { name: name.into(), description, flags, callback });
    }
    0
}

/// Where the arguments are put, whichever way they came.
const NAME: c_int = 1;
const CALLBACK: c_int = 2;
const DESCRIPTION: c_int = 3;
const TABLE: c_int = 4;
const KEY: c_int = 5;
const VALUE: c_int = 6;

fn positional_arguments(frame: Frame<'_>) -> Flags {
    if !is_text(frame, NAME) {
        refuse(frame, "ERR first argument to server.register_function must be a string");
    }
    if frame.kind(CALLBACK) != ffi::LUA_TFUNCTION {
        refuse(frame, "ERR second argument to server.register_function must be a function");
    }
    frame.push_nil();
    Flags::default()
}

fn named_arguments(frame: Frame<'_>) -> Flags {
    if frame.kind(1) != ffi::LUA_TTABLE {
        refuse(
            frame,
            "ERR calling server.register_function with a single argument is only applicable to \
             Lua table (representing named arguments).",
        );
    }
    for _ in NAME..TABLE {
        frame.push_nil();
        frame.insert(1);
    }
    let mut flags = Flags::default();
    frame.push_nil();
    while frame.next(TABLE) {
        named_argument(frame, &mut flags);
        frame.pop(1);
    }
    if frame.kind(NAME) == ffi::LUA_TNIL {
        refuse(frame, "ERR server.register_function must get a function name argument");
    }
    if frame.kind(CALLBACK) == ffi::LUA_TNIL {
        refuse(frame, "ERR server.register_function must get a callback argument");
    }
    flags
}

/// Looks at one field of the table; its value is on top.
fn named_argument(frame: Frame<'_>, flags: &mut Flags) {
    if !is_text(frame, KEY) {
        refuse(frame, "ERR named argument key given to server.register_function is not a string");
    }
    // A key that is a number must stay one while the table is walked.
    let is_number = frame.kind(KEY) == ffi::LUA_TNUMBER;
    let name = if is_number { &[] } else { frame.bytes(KEY) };
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let place = if is("function_name") {
        if !is_text(frame, VALUE) {
            refuse(
                frame,
                "ERR function_name argument given to server.register_function must be a string",
            );
        }
        NAME
    } else if is("description") {
        if !is_text(frame, VALUE) {
            refuse(
                frame,
                "ERR description argument given to server.register_function must be a string",
            );
        }
        DESCRIPTION
    } else if is("callback") {
        if frame.kind(VALUE) != ffi::LUA_TFUNCTION {
            refuse(
                frame,
                "ERR callback argument given to server.register_function must be a function",
            );
        }
        CALLBACK
    } else if is("flags") {
        return read_flags(frame, flags);
    } else {
        refuse(frame, "ERR unknown argument given to server.register_function")
    };
    frame.push_copy(VALUE);
    frame.replace(place);
}

fn read_flags(frame: Frame<'_>, flags: &mut Flags) {
    if frame.kind(VALUE) != ffi::LUA_TTABLE {
        refuse(
            frame,
            "ERR flags argument to server.register_function must be a table representing function \
             flags",
        );
    }
    for place in 1.. {
        frame.raw_get_at(VALUE, place);
        if frame.kind(-1) == ffi::LUA_TNIL {
            return frame.pop(1);
        }
        if frame.kind(-1) != ffi::LUA_TSTRING || !flags.set_word(frame.bytes(-1)) {
            refuse(frame, "ERR unknown flag given");
        }
        frame.pop(1);
    }
}

/// A string, or a number, which has a text as well.
fn is_text(frame: Frame<'_>, index: c_int) -> bool {
    matches!(frame.kind(index), ffi::LUA_TSTRING | ffi::LUA_TNUMBER)
}

/// Fails with a table of these words, as commands do.
fn refuse(frame: Frame<'_>, words: &str) -> ! {
    frame.set_top(0);
    frame.push_table();
    frame.push_bytes(words.as_bytes());
    frame.set_field(1, c"err");
    frame.throw()
}
