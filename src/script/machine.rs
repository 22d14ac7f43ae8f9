//! A Lua state: compiles texts, runs what came of them.
//!
//! Lua is used through its C interface, because a call from a script must not cost more than the
//! command it calls. Two rules keep that sound. What can raise a Lua error, or run out of memory,
//! happens inside `lua_pcall`. And an error of Lua leaves by `longjmp`, past whatever Rust has on
//! the stack; so what needs to be dropped lives in `Run`, and a frame that Lua may leave that way
//! owns nothing.

use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, LuaOptions, StdLib};

use super::convert::Answer;
use super::failure::{Counted, Errors, on_error, raise_stop, words_of_error};
use super::frame::Frame;
use super::loading::Registered;
use super::sandbox::World;
use super::watch::{Kind, Stop, Watch};
use super::{Host, Shapes, convert, sandbox};
use crate::error::{Error, Result};
use crate::reply::Reply;

/// Instructions between two looks at the watch.
const LOOK_EVERY: c_int = 5000;

/// What Lua may hold between runs without being made to look for garbage.
const KEPT_BYTES: usize = 32 << 20;

/// A compiled text, by its place in Lua's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compiled(pub(super) c_int);

/// What is to be run.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub entry: Compiled,
    /// A script finds its keys and arguments in the globals KEYS and ARGV, a function is called
    /// with them; a library that is being loaded has none, and answers nothing.
    pub kind: Kind,
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
    /// The reply is an error, and the machine is to be thrown away: a panic went through it.
    Broken,
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
    errors: Errors,
    /// The script changed how Lua collects garbage.
    pub tuned_gc: bool,
    /// What the library that is being loaded has registered so far.
    pub registered: Option<Vec<Registered>>,
    main: *mut lua_State,
    mark: (usize, usize),
    /// Where the answer must have ended.
    end: usize,
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

    fn task(&self) -> &Task<'static> {
        // SAFETY: as for the host.
        #[expect(unsafe_code, reason = "the borrow's lifetime was erased on its way through Lua")]
        unsafe {
            &*self.task
        }
    }

    fn answer(&mut self) -> Answer<'_> {
        // SAFETY: as for the host.
        #[expect(unsafe_code, reason = "the borrow's lifetime was erased on its way through Lua")]
        let out = unsafe { &mut *self.out };
        Answer { out, errors: &mut self.errors, shapes: self.shapes, end: self.end }
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
    pub(super) run: Box<Run>,
    /// Places in the registry of functions that are called often.
    enter: c_int,
    on_error: c_int,
    compile: c_int,
    limit_bytes: usize,
    /// Garbage is looked for when Lua holds more than that after a run.
    kept_bytes: usize,
}

// SAFETY: the pointers are to what the machine itself owns, and to what is borrowed during `run`.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for Machine {}

/// The run that the function being called belongs to: its first upvalue.
#[expect(unsafe_code, reason = "a pointer that went through Lua")]
pub(super) fn run_of<'a>(frame: Frame<'_>) -> &'a mut Run {
    // SAFETY: the sandbox gives the machine's run to every function that asks; it lives longer
    // than the state, and no other borrow of it is alive while Lua runs.
    unsafe { &mut *frame.pointer(Frame::upvalue(1)).cast::<Run>() }
}

/// Where the hook finds the run.
static RUN_KEY: u8 = 0;

