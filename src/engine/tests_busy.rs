//! Scripts that take long: who is told that the store is busy, who may go on, who ends them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::tests_threads::Caller;
use super::{Engine, Options};
use crate::reply::{Reply, Token};

const BUSY: &str = "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or \
                    SHUTDOWN NOSAVE.";
const UNKILLABLE: &str = "UNKILLABLE Sorry the script already executed write commands against the \
                          dataset. You can either wait the script termination or kill the server \
                          in a hard way using the SHUTDOWN NOSAVE command.";
/// Ends only when it is ended.
const ENDLESS: &[&str] = &["EVAL", "while true do end", "0"];
/// Has written, and ends when somebody pushes: nobody can while it runs.
const WRITES: &[&str] = &[
    "EVAL",
    "redis.call('SET', 'k', 'v') for i = 1, 1e8 do if redis.call('GET', 'k') ~= 'v' then break end \
     if i % 1e4 == 0 and redis.call('TIME')[1] > ARGV[1] then break end end return 'done'",
    "0",
];

fn text(reply: &Reply) -> String {
    match reply.first() {
        Some(Token::Error(text) | Token::Bulk(text) | Token::Status(text)) => {
            String::from_utf8_lossy(text).into_owned()
        }
        Some(Token::Ok) => "OK".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A store that is busy as soon as a script has taken 20 ms.
fn store() -> Arc<Engine> {
    let engine = Engine::open(&Options::default());
    let mut caller = Caller::of(&engine);
    caller.call("CONFIG SET busy-reply-threshold 20");
    caller.call("SET k v");
    engine
}

/// Runs something on a thread of its own, and goes on when the store is busy with it.
fn beside(engine: &Arc<Engine>, words: &[&str], work: impl FnOnce(&mut Caller)) -> String {
    thread::scope(|scope| {
        let script = scope.spawn(|| text(&Caller::of(engine).call_words(words)));
        while engine.scripts.watch.busy(20).is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        work(&mut Caller::of(engine));
        script.join().unwrap()
    })
}

#[test]
fn a_store_that_is_busy_says_so_until_the_script_is_killed() {
    let engine = store();
    let end = beside(&engine, ENDLESS, |caller| {
        for line in ["GET k", "MGET k k", "PING", "EVAL x 0", "SCRIPT EXISTS x", "CONFIG GET dir"] {
            assert_eq!(text(&caller.call(line)), BUSY, "{line}");
        }
        assert_eq!(text(&caller.call("SHUTDOWN")), BUSY);
        assert_eq!(text(&caller.call("SCRIPT KILL")), "OK");
        assert_eq!(caller.went_away, 0);
    });
    assert_eq!(
        end,
        "ERR Script killed by user with SCRIPT KILL... script: \
         694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on @user_script:1."
    );
    let mut caller = Caller::of(&engine);
    assert_eq!(text(&caller.call("GET k")), "v");
    assert_eq!(text(&caller.call("SCRIPT KILL")), "NOTBUSY No scripts in execution right now.");
}

#[test]
fn a_transaction_can_be_opened_but_not_run_while_the_store_is_busy() {
    let engine = store();
    beside(&engine, ENDLESS, |caller| {
        let mut other = Caller::of(&engine);
        for (line, answer) in [
            ("WATCH k", "OK"),
            ("UNWATCH", "OK"),
            ("MULTI", "OK"),
            ("GET k", BUSY),
            ("SET k", "ERR wrong number of arguments for 'set' command"),
            ("SCRIPT KILL", "QUEUED"),
            ("DISCARD", "OK"),
            ("MULTI", "OK"),
            (
                "EXEC",
                "EXECABORT Transaction discarded because of: BUSY Valkey is busy running a \
                 script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            ),
            ("RESET", "RESET"),
            ("NOSUCH", "ERR unknown command 'NOSUCH', with args beginning with: "),
        ] {
            assert_eq!(text(&other.call(line)), answer, "{line}");
        }
        assert_eq!(text(&caller.call("SCRIPT KILL")), "OK");
    });
}

#[test]
fn a_script_that_has_written_is_not_killed() {
    let engine = store();
    let until = (engine.space.now_ms() / 1000 + 1).to_string();
    let words = [WRITES, &[&until]].concat();
    let end = beside(&engine, &words, |caller| {
        assert_eq!(text(&caller.call("SCRIPT KILL")), UNKILLABLE);
        assert_eq!(text(&caller.call("GET k")), BUSY);
    });
    assert_eq!(end, "done");
}

#[test]
fn who_waits_for_a_script_is_told_when_the_store_is_busy() {
    let engine = store();
    Caller::of(&engine).call("CONFIG SET busy-reply-threshold 300");
    thread::scope(|scope| {
        let script = scope.spawn(|| text(&Caller::of(&engine).call_words(ENDLESS)));
        while engine.scripts.watch.running().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        let since = Instant::now();
        let mut caller = Caller::of(&engine);
        assert_eq!(text(&caller.call("GET k")), BUSY);
        assert_eq!(caller.went_away, 1, "an event loop does not wait");
        assert!(since.elapsed() < Duration::from_secs(20));
        caller.call("SCRIPT KILL");
        script.join().unwrap();
    });
}

#[test]
fn a_script_that_overruns_its_limit_is_stopped() {
    let engine = store();
    let mut caller = Caller::of(&engine);
    caller.call("CONFIG SET script-time-limit 50");
    let end = text(&caller.call_words(ENDLESS));
    assert!(end.starts_with("ERR Script stopped: it ran longer than script-time-limit"), "{end}");
    let caught = "while true do pcall(function() while true do end end) end";
    let end = text(&caller.call_words(&["EVAL", caught, "0"]));
    assert!(end.starts_with("ERR Script stopped: it ran longer than script-time-limit"), "{end}");
    assert_eq!(text(&caller.call("GET k")), "v");
}
