//! The memory books are exact, and nothing long runs where nobody may wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ClockOption, Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::evict::{Policy, Pool};
use crate::store::{Patience, shard_of};

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

struct World {
    engine: Arc<Engine>,
    client: Option<Box<Client>>,
}

impl World {
    fn new() -> Self {
        let options =
            Options { clock: ClockOption::Manual(1_000_000), seed: Some(1), ..Options::default() };
        let engine = Engine::open(&options);
        let client = engine.connect(Arc::new(Nobody), Protocol::Resp3);
        Self { engine, client: Some(client) }
    }

    fn try_words(&mut self, words: &[&[u8]], out: &mut Reply, patience: Patience) -> Outcome {
        self.engine.call(&mut self.client, None, words, out, patience)
    }

    fn say(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        assert_eq!(self.try_words(&words, &mut out, Patience::Waits), Outcome::Done, "{line}");
        out
    }

    fn inline(&mut self, line: &str) -> Outcome {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.try_words(&words, &mut Reply::new(), Patience::Inline)
    }

    /// `set` gets 20 000 members.
    fn make_big_set(&mut self) {
        for i in 0..200 {
            let members: Vec<String> = (0..100).map(|j| format!("member:{i}:{j}")).collect();
            self.say(&format!("SADD set {}", members.join(" ")));
        }
    }

    fn used(&self) -> usize {
        self.engine.space.used_bytes()
    }

    /// So many keys that fall into one shard.
    fn keys_of_one_shard(&self, count: usize) -> Vec<String> {
        let names = (0..).map(|i| format!("key:{i}"));
        names
            .filter(|key| shard_of(self.engine.space.hash(key.as_bytes())) == 7)
            .take(count)
            .collect()
    }
}

#[test]
fn a_big_value_leaves_the_books_with_its_key_though_a_reply_still_holds_it() {
    let mut me = World::new();
    let big = "x".repeat(20_000);
    // A shard keeps its smallest bucket array.
    me.say("SET k v");
    me.say("DEL k");
    let before = me.used();
    for lines in [
        &["GETDEL k"][..],
        &["SET k small GET", "DEL k"],
        &["GETSET k small", "DEL k"],
        &["GETEX k PXAT 1"],
        &["GET k", "DEL k"],
    ] {
        me.say(&format!("SET k {big}"));
        // The replies are kept until the end of the round.
        let replies: Vec<Reply> = lines.iter().map(|line| me.say(line)).collect();
        assert_eq!(replies[0].first(), Some(Token::Bulk(big.as_bytes())), "{lines:?}");
        assert_eq!(me.used(), before, "{lines:?}");
        drop(replies);
        assert_eq!(me.used(), before, "{lines:?}");
    }
    // One that is changed while somebody reads it becomes a copy, and each is booked once.
    me.say(&format!("SET k {big}"));
    let with_one = me.used();
    let reading = me.say("GET k");
    me.say("SETRANGE k 0 y");
    assert!(me.used() - with_one < 25_000 / 4, "{} more", me.used() - with_one);
    drop(reading);
    me.say("DEL k");
    assert_eq!(me.used(), before);
}

#[test]
fn a_refused_command_that_had_begun_its_reply_changes_no_books() {
    let mut me = World::new();
    me.say(&format!("SET k {}", "x".repeat(20_000)));
    me.say("LPUSH list a");
    let before = me.used();
    me.say("MGET k k list k");
    me.say("LMOVE list k LEFT LEFT");
    me.say("SET k v GET BADOPTION");
    assert_eq!(me.used(), before);
}

#[test]
fn buckets_that_a_table_gives_back_while_sweeping_and_evicting_are_booked() {
    let mut me = World::new();
    me.say("SET ballast 0123456789");
    me.say("SET warm up PX 1");
    me.engine.advance(1);
    let before = me.used();
    let keys = me.keys_of_one_shard(300);
    for round in 0..3 {
        for key in &keys {
            me.say(&format!("SET {key} v PX 10"));
        }
        me.engine.advance(10);
        assert_eq!(me.engine.space.stats().expired, 1 + 300 * (round + 1));
        // The shard's smallest bucket array may stay.
        assert!(me.used().abs_diff(before) < 256, "{} after {before}", me.used());
    }
    for key in &keys {
        me.say(&format!("SET {key} v"));
    }
    let (space, mut pool) = (&me.engine.space, Pool::default());
    for _ in 0..301 {
        let evicted = space
            .evict(Policy::AllKeysRandom, 5, &mut pool, Patience::Waits, &|| None, |_, _| {})
            .unwrap();
        space.charged(|| drop(evicted));
    }
    assert_eq!(me.say("DBSIZE").first(), Some(Token::Int(0)));
    // No bucket array of up to 32 is given back.
    assert!(me.used() < before + 1024, "{} after {before}", me.used());
}

