//! The engine as a caller sees it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{ClockOption, Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;

struct Nobody;

/// Notes which clients were answered, by their numbers.
#[derive(Default)]
struct Answered(Mutex<Vec<u64>>);

impl Mailbox for Answered {
    fn deliver(&self, to: &Handle, _: Delivery) {
        self.0.lock().push(to.id);
    }
}

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

fn open() -> (Arc<Engine>, Option<Box<Client>>) {
    let options =
        Options { clock: ClockOption::Manual(1_000_000), seed: Some(1), ..Options::default() };
    let engine = Engine::open(&options);
    let client = engine.connect(Arc::new(Nobody), Protocol::Resp3);
    (engine, Some(client))
}

fn call(engine: &Engine, client: &mut Option<Box<Client>>, line: &str) -> Reply {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let mut out = Reply::new();
    let outcome = engine.call(client, None, &words, &mut out, Patience::Waits);
    assert_ne!(outcome, Outcome::Away, "{line}");
    out
}

#[test]
fn a_key_is_gone_at_the_millisecond_of_its_deadline() {
    let (engine, mut client) = open();
    call(&engine, &mut client, "SET k v PX 50");
    engine.space.clock.advance(49);
    assert_eq!(call(&engine, &mut client, "GET k").first(), Some(Token::Bulk(b"v")));
    engine.space.clock.advance(1);
    assert_eq!(call(&engine, &mut client, "GET k").first(), Some(Token::Nil));
}

#[test]
fn who_serves_others_is_answered_first() {
    let (engine, _) = open();
    let answered = Arc::<Answered>::default();
    let connect = || engine.connect(Arc::clone(&answered) as Arc<dyn Mailbox>, Protocol::Resp3);
    let (waiting, serving) = (connect(), connect());
    let ids = [serving.id(), waiting.id()];
    call(&engine, &mut Some(waiting), "BLPOP q 0");
    engine.call_by_mail(serving, None, &[b"RPUSH", b"q", b"a"], Patience::Waits);
    assert_eq!(*answered.0.lock(), ids);
}

#[test]
fn what_is_deleted_gives_all_its_memory_back() {
    let (engine, mut client) = open();
    call(&engine, &mut client, "SET warm up");
    call(&engine, &mut client, "DEL warm");
    let before = engine.space.used_bytes();
    for i in 0..1000 {
        call(&engine, &mut client, &format!("SET key:{i} {}", "x".repeat(i)));
    }
    assert!(engine.space.used_bytes() > before + 500_000);
    for i in 0..1000 {
        call(&engine, &mut client, &format!("DEL key:{i}"));
    }
    let left = engine.space.used_bytes().saturating_sub(before);
    // Shards keep their smallest bucket arrays.
    assert!(left < 1000 * 256, "{left} bytes left");
}

#[test]
fn replies_are_not_charged_to_the_store() {
    let (engine, mut client) = open();
    let mut out = Reply::new();
    call(&engine, &mut client, "SET k v");
    let before = engine.space.used_bytes();
    for words in [&[b"INFO".as_slice()][..], &[b"NOSUCH"], &[b"GET", b"k"], &[b"STRLEN", b"k"]] {
        engine.call(&mut client, None, words, &mut out, Patience::Waits);
    }
    assert_eq!(engine.space.used_bytes(), before);
}

#[test]
fn the_sweeper_removes_dead_keys_that_nobody_reads() {
    let (engine, mut client) = open();
    for i in 0..100 {
        call(&engine, &mut client, &format!("SET key:{i} v PX {}", 10 + i));
    }
    engine.advance(60);
    let mut out = Reply::new();
    let mut count = 0;
    assert_eq!(
        engine.call(&mut client, None, &[b"KEYS", b"*"], &mut out, Patience::Waits),
        Outcome::Done
    );
    if let Some(Token::Array(n)) = out.first() {
        count = n;
    }
    assert_eq!(count, 49);
    assert_eq!(engine.space.stats().expired, 51);
}

#[test]
fn a_large_command_is_not_run_where_nobody_may_wait() {
    let (engine, mut client) = open();
    for i in 0..20_000 {
        call(&engine, &mut client, &format!("SET key:{i} v"));
    }
    let mut out = Reply::new();
    let outcome = engine.call(&mut client, None, &[b"KEYS", b"*"], &mut out, Patience::Inline);
    assert_eq!(outcome, Outcome::Away);
    assert!(out.is_empty());
}

#[test]
fn long_walks_through_lists_and_streams_are_not_made_where_nobody_may_wait() {
    let (engine, mut client) = open();
    for i in 1..=20_000 {
        call(&engine, &mut client, &format!("RPUSH l {i}"));
        call(&engine, &mut client, &format!("XADD s {i}-1 f v"));
    }
    let mut try_inline = |line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        engine.call(&mut client, None, &words, &mut Reply::new(), Patience::Inline)
    };
    for line in [
        "LRANGE l 0 -1",
        "LINSERT l BEFORE none x",
        "LREM l 0 none",
        "LPOS l none",
        "LPOP l 15000",
        "LMPOP 1 l LEFT COUNT 15000",
        "XRANGE s - +",
        "XREVRANGE s + - COUNT 15000",
        "XREAD STREAMS s 0",
    ] {
        assert_eq!(try_inline(line), Outcome::Away, "{line}");
    }
    for line in [
        "LRANGE l -10 -1",
        "LINDEX l 10000",
        "LPOS l none MAXLEN 100",
        "LPOP l 10",
        "XRANGE s - + COUNT 10",
        "XREVRANGE s + 19000",
        "XREAD STREAMS s 19990-1",
        "XREAD COUNT 5 STREAMS s 0",
        "XTRIM s MAXLEN 10",
        "LTRIM l 0 10",
    ] {
        assert_eq!(try_inline(line), Outcome::Done, "{line}");
    }
}

#[test]
fn a_write_that_needs_more_room_than_one_may_make_inline_is_made_elsewhere() {
    let (engine, mut client) = open();
    call(&engine, &mut client, "CONFIG SET maxmemory-policy allkeys-random");
    for i in 0..2000 {
        call(&engine, &mut client, &format!("SET key:{i} v"));
    }
    let limit = engine.space.used_bytes() - 20_000;
    call(&engine, &mut client, &format!("CONFIG SET maxmemory {limit}"));
    let mut out = Reply::new();
    let words: [&[u8]; 3] = [b"SET", b"k", b"v"];
    assert_eq!(engine.call(&mut client, None, &words, &mut out, Patience::Inline), Outcome::Away);
    assert_eq!(call(&engine, &mut client, "EXISTS k").first(), Some(Token::Int(0)));
    assert_eq!(call(&engine, &mut client, "SET k v").first(), Some(Token::Ok));
    assert!(engine.space.used_bytes() <= limit + 1000);
}
