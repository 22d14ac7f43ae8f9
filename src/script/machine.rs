//! A Lua state: compiles texts, runs what came of them.
//!
//! Lua is used through its C interface, because a call from a script must not cost more than the
//! command it calls. Two rules keep that sound. What can raise a Lua error, or run out of memory,
//! happens inside `lua_pcall`. And an error of Lua leaves by `longjmp`, past whatever Rust has on
//! the stack; so what needs to be dropped lives in `Run`, and a frame that Lua may leave that way
//! owns nothing.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, LuaOptions, StdLib};

use super::watch::{Stop, Watch};
use super::{Host, Shapes, convert, sandbox};
use crate::error::{Error, Result};
use crate::reply::Reply;

/// Instructions between two looks at the watch.
const LOOK_EVERY: c_int = 5000;

/// A compiled text, by its place in Lua's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compiled(c_int);

/// What is to be run.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub entry: Compiled,
    /// Globals KEYS and ARGV for a script; a function gets them as arguments.
    pub is_function: bool,
    /// What errors call it: the SHA1 of a script, the name of a function.
    pub name: &'a [u8],
    pub keys: &'a [&'a [u8]],
    pub args: &'a [&'a [u8]],
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The reply is written.
    Done,
    /// The reply is an error.
    Failed,
    /// Nothing was changed and nothing written: it is to be run again on another thread.
    Again,
}

/// What a run has at hand, in one place that does not move.
pub(super) struct Run {
    host: Option<NonNull<dyn Host>>,
    watch: *const Watch,
    out: *mut Reply,
    task: *const Task<'static>,
    /// The reply to the command that the script called.
    pub reply: Reply,
    /// Words that were numbers.
    pub digits: Vec<u8>,
    pub shapes: Shapes,
    /// The state of `math.random`; it goes on from script to script.
    pub dice: u64,
    pub stop: Option<Stop>,
    /// The script changed how Lua collects garbage.
    pub tuned_gc: bool,
    main: *mut lua_State,
    mark: (usize, usize),
}

impl Run {
    pub fn host(&mut self) -> &mut dyn Host {
        let mut host = self.host.expect("a script runs only for a host");
        // SAFETY: `Machine::run` borrows the host for as long as the script runs.
        #[expect(unsafe_code, reason = "the borrow's lifetime was erased on its way through Lua")]
        unsafe {
            host.as_mut()
        }
    }

    pub fn watch(&self) -> &Watch {
        // SAFETY: as for the host.
        #[expect(unsafe_code, reason = "the borrow's lifetime was erased on its way through Lua")]
        unsafe {
            &*self.watch
        }
    }
}

/// See the module's header.
pub struct Machine {
    /// Closes the state.
    lua: Lua,
    state: *mut lua_State,
    run: Box<Run>,
    /// Places in the registry of functions that are called often.
    enter: c_int,
    on_error: c_int,
    keep: c_int,
}

// SAFETY: the pointers are to what the machine itself owns, and to what is borrowed during `run`.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for Machine {}

/// The run that the C function being called belongs to.
///
/// # Safety
/// Only inside a C function that has the run as its first upvalue.
#[expect(unsafe_code, reason = "reads an upvalue")]
pub(super) unsafe fn run_of<'a>(state: *mut lua_State) -> &'a mut Run {
    // SAFETY: upvalue 1 is the machine's run, which lives longer than its state.
    unsafe { &mut *ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Run>() }
}

/// Where the hook finds the run.
static RUN_KEY: u8 = 0;