#[test]
fn many_words_are_not_gone_through_where_nobody_may_wait() {
    let mut me = World::new();
    let keys: Vec<String> = (0..20_000).map(|i| format!("k{i}")).collect();
    for name in ["DEL", "EXISTS", "MGET", "LPUSH", "MSET", "WATCH", "SUNION", "PSUBSCRIBE"] {
        let mut words = vec![name.as_bytes()];
        words.extend(keys.iter().map(String::as_bytes));
        let mut out = Reply::new();
        assert_eq!(me.try_words(&words, &mut out, Patience::Inline), Outcome::Away, "{name}");
        assert!(out.is_empty(), "{name}");
    }
    assert_eq!(me.inline("MGET a b c"), Outcome::Done);
}

#[test]
fn big_values_are_not_copied_where_nobody_may_wait() {
    let mut me = World::new();
    me.make_big_set();
    assert_eq!(me.inline("COPY set other"), Outcome::Away);
    assert_eq!(me.inline("SETRANGE text 50000000 x"), Outcome::Away);
    assert_eq!(me.say("EXISTS other text").first(), Some(Token::Int(0)));
    me.say("SETRANGE text 5000000 x");
    // There is room for more, and nobody reads it: nothing moves.
    assert_eq!(me.inline("APPEND text y"), Outcome::Done);
    let reading = me.say("GET text");
    assert_eq!(me.inline("APPEND text y"), Outcome::Away);
    drop(reading);
    assert_eq!(me.inline("COPY text other"), Outcome::Away);
    assert_eq!(me.inline("RENAME set other"), Outcome::Done);
}

#[test]
fn exec_is_not_begun_where_nobody_may_wait_when_it_would_take_long() {
    let mut me = World::new();
    me.make_big_set();
    for (line, outcome) in [
        ("SMEMBERS set", Outcome::Away),
        ("SUNIONSTORE other set set", Outcome::Away),
        ("SCARD set", Outcome::Done),
        ("DEL none", Outcome::Done),
        ("SET third x", Outcome::Done),
    ] {
        me.say("MULTI");
        me.say(line);
        assert_eq!(me.inline("EXEC"), outcome, "{line}");
        if outcome == Outcome::Away {
            assert!(matches!(me.say("EXEC").first(), Some(Token::Array(1))), "{line}");
        }
    }
}

#[test]
fn who_may_not_wait_does_not_wait_for_a_shard_either() {
    let mut me = World::new();
    me.say("SET k v");
    let engine = Arc::clone(&me.engine);
    let entered = engine.space.gate().shared(Patience::Waits).unwrap();
    let table = engine.space.table(&entered, 0).unwrap();
    let held = table.lock(shard_of(engine.space.hash(b"k")), Patience::Waits).unwrap();
    for line in ["KEYS *", "SCAN 0", "RANDOMKEY", "GET k", "SET k w", "DEL k j"] {
        assert_eq!(me.inline(line), Outcome::Away, "{line}");
    }
    drop(held);
    drop(entered);
    for line in ["KEYS *", "SCAN 0", "RANDOMKEY", "GET k", "SET k w", "DEL k j"] {
        assert_eq!(me.inline(line), Outcome::Done, "{line}");
    }
}

#[test]
fn a_big_value_is_evicted_where_it_may_take_long() {
    let mut me = World::new();
    me.make_big_set();
    me.say("CONFIG SET maxmemory 100000 maxmemory-policy allkeys-lru");
    assert_eq!(me.inline("SET k v"), Outcome::Away);
    me.say("SET k v");
    assert_eq!(me.say("EXISTS set k").first(), Some(Token::Int(1)));
    assert!(me.used() < 100_000);
}

