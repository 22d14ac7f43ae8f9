//! What scripts find, and what they cannot do to it.
//!
//! Stock Lua has no read-only tables. So a script sees each library, and the table of globals,
//! through an empty table whose metatable looks things up in the real one and refuses to write.
//! Functions that reach past metatables (`rawset`, `next`, `table.insert` ...) know those empty
//! tables and look through them, or refuse. Nothing hands out the real tables, files, time of the
//! machine, compiled code, or the environment of another function.

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi::{self, lua_CFunction, lua_State};

use super::api;
use super::machine::{push_text, run_of, text_at};

/// Repetitions and captures that a pattern may have: matching nests that deep, on the C stack.
const PATTERN_DEPTH: usize = 1000;

/// What the libraries have that scripts do not get.
const WITHHELD: &[&CStr] = &[
    c"dofile",
    c"loadfile",
    c"print",
    c"require",
    c"module",
    c"package",
    c"getfenv",
    c"setfenv",
    c"newproxy",
    c"io",
    c"debug",
];

const LIBRARIES: &[&CStr] = &[
    c"string",
    c"table",
    c"math",
    c"os",
    c"coroutine",
    c"redis",
    c"cjson",
    c"cmsgpack",
    c"struct",
    c"bit",
];

/// Functions that are put before those of the same name; they call them in the end.
const GUARDS: &[(Option<&CStr>, &CStr, lua_CFunction)] = &[
    (None, c"rawset", refuse_shown),
    (None, c"setmetatable", refuse_shown),
    (None, c"getmetatable", getmetatable),
    (None, c"rawget", look_through),
    (None, c"next", look_through),
    (None, c"pairs", pairs),
    (None, c"collectgarbage", collectgarbage),
    (Some(c"table"), c"insert", refuse_shown),
    (Some(c"table"), c"remove", refuse_shown),
    (Some(c"table"), c"sort", refuse_shown),
    (Some(c"table"), c"setn", refuse_shown),
    (Some(c"table"), c"foreach", look_through),
    (Some(c"string"), c"find", match_pattern),
    (Some(c"string"), c"match", match_pattern),
    (Some(c"string"), c"gmatch", match_pattern),
    (Some(c"string"), c"gfind", match_pattern),
    (Some(c"string"), c"gsub", match_pattern),
];

/// Functions that are put in the place of others, and know the run.
const OWN: &[(Option<&CStr>, &CStr, lua_CFunction)] = &[
    (None, c"pcall", api::pcall),
    (None, c"loadstring", loadstring),
    (Some(c"math"), c"random", api::random),
    (Some(c"math"), c"randomseed", api::randomseed),
];

/// `load` reads all pieces first: what it compiles is then looked at as one text.
const LOAD: &CStr = c"local loadstring, type, concat, error = ...
return function(read, name)
  if type(read) ~= 'function' then
    error(\"bad argument #1 to 'load' (function expected, got \" .. type(read) .. ')', 2)
  end
  local pieces = {}
  while true do
    local piece = read()
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' and type(piece) ~= 'number' then
      error('reader function must return a string', 2)
    end
    pieces[#pieces + 1] = piece
  end
  return loadstring(concat(pieces), name or '=(load)')
end";

/// Where the registry has the real tables by the empty ones that show them, and the real globals.
static SHOWN_KEY: u8 = 0;
static GLOBALS_KEY: u8 = 0;

fn key(of: &'static u8) -> *mut c_void {
    std::ptr::from_ref(of).cast_mut().cast()
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_kept(state: *mut lua_State, of: &'static u8) {
    // SAFETY: pushes one value; allocates nothing.
    unsafe {
        ffi::lua_pushlightuserdata(state, key(of));
        ffi::lua_rawget_(state, ffi::LUA_REGISTRYINDEX);
    }
}

/// Pushes the real table of globals, where KEYS and ARGV go.
///
/// # Safety
/// Inside a C function of Lua.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn push_globals(state: *mut lua_State) {
    // SAFETY: the caller's promise.
    unsafe { push_kept(state, &GLOBALS_KEY) }
}

/// Makes the world of scripts out of what the libraries brought. `run` goes to the functions that
/// need it.
///
/// # Safety
/// Protected, on a new state.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn build(state: *mut lua_State, run: *mut c_void) {
    // SAFETY: the caller's promise; every helper leaves the stack as it was.
    unsafe {
        let top = ffi::lua_gettop(state);
        ffi::lua_newtable(state);
        keep(state, &SHOWN_KEY);
        ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX);
        keep(state, &GLOBALS_KEY);
        anchor_names(state);
        for name in WITHHELD {
            ffi::lua_pushnil(state);
            ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
        }
        keep_only_clock(state);
        build_redis(state, run);
        for (library, name, function) in GUARDS {
            guard(state, run, *library, name, *function);
        }
        for (library, name, function) in OWN {
            push_library(state, *library);
            ffi::lua_pushlightuserdata(state, run);
            ffi::lua_pushcclosure(state, *function, 1);
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
        build_load(state);
        show_all(state);
        ffi::lua_settop(state, top);
    }
}

/// Keeps the value on top of the stack in the registry, and takes it off.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn keep(state: *mut lua_State, of: &'static u8) {
    // SAFETY: while building.
    unsafe {
        ffi::lua_pushlightuserdata(state, key(of));
        ffi::lua_insert(state, -2);
        ffi::lua_rawset(state, ffi::LUA_REGISTRYINDEX);
    }
}