fn run_key() -> *mut c_void {
    ptr::from_ref(&RUN_KEY).cast_mut().cast()
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
impl Machine {
    /// `seed` is what `math.random` begins with.
    pub fn new(world: World, seed: u64) -> Result<Self> {
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
            errors: Errors::default(),
            tuned_gc: false,
            registered: None,
            main: ptr::null_mut(),
            mark: (0, 0),
            end: 0,
        });
        let here = ptr::from_mut(&mut *run).cast::<c_void>();
        let mut places = [0; 3];
        let fill = |state| {
            run.main = state;
            // SAFETY: `exec_raw` calls us with the state of a protected call.
            let frame = unsafe { Frame::new(state) };
            sandbox::build(frame, here, world);
            let functions =
                [Frame::function(enter), Frame::function(on_error), Frame::function(compile)];
            for (place, function) in places.iter_mut().zip(functions) {
                frame.push_pointer(here);
                frame.push_made_function(function, 1);
                *place = frame.keep();
            }
            frame.push_pointer(run_key());
            frame.push_pointer(here);
            frame.raw_set(ffi::LUA_REGISTRYINDEX);
            look_every(frame, LOOK_EVERY);
        };
        // SAFETY: what the closure does leaves nothing to be dropped if Lua fails.
        unsafe { lua.exec_raw::<()>((), fill) }.map_err(broken)?;
        let state = run.main;
        let [enter, on_error, compile] = places;
        let (limit_bytes, kept_bytes) = (0, KEPT_BYTES);
        Ok(Self { lua, state, run, enter, on_error, compile, limit_bytes, kept_bytes })
    }

    /// Bytes that Lua holds.
    pub fn used_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// The most bytes that Lua may hold; 0 is no limit.
    pub fn limit_bytes(&mut self, bytes: usize) {
        if bytes != self.limit_bytes {
            self.limit_bytes = bytes;
            let _ = self.lua.set_memory_limit(bytes);
        }
    }

    /// Compiles a text; `Err` has Lua's words. Compiled code is not taken for a text.
    pub fn compile(&mut self, text: &[u8], name: &CStr) -> Result<Compiled, String> {
        let mut what = (text, name);
        let state = self.state;
        // SAFETY: `compile` runs protected; it reads what lives in this frame, and what it leaves
        // on the stack is taken off again.
        unsafe {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, self.compile);
            ffi::lua_pushlightuserdata(state, ptr::from_mut(&mut what).cast());
            let status = ffi::lua_pcall(state, 1, 1, 0);
            let frame = Frame::new(state);
            let compiled = if status == ffi::LUA_OK {
                Ok(Compiled(frame.number(-1) as c_int))
            } else {
                Err(String::from_utf8_lossy(frame.text(-1)).into_owned())
            };
            frame.set_top(0);
            self.look_for_garbage(status);
            compiled
        }
    }

    /// Lets go of a compiled text.
    pub fn forget(&mut self, compiled: Compiled) {
        // SAFETY: `compile` made the place; writing to a place that is there allocates nothing.
        unsafe { ffi::luaL_unref(self.state, ffi::LUA_REGISTRYINDEX, compiled.0) }
    }

    /// The state, for who looks at it while nothing runs: nothing may fail there.
    pub(super) fn frame(&mut self) -> Frame<'_> {
        // SAFETY: as the comment above asks for.
        unsafe { Frame::new(self.state) }
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
        run.end = match self.limit_bytes {
            0 => usize::MAX,
            limit => run.mark.0.saturating_add(limit),
        };
        run.out = out;
        run.shapes = Shapes::Resp2;
        run.stop = None;
        run.errors.clear();
        let (state, on_error, enter) = (self.state, self.on_error, self.enter);
        // SAFETY: `enter` runs protected, and nothing before it can fail: the stack is empty.
        let called = catch_unwind(AssertUnwindSafe(|| unsafe {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, on_error);
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, enter);
            ffi::lua_pcall(state, 0, 0, 1)
        }));
        let Ok(status) = called else { return self.broken(out) };
        // SAFETY: nothing runs; reading what is on the stack does not fail.
        let frame = unsafe { Frame::new(state) };
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
            // `look` made it impatient.
            look_every(frame, LOOK_EVERY);
            out.truncate(run.mark);
        }
        if ended == Ended::Failed {
            // Lua may look for garbage here, unprotected, and ask for room to do so.
            let _ = self.lua.set_memory_limit(0);
            let (words, counted) = words_of_error(frame, task, status);
            let _ = self.lua.set_memory_limit(self.limit_bytes);
            out.error_text(&words);
            run.errors.add(&words, counted);
        }
        frame.set_top(0);
        if std::mem::take(&mut self.run.tuned_gc) {
            self.restore_gc();
        }
        self.look_for_garbage(status);
        ended
    }

    /// Lua looks for garbage as it grows, but not when it is refused more: what a run left that
    /// used up its memory would stay, and leave none to the next.
    fn look_for_garbage(&mut self, status: c_int) {
        // SAFETY: this only counts.
        let used_kib = unsafe { ffi::lua_gc(self.state, ffi::LUA_GCCOUNT, 0) };
        if status == ffi::LUA_ERRMEM || used_kib as usize * 1024 > self.kept_bytes {
            self.collect_garbage();
        }
    }

    #[cold]
    fn collect_garbage(&mut self) {
        // SAFETY: nothing runs, and none of this allocates or fails.
        let frame = unsafe { Frame::new(self.state) };
        super::libs::release(frame);
        sandbox::push_globals(frame);
        // The sandbox keeps the names alive, and what is there is written in its place.
        for name in [&b"KEYS"[..], b"ARGV"] {
            frame.push_bytes(name);
            frame.push_copy(-1);
            frame.raw_get(-3);
            if frame.kind(-1) != ffi::LUA_TNIL {
                frame.pop(1);
                frame.push_nil();
                frame.raw_set(-3);
            }
            frame.set_top(1);
        }
        frame.set_top(0);
        // It takes a few bytes itself, and there may be none left.
        let _ = self.lua.set_memory_limit(0);
        let _ = self.lua.gc_collect();
        let _ = self.lua.set_memory_limit(self.limit_bytes);
        self.kept_bytes = KEPT_BYTES.max(2 * self.lua.used_memory());
        if self.limit_bytes > 0 {
            self.kept_bytes = self.kept_bytes.min(self.limit_bytes / 2);
        }
    }

    /// A panic has passed through Lua.
    #[cold]
    fn broken(&mut self, out: &mut Reply) -> Ended {
        let words = b"ERR a fault in latchkey interrupted the script";
        self.run.host = None;
        out.truncate(self.run.mark);
        out.error_text(words);
        self.run.errors.add(words, Counted::NotYet);
        Ended::Broken
    }

    /// The errors in what was answered last that nobody has counted yet; `None` if it was
    /// answered without any.
    pub fn take_errors(&mut self) -> Option<Vec<String>> {
        let errors = &mut self.run.errors;
        errors.is_any.then(|| std::mem::take(&mut errors.fresh))
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

/// Has `look` called every so many instructions.
#[expect(unsafe_code, reason = "Lua's hook")]
fn look_every(frame: Frame<'_>, instructions: c_int) {
    // SAFETY: setting a hook does not fail.
    unsafe { ffi::lua_sethook(frame.state(), Some(look), ffi::LUA_MASKCOUNT, instructions) };
}

/// Calls the script: what runs inside `lua_pcall`.
fn enter(frame: Frame<'_>) -> c_int {
    let task = run_of(frame).task();
    frame.raw_get_at(ffi::LUA_REGISTRYINDEX, task.entry.0);
    match task.kind {
        Kind::Script => {
            sandbox::push_globals(frame);
            push_words(frame, task.keys);
            frame.set_field(-2, c"KEYS");
            push_words(frame, task.args);
            frame.set_field(-2, c"ARGV");
            frame.pop(1);
            frame.call(0, 1);
        }
        Kind::Function => {
            push_words(frame, task.keys);
            push_words(frame, task.args);
            frame.call(2, 1);
        }
        Kind::Library => frame.call(0, 0),
    }
    let run = run_of(frame);
    if let Some(stop) = run.stop {
        raise_stop(frame, stop);
    }
    if task.kind == Kind::Library {
        return 0;
    }
    convert::write_value(frame, &mut run.answer());
    0
}

fn push_words(frame: Frame<'_>, words: &[&[u8]]) {
    frame.push_table_for(words.len(), 0);
    for (word, place) in words.iter().zip(1..) {
        frame.push_bytes(word);
        frame.raw_set_at(-2, place);
    }
}

/// Compiles the text that it gets a pointer to, and keeps it in the registry; answers its place.
fn compile(frame: Frame<'_>) -> c_int {
    // SAFETY: `Machine::compile` waits for us with what the pointer points to.
    #[expect(unsafe_code, reason = "a pointer that went through Lua")]
    let (text, name) = unsafe { *frame.pointer(1).cast::<(&[u8], &CStr)>() };
    if !frame.compile(text, name) {
        frame.throw();
    }
    let place = frame.keep();
    frame.push_number(f64::from(place));
    1
}

/// Looks at the watch; a script that is to stop cannot catch the error that ends it, because the
/// next instruction raises it again.
#[expect(unsafe_code, reason = "Lua's hook")]
unsafe extern "C-unwind" fn look(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls us while a script runs, protected; the registry has the run.
    let (frame, run) = unsafe {
        let frame = Frame::new(state);
        frame.push_pointer(run_key());
        frame.raw_get(ffi::LUA_REGISTRYINDEX);
        (frame, &mut *frame.pointer(-1).cast::<Run>())
    };
    frame.pop(1);
    mind_watch(frame, run);
}

/// Ends the script if it is to stop.
pub(super) fn mind_watch(frame: Frame<'_>, run: &mut Run) {
    if run.host.is_none() {
        return;
    }
    let Some(stop) = run.stop.or_else(|| run.watch().verdict()) else { return };
    run.stop = Some(stop);
    look_every(frame, 1);
    // SAFETY: the state that the coroutines of the script belong to.
    #[expect(unsafe_code, reason = "another state of the same Lua")]
    look_every(unsafe { Frame::new(run.main) }, 1);
    raise_stop(frame, stop);
}
