//! What outlives a command: subscriptions, transactions, names, settings, and faults.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{ClockOption, Engine, Options};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;

#[derive(Default)]
struct Inbox(Mutex<Vec<Delivery>>);

impl Mailbox for Inbox {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        self.0.lock().push(delivery);
    }
}

/// A client with its inbox.
pub(super) struct Person {
    pub(super) engine: Arc<Engine>,
    pub(super) client: Option<Box<Client>>,
    inbox: Arc<Inbox>,
}

impl Person {
    pub(super) fn alone() -> Self {
        let options =
            Options { clock: ClockOption::Manual(1_000_000), seed: Some(1), ..Options::default() };
        Self::of(&Engine::open(&options))
    }

    pub(super) fn of(engine: &Arc<Engine>) -> Self {
        let inbox = Arc::<Inbox>::default();
        let client = engine.connect(Arc::clone(&inbox) as Arc<dyn Mailbox>, Protocol::Resp3);
        Self { engine: Arc::clone(engine), client: Some(client), inbox }
    }

    pub(super) fn call(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        self.engine.call(&mut self.client, None, &words, &mut out, Patience::Waits);
        out
    }

    /// The reply as one line of words.
    pub(super) fn say(&mut self, line: &str) -> String {
        let reply = self.call(line);
        reply.tokens().map(show).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn say_all(&mut self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.say(line)).last().unwrap_or_default()
    }

    /// What arrived since the last call.
    pub(super) fn heard(&mut self) -> Vec<String> {
        let arrived = std::mem::take(&mut *self.inbox.0.lock());
        let lines = arrived.into_iter().map(|delivery| match delivery {
            Delivery::Push(reply) => reply.tokens().map(show).collect::<Vec<_>>().join(" "),
            Delivery::Answered(client, reply) => {
                self.client = Some(client);
                reply.tokens().map(show).collect::<Vec<_>>().join(" ")
            }
            Delivery::Closed => "closed".to_owned(),
        });
        lines.collect()
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.client.as_ref().expect("the client is at home").handle
    }
}

fn show(token: Token<'_>) -> String {
    match token {
        Token::Nil | Token::NilArray => "nil".into(),
        Token::Ok => "OK".into(),
        Token::Int(value) => value.to_string(),
        Token::Array(len) => format!("[{len}]"),
        Token::Push(len) => format!("push[{len}]"),
        Token::Bulk(text) | Token::Status(text) | Token::Error(text) | Token::Verbatim(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => format!("{other:?}"),
    }
}

/// Waits for what another thread is about to do.
pub(super) fn soon(is_done: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_done() {
        assert!(since.elapsed() < Duration::from_secs(20), "it never happened");
        thread::yield_now();
    }
}

#[test]
fn each_command_of_exec_has_one_place_also_when_it_confirms_two_channels() {
    let mut me = Person::alone();
    let reply = me.say_all(&["MULTI", "SUBSCRIBE a b", "PING", "EXEC"]);
    assert_eq!(reply, "[2] push[3] subscribe b 2 PONG");
    assert_eq!(me.heard(), ["push[3] subscribe a 1"]);
}

#[test]
fn a_watched_key_of_another_database_that_died_has_changed() {
    let mut me = Person::alone();
    me.say_all(&["SET k v PX 10", "WATCH k", "SELECT 1", "MULTI", "PING"]);
    me.engine.space.clock.advance(10);
    assert_eq!(me.say("EXEC"), "nil");
    assert_eq!(me.say_all(&["MULTI", "PING", "EXEC"]), "[1] PONG");
}

#[test]
fn a_watched_key_that_move_meets_dead_in_its_target_has_changed() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    me.say_all(&["SELECT 1", "SET k v PX 10", "WATCH k"]);
    me.engine.space.clock.advance(10);
    assert_eq!(other.say("MOVE k 1"), "0");
    assert_eq!(me.say_all(&["MULTI", "PING", "EXEC"]), "nil");
}

#[test]
fn exec_is_refused_when_what_it_would_run_needs_memory_that_is_not_there() {
    let mut me = Person::alone();
    me.say_all(&["SET a 1", "MULTI", "SET k v"]);
    let mut other = Person::of(&me.engine);
    other.say("CONFIG SET maxmemory 1");
    assert_eq!(
        me.say("EXEC"),
        "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > \
         'maxmemory'."
    );
    assert_eq!(me.say("EXEC"), "ERR EXEC without MULTI");
    assert_eq!(me.say_all(&["MULTI", "GET a", "EXEC"]), "[1] 1");
}

#[test]
fn what_exec_deletes_gives_its_memory_back_and_what_it_lets_die_dies() {
    let mut me = Person::alone();
    let before = me.engine.space.used_bytes();
    for i in 0..3000 {
        me.say(&format!("SET key:{i} {}", "x".repeat(200)));
    }
    me.say_all(&["MULTI", "FLUSHALL", "SET k v PX 10", "EXEC"]);
    assert_eq!(me.say("DBSIZE"), "1");
    soon(|| me.engine.space.used_bytes() < before + 10_000);
    me.engine.advance(10);
    assert_eq!(me.say("DBSIZE"), "0");
}

