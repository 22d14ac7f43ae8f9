//! What a function that Lua calls directly sees: its arguments, its results, and how it fails.
//!
//! Scripts look at error messages, and a server's begin with the place of the call and name the
//! function as the script did: `user_script:1: bad argument #1 to 'decode' (...)`. Lua knows both
//! only of C functions that it calls itself, and what `pcall` catches must be a plain string. So
//! the libraries are C functions, written in Rust on a `Frame`:
//!
//! ```text
//! fn half(frame: Frame<'_>) -> c_int {          arguments are 1, 2, ...
//!     let value = frame.check_number(1);        refuses as Lua's own functions do
//!     if value < 0.0 { frame.error(format_args!("negative")) }
//!     frame.push_number(value / 2.0);
//!     1                                         how many of the topmost values are results
//! }
//! frame.push_function(half, 0);
//! ```
//!
//! An error leaves by `longjmp`, and so does anything that allocates once a script has used up its
//! memory: **no value with a destructor may be alive while a method of `Frame` is called**, in the
//! function or in its callers. What must live longer than an expression is on Lua's stack or in
//! memory of Lua's (`libs/buffer.rs`), where the script's limit counts it. A panic passes through
//! Lua to the call of the script, which must throw that Lua away.

#![expect(unsafe_code, reason = "Lua's C API is the only way to its errors")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::slice;

use mlua::ffi;

use super::message::Message;

/// One call of one function. Indices are Lua's: arguments count from 1, the top is -1.
#[derive(Clone, Copy)]
pub struct Frame<'call> {
    state: *mut ffi::lua_State,
    call: PhantomData<&'call ()>,
}

/// A function of this kind as Lua calls it. It is made for functions that capture nothing.
unsafe extern "C-unwind" fn enter<F: Fn(Frame<'_>) -> c_int + Copy>(
    state: *mut ffi::lua_State,
) -> c_int {
    const { assert!(size_of::<F>() == 0) };
    // SAFETY: a type of no size has one value, which takes no bytes to make; `push_function` had
    // one of it.
    let function: F = unsafe { std::mem::zeroed() };
    // SAFETY: Lua calls us, with the state of this call.
    function(unsafe { Frame::new(state) })
}

impl<'call> Frame<'call> {
    /// # Safety
    /// The state is that of the call that now runs, inside of a protected call. Whoever holds the
    /// frame names indices that are acceptable to Lua, reserves stack, and keeps to the rule about
    /// destructors above; under these terms the methods are safe.
    pub unsafe fn new(state: *mut ffi::lua_State) -> Self {
        Frame { state, call: PhantomData }
    }

    /// The state itself, for what has no method here.
    pub fn state(self) -> *mut ffi::lua_State {
        self.state
    }

    pub fn top(self) -> c_int {
        // SAFETY: see `new`; so in all methods.
        unsafe { ffi::lua_gettop(self.state) }
    }