#[test]
fn a_database_of_few_but_big_keys_is_freed_where_it_may_take_long() {
    let mut me = World::new();
    me.make_big_set();
    me.say("SET k v");
    let space = &me.engine.space;
    let entered = space.gate().alone(Patience::Waits).unwrap();
    let table = space.replace(&entered, 0).unwrap();
    drop(entered);
    assert!(table.free_cost() > 20_000);
    space.throw_away_table(*table);
    assert_eq!(space.trash_len(), 2);
    assert!(space.claim_trash() && !space.claim_trash());
    space.empty_trash();
    assert_eq!(space.trash_len(), 0);
}

#[test]
fn memory_usage_tells_what_the_books_say() {
    let mut me = World::new();
    // The shard of the key has its table.
    me.say("SET k x");
    me.say("DEL k");
    for (line, slack) in [
        ("SET k short".to_owned(), 40),
        (format!("SET k {}", "x".repeat(1000)), 40),
        (format!("SET k {}", "x".repeat(100_000)), 40),
        (format!("RPUSH k{}", numbered(5000)), 600),
        (format!("SADD k{}", numbered(2000)), 600),
        (format!("HSET k{}", numbered(4000)), 600),
        (format!("ZADD k{}", numbered(4000)), 600),
        ("HSET k a b".to_owned(), 40),
    ] {
        let before = me.used();
        me.say(&line);
        let grown = me.used() - before;
        let said = me.say("MEMORY USAGE k SAMPLES 0");
        let Some(Token::Int(told)) = said.first() else { panic!("{said:?}") };
        assert!(grown.abs_diff(told as usize) <= slack, "{line:.20}: {told}, not {grown}");
        let said = me.say("MEMORY USAGE k");
        let Some(Token::Int(guessed)) = said.first() else { panic!("{said:?}") };
        assert!(guessed.abs_diff(told) <= told.unsigned_abs() / 4, "{guessed} {told}");
        me.say("DEL k");
        // A big value is dropped by another thread, which books it when it has done so.
        for _ in 0..5000 {
            if me.used() <= before {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// ` 1 a1 2 a2 ...`
fn numbered(count: usize) -> String {
    (1..=count / 2).flat_map(|i| [format!(" {i}"), format!(" a{i}")]).collect()
}

#[test]
fn a_brief_command_with_much_to_do_is_in_the_slow_log() {
    let mut world = World::new();
    world.say("CONFIG SET slowlog-log-slower-than 1000");
    // The first call of each command is a sample, whatever it does.
    world.say("SET k small");
    world.say("SADD other member");
    let long = vec![b'v'; 64 << 20];
    let mut out = Reply::new();
    world.try_words(&[b"SET", b"k", &long], &mut out, Patience::Waits);
    assert_eq!(world.say("SLOWLOG LEN").first(), Some(Token::Int(1)));
    let members: Vec<String> = (0..200_000).map(|i| format!("member:{i}")).collect();
    world.say(&format!("SADD set {}", members.join(" ")));
    assert_eq!(world.say("SLOWLOG LEN").first(), Some(Token::Int(2)));
}

#[test]
fn what_had_much_to_do_tells_nothing_of_the_other_calls() {
    let mut world = World::new();
    for i in 0..300 {
        world.say(&format!("RPUSH list {i}"));
    }
    world.say("LRANGE list 0 9");
    for _ in 0..9 {
        world.say("LRANGE list 0 -1");
    }
    let id = crate::command::id_of("lrange").unwrap();
    let measured = world.engine.hub.tally.measured_of(id);
    assert_eq!(measured, (1, 9));
}

#[test]
fn the_time_of_a_script_is_counted_once() {
    let mut world = World::new();
    let script: &[u8] = b"local i = 0 while i < 2e6 do i = i + 1 end return i";
    let since = Instant::now();
    let mut out = Reply::new();
    let words: [&[u8]; 3] = [b"EVAL", script, b"0"];
    assert_eq!(world.try_words(&words, &mut out, Patience::Waits), Outcome::Done);
    let took_us = since.elapsed().as_micros() as u64;
    let info = world.say("INFO commandstats");
    let Some(Token::Verbatim(text)) = info.first() else { panic!("INFO is a text") };
    let text = String::from_utf8_lossy(text);
    let counted = text.split("cmdstat_eval:calls=1,usec=").nth(1).expect("it was called once");
    let counted_us: u64 = counted.split(',').next().expect("a field").parse().expect("a number");
    assert!(0 < counted_us && counted_us <= took_us, "{counted_us} of {took_us}");
}