fn run_key() -> *mut c_void {
    ptr::from_ref(&RUN_KEY).cast_mut().cast()
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
impl Machine {
    /// `seed` is what `math.random` begins with.
    pub fn new(seed: u64) -> Result<Self> {
        let libs = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let options = LuaOptions::new().catch_rust_panics(false);
        let broken = |fault: mlua::Error| Error::Internal(fault.to_string().into());
        let lua = Lua::new_with(libs, options).map_err(broken)?;
        super::libs::open(&lua).map_err(broken)?;
        let mut run = Box::new(Run {
            host: None,
            watch: ptr::null(),
            out: ptr::null_mut(),
            task: ptr::null(),
            reply: Reply::new(),
            digits: Vec::new(),
            shapes: Shapes::Resp2,
            dice: seed & 0xFFFF_FFFF_FFFF,
            stop: None,
            tuned_gc: false,
            main: ptr::null_mut(),
            mark: (0, 0),
        });
        let here = ptr::from_mut(&mut *run).cast::<c_void>();
        let mut places = [0; 3];
        // SAFETY: runs protected; the stack is put back by `exec_raw`.
        unsafe {
            lua.exec_raw::<()>((), |state| {
                run.main = state;
                sandbox::build(state, here);
                for (place, function) in
                    places.iter_mut().zip([enter as ffi::lua_CFunction, on_error, keep])
                {
                    ffi::lua_pushlightuserdata(state, here);
                    ffi::lua_pushcclosure(state, function, 1);
                    *place = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
                }
                ffi::lua_pushlightuserdata(state, run_key());
                ffi::lua_pushlightuserdata(state, here);
                ffi::lua_rawset(state, ffi::LUA_REGISTRYINDEX);
                ffi::lua_sethook(state, Some(look), ffi::LUA_MASKCOUNT, LOOK_EVERY);
            })
            .map_err(broken)?;
        }
        let state = run.main;
        let [enter, on_error, keep] = places;
        Ok(Self { lua, state, run, enter, on_error, keep })
    }

    /// Bytes that Lua holds.
    pub fn used_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// The most bytes that Lua may hold; 0 is no limit.
    pub fn limit_bytes(&self, bytes: usize) {
        let _ = self.lua.set_memory_limit(bytes);
    }

    /// Compiles a text; `Err` has Lua's words. Compiled code is not taken for a text.
    pub fn compile(&mut self, text: &[u8], name: &CStr) -> Result<Compiled, String> {
        // A space in front makes compiled code a text that means nothing.
        let spaced: Vec<u8>;
        let text = if text.first() == Some(&ffi::LUA_SIGNATURE[0]) {
            spaced = [b" ", text].concat();
            &spaced
        } else {
            text
        };
        let state = self.state;
        // SAFETY: compiling is protected, and so is `keep`; what is pushed is taken off again.
        unsafe {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.keep);
            let status =
                ffi::luaL_loadbuffer(state, text.as_ptr().cast(), text.len(), name.as_ptr());
            let status =
                if status == ffi::LUA_OK { ffi::lua_pcall(state, 1, 1, 0) } else { status };
            let compiled = if status == ffi::LUA_OK {
                Ok(Compiled(ffi::lua_tonumber(state, -1) as c_int))
            } else {
                Err(String::from_utf8_lossy(text_at(state, -1)).into_owned())
            };
            ffi::lua_settop(state, 0);
            compiled
        }
    }

    /// Lets go of a compiled text.
    pub fn forget(&mut self, compiled: Compiled) {
        // SAFETY: the place was made by `keep`; writing to a place that is there allocates nothing.
        unsafe { ffi::luaL_unref(self.state, ffi::LUA_REGISTRYINDEX, compiled.0) }
    }

    /// Runs a task. What it answers is appended to `out`.
    pub fn run(
        &mut self,
        task: &Task<'_>,
        host: &mut dyn Host,
        watch: &Watch,
        out: &mut Reply,
    ) -> Ended {
        let run = &mut *self.run;
        // SAFETY: only the lifetimes change; the pointers are dropped before this returns.
        unsafe {
            let host: NonNull<dyn Host + '_> = NonNull::from(host);
            run.host = Some(std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host));
            run.task = ptr::from_ref(task).cast();
        }
        run.watch = watch;
        run.mark = out.mark();
        run.out = out;
        run.shapes = Shapes::Resp2;
        run.stop = None;
        let state = self.state;
        // SAFETY: `enter` runs protected, and nothing before it can fail: the stack is empty.
        let status = unsafe {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.on_error);
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.enter);
            ffi::lua_pcall(state, 0, 0, 1)
        };
        let run = &mut *self.run;
        run.host = None;
        run.reply.clear();
        run.digits.clear();
        let ended = match run.stop {
            _ if status == ffi::LUA_OK => Ended::Done,
            Some(Stop::Again) => Ended::Again,
            _ => Ended::Failed,
        };
        if ended != Ended::Done {
            // SAFETY: puts the hook back that `look` made impatient; reads what the handler left.
            unsafe {
                ffi::lua_sethook(state, Some(look), ffi::LUA_MASKCOUNT, LOOK_EVERY);
            }
            out.truncate(run.mark);
        }
        if ended == Ended::Failed {
            // SAFETY: the error is on the stack.
            let words = unsafe { words_of_error(state, task.name) };
            out.error_text(&words);
        }
        // SAFETY: empties the stack.
        unsafe { ffi::lua_settop(state, 0) };
        if std::mem::take(&mut self.run.tuned_gc) {
            self.restore_gc();
        }
        ended
    }

    /// Undoes what a script made of the garbage collector.
    #[cold]
    fn restore_gc(&self) {
        // SAFETY: none of these runs a finalizer or fails.
        unsafe {
            ffi::lua_gc(self.state, ffi::LUA_GCSETPAUSE, 200);
            ffi::lua_gc(self.state, ffi::LUA_GCSETSTEPMUL, 200);
            ffi::lua_gc(self.state, ffi::LUA_GCRESTART, 0);
        }
    }
}

