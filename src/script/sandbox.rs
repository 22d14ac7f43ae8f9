//! What scripts find, and what they cannot do to it.
//!
//! Stock Lua has no read-only tables. So a script sees each library, and the table of globals,
//! through an empty table whose metatable looks things up in the real one and refuses to write.
//! Functions that reach past metatables (`rawset`, `next`, `table.insert` ...) know those empty
//! tables and look through them, or refuse. Nothing hands out the real tables, files, time of the
//! machine, compiled code, or the environment of another function.

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi::{self, lua_CFunction};

use super::api;
use super::failure::IGNORE;
use super::frame::Frame;
use super::loading;
use super::machine::run_of;

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
    (None, c"rawset", Frame::function(refuse_shown)),
    (None, c"setmetatable", Frame::function(refuse_shown)),
    (None, c"getmetatable", Frame::function(getmetatable)),
    (None, c"rawget", Frame::function(look_through)),
    (None, c"next", Frame::function(look_through)),
    (None, c"pairs", Frame::function(pairs)),
    (None, c"collectgarbage", Frame::function(collectgarbage)),
    (Some(c"table"), c"insert", Frame::function(refuse_shown)),
    (Some(c"table"), c"remove", Frame::function(leave_shown)),
    (Some(c"table"), c"sort", Frame::function(leave_shown)),
    (Some(c"table"), c"setn", Frame::function(refuse_shown)),
    (Some(c"table"), c"foreach", Frame::function(look_through)),
    (Some(c"string"), c"rep", Frame::function(repeat)),
    (Some(c"string"), c"find", Frame::function(find)),
    (Some(c"string"), c"match", Frame::function(match_pattern)),
    (Some(c"string"), c"gmatch", Frame::function(match_pattern)),
    (Some(c"string"), c"gfind", Frame::function(match_pattern)),
    (Some(c"string"), c"gsub", Frame::function(match_pattern)),
];

/// Functions that are put in the place of others, and know the run.
const OWN: &[(Option<&CStr>, &CStr, lua_CFunction)] = &[
    (None, c"pcall", Frame::function(api::pcall)),
    (None, c"loadstring", Frame::function(loadstring)),
    (Some(c"math"), c"random", Frame::function(api::random)),
    (Some(c"math"), c"randomseed", Frame::function(api::randomseed)),
];

/// `load` reads all pieces first: what it compiles is then looked at as one text.
const LOAD: &str = "local loadstring, type, concat, pcall = ...
return function(read, name)
  local pieces = {}
  while true do
    local ok, piece = pcall(read)
    if not ok then return nil, piece end
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' and type(piece) ~= 'number' then
      return nil, 'reader function must return a string'
    end
    pieces[#pieces + 1] = piece
  end
  return loadstring(concat(pieces), name or '=(load)')
end";

/// What a Lua state is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// What EVAL runs.
    Scripts,
    /// What FCALL runs, and the libraries that register it.
    Functions,
}

/// Where the registry has the real tables by the empty ones that show them, and the real globals.
static SHOWN_KEY: u8 = 0;
static GLOBALS_KEY: u8 = 0;

fn key(of: &'static u8) -> *mut c_void {
    std::ptr::from_ref(of).cast_mut().cast()
}

pub(super) fn push_kept(frame: Frame<'_>, of: &'static u8) {
    frame.push_pointer(key(of));
    frame.raw_get(ffi::LUA_REGISTRYINDEX);
}

/// Pushes the real table of globals, where KEYS and ARGV go.
pub fn push_globals(frame: Frame<'_>) {
    push_kept(frame, &GLOBALS_KEY);
}

/// Makes the world of scripts out of what the libraries brought. `run` goes to the functions that
/// need it.
pub fn build(frame: Frame<'_>, run: *mut c_void, world: World) {
    let top = frame.top();
    frame.push_table();
    keep(frame, &SHOWN_KEY);
    frame.push_copy(ffi::LUA_GLOBALSINDEX);
    keep(frame, &GLOBALS_KEY);
    anchor_names(frame);
    for name in WITHHELD {
        frame.push_nil();
        frame.set_global(name);
    }
    keep_only_clock(frame);
    build_redis(frame, run);
    if world == World::Functions {
        loading::build(frame, run);
    }
    for (library, name, function) in GUARDS {
        guard(frame, run, *library, name, *function);
    }
    for (library, name, function) in OWN {
        push_library(frame, *library);
        frame.push_pointer(run);
        frame.push_made_function(*function, 1);
        frame.set_field(-2, name);
    }
    build_load(frame);
    show_all(frame);
    frame.set_top(top);
}