/// Names that are asked for where Lua may not allocate: they are kept alive.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn anchor_names(state: *mut lua_State) {
    for name in [c"err", c"source", c"line"] {
        // SAFETY: while building.
        unsafe {
            ffi::lua_pushstring_(state, name.as_ptr());
            ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        }
    }
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_library(state: *mut lua_State, library: Option<&CStr>) {
    // SAFETY: while building.
    unsafe {
        match library {
            None => ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX),
            Some(name) => ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, name.as_ptr()),
        }
    }
}

/// `os` has nothing but `clock`.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn keep_only_clock(state: *mut lua_State) {
    // SAFETY: while building.
    unsafe {
        ffi::lua_newtable(state);
        push_library(state, Some(c"os"));
        ffi::lua_getfield_(state, -1, c"clock".as_ptr());
        ffi::lua_setfield(state, -3, c"clock".as_ptr());
        ffi::lua_settop(state, -2);
        ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, c"os".as_ptr());
    }
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn build_redis(state: *mut lua_State, run: *mut c_void) {
    // SAFETY: while building.
    unsafe {
        ffi::lua_newtable(state);
        for (name, function) in api::FUNCTIONS {
            ffi::lua_pushlightuserdata(state, run);
            ffi::lua_pushcclosure(state, *function, 1);
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
        for (name, number) in api::NUMBERS {
            ffi::lua_pushnumber(state, f64::from(*number));
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
        for (name, text) in api::TEXTS {
            ffi::lua_pushstring_(state, text.as_ptr());
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
        ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, c"redis".as_ptr());
    }
}

/// Puts a guard before a function: the run and the function are its upvalues.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn guard(
    state: *mut lua_State,
    run: *mut c_void,
    library: Option<&CStr>,
    name: &CStr,
    function: lua_CFunction,
) {
    // SAFETY: while building.
    unsafe {
        push_library(state, library);
        ffi::lua_pushlightuserdata(state, run);
        ffi::lua_getfield_(state, -2, name.as_ptr());
        ffi::lua_pushcclosure(state, function, 2);
        ffi::lua_setfield(state, -2, name.as_ptr());
        ffi::lua_settop(state, -2);
    }
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn build_load(state: *mut lua_State) {
    // SAFETY: while building; the text is ours.
    unsafe {
        let text = LOAD.to_bytes();
        ffi::luaL_loadbuffer(state, text.as_ptr().cast(), text.len(), c"=load".as_ptr());
        push_library(state, None);
        ffi::lua_getfield_(state, -1, c"loadstring".as_ptr());
        ffi::lua_remove(state, -2);
        push_library(state, None);
        ffi::lua_getfield_(state, -1, c"type".as_ptr());
        ffi::lua_remove(state, -2);
        push_library(state, Some(c"table"));
        ffi::lua_getfield_(state, -1, c"concat".as_ptr());
        ffi::lua_remove(state, -2);
        push_library(state, None);
        ffi::lua_getfield_(state, -1, c"error".as_ptr());
        ffi::lua_remove(state, -2);
        ffi::lua_call(state, 4, 1);
        ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, c"load".as_ptr());
    }
}

/// Puts an empty table that shows the real one in the place of every library, then of the globals.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn show_all(state: *mut lua_State) {
    // SAFETY: while building.
    unsafe {
        for name in LIBRARIES {
            push_library(state, Some(name));
            if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
                ffi::lua_settop(state, -2);
                continue;
            }
            show(state);
            ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
        }
        push_library(state, Some(c"redis"));
        ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, c"server".as_ptr());
        // What strings are asked for comes from the real library; a script sees another metatable.
        push_library(state, None);
        ffi::lua_newtable(state);
        ffi::lua_pushcclosure(state, missing, 0);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_setmetatable(state, -2);
        show(state);
        ffi::lua_pushvalue(state, -1);
        push_globals(state);
        ffi::lua_insert(state, -2);
        ffi::lua_setfield(state, -2, c"_G".as_ptr());
        ffi::lua_settop(state, -2);
        ffi::lua_replace(state, ffi::LUA_GLOBALSINDEX);
    }
}

