//! Fields of hashes die: to the millisecond for who reads, and unread all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{ClockOption, Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::{Loss, Patience};
use crate::types::random::Rng;

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

struct Caller {
    engine: Arc<Engine>,
    client: Option<Box<Client>>,
}

impl Caller {
    fn new() -> Self {
        let clock = ClockOption::Manual(1_000_000);
        Self::of(&Engine::open(&Options { clock, seed: Some(1), ..Options::default() }))
    }

    fn of(engine: &Arc<Engine>) -> Self {
        let client = engine.connect(Arc::new(Nobody), Protocol::Resp3);
        Self { engine: Arc::clone(engine), client: Some(client) }
    }

    fn try_line(&mut self, line: &str, patience: Patience) -> (Outcome, Reply) {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        let outcome = self.engine.call(&mut self.client, None, &words, &mut out, patience);
        (outcome, out)
    }

    fn say(&mut self, line: &str) -> Reply {
        let (outcome, out) = self.try_line(line, Patience::Waits);
        assert_eq!(outcome, Outcome::Done, "{line}");
        out
    }

    fn number(&mut self, line: &str) -> i64 {
        match self.say(line).first() {
            Some(Token::Int(number)) => number,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// So many fields, which die so much later; they are a table.
    fn make(&mut self, key: &str, count: usize, ttl_ms: usize) {
        for from in (0..count).step_by(500) {
            let names = (from..count.min(from + 500)).map(|i| format!(" field:{i} value:{i}"));
            let (words, fields): (String, usize) = (names.clone().collect(), names.count());
            self.say(&format!("HSETEX {key} PX {ttl_ms} FIELDS {fields}{words}"));
        }
    }

    /// Lets time pass, and nobody does what has become due.
    fn sleep(&self, ms: u64) {
        self.engine.space.clock.advance(ms);
    }

    fn used(&self) -> usize {
        self.engine.space.used_bytes()
    }
}

#[test]
fn fields_that_nobody_reads_give_their_memory_back_and_so_does_their_key() {
    let mut me = Caller::new();
    me.say("HSET warm up 1");
    me.say("DEL warm");
    let before = me.used();
    me.say("HSET hash endless 1");
    me.make("hash", 20_000, 50);
    me.make("other", 3000, 80);
    assert!(me.used() > before + 1_000_000);
    me.engine.advance(49);
    assert_eq!((me.number("HLEN hash"), me.number("DBSIZE")), (20_001, 2));
    me.engine.advance(1);
    let left = me.used() - before;
    assert!(left < 400_000, "the other hash and one field are left, in {left} bytes");
    me.engine.advance(30);
    assert_eq!((me.number("HLEN hash"), me.number("DBSIZE")), (1, 1));
    me.say("DEL hash");
    assert_eq!(me.engine.space.due_ms(), u64::MAX, "nothing is left to die");
    assert!(me.used() - before < 1000);
}

#[test]
fn the_sweeper_takes_no_more_out_than_what_is_dead() {
    let mut me = Caller::new();
    for i in 0..100 {
        me.say(&format!("HSETEX hash PX {} FIELDS 1 field:{i} {}", 100 + i, "x".repeat(100)));
    }
    for i in 0..100 {
        let mut told = Vec::new();
        me.sleep(if i == 0 { 100 } else { 1 });
        let due_ms = me.engine.space.sweep(|db, key, loss| told.push((db, key.to_vec(), loss)));
        let (loss, next_ms) =
            if i < 99 { (Loss::Fields, 1_000_101 + i) } else { (Loss::LastFields, u64::MAX) };
        assert_eq!(told, [(0, b"hash".to_vec(), loss)]);
        assert_eq!(due_ms, next_ms);
    }
}

#[test]
fn a_hash_whose_fields_are_all_dead_is_not_there() {
    let mut me = Caller::new();
    me.say("HSET some a 1 b 2");
    me.say("HPEXPIRE some 50 FIELDS 1 a");
    for key in ["small", "type", "scan", "set", "copy", "rename"] {
        me.say(&format!("HSETEX {key} PX 50 FIELDS 2 a 1 b 2"));
    }
    me.make("large", 1000, 50);
    me.sleep(50);
    assert_eq!(me.number("EXISTS small large some"), 1);
    assert_eq!(me.number("DEL small large"), 0);
    assert_eq!(me.say("TYPE type").first(), Some(Token::Status(b"none")));
    let shown: Vec<_> = me
        .say("KEYS s*")
        .tokens()
        .filter_map(|token| match token {
            Token::Bulk(key) => Some(key.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(shown, [b"some"]);
    assert_eq!(me.say("RANDOMKEY").first(), Some(Token::Bulk(b"some")));
    assert_eq!(me.say("SET set x NX").first(), Some(Token::Ok));
    assert_eq!(me.number("COPY copy to"), 0);
    assert!(matches!(me.say("RENAME rename to").first(), Some(Token::Error(_))));
    assert_eq!((me.number("COPY some to"), me.number("HLEN to")), (1, 1));
}

#[test]
fn an_event_loop_is_spared_a_hash_with_much_dead() {
    let mut me = Caller::new();
    me.say("HSET hash endless 1");
    me.make("hash", 20_000, 50);
    me.sleep(50);
    for line in ["HLEN hash", "HGET hash field:7", "HSET hash field:7 v", "COPY hash to"] {
        assert_eq!(me.try_line(line, Patience::Inline).0, Outcome::Away, "{line}");
    }
    // It makes no difference to those who see only the key.
    assert_eq!(me.try_line("EXISTS hash", Patience::Inline).0, Outcome::Done);
    assert_eq!((me.number("HLEN hash"), me.number("COPY hash to")), (1, 1));
    assert_eq!(me.try_line("HLEN hash", Patience::Inline).0, Outcome::Done);
}

#[test]
fn deadlines_of_fields_are_none_of_their_key() {
    let mut me = Caller::new();
    me.say("HSETEX hash PX 100 FIELDS 2 a 1 b 2");
    me.say("HSETEX hash PX 50 FIELDS 1 c 3");
    assert_eq!((me.number("TTL hash"), me.number("PERSIST hash")), (-1, 0));
    let keyspace = |me: &mut Caller| match me.say("INFO keyspace").first() {
        Some(Token::Verbatim(text) | Token::Bulk(text)) => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => panic!("{other:?}"),
    };
    assert!(keyspace(&mut me).contains("db0:keys=1,expires=0"));
    assert_eq!(me.number("PEXPIRE hash 70"), 1);
    assert!(keyspace(&mut me).contains("db0:keys=1,expires=1"));
    me.engine.advance(50);
    assert_eq!((me.number("PTTL hash"), me.number("HLEN hash")), (20, 2));
    assert_eq!((me.number("PERSIST hash"), me.number("PTTL hash")), (1, -1));
    assert!(keyspace(&mut me).contains("db0:keys=1,expires=0"));
    me.engine.advance(20);
    assert_eq!(me.number("EXPIREAT hash 1000"), 1);
    assert_eq!(me.number("DBSIZE"), 0);
}

#[test]
fn no_field_is_overlooked_while_the_sweeper_goes_round() {
    let engine = Engine::open(&Options::default());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..2 {
            let (engine, over) = (&engine, &over);
            scope.spawn(move || {
                let mut me = Caller::of(engine);
                let mut rng = Rng::new(seed);
                while !over.load(Ordering::Relaxed) {
                    let (key, field) = (rng.below(20), rng.below(4));
                    let ttl_ms = 1 + rng.below(3);
                    me.say(&match rng.below(4) {
                        0 => format!("HSETEX h:{key} PX {ttl_ms} FIELDS 1 f:{field} v"),
                        1 => format!("HSETEX h:{key} PX {ttl_ms} FIELDS 2 f:{field} v g v"),
                        2 => format!("HPEXPIRE h:{key} {ttl_ms} FIELDS 2 f:{field} g"),
                        _ => format!("HGETEX h:{key} PX {ttl_ms} FIELDS 1 f:{field}"),
                    });
                }
            });
        }
        scope.spawn(|| {
            let since = Instant::now();
            while since.elapsed() < Duration::from_millis(400) {
                engine.space.sweep(|_, _, _| {});
            }
            over.store(true, Ordering::Relaxed);
        });
    });
    let mut me = Caller::of(&engine);
    let since = Instant::now();
    while me.number("DBSIZE") != 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "a field was forgotten");
        thread::sleep(Duration::from_millis(1));
    }
}