/// Keeps the value on top of the stack in the registry, and takes it off.
pub(super) fn keep(frame: Frame<'_>, of: &'static u8) {
    frame.push_pointer(key(of));
    frame.insert(-2);
    frame.raw_set(ffi::LUA_REGISTRYINDEX);
}

/// Names that are asked for where Lua may not allocate: they are kept alive. Lua itself says the
/// last one there. And the list of free places in the registry is begun, for the same reason.
fn anchor_names(frame: Frame<'_>) {
    frame.push_boolean(true);
    let place = frame.keep();
    frame.let_go(place);
    let of_lua = c"error in error handling";
    for name in [c"err", c"source", c"line", c"KEYS", c"ARGV", IGNORE, of_lua] {
        frame.push_bytes(name.to_bytes());
        frame.keep();
    }
}

pub(super) fn push_library(frame: Frame<'_>, library: Option<&CStr>) {
    match library {
        None => frame.push_copy(ffi::LUA_GLOBALSINDEX),
        Some(name) => frame.push_global(name),
    }
}

/// `os` has nothing but `clock`.
fn keep_only_clock(frame: Frame<'_>) {
    frame.push_table();
    push_library(frame, Some(c"os"));
    frame.push_field(-1, c"clock");
    frame.set_field(-3, c"clock");
    frame.pop(1);
    frame.set_global(c"os");
}

fn build_redis(frame: Frame<'_>, run: *mut c_void) {
    frame.push_table();
    for (name, function) in api::FUNCTIONS {
        frame.push_pointer(run);
        frame.push_made_function(*function, 1);
        frame.set_field(-2, name);
    }
    for (name, number) in api::NUMBERS {
        frame.push_number(f64::from(*number));
        frame.set_field(-2, name);
    }
    for (name, text) in api::TEXTS {
        frame.push_bytes(text.to_bytes());
        frame.set_field(-2, name);
    }
    frame.set_global(c"redis");
}

/// Puts a guard before a function: the run and the function are its upvalues.
fn guard(
    frame: Frame<'_>,
    run: *mut c_void,
    library: Option<&CStr>,
    name: &CStr,
    function: lua_CFunction,
) {
    push_library(frame, library);
    frame.push_pointer(run);
    frame.push_field(-2, name);
    frame.push_made_function(function, 2);
    frame.set_field(-2, name);
    frame.pop(1);
}

fn build_load(frame: Frame<'_>) {
    frame.compile(LOAD.as_bytes(), c"=load");
    frame.push_global(c"loadstring");
    frame.push_global(c"type");
    frame.push_global(c"table");
    frame.push_field(-1, c"concat");
    frame.remove(-2);
    frame.push_global(c"pcall");
    frame.call(4, 1);
    frame.push_function(load, 1);
    frame.set_global(c"load");
}

/// Puts an empty table that shows the real one in the place of every library, then of the globals.
fn show_all(frame: Frame<'_>) {
    for name in LIBRARIES {
        push_library(frame, Some(name));
        if frame.kind(-1) != ffi::LUA_TTABLE {
            frame.pop(1);
            continue;
        }
        show(frame);
        frame.set_global(name);
    }
    push_library(frame, Some(c"redis"));
    frame.set_global(c"server");
    // What strings are asked for comes from the real library; a script sees another metatable.
    push_library(frame, None);
    refuse_missing(frame);
    show(frame);
    frame.push_copy(-1);
    push_globals(frame);
    frame.insert(-2);
    frame.set_field(-2, c"_G");
    frame.pop(1);
    frame.replace(ffi::LUA_GLOBALSINDEX);
}

/// Replaces the table on top of the stack by an empty one that shows it.
pub(super) fn show(frame: Frame<'_>) {
    frame.push_table();
    frame.push_table_for(0, 2);
    frame.push_copy(-3);
    frame.set_field(-2, c"__index");
    frame.push_function(refuse_write, 0);
    frame.set_field(-2, c"__newindex");
    frame.set_metatable(-2);
    push_kept(frame, &SHOWN_KEY);
    frame.push_copy(-2);
    frame.push_copy(-4);
    frame.raw_set(-3);
    frame.pop(1);
    frame.remove(-2);
}

/// Who asks the table on top of the stack for what it has not is refused.
pub(super) fn refuse_missing(frame: Frame<'_>) {
    frame.push_table();
    frame.push_function(missing, 0);
    frame.set_field(-2, c"__index");
    frame.set_metatable(-2);
}

