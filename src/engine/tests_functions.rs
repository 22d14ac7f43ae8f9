//! Libraries of functions: what they leave behind, and that a call is one call.

use std::sync::Arc;

use super::tests_threads::Caller;
use super::{Engine, Options};
use crate::reply::{Reply, Token};

fn store() -> (Arc<Engine>, Caller) {
    let engine = Engine::open(&Options::default());
    let caller = Caller::of(&engine);
    (engine, caller)
}

fn text(reply: &Reply) -> String {
    match reply.first() {
        Some(Token::Error(text) | Token::Bulk(text)) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn load(caller: &mut Caller, body: &str) -> String {
    let code = format!("#!lua name=lib\n{body}");
    text(&caller.call_words(&["FUNCTION", "LOAD", "REPLACE", &code]))
}

#[test]
fn a_function_that_takes_long_on_an_event_loop_is_not_begun_again() {
    let (_engine, mut caller) = store();
    let body = "local calls = 0
        redis.register_function('f', function(keys, args)
          calls = calls + 1
          for i = 1, tonumber(args[1]) do end
          return calls
        end)";
    assert_eq!(load(&mut caller, body), "lib");
    for call in 1..=3 {
        assert_eq!(text(&caller.call("FCALL f 0 1")), format!("Some(Int({call}))"));
    }
    // The load and the first call were made elsewhere: nobody knew yet how long they take.
    assert_eq!(caller.went_away, 2);
    assert_eq!(text(&caller.call("FCALL f 0 30000000")), "Some(Int(4))");
    assert_eq!(caller.went_away, 2);
    assert_eq!(text(&caller.call("FCALL f 0 1")), "Some(Int(5))");
    assert_eq!(caller.went_away, 3);
}

#[test]
fn libraries_that_are_gone_leave_nothing_in_lua() {
    let (engine, mut caller) = store();
    let data = "x".repeat(20_000);
    for turn in 0..500 {
        let body = format!(
            "local data = '{turn}{data}'
            redis.register_function('f', function() return #data end)"
        );
        assert_eq!(load(&mut caller, &body), "lib");
        let failing = format!("{body} local x = nil + 1");
        assert!(load(&mut caller, &failing).contains("arithmetic"));
    }
    let held = engine.scripts.libraries().lua_bytes();
    assert!(held < 4 << 20, "{held} bytes are held");
    caller.call("FUNCTION FLUSH");
    let (_, figures) = engine.scripts.figures();
    assert_eq!(
        [figures.count(), figures.functions(), figures.bytes(), figures.lua_bytes()],
        [0; 4]
    );
}

#[test]
fn a_library_that_needs_too_much_memory_is_refused() {
    let (engine, mut caller) = store();
    caller.call(&format!("CONFIG SET script-memory-limit {}", 16 << 20));
    let body = "local t = {} while true do t[#t + 1] = ('x'):rep(10000) .. #t end";
    let refusal = load(&mut caller, body);
    assert!(refusal.contains("memory"), "{refusal}");
    assert_eq!(load(&mut caller, "redis.register_function('f', function() return 1 end)"), "lib");
    assert_eq!(text(&caller.call("FCALL f 0")), "Some(Int(1))");
    let held = engine.scripts.libraries().lua_bytes();
    assert!(held < 8 << 20, "{held} bytes are held");
}