/// The bytes of a string on the stack; nothing for what is no string.
///
/// # Safety
/// The slice is good while the string stays on the stack.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub(super) unsafe fn text_at<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: a string is not converted, so the stack is not changed.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return &[];
        }
        let mut len = 0;
        let start = ffi::lua_tolstring(state, index, &raw mut len);
        std::slice::from_raw_parts(start.cast(), len)
    }
}

/// Pushes a string.
///
/// # Safety
/// As everything that allocates, only where Lua is protected.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub(super) unsafe fn push_text(state: *mut lua_State, text: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe { ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len()) }
}

/// Calls the script: what runs inside `lua_pcall`.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn enter(state: *mut lua_State) -> c_int {
    // SAFETY: it has the run as upvalue; what can fail here is caught by the caller's `lua_pcall`.
    unsafe {
        let run = run_of(state);
        let task = &*run.task;
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, task.entry.0);
        if task.is_function {
            push_words(state, task.keys);
            push_words(state, task.args);
            ffi::lua_call(state, 2, 1);
        } else {
            sandbox::push_globals(state);
            push_words(state, task.keys);
            ffi::lua_setfield(state, -2, c"KEYS".as_ptr());
            push_words(state, task.args);
            ffi::lua_setfield(state, -2, c"ARGV".as_ptr());
            ffi::lua_settop(state, -2);
            ffi::lua_call(state, 0, 1);
        }
        let run = run_of(state);
        if let Some(stop) = run.stop {
            raise_stop(state, stop);
        }
        convert::write_value(state, &mut *run.out, run.shapes);
        0
    }
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_words(state: *mut lua_State, words: &[&[u8]]) {
    // SAFETY: inside `enter`.
    unsafe {
        ffi::lua_createtable(state, words.len() as c_int, 0);
        for (word, place) in words.iter().zip(1..) {
            push_text(state, word);
            ffi::lua_rawseti_(state, -2, place);
        }
    }
}

/// Keeps a value in the registry; answers its place.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn keep(state: *mut lua_State) -> c_int {
    // SAFETY: called protected, with the value on the stack.
    unsafe {
        let place = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        ffi::lua_pushnumber(state, f64::from(place));
        1
    }
}