#[test]
fn a_flushed_database_is_freed_whether_it_is_small_or_large() {
    let mut me = Person::alone();
    let before = me.engine.space.used_bytes();
    for count in [10, 5000] {
        for i in 0..count {
            me.say(&format!("SET key:{i} {}", "x".repeat(100)));
        }
        assert_eq!(me.say("FLUSHDB"), "OK");
        assert_eq!(me.say("DBSIZE"), "0");
        soon(|| me.engine.space.used_bytes() <= before);
    }
}

#[test]
fn who_waits_in_one_database_is_served_from_the_one_that_takes_its_place() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    other.say_all(&["SELECT 1", "BLPOP list 0"]);
    me.say("RPUSH list x");
    assert!(other.heard().is_empty());
    assert_eq!(me.say("SWAPDB 0 1"), "OK");
    assert_eq!(other.heard(), ["[2] list x"]);
    assert_eq!(me.say("DBSIZE"), "0");
}

#[test]
fn a_client_that_quits_is_told_and_leaves_nothing_behind() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    other.say_all(&["SUBSCRIBE ch", "PSUBSCRIBE c*", "SSUBSCRIBE s", "WATCH k", "MULTI"]);
    assert_eq!(other.say("QUIT"), "OK");
    assert_eq!(other.heard(), ["closed"]);
    assert_eq!(me.say("PUBLISH ch x"), "0");
    assert_eq!(me.say("PUBSUB NUMPAT"), "0");
    assert!(!me.engine.hub.watch.any() && !me.engine.hub.pubsub.any());
    assert_eq!(me.engine.hub.clients.len(), 1);
    assert_eq!(other.handle().subscriptions(), 0);
}

#[test]
fn a_fault_in_a_command_spoils_its_value_and_nothing_else() {
    let mut me = Person::alone();
    me.say_all(&["SET k v", "SET other v"]);
    let said = me.say("DEBUG PANIC k");
    assert!(said.starts_with("ERR a fault inside latchkey"), "{said}");
    assert!(me.say("GET k").starts_with("ERR this value was damaged"));
    assert_eq!(me.say("GET other"), "v");
    assert_eq!(me.say_all(&["DEL k", "SET k w", "GET k"]), "w");
    let said = me.say_all(&["MULTI", "SET other w", "DEBUG PANIC k", "GET other", "EXEC"]);
    assert!(said.starts_with("[3] OK ERR a fault") && said.ends_with(" w"), "{said}");
}

#[test]
fn client_list_tells_what_each_client_does() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    other.say_all(&["CLIENT SETNAME worker", "SELECT 3", "WATCH a b", "MULTI", "PING", "PING"]);
    me.engine.space.clock.advance(5000);
    let list = me.say("CLIENT LIST");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    for part in ["id=1 ", "cmd=client|list", "flags=N", "idle=0", "age=5", "multi=-1", "resp=3"] {
        assert!(lines[0].contains(part), "{part}: {list}");
    }
    for part in ["id=2 ", "name=worker", "db=3", "multi=2", "watch=2", "flags=x", "idle=5"] {
        assert!(lines[1].contains(part), "{part}: {list}");
    }
}

#[test]
fn a_policy_that_counts_uses_takes_effect_when_it_is_set() {
    let mut me = Person::alone();
    let counts =
        |me: &Person| me.engine.space.counts_uses.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(me.say("CONFIG SET maxmemory-policy allkeys-lfu"), "OK");
    assert!(counts(&me));
    let refused = me.say("CONFIG SET maxmemory-policy noeviction maxmemory many");
    assert!(refused.starts_with("ERR CONFIG SET failed"), "{refused}");
    assert!(counts(&me));
    me.say("CONFIG SET maxmemory-policy noeviction");
    assert!(!counts(&me));
}

#[test]
fn a_setting_without_effect_is_refused() {
    let mut me = Person::alone();
    for line in ["CONFIG SET save 900", "CONFIG SET appendonly yes", "CONFIG SET nosuch 1"] {
        assert!(me.say(line).starts_with("ERR "), "{line}");
    }
    assert_eq!(me.say("CONFIG SET appendonly no"), "OK");
}

#[test]
fn what_info_counts_is_what_was_done() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    me.say_all(&["CONFIG RESETSTAT", "MULTI", "SET k v", "GET k", "EXEC", "SUBSCRIBE ch"]);
    other.say("BLPOP list 0");
    let info = me.say("INFO");
    for line in [
        "redis_version:7.2.4",
        "redis_mode:standalone",
        "connected_clients:2",
        "blocked_clients:1",
        "pubsub_channels:1",
        // RESETSTAT, MULTI, the two of EXEC, EXEC and SUBSCRIBE; the queued ones did nothing.
        "total_commands_processed:7",
        "keyspace_hits:1",
        "db0:keys=1,expires=0,avg_ttl=0",
    ] {
        assert!(info.contains(&format!("{line}\r\n")), "{line}\n{info}");
    }
    assert!(!info.replace("\r\n", "").contains('\n'), "every line ends as on a wire");
}
