//! A shortcut does what the handler of its command does.

use std::sync::Arc;

use super::{ClockOption, Engine, Options};
use crate::command::named;
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

/// A store of which every command is called with the same patience: an event loop owns its store
/// and takes shortcuts, a thread that waits does not.
struct Caller {
    engine: Arc<Engine>,
    client: Option<Box<Client>>,
    patience: Patience,
}

impl Caller {
    fn new(patience: Patience) -> Self {
        let clock = ClockOption::Manual(1_700_000_000_000);
        let engine = Engine::open(&Options { clock, seed: Some(7), ..Options::default() });
        let client = Some(engine.connect(Arc::new(Nobody), Protocol::Resp3));
        Self { engine, client, patience }
    }

    fn say(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        self.engine.call(&mut self.client, named(words[0]), &words, &mut out, self.patience);
        out
    }

    fn play(&mut self, line: &str) -> String {
        match line.strip_prefix("wait ") {
            Some(ms) => {
                self.engine.advance(ms.parse().unwrap());
                String::new()
            }
            None => format!("{:?}", self.say(line).tokens().collect::<Vec<_>>()),
        }
    }

    /// What INFO counts, without the times that nobody can foretell.
    fn counted(&mut self) -> Vec<String> {
        let reply = self.say("INFO everything");
        let Some(Token::Verbatim(text)) = reply.first() else { panic!("INFO is a text") };
        let is_counted = |line: &&str| {
            ["cmdstat_", "keyspace_", "db0:"].iter().any(|start| line.starts_with(start))
        };
        let without_times = |line: &str| line.split(",usec").next().unwrap_or(line).to_owned();
        str::from_utf8(text).unwrap().lines().filter(is_counted).map(without_times).collect()
    }
}

/// Plays the lines in both ways.
fn compare(lines: &[&str]) {
    let mut short = Caller::new(Patience::Inline);
    let mut long = Caller::new(Patience::Waits);
    // The first call of a command is measured, and so takes the long way.
    for line in ["SET warm up", "GET warm", "SET n 1", "INCR n"].iter().chain(lines) {
        assert_eq!(short.play(line), long.play(line), "{line}");
    }
    let counted = short.counted();
    assert!(counted.iter().any(|line| line.starts_with("cmdstat_get:")), "{counted:?}");
    assert_eq!(counted, long.counted());
    assert_eq!(short.engine.space.used_bytes(), long.engine.space.used_bytes());
}

#[test]
fn strings_are_read_and_written() {
    compare(&[
        "SET k abc",
        "GET k",
        "SET k xyz",
        "GET k",
        "SET k longer-than-before",
        "GET k",
        "SET k 12",
        "GET k",
        "GET missing",
        "STRLEN k",
        "SET k v NX",
        "SET k v GET",
        "SET k v KEEPTTL",
        "GET k",
        "GET",
        "GET k k",
        "SET k",
    ]);
}

#[test]
fn numbers_are_counted() {
    compare(&[
        "INCR n",
        "INCR n",
        "SET n 9223372036854775806",
        "INCR n",
        "INCR n",
        "GET n",
        "SET n text",
        "INCR n",
        "SET n 5 EX 100",
        "INCR n",
        "PTTL n",
        "INCR absent",
        "INCR absent",
    ]);
}

#[test]
fn deadlines_are_kept_to_the_millisecond() {
    compare(&[
        "SET k abc EX 100",
        "SET k xyz EX 100",
        "PTTL k",
        "wait 40",
        "SET k abc px 5000",
        "PTTL k",
        "SET k xyz PXAT 1700000009000",
        "PTTL k",
        "SET k abc EXAT 1700000008",
        "PEXPIRETIME k",
        "SET k xyz PX 500",
        "SET k abc PX 499",
        "wait 498",
        "GET k",
        "wait 1",
        "GET k",
        "SET k abc EX 100",
        "SET k xyz PXAT 1",
        "EXISTS k",
        "SET k abc EX 100",
        "SET k xyz EX 0",
        "SET k xyz EX -1",
        "SET k xyz EX many",
        "SET k xyz EX 9223372036854775807",
        "SET k xyz XE 5",
        "GET k",
        "SET k xyz",
        "PTTL k",
        "wait 100000",
        "DBSIZE",
    ]);
}

#[test]
fn other_kinds_of_values_are_left_alone() {
    compare(&[
        "RPUSH list a",
        "GET list",
        "INCR list",
        "SET list text",
        "GET list",
        "HSET hash f v",
        "GET hash",
        "SET hash text EX 5",
        "TTL hash",
    ]);
}

#[test]
fn uses_are_noted() {
    compare(&[
        "SET k abc",
        "wait 5000",
        "OBJECT IDLETIME k",
        "GET k",
        "OBJECT IDLETIME k",
        "wait 3000",
        "SET k xyz",
        "OBJECT IDLETIME k",
        "CLIENT NO-TOUCH ON",
        "wait 2000",
        "GET k",
        "OBJECT IDLETIME k",
        "CLIENT NO-TOUCH OFF",
        "CONFIG SET maxmemory-policy allkeys-lfu",
        "SET f abc",
        "GET f",
        "GET f",
        "SET f xyz",
        "OBJECT FREQ f",
    ]);
}

#[test]
fn whoever_listens_is_told() {
    compare(&[
        "SET k abc",
        "WATCH k",
        "SET k xyz",
        "MULTI",
        "GET k",
        "EXEC",
        "CONFIG SET notify-keyspace-events KEA",
        "SUBSCRIBE __keyevent@0__:set",
        "SET k abc",
        "GET k",
    ]);
}