    pub fn set_top(self, top: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_settop(self.state, top) }
    }

    pub fn pop(self, count: c_int) {
        self.set_top(-count - 1);
    }

    pub fn insert(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_insert(self.state, index) }
    }

    pub fn remove(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_remove(self.state, index) }
    }

    /// Pops the top into the place at `index`.
    pub fn replace(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_replace(self.state, index) }
    }

    /// Makes room for more values than the twenty that a function may push anyway.
    pub fn reserve(self, count: c_int) -> bool {
        // SAFETY: see `new`.
        unsafe { ffi::lua_checkstack(self.state, count) != 0 }
    }

    /// As `reserve`, or fails as Lua's functions do.
    pub fn must_reserve(self, count: c_int, what: &str) {
        if !self.reserve(count) {
            self.error(format_args!("stack overflow ({what})"));
        }
    }

    /// One of Lua's constants `LUA_T...`.
    pub fn kind(self, index: c_int) -> c_int {
        // SAFETY: see `new`.
        unsafe { ffi::lua_type(self.state, index) }
    }

    pub fn kind_name(self, index: c_int) -> &'static str {
        // SAFETY: Lua's names of types are constants of its own.
        let name = unsafe { CStr::from_ptr(ffi::lua_typename(self.state, self.kind(index))) };
        name.to_str().unwrap_or_default()
    }

    /// A number, or a string that reads as one.
    pub fn is_number(self, index: c_int) -> bool {
        // SAFETY: see `new`.
        unsafe { ffi::lua_isnumber(self.state, index) != 0 }
    }

    /// The number there; zero for what is none.
    pub fn number(self, index: c_int) -> f64 {
        // SAFETY: see `new`.
        unsafe { ffi::lua_tonumber(self.state, index) }
    }

    pub fn boolean(self, index: c_int) -> bool {
        // SAFETY: see `new`.
        unsafe { ffi::lua_toboolean(self.state, index) != 0 }
    }

    /// The bytes of the string there, for as long as it stays there. A number becomes a string
    /// in its place (not for keys of a table that is being walked), other things have no bytes.
    pub fn bytes(self, index: c_int) -> &'call [u8] {
        let mut len = 0;
        // SAFETY: see `new`.
        let start = unsafe { ffi::lua_tolstring(self.state, index, &raw mut len) };
        if start.is_null() {
            return &[];
        }
        // SAFETY: Lua says how long its string is, and keeps it while it is on the stack.
        unsafe { slice::from_raw_parts(start.cast(), len) }
    }

    /// The bytes of the string there; nothing for what is no string, numbers included.
    pub fn text(self, index: c_int) -> &'call [u8] {
        if self.kind(index) == ffi::LUA_TSTRING { self.bytes(index) } else { &[] }
    }

    /// The pointer that a userdata, light or full, stands for.
    pub fn pointer(self, index: c_int) -> *mut c_void {
        // SAFETY: see `new`.
        unsafe { ffi::lua_touserdata(self.state, index) }
    }

    /// How long a string, a table (`#`) or a userdata is.
    pub fn length(self, index: c_int) -> usize {
        // SAFETY: see `new`.
        unsafe { ffi::lua_objlen(self.state, index) }
    }

    pub fn push_nil(self) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushnil(self.state) }
    }

    pub fn push_boolean(self, value: bool) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(value)) }
    }

    pub fn push_number(self, value: f64) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushnumber(self.state, value) }
    }

    pub fn push_bytes(self, bytes: &[u8]) {
        // SAFETY: see `new`; Lua copies the bytes.
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast(), bytes.len()) }
    }

    pub fn push_copy(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushvalue(self.state, index) }
    }

    /// What `cjson.null` is.
    pub fn push_null(self) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()) }
    }

    pub fn push_table(self) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_createtable(self.state, 0, 0) }
    }

    /// A table with room for so many elements and fields.
    pub fn push_table_for(self, elements: usize, fields: usize) {
        let places = |count| c_int::try_from(count).unwrap_or(c_int::MAX);
        // SAFETY: see `new`.
        unsafe { ffi::lua_createtable(self.state, places(elements), places(fields)) }
    }

    /// A pointer as a light userdata.
    pub fn push_pointer(self, pointer: *mut c_void) {
        // SAFETY: see `new`; Lua does not look behind it.
        unsafe { ffi::lua_pushlightuserdata(self.state, pointer) }
    }

    /// The place in the code of the function at `level`: 1 is who called. Nothing for C.
    pub fn push_place(self, level: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::luaL_where(self.state, level) }
    }

    /// Where the error was raised that a handler now looks at: pushes the name of the source and
    /// the line. A function of C that raised it counts for who called it.
    pub fn push_raiser(self) -> bool {
        // SAFETY: it is plain data, and filled before it is read.
        let mut info: ffi::lua_Debug = unsafe { std::mem::zeroed() };
        for level in 1..=2 {
            // SAFETY: see `new`; the texts belong to Lua.
            unsafe {
                if ffi::lua_getstack(self.state, level, &raw mut info) == 0 {
                    return false;
                }
                ffi::lua_getinfo(self.state, c"Sl".as_ptr(), &raw mut info);
                // At the bottom is C that called C: what was called has no place.
                let is_c = CStr::from_ptr(info.what) == c"C";
                let mut is_bottom = || ffi::lua_getstack(self.state, level + 1, &raw mut info) == 0;
                if !is_c || level == 2 && !is_bottom() {
                    self.push_bytes(CStr::from_ptr(info.source).to_bytes());
                    self.push_number(f64::from(info.currentline));
                    return true;
                }
            }
        }
        false
    }

    /// The field of the table at `index`, which its metatable may answer.
    pub fn push_field(self, index: c_int, name: &CStr) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_getfield_(self.state, index, name.as_ptr()) }
    }

    pub fn push_global(self, name: &CStr) {
        self.push_field(ffi::LUA_GLOBALSINDEX, name);
    }

    /// Joins so many strings into one.
    pub fn concat(self, count: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_concat(self.state, count) }
    }

    /// Memory that Lua frees when nothing refers to it; aligned for eight bytes.
    pub fn push_memory(self, bytes: usize) -> *mut c_void {
        // SAFETY: see `new`.
        unsafe { ffi::lua_newuserdata(self.state, bytes) }
    }

    /// Pops so many values, which become upvalues of the function.
    pub fn push_function<F: Fn(Frame<'_>) -> c_int + Copy>(self, _: F, upvalues: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushcclosure(self.state, enter::<F>, upvalues) }
    }

    /// A function as Lua calls it, for tables of functions.
    pub const fn function<F: Fn(Frame<'_>) -> c_int + Copy>(_: F) -> ffi::lua_CFunction {
        enter::<F>
    }

    /// As `push_function`, for what `function` made.
    pub fn push_made_function(self, function: ffi::lua_CFunction, upvalues: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pushcclosure(self.state, function, upvalues) }
    }

    /// The index of the running function's upvalue, counted from 1.
    pub fn upvalue(number: c_int) -> c_int {
        ffi::lua_upvalueindex(number)
    }

    /// Pops a value into a field of the table at `index`.
    pub fn set_field(self, index: c_int, name: &CStr) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_setfield(self.state, index, name.as_ptr()) }
    }

    pub fn set_global(self, name: &CStr) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_setglobal(self.state, name.as_ptr()) }
    }

    /// Pops a value into the place of that number in the table at `index`.
    pub fn raw_set_at(self, index: c_int, number: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_rawseti_(self.state, index, number) }
    }

    /// Pops a value and its key below it into the table at `index`.
    pub fn raw_set(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_rawset(self.state, index) }
    }

    /// Pops a key and pushes what the table at `index` has there.
    pub fn raw_get(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_rawget_(self.state, index) }
    }

    /// The metatable of the value at `index`, which must have one.
    pub fn push_metatable(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe {
            ffi::lua_getmetatable(self.state, index);
        }
    }

    /// Pops a table and makes it the metatable of the value at `index`.
    pub fn set_metatable(self, index: c_int) {
        // SAFETY: see `new`.
        unsafe {
            ffi::lua_setmetatable(self.state, index);
        }
    }

    /// Pops a value into the registry; answers its place there.
    pub fn keep(self) -> c_int {
        // SAFETY: see `new`.
        unsafe { ffi::luaL_ref(self.state, ffi::LUA_REGISTRYINDEX) }
    }

    /// Forgets what `keep` has put into that place.
    pub fn let_go(self, place: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::luaL_unref(self.state, ffi::LUA_REGISTRYINDEX, place) }
    }

    /// Calls the function below so many arguments.
    pub fn call(self, arguments: c_int, results: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_call(self.state, arguments, results) }
    }

    /// As `call`, for as many results as there are; `false` leaves an error in their place.
    pub fn try_call(self, arguments: c_int) -> bool {
        // SAFETY: see `new`.
        unsafe { ffi::lua_pcall(self.state, arguments, ffi::LUA_MULTRET, 0) == ffi::LUA_OK }
    }

    /// Goes on as the function that is the upvalue of this number. That one must be a function of
    /// Lua's libraries, without upvalues of its own.
    pub fn go_on_as(self, upvalue: c_int) -> c_int {
        // SAFETY: see `new`.
        unsafe {
            match ffi::lua_tocfunction(self.state, Self::upvalue(upvalue)) {
                Some(function) => function(self.state),
                None => 0,
            }
        }
    }

    /// Compiles a text and pushes the function, or the error and `false`. What was compiled before
    /// counts as a text: a space in front sees to that.
    pub fn compile(self, text: &[u8], name: &CStr) -> bool {
        let text = if text.first() == ffi::LUA_SIGNATURE.first() {
            self.push_bytes(b" ");
            self.push_bytes(text);
            self.concat(2);
            self.text(-1)
        } else {
            self.push_nil();
            text
        };
        // SAFETY: see `new`; the text is the caller's, or on the stack.
        let status = unsafe {
            ffi::luaL_loadbuffer(self.state, text.as_ptr().cast(), text.len(), name.as_ptr())
        };
        self.remove(-2);
        status == ffi::LUA_OK
    }

    /// The bytes of the string at `index` with the zero that Lua puts behind them.
    pub fn c_text(self, index: c_int) -> &'call CStr {
        // SAFETY: see `new`; the string stays where it is.
        unsafe { CStr::from_ptr(ffi::lua_tolstring(self.state, index, std::ptr::null_mut())) }
    }

    pub fn raw_get_at(self, index: c_int, number: c_int) {
        // SAFETY: see `new`.
        unsafe { ffi::lua_rawgeti_(self.state, index, number) }
    }

    /// Pops a key and pushes the next one of the table with its value, or, at the end, nothing.
    pub fn next(self, index: c_int) -> bool {
        // SAFETY: see `new`.
        unsafe { ffi::lua_next(self.state, index) != 0 }
    }

    /// Fails with what is on top.
    pub fn throw(self) -> ! {
        // SAFETY: see `new`: nothing that has a destructor is left behind.
        unsafe { ffi::lua_error(self.state) }
    }

    /// Fails with a message, before it the place in the script that called.
    pub fn error(self, message: fmt::Arguments<'_>) -> ! {
        let message = Message::new(message);
        // The stack may be full.
        self.set_top(0);
        // SAFETY: see `new`.
        unsafe { ffi::luaL_where(self.state, 1) };
        self.push_bytes(message.bytes());
        // SAFETY: two strings are on top.
        unsafe { ffi::lua_concat(self.state, 2) };
        self.throw()
    }

    /// Fails for the sake of an argument, in Lua's words.
    pub fn argument_error(self, argument: c_int, message: fmt::Arguments<'_>) -> ! {
        let message = Message::new(message);
        self.set_top(0);
        self.refuse_argument(argument, message.c_bytes().as_ptr().cast())
    }

    /// As `argument_error`, for a message that quotes bytes.
    pub fn quoting_argument_error(self, argument: c_int, before: &str, bytes: &[u8]) -> ! {
        self.push_bytes(before.as_bytes());
        self.push_bytes(b"'");
        self.push_bytes(bytes);
        self.push_bytes(b"'");
        // SAFETY: four strings are on top.
        unsafe { ffi::lua_concat(self.state, 4) };
        // SAFETY: a string is on top and stays there; Lua ends its strings with a zero.
        let message = unsafe { ffi::lua_tolstring(self.state, -1, std::ptr::null_mut()) };
        self.refuse_argument(argument, message)
    }

    fn refuse_argument(self, argument: c_int, message: *const c_char) -> ! {
        // SAFETY: the message ends with a zero, and it has no destructor.
        unsafe { ffi::luaL_argerror(self.state, argument, message) };
        unreachable!("luaL_argerror does not come back")
    }

    /// Fails because an argument is of another type than expected.
    pub fn type_error(self, argument: c_int, expected: &CStr) -> ! {
        // SAFETY: see `new`.
        unsafe { ffi::luaL_typerror(self.state, argument, expected.as_ptr()) };
        unreachable!("luaL_typerror does not come back")
    }

    pub fn check_number(self, argument: c_int) -> f64 {
        let value = self.number(argument);
        if value == 0.0 && !self.is_number(argument) {
            self.type_error(argument, c"number");
        }
        value
    }

    pub fn check_integer(self, argument: c_int) -> i64 {
        to_i64(self.check_number(argument))
    }

    pub fn optional_integer(self, argument: c_int, default: i64) -> i64 {
        if self.kind(argument) <= ffi::LUA_TNIL { default } else { self.check_integer(argument) }
    }

    /// A string, or the text of a number.
    pub fn check_bytes(self, argument: c_int) -> &'call [u8] {
        match self.kind(argument) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => self.bytes(argument),
            _ => self.type_error(argument, c"string"),
        }
    }
}

/// A double as an integer, as the processors convert that servers mostly run on: what does not fit
/// is the least of all.
pub fn to_i64(value: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if (-END..END).contains(&value) { value as i64 } else { i64::MIN }
}