/// Replaces the table on top of the stack by an empty one that shows it.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn show(state: *mut lua_State) {
    // SAFETY: while building.
    unsafe {
        ffi::lua_newtable(state);
        ffi::lua_createtable(state, 0, 2);
        ffi::lua_pushvalue(state, -3);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_pushcclosure(state, refuse_write, 0);
        ffi::lua_setfield(state, -2, c"__newindex".as_ptr());
        ffi::lua_setmetatable(state, -2);
        push_kept(state, &SHOWN_KEY);
        ffi::lua_pushvalue(state, -2);
        ffi::lua_pushvalue(state, -4);
        ffi::lua_rawset(state, -3);
        ffi::lua_settop(state, -2);
        ffi::lua_remove(state, -2);
    }
}

/// A global that nobody defined.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn missing(state: *mut lua_State) -> c_int {
    // SAFETY: leaves by an error.
    unsafe {
        ffi::luaL_where(state, 1);
        push_text(state, b"Script attempted to access nonexistent global variable '");
        match ffi::lua_type(state, 2) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => ffi::lua_pushvalue(state, 2),
            _ => push_text(state, b"(null)"),
        }
        push_text(state, b"'");
        ffi::lua_concat(state, 4);
        ffi::lua_error(state)
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn refuse_write(state: *mut lua_State) -> c_int {
    // SAFETY: leaves by an error.
    unsafe {
        ffi::luaL_where(state, 1);
        push_text(state, b"Attempt to modify a readonly table");
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}

/// If the first argument is one of the empty tables, pushes what it shows.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_shown(state: *mut lua_State) -> bool {
    // SAFETY: inside a C function; takes off what it pushed if there is nothing.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return false;
        }
        push_kept(state, &SHOWN_KEY);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget_(state, -2);
        ffi::lua_remove(state, -2);
        let is_shown = ffi::lua_type(state, -1) == ffi::LUA_TTABLE;
        if !is_shown {
            ffi::lua_settop(state, -2);
        }
        is_shown
    }
}

/// Goes on with the function that this one was put before.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn go_on(state: *mut lua_State) -> c_int {
    // SAFETY: the second upvalue is a function of Lua's own libraries, which has none itself.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(2)) {
            Some(function) => function(state),
            None => 0,
        }
    }
}

/// For functions that would write past a metatable.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn refuse_shown(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        if push_shown(state) {
            push_text(state, b"Attempt to modify a readonly table");
            ffi::lua_error(state);
        }
        go_on(state)
    }
}

/// For functions that only read.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn look_through(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        if push_shown(state) {
            ffi::lua_replace(state, 1);
        }
        go_on(state)
    }
}

/// `pairs` of an empty table that shows another: the iteration is `next`'s, which looks through.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        push_globals(state);
        ffi::lua_getfield_(state, -1, c"next".as_ptr());
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

/// The metatables that protect are nobody's business, nor is that of strings.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn getmetatable(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TSTRING || push_shown(state) {
            ffi::lua_pushnil(state);
            return 1;
        }
        go_on(state)
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn collectgarbage(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing; the first upvalue is the run.
    unsafe {
        if !matches!(text_at(state, 1), b"count" | b"collect" | b"step" | b"") {
            run_of(state).tuned_gc = true;
        }
        go_on(state)
    }
}

/// Matching calls itself for every repetition and capture of a pattern, on the C stack.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn match_pattern(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        let pattern = text_at(state, 2);
        if pattern.len() > PATTERN_DEPTH {
            let nests = |byte: &&u8| matches!(byte, b'?' | b'*' | b'+' | b'-' | b'(' | b')');
            if pattern.iter().filter(nests).count() > PATTERN_DEPTH {
                return ffi::luaL_error(state, c"pattern too complex".as_ptr());
            }
        }
        go_on(state)
    }
}

/// `loadstring`, for texts only.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn loadstring(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing.
    unsafe {
        let mut len = 0;
        let start = ffi::luaL_checklstring(state, 1, &raw mut len);
        let name = if ffi::lua_type(state, 2) <= ffi::LUA_TNIL {
            start
        } else {
            ffi::luaL_checklstring(state, 2, std::ptr::null_mut())
        };
        let status = if text_at(state, 1).first() == Some(&ffi::LUA_SIGNATURE[0]) {
            push_text(state, b" ");
            ffi::lua_pushvalue(state, 1);
            ffi::lua_concat(state, 2);
            let spaced = text_at(state, -1);
            ffi::luaL_loadbuffer(state, spaced.as_ptr().cast(), spaced.len(), name)
        } else {
            ffi::luaL_loadbuffer(state, start, len, name)
        };
        if status == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_insert(state, -2);
        2
    }
}
