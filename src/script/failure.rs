//! How scripts fail: what becomes of an error, what the client is told of it, who counts it.

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::frame::Frame;
use super::machine::Task;
use super::watch::{Kind, Stop};

const OUT_OF_MEMORY: &[u8] = b"ERR not enough memory: scripts may take script-memory-limit bytes";

/// Marks an error that was counted when the command failed.
pub const IGNORE: &CStr = c"ignore_error_stats_update";

/// The errors in what a script answers.
#[derive(Debug, Default)]
pub struct Errors {
    pub is_any: bool,
    /// Those that nobody has counted yet, by the word that tells them apart.
    pub fresh: Vec<String>,
}

/// Was an error counted when it came about?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Before,
    NotYet,
}

impl Errors {
    pub fn clear(&mut self) {
        self.is_any = false;
        self.fresh.clear();
    }

    #[cold]
    pub fn add(&mut self, words: &[u8], counted: Counted) {
        self.is_any = true;
        if counted == Counted::NotYet {
            let kind = words.split(|byte| *byte == b' ').next().unwrap_or_default();
            self.fresh.push(String::from_utf8_lossy(kind).into_owned());
        }
    }
}

/// Is the error on top of the stack marked as counted?
pub fn counted(frame: Frame<'_>) -> Counted {
    frame.push_bytes(IGNORE.to_bytes());
    frame.raw_get(-2);
    let is_marked = frame.kind(-1) == ffi::LUA_TBOOLEAN && frame.boolean(-1);
    frame.pop(1);
    if is_marked { Counted::Before } else { Counted::NotYet }
}

/// What becomes of an error before the stack is unwound: a table that says where it was raised.
pub fn on_error(frame: Frame<'_>) -> c_int {
    if frame.kind(1) != ffi::LUA_TTABLE {
        frame.push_table_for(0, 3);
        frame.push_bytes(b"ERR ");
        match frame.kind(1) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => frame.push_copy(1),
            ffi::LUA_TBOOLEAN if frame.boolean(1) => frame.push_bytes(b"true"),
            ffi::LUA_TBOOLEAN => frame.push_bytes(b"false"),
            _ => frame.push_bytes(frame.kind_name(1).as_bytes()),
        }
        frame.concat(2);
        frame.set_field(-2, c"err");
        frame.replace(1);
    }
    frame.set_top(1);
    if frame.push_raiser() {
        frame.set_field(1, c"line");
        frame.set_field(1, c"source");
    }
    1
}

/// What the client is told of the error on top of the stack, with which Lua came back.
pub fn words_of_error(frame: Frame<'_>, task: &Task<'_>, status: c_int) -> (Vec<u8>, Counted) {
    if status == ffi::LUA_ERRMEM {
        return (OUT_OF_MEMORY.to_vec(), Counted::NotYet);
    }
    if frame.kind(-1) != ffi::LUA_TTABLE {
        // Lua itself failed: no memory, or an error while handling one.
        return ([b"ERR ", frame.text(-1)].concat(), Counted::NotYet);
    }
    // The sandbox keeps these names alive, so that pushing them allocates nothing.
    let field = |name: &CStr| {
        frame.push_bytes(name.to_bytes());
        frame.raw_get(-2);
        let found = match frame.kind(-1) {
            ffi::LUA_TSTRING => Some(frame.text(-1).to_vec()),
            ffi::LUA_TNUMBER => Some((frame.number(-1) as i64).to_string().into()),
            _ => None,
        };
        frame.pop(1);
        found
    };
    let mut words = field(c"err").unwrap_or_else(|| b"ERR unknown error".to_vec());
    if task.kind != Kind::Library
        && let (Some(source), Some(line)) = (field(c"source"), field(c"line"))
    {
        words.extend_from_slice(b" script: ");
        words.extend_from_slice(task.name);
        words.extend_from_slice(b", on ");
        words.extend_from_slice(&source);
        words.push(b':');
        words.extend_from_slice(&line);
        words.push(b'.');
    }
    (words, counted(frame))
}

/// Ends the script that stops for this reason.
pub fn raise_stop(frame: Frame<'_>, stop: Stop) -> ! {
    frame.push_bytes(match stop {
        Stop::Killed => b"Script killed by user with SCRIPT KILL...",
        Stop::Overran => {
            b"Script stopped: it ran longer than script-time-limit allows (CONFIG SET; in \
              milliseconds, 0 is no limit)"
        }
        Stop::Again => b"Script moved to another thread.",
    });
    frame.throw()
}