/// What became of an error before the stack is unwound: a table that says where it was raised.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn on_error(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua with the error as its argument; `info` is filled before it is read.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            push_text(state, b"ERR ");
            match ffi::lua_type(state, 1) {
                ffi::LUA_TSTRING | ffi::LUA_TNUMBER => ffi::lua_pushvalue(state, 1),
                ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, 1) != 0 => push_text(state, b"true"),
                ffi::LUA_TBOOLEAN => push_text(state, b"false"),
                other => ffi::lua_pushstring_(state, ffi::lua_typename(state, other)),
            }
            ffi::lua_concat(state, 2);
            ffi::lua_createtable(state, 0, 3);
            ffi::lua_insert(state, -2);
            ffi::lua_setfield(state, -2, c"err".as_ptr());
            ffi::lua_replace(state, 1);
        }
        let mut info: ffi::lua_Debug = std::mem::zeroed();
        for level in 1..=2 {
            if ffi::lua_getstack(state, level, &raw mut info) == 0 {
                break;
            }
            ffi::lua_getinfo(state, c"Sl".as_ptr(), &raw mut info);
            let is_c = CStr::from_ptr(info.what) == c"C";
            if is_c && level == 1 {
                continue;
            }
            ffi::lua_pushstring_(state, info.source);
            ffi::lua_setfield(state, 1, c"source".as_ptr());
            ffi::lua_pushnumber(state, f64::from(info.currentline));
            ffi::lua_setfield(state, 1, c"line".as_ptr());
            break;
        }
        ffi::lua_settop(state, 1);
        1
    }
}

/// What the client is told of the error on top of the stack.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn words_of_error(state: *mut lua_State, name: &[u8]) -> Vec<u8> {
    // SAFETY: reads fields of the table that the handler made, whose names Lua knows already; the
    // table has no metatable that could be asked, and a text is copied before it is taken off.
    unsafe {
        if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
            // Lua itself failed: no memory, or an error while handling one.
            return [b"ERR ", text_at(state, -1)].concat();
        }
        let field = |name: &CStr| {
            push_text(state, name.to_bytes());
            ffi::lua_rawget_(state, -2);
            let found = match ffi::lua_type(state, -1) {
                ffi::LUA_TSTRING => Some(text_at(state, -1).to_vec()),
                ffi::LUA_TNUMBER => Some((ffi::lua_tonumber(state, -1) as i64).to_string().into()),
                _ => None,
            };
            ffi::lua_settop(state, -2);
            found
        };
        let mut words = field(c"err").unwrap_or_else(|| b"ERR unknown error".to_vec());
        if let (Some(source), Some(line)) = (field(c"source"), field(c"line")) {
            words.extend_from_slice(b" script: ");
            words.extend_from_slice(name);
            words.extend_from_slice(b", on ");
            words.extend_from_slice(&source);
            words.push(b':');
            words.extend_from_slice(&line);
            words.push(b'.');
        }
        words
    }
}

/// Ends the script that stops for this reason.
#[expect(unsafe_code, reason = "leaves by longjmp")]
pub(super) unsafe fn raise_stop(state: *mut lua_State, stop: Stop) -> ! {
    let words: &[u8] = match stop {
        Stop::Killed => b"Script killed by user with SCRIPT KILL.",
        Stop::Overran => b"Script stopped: it ran longer than script-time-limit allows.",
        Stop::Again => b"Script moved to another thread.",
    };
    // SAFETY: nothing on the stack needs to be dropped.
    unsafe {
        push_text(state, words);
        ffi::lua_error(state)
    }
}

/// Looks at the watch; a script that is to stop cannot catch the error that ends it, because the
/// next instruction raises it again.
#[expect(unsafe_code, reason = "Lua's hook")]
unsafe extern "C-unwind" fn look(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: the registry has the run; the stack is left as it was.
    unsafe {
        ffi::lua_pushlightuserdata(state, run_key());
        ffi::lua_rawget_(state, ffi::LUA_REGISTRYINDEX);
        let run = &mut *ffi::lua_touserdata(state, -1).cast::<Run>();
        ffi::lua_settop(state, -2);
        mind_watch(state, run);
    }
}

/// Ends the script if it is to stop.
#[expect(unsafe_code, reason = "leaves by longjmp")]
pub(super) unsafe fn mind_watch(state: *mut lua_State, run: &mut Run) {
    if run.host.is_none() {
        return;
    }
    let Some(stop) = run.stop.or_else(|| run.watch().verdict()) else { return };
    run.stop = Some(stop);
    // SAFETY: nothing on the stack needs to be dropped.
    unsafe {
        for state in [state, run.main] {
            ffi::lua_sethook(state, Some(look), ffi::LUA_MASKCOUNT, 1);
        }
        raise_stop(state, stop);
    }
}