/// A global that nobody defined.
fn missing(frame: Frame<'_>) -> c_int {
    frame.push_place(1);
    frame.push_bytes(b"Script attempted to access nonexistent global variable '");
    match frame.kind(2) {
        ffi::LUA_TSTRING | ffi::LUA_TNUMBER => frame.push_copy(2),
        _ => frame.push_bytes(b"(null)"),
    }
    frame.push_bytes(b"'");
    frame.concat(4);
    frame.throw()
}

fn refuse_write(frame: Frame<'_>) -> c_int {
    frame.push_place(1);
    frame.push_bytes(b"Attempt to modify a readonly table");
    frame.concat(2);
    frame.throw()
}

/// If the first argument is one of the empty tables, pushes what it shows.
fn push_shown(frame: Frame<'_>) -> bool {
    if frame.kind(1) != ffi::LUA_TTABLE {
        return false;
    }
    push_kept(frame, &SHOWN_KEY);
    frame.push_copy(1);
    frame.raw_get(-2);
    frame.remove(-2);
    let is_shown = frame.kind(-1) == ffi::LUA_TTABLE;
    if !is_shown {
        frame.pop(1);
    }
    is_shown
}

/// Goes on with the function that this one was put before.
fn go_on(frame: Frame<'_>) -> c_int {
    frame.go_on_as(2)
}

/// For functions that would write past a metatable.
fn refuse_shown(frame: Frame<'_>) -> c_int {
    if push_shown(frame) {
        frame.push_bytes(b"Attempt to modify a readonly table");
        frame.throw();
    }
    go_on(frame)
}

/// For functions that change the numbered elements of a table: the tables shown have none.
fn leave_shown(frame: Frame<'_>) -> c_int {
    if push_shown(frame) { 0 } else { go_on(frame) }
}

/// For functions that only read.
fn look_through(frame: Frame<'_>) -> c_int {
    if push_shown(frame) {
        frame.replace(1);
    }
    go_on(frame)
}

/// `pairs` of an empty table that shows another: the iteration is `next`'s, which looks through.
fn pairs(frame: Frame<'_>) -> c_int {
    if frame.kind(1) != ffi::LUA_TTABLE {
        frame.type_error(1, c"table");
    }
    push_globals(frame);
    frame.push_field(-1, c"next");
    frame.push_copy(1);
    frame.push_nil();
    3
}

/// The metatables that protect are nobody's business, nor is that of strings.
fn getmetatable(frame: Frame<'_>) -> c_int {
    if frame.kind(1) == ffi::LUA_TSTRING || push_shown(frame) {
        frame.push_nil();
        return 1;
    }
    go_on(frame)
}

fn collectgarbage(frame: Frame<'_>) -> c_int {
    if !matches!(frame.text(1), b"count" | b"collect" | b"step" | b"") {
        run_of(frame).tuned_gc = true;
    }
    go_on(frame)
}

/// Nothing, a thousand million times over, would take Lua seconds in which nobody can stop it.
fn repeat(frame: Frame<'_>) -> c_int {
    let is_nothing = frame.kind(1) == ffi::LUA_TSTRING && frame.text(1).is_empty();
    if is_nothing && frame.kind(2) == ffi::LUA_TNUMBER {
        frame.push_bytes(b"");
        return 1;
    }
    go_on(frame)
}

/// Matching calls itself for every repetition and capture of a pattern, on the C stack.
fn match_pattern(frame: Frame<'_>) -> c_int {
    let pattern = frame.text(2);
    if pattern.len() > PATTERN_DEPTH {
        let nests = |byte: &&u8| matches!(byte, b'?' | b'*' | b'+' | b'-' | b'(' | b')');
        if pattern.iter().filter(nests).count() > PATTERN_DEPTH {
            frame.error(format_args!("pattern too complex"));
        }
    }
    go_on(frame)
}

/// As `match_pattern`, unless the pattern is to be found as it is.
fn find(frame: Frame<'_>) -> c_int {
    if frame.boolean(4) { go_on(frame) } else { match_pattern(frame) }
}

/// `load`: `LOAD`, for functions only.
fn load(frame: Frame<'_>) -> c_int {
    if frame.kind(1) != ffi::LUA_TFUNCTION {
        frame.type_error(1, c"function");
    }
    let count = frame.top();
    frame.push_copy(Frame::upvalue(1));
    frame.insert(1);
    frame.call(count, ffi::LUA_MULTRET);
    frame.top()
}

/// `loadstring`, for texts only.
fn loadstring(frame: Frame<'_>) -> c_int {
    frame.check_bytes(1);
    let name = if frame.kind(2) <= ffi::LUA_TNIL { 1 } else { 2 };
    frame.check_bytes(name);
    if frame.compile(frame.text(1), frame.c_text(name)) {
        return 1;
    }
    frame.push_nil();
    frame.insert(-2);
    2
}
