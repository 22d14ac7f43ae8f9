//! Scripts that would take all memory, the whole stack, or what belongs to the next one.

use std::sync::Arc;

use super::tests_threads::Caller;
use super::{Engine, Options};
use crate::reply::{Reply, Token};

const LIMIT_BYTES: usize = 24 << 20;
const TOO_MUCH: &str = "ERR not enough memory: scripts may take script-memory-limit bytes";

fn store() -> (Arc<Engine>, Caller) {
    let engine = Engine::open(&Options::default());
    let mut caller = Caller::of(&engine);
    caller.call(&format!("CONFIG SET script-memory-limit {LIMIT_BYTES}"));
    caller.call("CONFIG SET script-time-limit 20000");
    (engine, caller)
}

fn text(reply: &Reply) -> String {
    match reply.first() {
        Some(Token::Error(text) | Token::Bulk(text)) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn eval(caller: &mut Caller, script: &str) -> String {
    text(&caller.call_words(&["EVAL", script, "0"]))
}

#[test]
fn what_needs_too_much_memory_ends_in_an_error_and_gives_it_back() {
    let (engine, mut caller) = store();
    for script in [
        "return string.rep('x', 1e9)",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t['key' .. i] = i end",
        "return string.gsub(string.rep('x', 1e6), '.', string.rep('y', 1e3))",
        "local t = {} for i = 1, 1e6 do t[i] = 'xxx' end return table.concat(t, t[1]:rep(9))",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "local t, f = {} f = function() return coroutine.wrap(f) end while 1 do t[#t+1] = f() end",
        "return assert(loadstring('return {' .. string.rep('1,', 3e6) .. '}'))",
        "return cjson.encode(string.rep('\\0', 1e7))",
        "return cmsgpack.pack({string.rep('x', 1.5e7)})",
        "return struct.pack('c0', string.rep('x', 1.5e7))",
        "local s = string.rep('x', 1e7) return string.format('%s%s%s', s, s, s)",
        "local t = {} while true do t[#t + 1] = redis.sha1hex(#t) .. string.rep('x', 1000) end",
        "local t = {} while true do t[#t + 1] = function() return t end end",
    ] {
        let end = eval(&mut caller, script);
        let is_caught = end.contains("not enough memory");
        assert!(end.starts_with(TOO_MUCH) || is_caught, "{script}: {end}");
        let held = engine.scripts.known().lua_bytes();
        assert!(held < LIMIT_BYTES / 2, "{script}: {held} bytes are held");
    }
    assert_eq!(eval(&mut caller, "return 'fine'"), "fine");
}

#[test]
fn words_that_lua_has_no_room_for_end_in_an_error() {
    let (engine, mut caller) = store();
    let large = "x".repeat(LIMIT_BYTES);
    let end = text(&caller.call_words(&["EVAL", "return #ARGV[1]", "0", &large]));
    assert!(end.starts_with(TOO_MUCH), "{end}");
    let large = format!("return '{large}'");
    let end = text(&caller.call_words(&["EVAL", &large, "0"]));
    assert!(end.contains("not enough memory"), "{end}");
    let large = "x".repeat(LIMIT_BYTES / 2);
    caller.call_words(&["SET", "large", &large]);
    let script = "return #(redis.call('GET', 'large') .. redis.call('GET', 'large'))";
    assert!(eval(&mut caller, script).starts_with(TOO_MUCH));
    assert!(engine.scripts.known().lua_bytes() < LIMIT_BYTES / 2);
    assert_eq!(eval(&mut caller, "return redis.call('STRLEN', 'large') .. ''"), "12582912");
}

#[test]
fn replies_that_would_have_no_end_are_errors() {
    let (_engine, mut caller) = store();
    for script in [
        "local t = {} t[1] = t t[2] = t return t",
        "local t = {} t.map = {a = t, b = t} return t",
        "local s, t = string.rep('x', 1e6), {} for i = 1, 1000 do t[i] = s end return t",
        "redis.call('SET', 'k', 'v') local t = {{}} for i = 1, 60 do t = {t, t} end return t",
    ] {
        let said = eval(&mut caller, script);
        assert!(said.starts_with("ERR the reply of the script takes more than "), "{said}");
        assert_eq!(eval(&mut caller, "return 'fine'"), "fine");
    }
}

#[test]
fn what_nests_too_deep_ends_in_an_error() {
    let (_engine, mut caller) = store();
    for (script, end) in [
        ("local t = {} for i = 1, 10000 do t = {t} end return t", "Some(Array(1))"),
        ("local t = {} t[1] = t return t", "Some(Array(1))"),
        ("local t = {} t.map = t return {t}", "Some(Array(1))"),
        ("local t = {} for i = 1, 1e5 do t = {map = {t}} end return {t}", "Some(Array(1))"),
        ("local function f() return coroutine.wrap(f)() end return f()", "ERR user_script:1: "),
        ("local function f() return pcall(f) end return {f()}", "Some(Array("),
        ("local function f() return {xpcall(f, f)} end f() return 'fine'", "fine"),
        (
            "local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)",
            "ERR user_script:1: ",
        ),
        ("local t = {} for i = 1, 1e5 do t = {t} end return #cmsgpack.pack(t) > 0 and 'y'", "y"),
        ("return cjson.decode(string.rep('[', 1e6))", "ERR user_script:1: "),
        ("return cmsgpack.unpack(string.rep('\\145', 1e6))", "ERR "),
        ("return string.find(string.rep('x', 1e6), string.rep('x?', 1e5))", "ERR user_script:1: "),
    ] {
        let said = eval(&mut caller, script);
        assert!(said.starts_with(end), "{script}: {said}");
    }
    assert_eq!(eval(&mut caller, "return 'fine'"), "fine");
}

#[test]
fn errors_that_fail_themselves_end_in_an_error() {
    let (_engine, mut caller) = store();
    for script in [
        "error({})",
        "error({err = {}})",
        "error(setmetatable({}, {__tostring = function() error('x') end}))",
        "error(setmetatable({}, {__index = function() error('x') end}))",
        "error(setmetatable({}, {__newindex = function() error('x') end}))",
        "error(setmetatable({err = 'ERR x'}, {__index = error, __newindex = error}))",
        "error(setmetatable({}, {__metatable = false}))",
        "error(coroutine.create(function() end))",
        "error(redis)",
        "error(string)",
        "error(_G)",
        "error(cjson.null)",
    ] {
        let said = eval(&mut caller, script);
        assert!(!said.starts_with("Some"), "{script}: {said}");
        assert_eq!(eval(&mut caller, "return 'fine'"), "fine", "after {script}");
    }
}

#[test]
fn scripts_leave_nothing_behind() {
    let (_engine, mut caller) = store();
    let before = eval(&mut caller, SURVEY);
    for script in [
        "rawset(_G, 'left', 1)",
        "_G.left = 1",
        "left = 1",
        "KEYS.left = 1 ARGV.left = 1 KEYS = nil ARGV = nil",
        "string.left = 1",
        "rawset(string, 'left', 1)",
        "table.insert(string, 1)",
        "setmetatable(string, {})",
        "setmetatable(_G, nil)",
        "local s = string s.rep = nil",
        "for name in pairs(_G) do pcall(rawset, _G, name, nil) end",
        "for name in pairs(redis) do pcall(function() redis[name] = nil end) end",
        "for _, lib in pairs({string, table, math, redis, cjson, bit}) do \
           for name in pairs(lib) do \
             pcall(function() lib[name] = nil end) pcall(rawset, lib, name) \
           end \
         end",
        "table.foreach(string, function(name) pcall(rawset, string, name, 1) end)",
        "local m = getmetatable('') if m then m.__index = nil end",
        "collectgarbage('stop')",
        "collectgarbage('setpause', 10000)",
        "redis.setresp(3) error('x')",
        "cjson.encode_max_depth(1)",
        "kept = coroutine.wrap(function() while true do coroutine.yield() end end)",
        "loadstring('left = 1')()",
        "redis.call('SELECT', 5)",
    ] {
        eval(&mut caller, script);
        assert_eq!(eval(&mut caller, SURVEY), before, "after {script}");
    }
}

/// What a script finds: the names of everything, and how it behaves.
const SURVEY: &str = "local names = {}
    for _, lib in ipairs({'_G', 'string', 'table', 'math', 'os', 'coroutine', 'redis', 'bit',
                          'cjson', 'cmsgpack', 'struct'}) do
      for name, value in pairs(_G[lib]) do
        names[#names + 1] = lib .. '.' .. name .. ':' .. type(value)
      end
    end
    table.sort(names)
    names[#names + 1] = #KEYS .. #ARGV .. tostring(KEYS.left) .. tostring(ARGV.left)
    names[#names + 1] = tostring(pcall(function() return left end))
    names[#names + 1] = type(redis.call('GET', 'missing')) .. ('x'):rep(2)
    names[#names + 1] = collectgarbage('setpause', 200) .. ',' .. collectgarbage('setstepmul', 200)
    return table.concat(names, ' ')";

#[test]
fn a_function_that_remembers_its_calls_is_called_once_whatever_it_takes() {
    let (_engine, mut caller) = store();
    let library = "#!lua name=counter\n local n = 0
        redis.register_function('count', function(_, times)
          n = n + 1
          for _ = 1, times[1] do end
          return 'call ' .. n
        end)";
    caller.call_words(&["FUNCTION", "LOAD", library]);
    for (times, answer) in [("1", "call 1"), ("1", "call 2"), ("1e7", "call 3"), ("1", "call 4")] {
        assert_eq!(text(&caller.call_words(&["FCALL", "count", "0", times])), answer);
    }
}
