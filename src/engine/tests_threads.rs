//! Many threads at once: nothing is lost, nothing is counted twice, nobody waits for ever.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;
use crate::types::random::Rng;

/// Longer than any of these tests takes on the slowest machine.
const FOREVER: Duration = Duration::from_secs(60);

/// Hands what arrives to the one thread that waits for it.
struct Post(Mutex<mpsc::Sender<(Box<Client>, Reply)>>);

impl Mailbox for Post {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        if let Delivery::Answered(client, reply) = delivery {
            // Who has ended does not wait any more.
            let _ = self.0.lock().send((client, reply));
        }
    }
}

/// A client as a JavaScript thread has it: called without patience, and elsewhere if need be.
pub(super) struct Caller {
    engine: Arc<Engine>,
    client: Option<Box<Client>>,
    post: mpsc::Receiver<(Box<Client>, Reply)>,
    pub(super) went_away: usize,
}

impl Caller {
    pub(super) fn of(engine: &Arc<Engine>) -> Self {
        let (sender, post) = mpsc::channel();
        let mailbox = Arc::new(Post(Mutex::new(sender)));
        let client = engine.connect(mailbox, Protocol::Resp3);
        Self { engine: Arc::clone(engine), client: Some(client), post, went_away: 0 }
    }

    pub(super) fn call(&mut self, line: &str) -> Reply {
        self.call_words(&line.split(' ').collect::<Vec<_>>())
    }

    pub(super) fn call_words(&mut self, words: &[&str]) -> Reply {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut out = Reply::new();
        match self.engine.call(&mut self.client, None, &words, &mut out, Patience::Inline) {
            Outcome::Done => return out,
            Outcome::Away => {
                self.went_away += 1;
                let client = self.client.take().expect("nothing was done, so it is at home");
                let words: Vec<Box<[u8]>> = words.iter().map(|word| Box::from(*word)).collect();
                self.engine.call_elsewhere(client, None, words);
            }
            Outcome::Waits => {}
        }
        let (client, reply) = self.post.recv_timeout(FOREVER).expect("an answer");
        self.client = Some(client);
        reply
    }

    /// The integers of a reply, or of strings in it.
    fn numbers(&mut self, line: &str) -> Vec<i64> {
        let reply = self.call(line);
        let number = |token| match token {
            Token::Bulk(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            Token::Int(value) => Some(value),
            _ => None,
        };
        reply.tokens().filter_map(number).collect()
    }

    /// Runs lines as one transaction.
    fn transaction(&mut self, lines: &[String]) -> Vec<Vec<i64>> {
        self.call("MULTI");
        for line in lines {
            self.call(line);
        }
        let reply = self.call("EXEC");
        let mut parts: Vec<Vec<i64>> = Vec::new();
        let mut left = 0;
        for token in reply.tokens().skip(1) {
            if left == 0 {
                parts.push(Vec::new());
                left = 1;
            }
            left = left - 1 + token.children();
            if let (Token::Bulk(text), Some(part)) = (token, parts.last_mut()) {
                part.extend(
                    std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()),
                );
            }
        }
        parts
    }
}

const ACCOUNTS: usize = 10;
const TOTAL: i64 = 10_000;

/// What the threads of the test below share.
#[derive(Default)]
struct Books {
    over: AtomicBool,
    /// Sum of the numbers pushed to the list, and of those that came out of it.
    pushed: AtomicI64,
    taken: AtomicI64,
    pushers: AtomicUsize,
}

fn accounts() -> String {
    let names: Vec<String> = (0..ACCOUNTS).map(|i| format!("account:{i}")).collect();
    names.join(" ")
}

/// Sets all accounts as they were first.
fn opening() -> String {
    let each = TOTAL / ACCOUNTS as i64;
    let pairs: Vec<String> = (0..ACCOUNTS).map(|i| format!("account:{i} {each}")).collect();
    format!("MSET {}", pairs.join(" "))
}

