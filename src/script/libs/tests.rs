//! The libraries, called from Lua.

use mlua::{Lua, Value};

use super::{open, release};
use crate::script::frame::Frame;

fn lua() -> Lua {
    let lua = Lua::new();
    open(&lua).unwrap();
    lua
}

/// What a chunk returns, as text; errors are caught in Lua, as a script would.
fn run(lua: &Lua, chunk: &str) -> String {
    let text = "local results = {pcall(function() %s end)}
        for i = 2, #results do results[i] = tostring(results[i]) end
        return (results[1] and '' or 'error: ') .. table.concat(results, ' ', 2)";
    let chunk = text.replace("%s", chunk);
    match lua.load(chunk).set_name("=user_script").eval::<Value>().unwrap() {
        Value::String(text) => text.to_string_lossy(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_name_the_place_and_the_function() {
    let lua = lua();
    for (chunk, result) in [
        (
            "return cjson.decode('x')",
            "error: user_script:1: Expected value but found invalid token at character 1",
        ),
        (
            "cjson.decode()",
            "error: user_script:1: bad argument #1 to 'decode' (expected 1 argument)",
        ),
        (
            "return pcall(cjson.decode, '[1')",
            "false Expected comma or array end but found T_END at character 3",
        ),
        (
            "local t = {m = cjson.encode}; t:m(1)",
            "error: user_script:1: calling 'm' on bad self (expected 1 argument)",
        ),
        (
            "bit.band({})",
            "error: user_script:1: bad argument #1 to 'band' (number expected, got table)",
        ),
        (
            "struct.size('?')",
            "error: user_script:1: bad argument #1 to 'size' (invalid format option '?')",
        ),
    ] {
        assert_eq!(run(&lua, chunk), result, "{chunk}");
    }
}

#[test]
fn values_survive_both_ways() {
    let lua = lua();
    let value = "{1, 'a/b', {x = {true, cjson.null}, [1.5] = -0.5}, {}, 2^60, 1e-7}";
    for (chunk, result) in [
        (
            "cjson.encode(cjson.decode(cjson.encode(VALUE)))",
            r#"[1,"a\/b",{"x":[true,null],"1.5":-0.5},{},1.1529215046068e+18,1e-07]"#,
        ),
        (
            "cjson.encode(cmsgpack.unpack(cmsgpack.pack(VALUE)))",
            r#"[1,"a\/b",{"1.5":-0.5,"x":[true]},{},1.1529215046068e+18,1e-07]"#,
        ),
        ("struct.unpack('>i3!4sd', struct.pack('>i3!4sd', -2, 'text', 0.25))", "-2 text 0.25 17"),
        ("bit.tohex(bit.bor(0x7fffffff, -1), -4)", "FFFF"),
    ] {
        let chunk = format!("return {}", chunk.replace("VALUE", value));
        assert_eq!(run(&lua, &chunk), result, "{chunk}");
    }
}

#[test]
fn depth_is_limited_by_luas_stack_at_the_latest() {
    let lua = lua();
    for (chunk, result) in [
        (
            "local t = {} t[1] = t return cjson.encode(t)",
            "error: user_script:1: Cannot serialise, excessive nesting (1001)",
        ),
        (
            "return cjson.decode(string.rep('[', 2000))",
            "error: user_script:1: Found too many nested data structures (1001) at character 1001",
        ),
        (
            "cjson.encode_max_depth(1e9) local t = {} t[1] = t return cjson.encode(t)",
            "error: user_script:1: Cannot serialise, excessive nesting (ENCODE)",
        ),
        (
            "cjson.decode_max_depth(1e9) return cjson.decode(string.rep('[', 1e6))",
            "error: user_script:1: Found too many nested data structures (DECODE) at character \
             DECODE",
        ),
        (
            "return cmsgpack.unpack(string.rep('\\145', 1e6))",
            "error: user_script:1: stack overflow (in function mp_decode_to_lua_array)",
        ),
        (
            "return cmsgpack.unpack(string.rep('\\129', 1e6))",
            "error: user_script:1: stack overflow (too many return values at once; use unpack_one \
             or unpack_limit instead.)",
        ),
    ] {
        let result = result.replace("ENCODE", "7998").replace("DECODE", "7999");
        assert_eq!(run(&lua, chunk), result, "{chunk}");
    }
}

#[test]
fn memory_that_a_script_may_not_have_ends_it() {
    let lua = lua();
    lua.set_memory_limit(32 << 20).unwrap();
    for chunk in [
        "local text = string.rep('x', 1e6) local t = {}
         for i = 1, 1000 do t[i] = text end return #cjson.encode(t)",
        "local text = string.rep('x', 1e6) local t = {}
         for i = 1, 1000 do t[i] = text end return #cmsgpack.pack(t)",
        "local t = {} for i = 1, 10 do t[i] = t end return #cmsgpack.pack(t)",
        "return #struct.pack(string.rep('!1073741824b', 1e6) .. string.rep('c0', 1e6))",
    ] {
        let result = run(&lua, chunk);
        assert!(result.starts_with("error: "), "{chunk}: {result}");
    }
    assert_eq!(
        run(&lua, "return cjson.encode({1}), cmsgpack.unpack('\\1'), cjson.decode('2')"),
        "[1] 1 2"
    );
}

#[test]
fn what_a_failed_call_held_is_given_back() {
    let lua = lua();
    lua.set_memory_limit(32 << 20).unwrap();
    let chunk = "local text = string.rep('x', 1e6) local t = {}
        for i = 1, 1000 do t[i] = text end return #cjson.encode(t)";
    assert!(run(&lua, chunk).contains("not enough memory"));
    lua.gc_collect().unwrap();
    assert!(lua.used_memory() > 4 << 20, "the buffer is still there");
    // SAFETY: nothing runs, and `release` leaves the stack as it was.
    unsafe { lua.exec_raw::<()>((), |state| release(Frame::new(state))) }.unwrap();
    lua.gc_collect().unwrap();
    assert!(lua.used_memory() < 1 << 20, "{}", lua.used_memory());
}