/// Moves money about, fills the second database with mortal things of all kinds, and works for
/// whoever waits for jobs.
fn trade(me: &mut Caller, books: &Books, seed: u64) {
    let mut rng = Rng::new(seed);
    let text = "x".repeat(20_000);
    let mut job = 0;
    while !books.over.load(Ordering::Relaxed) {
        let (from, to) = (rng.below(ACCOUNTS), rng.below(ACCOUNTS));
        let by = rng.below(50);
        me.transaction(&[
            format!("DECRBY account:{from} {by}"),
            format!("INCRBY account:{to} {by}"),
        ]);
        let sum: i64 = me.numbers(&format!("MGET {}", accounts())).iter().sum();
        assert_eq!(sum, TOTAL);
        job += 1;
        books.pushed.fetch_add(job, Ordering::SeqCst);
        if me.numbers(&format!("RPUSH jobs {job}")).is_empty() {
            // There was no memory for it.
            books.pushed.fetch_sub(job, Ordering::SeqCst);
        }
        me.call("SELECT 1");
        let key = rng.below(500);
        for line in [
            format!("SET s:{key} {} PX {}", &text[..1 << rng.below(15)], 1 + rng.below(5)),
            format!("GETDEL s:{}", rng.below(500)),
            format!("SADD set:{key} a {job} b"),
            format!("EXPIRE set:{key} 1"),
            format!("SPOP set:{}", rng.below(500)),
            format!("HSET h:{key} f {job} g {}", &text[..rng.below(200)]),
            format!("PEXPIRE h:{key} 3"),
            format!("APPEND s:{key} {}", &text[..rng.below(20_000)]),
            "RANDOMKEY".to_owned(),
            format!("SCAN {}", rng.next_u64() >> 11),
            format!("RENAME s:{key} s:{}", rng.below(500)),
        ] {
            me.call(&line);
        }
        if rng.below(50) == 0 {
            me.call("FLUSHDB");
        }
        me.call("SELECT 0");
        if rng.below(100) == 0 {
            let lines = ["LRANGE jobs 0 -1".into(), "FLUSHALL".into(), opening()];
            if let Some(jobs) = me.transaction(&lines).first() {
                books.taken.fetch_add(jobs.iter().sum(), Ordering::SeqCst);
            }
        }
    }
    books.pushers.fetch_sub(1, Ordering::SeqCst);
}

/// Takes jobs from the list, waiting for them, until there will be no more.
fn work(me: &mut Caller, books: &Books) {
    loop {
        let ended = books.pushers.load(Ordering::SeqCst) == 0;
        let jobs = me.numbers("BLPOP jobs 0.005");
        books.taken.fetch_add(jobs.iter().sum(), Ordering::SeqCst);
        if ended && jobs.is_empty() {
            return;
        }
    }
}

#[test]
fn money_and_jobs_are_neither_lost_nor_made_and_all_memory_comes_back() {
    let mut options = Options::default();
    options.setting("maxmemory", "600kb").unwrap();
    options.setting("maxmemory-policy", "volatile-lru").unwrap();
    let engine = Engine::open(&options);
    let mut me = Caller::of(&engine);
    me.call(&opening());
    let books = Books { pushers: AtomicUsize::new(3), ..Books::default() };
    thread::scope(|scope| {
        for seed in 0..3 {
            let (engine, books) = (&engine, &books);
            scope.spawn(move || trade(&mut Caller::of(engine), books, seed));
        }
        for _ in 0..2 {
            scope.spawn(|| work(&mut Caller::of(&engine), &books));
        }
        thread::sleep(Duration::from_millis(1200));
        books.over.store(true, Ordering::Relaxed);
    });
    assert_eq!(me.numbers(&format!("MGET {}", accounts())).iter().sum::<i64>(), TOTAL);
    assert_eq!(books.taken.load(Ordering::SeqCst), books.pushed.load(Ordering::SeqCst));
    assert_eq!(me.numbers("LLEN jobs"), [0]);
    let stats = engine.space.stats();
    assert!(stats.expired > 0 && stats.evicted > 0, "{stats:?}");
    assert!(engine.hub.waiting.is_empty());
    me.call("FLUSHALL");
    let since = Instant::now();
    // Both tables were there before anything was booked.
    while engine.space.has_trash() || engine.space.booked_bytes().abs() > 4096 {
        assert!(since.elapsed() < FOREVER, "{} bytes are left", engine.space.booked_bytes());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs these in two threads at once, very often; fails if they stand still.
fn side_by_side(engine: &Arc<Engine>, lines: [&'static str; 2]) {
    let (done, ended) = mpsc::channel();
    for line in lines {
        let (engine, done) = (Arc::clone(engine), done.clone());
        thread::spawn(move || {
            let mut me = Caller::of(&engine);
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            for _ in 0..20_000 {
                let mut out = Reply::new();
                me.engine.call(&mut me.client, None, &words, &mut out, Patience::Waits);
            }
            let _ = done.send(());
        });
    }
    for _ in lines {
        ended.recv_timeout(FOREVER).expect("the two wait for each other");
    }
}

#[test]
fn commands_that_draw_lots_do_not_wait_for_each_other() {
    let engine = Engine::open(&Options::default());
    let mut me = Caller::of(&engine);
    me.call("SADD set a b c d");
    side_by_side(&engine, ["RANDOMKEY", "SRANDMEMBER set"]);
    me.call("CONFIG SET maxmemory-policy allkeys-lfu");
    side_by_side(&engine, ["RANDOMKEY", "SCARD set"]);
}

#[test]
fn no_deadline_is_overlooked_while_the_sweeper_goes_round() {
    let engine = Engine::open(&Options::default());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..2 {
            let (engine, over) = (&engine, &over);
            scope.spawn(move || {
                let mut me = Caller::of(engine);
                let mut rng = Rng::new(seed);
                while !over.load(Ordering::Relaxed) {
                    me.call(&format!("SET k:{} v PX {}", rng.below(50), 1 + rng.below(3)));
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
    // The sweeper goes again by itself, without anybody reading.
    while me.numbers("DBSIZE") != [0] {
        assert!(since.elapsed() < FOREVER, "a key was forgotten");
        thread::sleep(Duration::from_millis(1));
    }
}
