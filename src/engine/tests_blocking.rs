//! Commands that wait for a key: who is served, when, and in which order.

use std::fmt::Write as _;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::{ClockOption, Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;

/// One mailbox for all clients, so that the order among them shows.
#[derive(Default)]
struct Log(Mutex<Vec<Delivery>>);

impl Mailbox for Log {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        self.0.lock().push(delivery);
    }
}

/// A store with some clients, which are called by their numbers.
struct World {
    engine: Arc<Engine>,
    log: Arc<Log>,
    clients: Vec<Option<Box<Client>>>,
}

const WAITS: &str = "(waits)";

impl World {
    fn with_clients(count: usize) -> Self {
        let options =
            Options { clock: ClockOption::Manual(1_000_000), seed: Some(1), ..Options::default() };
        let engine = Engine::open(&options);
        let log = Arc::<Log>::default();
        let connect = |tag| {
            let mailbox = Arc::clone(&log) as Arc<dyn Mailbox>;
            let mut client = engine.connect(mailbox, Protocol::Resp2);
            client.tag = tag;
            Some(client)
        };
        let clients = (0..count as u64).map(connect).collect();
        Self { engine, log, clients }
    }

    fn say(&mut self, who: usize, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        let client = &mut self.clients[who];
        match self.engine.call(client, None, &words, &mut out, Patience::Waits) {
            Outcome::Done => show(&out),
            Outcome::Waits => WAITS.to_owned(),
            Outcome::Away => panic!("nobody is in a hurry here: {line}"),
        }
    }

    /// Says a line that has to wait.
    fn wait(&mut self, who: usize, line: &str) {
        assert_eq!(self.say(who, line), WAITS, "{line}");
    }

    /// What arrived since the last call, as `client: reply`; who was answered is home again.
    fn heard(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        for delivery in std::mem::take(&mut *self.log.0.lock()) {
            if let Delivery::Answered(client, reply) = delivery {
                heard.push(format!("{}: {}", client.tag, show(&reply)));
                let place = client.tag as usize;
                self.clients[place] = Some(client);
            }
        }
        heard
    }

    fn waiting(&self) -> usize {
        self.engine.hub.waiting.len()
    }
}

/// A reply in one line: `[a [1 2]]`, `nil`, `!WRONGTYPE ...`.
fn show(reply: &Reply) -> String {
    let mut tokens = reply.tokens();
    let mut text = String::new();
    let first = tokens.next().expect("every command answers");
    show_token(first, &mut tokens, &mut text);
    text
}

fn show_token<'a>(token: Token<'a>, rest: &mut impl Iterator<Item = Token<'a>>, text: &mut String) {
    let shown = match token {
        Token::Nil | Token::NilArray => write!(text, "nil"),
        Token::Int(value) => write!(text, "{value}"),
        Token::Bulk(bytes) | Token::Status(bytes) => write!(text, "{}", bytes.escape_ascii()),
        Token::Ok => write!(text, "OK"),
        Token::Error(words) => write!(text, "!{}", words.escape_ascii()),
        Token::Array(count) => {
            text.push('[');
            for at in 0..count {
                if at > 0 {
                    text.push(' ');
                }
                show_token(rest.next().expect("elements were announced"), rest, text);
            }
            text.push(']');
            Ok(())
        }
        other => panic!("not a reply of these tests: {other:?}"),
    };
    shown.expect("a string takes everything");
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let mut world = World::with_clients(4);
    world.wait(2, "BLPOP q 0");
    world.wait(0, "BRPOP other q 0");
    world.wait(1, "BLMPOP 0 1 q LEFT COUNT 2");
    for (element, heard) in [("a", "2: [q a]"), ("b", "0: [q b]"), ("c", "1: [q [c]]")] {
        assert_eq!(world.say(3, &format!("RPUSH q {element}")), "1");
        assert_eq!(world.heard(), [heard]);
    }
    assert_eq!(world.waiting(), 0);
}

#[test]
fn after_a_push_to_a_waiter_the_list_is_empty() {
    let mut world = World::with_clients(2);
    world.wait(0, "BLPOP q 0");
    assert_eq!(world.say(1, "LPUSH q x"), "1");
    assert_eq!(world.say(1, "LLEN q"), "0");
    assert_eq!(world.say(1, "EXISTS q"), "0");
    assert_eq!(world.heard(), ["0: [q x]"]);
}

#[test]
fn one_push_serves_as_many_as_it_brings_elements() {
    let mut world = World::with_clients(4);
    world.wait(0, "BLPOP q 0");
    world.wait(1, "BRPOP q 0");
    world.wait(2, "BLPOP q 0");
    assert_eq!(world.say(3, "RPUSH q a b"), "2");
    assert_eq!(world.heard(), ["0: [q a]", "1: [q b]"]);
    assert_eq!(world.waiting(), 1);
    assert_eq!(world.say(3, "LPUSH q c d e"), "3");
    assert_eq!(world.heard(), ["2: [q e]"]);
    assert_eq!(world.say(3, "LRANGE q 0 -1"), "[d c]");
}

#[test]
fn of_several_keys_the_first_named_with_elements_is_popped() {
    let mut world = World::with_clients(2);
    world.wait(0, "BLPOP k1 k2 k3 0");
    world.say(1, "MULTI");
    world.say(1, "RPUSH k3 three");
    world.say(1, "RPUSH k2 two");
    assert_eq!(world.say(1, "EXEC"), "[1 1]");
    assert_eq!(world.heard(), ["0: [k2 two]"]);
    assert_eq!(world.say(1, "LRANGE k3 0 -1"), "[three]");
}

#[test]
fn a_client_that_names_a_key_twice_waits_once() {
    let mut world = World::with_clients(2);
    world.wait(0, "BLPOP q q 0");
    world.say(1, "RPUSH q a b");
    assert_eq!(world.heard(), ["0: [q a]"]);
    assert_eq!(world.say(1, "LLEN q"), "1");
    assert_eq!(world.waiting(), 0);
}

#[test]
fn what_a_waiter_moves_wakes_the_next() {
    let mut world = World::with_clients(4);
    world.wait(0, "BLPOP c 0");
    world.wait(1, "BLMOVE b c LEFT RIGHT 0");
    world.wait(2, "BRPOPLPUSH a b 0");
    assert_eq!(world.say(3, "RPUSH a x"), "1");
    assert_eq!(world.say(3, "EXISTS a b c"), "0");
    assert_eq!(world.heard(), ["2: x", "1: x", "0: [c x]"]);
}

#[test]
fn a_circle_of_moves_comes_to_rest() {
    let mut world = World::with_clients(4);
    world.wait(0, "BLMOVE a b LEFT LEFT 0");
    world.wait(1, "BLMOVE b a LEFT LEFT 0");
    world.wait(2, "BLMOVE a a LEFT RIGHT 0");
    assert_eq!(world.say(3, "RPUSH a x"), "1");
    assert_eq!(world.heard(), ["0: x", "1: x", "2: x"]);
    assert_eq!(world.say(3, "LRANGE a 0 -1"), "[x]");
}

#[test]
fn a_wait_ends_at_the_millisecond_of_its_timeout() {
    let mut world = World::with_clients(4);
    world.wait(0, "BLPOP q 0.05");
    world.wait(1, "BLMOVE q r LEFT LEFT 0.0201");
    world.wait(2, "XREAD BLOCK 50 STREAMS s $");
    world.wait(3, "BRPOP q 0");
    world.engine.advance(20);
    assert!(world.heard().is_empty());
    world.engine.advance(1);
    assert_eq!(world.heard(), ["1: nil"]);
    world.engine.advance(28);
    assert!(world.heard().is_empty());
    world.engine.advance(1);
    assert_eq!(world.heard(), ["0: nil", "2: nil"]);
    world.engine.advance(1 << 40);
    assert!(world.heard().is_empty());
    world.say(0, "RPUSH q x");
    assert_eq!(world.heard(), ["3: [q x]"]);
}

#[test]
fn a_client_whose_time_was_up_takes_nothing() {
    let mut world = World::with_clients(2);
    world.wait(0, "BLPOP q 0.01");
    world.engine.advance(10);
    world.say(1, "RPUSH q x");
    assert_eq!(world.heard(), ["0: nil"]);
    assert_eq!(world.say(0, "LPOP q"), "x");
}

#[test]
fn waking_in_vain_does_not_lengthen_a_wait() {
    let mut world = World::with_clients(2);
    world.wait(0, "XREAD BLOCK 100 STREAMS s 5-0");
    world.engine.advance(60);
    world.say(1, "XADD s 4-0 f v");
    assert!(world.heard().is_empty());
    world.engine.advance(40);
    assert_eq!(world.heard(), ["0: nil"]);
    assert_eq!(world.waiting(), 0);
}

#[test]
fn in_a_transaction_nothing_waits() {
    let mut world = World::with_clients(1);
    world.say(0, "MULTI");
    for line in [
        "BLPOP q 0",
        "BRPOP q 0",
        "BLMOVE q r LEFT LEFT 0",
        "BRPOPLPUSH q r 0",
        "BLMPOP 0 1 q LEFT",
        "XREAD BLOCK 0 STREAMS s $",
    ] {
        assert_eq!(world.say(0, line), "QUEUED");
    }
    assert_eq!(world.say(0, "EXEC"), "[nil nil nil nil nil nil]");
    assert_eq!(world.waiting(), 0);
}

#[test]
fn waiters_are_served_when_a_transaction_has_ended() {
    let mut world = World::with_clients(3);
    world.wait(0, "BLPOP q 0");
    world.wait(1, "BLPOP gone 0");
    world.say(2, "MULTI");
    for line in ["RPUSH q a", "LLEN q", "LPUSH q b", "RPUSH gone x", "DEL gone"] {
        world.say(2, line);
    }
    assert_eq!(world.say(2, "EXEC"), "[1 1 2 1 1]");
    assert_eq!(world.heard(), ["0: [q b]"]);
    assert_eq!(world.say(2, "LRANGE q 0 -1"), "[a]");
    assert_eq!(world.waiting(), 1);
}

#[test]
fn who_disconnects_takes_nothing() {
    let mut world = World::with_clients(3);
    world.wait(0, "BLPOP q r 0.5");
    let id = world.engine.hub.waiting.queue_of(0, b"q")[0];
    world.wait(1, "BLPOP q 0");
    assert!(world.engine.disconnect_parked(id));
    assert!(!world.engine.disconnect_parked(id));
    assert!(world.engine.hub.waiting.queue_of(0, b"r").is_empty());
    world.say(2, "RPUSH q x");
    assert_eq!(world.heard(), ["1: [q x]"]);
    world.engine.advance(1000);
    assert!(world.heard().is_empty());
}

#[test]
fn another_type_under_the_key_wakes_nobody() {
    let mut world = World::with_clients(3);
    world.wait(0, "BLPOP q 0");
    world.wait(1, "XREAD BLOCK 0 STREAMS q 0");
    for line in ["SET q v", "DEL q", "SADD q m", "DEL q", "HSET q f v", "DEL q"] {
        world.say(2, line);
        assert!(world.heard().is_empty(), "{line}");
    }
    world.say(2, "XADD q 1-1 f v");
    assert_eq!(world.heard(), ["1: [[q [[1-1 [f v]]]]]"]);
    world.say(2, "DEL q");
    world.say(2, "RPUSH q x");
    assert_eq!(world.heard(), ["0: [q x]"]);
}

#[test]
fn another_type_under_another_of_its_keys_ends_the_wait() {
    let wrong = "!WRONGTYPE Operation against a key holding the wrong kind of value";
    let mut world = World::with_clients(4);
    world.wait(0, "BLPOP k1 k2 0");
    world.wait(1, "BLMOVE k2 k1 LEFT LEFT 0");
    world.wait(2, "BLPOP k2 0");
    world.say(3, "SET k1 v");
    assert!(world.heard().is_empty());
    world.say(3, "RPUSH k2 x");
    assert_eq!(world.heard(), [format!("0: {wrong}"), format!("1: {wrong}"), "2: [k2 x]".into()]);
    assert_eq!(world.waiting(), 0);
}

#[test]
fn a_wait_belongs_to_its_database() {
    let mut world = World::with_clients(2);
    world.wait(0, "BLPOP q 0");
    world.say(1, "SELECT 1");
    world.say(1, "RPUSH q there");
    assert!(world.heard().is_empty());
    assert_eq!(world.say(1, "MOVE q 0"), "1");
    assert_eq!(world.heard(), ["0: [q there]"]);
}

#[test]
fn every_reader_of_a_stream_gets_what_came_after_its_id() {
    let mut world = World::with_clients(4);
    world.say(3, "XADD s 1-1 f old");
    world.wait(0, "XREAD BLOCK 0 STREAMS s other $ $");
    world.wait(1, "XREAD BLOCK 0 STREAMS s 2-1");
    world.wait(2, "XREAD BLOCK 0 COUNT 1 STREAMS s 1-1");
    world.say(3, "XADD s 2-1 f a");
    assert_eq!(world.heard(), ["0: [[s [[2-1 [f a]]]]]", "2: [[s [[2-1 [f a]]]]]"]);
    world.say(3, "XADD s 3-1 f b");
    assert_eq!(world.heard(), ["1: [[s [[3-1 [f b]]]]]"]);
}

#[test]
fn the_dollar_is_the_last_id_when_the_wait_began() {
    let mut world = World::with_clients(2);
    world.wait(0, "XREAD BLOCK 0 STREAMS s $");
    world.say(1, "MULTI");
    world.say(1, "XADD s 1-1 f a");
    world.say(1, "XADD s 1-2 f b");
    world.say(1, "EXEC");
    assert_eq!(world.heard(), ["0: [[s [[1-1 [f a]] [1-2 [f b]]]]]"]);
}

#[test]
fn waits_leave_no_memory_on_the_books() {
    let mut world = World::with_clients(2);
    world.say(1, "RPUSH q warm");
    world.say(1, "DEL q");
    let before = world.engine.space.used_bytes();
    for _ in 0..100 {
        world.wait(0, "BLMPOP 0 3 a b q LEFT COUNT 10");
        world.say(1, "RPUSH q one two three");
        assert_eq!(world.heard(), ["0: [q [one two three]]"]);
        world.wait(0, "XREAD BLOCK 1 STREAMS s $");
        world.engine.advance(1);
        assert_eq!(world.heard(), ["0: nil"]);
    }
    assert_eq!(world.engine.space.used_bytes(), before);
}

const NO_GROUP: &str =
    r"!NOGROUP No such key \'s\' or consumer group \'g\' in XREADGROUP with GROUP option";

#[test]
fn a_wait_for_a_group_ends_when_its_key_dies() {
    let mut world = World::with_clients(3);
    world.say(2, "XGROUP CREATE s g $ MKSTREAM");
    world.say(2, "PEXPIRE s 20");
    world.wait(0, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    world.wait(1, "XREAD BLOCK 0 STREAMS s $");
    world.engine.advance(19);
    assert!(world.heard().is_empty());
    world.engine.advance(1);
    assert_eq!(world.heard(), [format!("0: {NO_GROUP}")]);
    // Whoever meets the dead key first, before the sweeper does.
    world.say(2, "XGROUP CREATE s g $ MKSTREAM");
    world.say(2, "PEXPIRE s 20");
    world.wait(0, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    world.engine.space.clock.advance(20);
    assert_eq!(world.say(2, "XLEN s"), "0");
    assert_eq!(world.heard(), [format!("0: {NO_GROUP}")]);
    assert_eq!(world.waiting(), 1);
    assert!(!world.engine.hub.waiting.any_bound());
}

#[test]
fn a_wait_for_a_group_ends_when_its_key_makes_room() {
    let engine = Engine::open(&Options::default());
    let (sender, answers) = mpsc::channel();
    let mut reader = Some(engine.connect(Arc::new(Post(Mutex::new(sender))), Protocol::Resp2));
    let (sender, _) = mpsc::channel();
    let mut other = Some(engine.connect(Arc::new(Post(Mutex::new(sender))), Protocol::Resp2));
    let call = |client: &mut Option<Box<Client>>, line: &str| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        engine.call(client, None, &words, &mut Reply::new(), Patience::Waits)
    };
    call(&mut other, "XGROUP CREATE s g $ MKSTREAM");
    let waits = call(&mut reader, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    assert_eq!(waits, Outcome::Waits);
    call(&mut other, "CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    call(&mut other, "SET k v");
    let (_, reply) = answers.recv_timeout(Duration::from_secs(60)).expect("the wait ends");
    assert_eq!(show(&reply), NO_GROUP);
}

#[test]
fn who_waits_for_a_group_and_leaves_is_bound_to_nothing() {
    let mut world = World::with_clients(2);
    world.say(1, "XGROUP CREATE s g $ MKSTREAM");
    world.wait(0, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    let id = world.engine.hub.waiting.queue_of(0, b"s")[0];
    assert!(world.engine.hub.waiting.has_bound(0, b"s"));
    assert!(world.engine.disconnect_parked(id));
    assert!(!world.engine.hub.waiting.any_bound());
    world.say(1, "DEL s");
    assert!(world.heard().is_empty());
}

#[test]
fn groups_leave_no_memory_on_the_books() {
    let mut world = World::with_clients(2);
    let play = |world: &mut World| {
        for line in [
            "XADD s 1-1 f v",
            "XADD s 2-1 f v",
            "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g c STREAMS s >",
            "XCLAIM s g d 0 1-1",
            "XDEL s 2-1",
            "XAUTOCLAIM s g e 0 0",
            "COPY s t",
            "XGROUP DELCONSUMER s g e",
            "DEL s t",
        ] {
            world.say(1, line);
        }
        world.engine.space.used_bytes()
    };
    let before = play(&mut world);
    for _ in 0..100 {
        world.say(1, "XGROUP CREATE s g $ MKSTREAM");
        world.wait(0, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        world.say(1, "XADD s 1-1 f v");
        assert_eq!(world.heard(), ["0: [[s [[1-1 [f v]]]]]"]);
        world.say(1, "DEL s");
        assert_eq!(play(&mut world), before);
    }
}

/// A mailbox of one client, whose thread waits for it.
struct Post(Mutex<mpsc::Sender<(Box<Client>, Reply)>>);

impl Mailbox for Post {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        if let Delivery::Answered(client, reply) = delivery {
            // The receiver is gone only when its thread has failed already.
            let _ = self.0.lock().send((client, reply));
        }
    }
}

#[test]
fn between_threads_every_element_arrives_once() {
    const THREADS: usize = 3;
    const EACH: usize = 400;
    let engine = Engine::open(&Options::default());
    let pop = |engine: Arc<Engine>| {
        let (sender, answers) = mpsc::channel();
        let post = Arc::new(Post(Mutex::new(sender)));
        let mut client = Some(engine.connect(post, Protocol::Resp2));
        let mut popped = Vec::new();
        for _ in 0..EACH {
            let mut out = Reply::new();
            let words: [&[u8]; 4] = [b"BLPOP", b"none", b"q", b"0"];
            if engine.call(&mut client, None, &words, &mut out, Patience::Waits) == Outcome::Waits {
                let (home, reply) = answers.recv().expect("the store lives");
                client = Some(home);
                out = reply;
            }
            popped.push(show(&out));
        }
        popped
    };
    let push = |engine: Arc<Engine>, thread: usize| {
        let (sender, _) = mpsc::channel();
        let mut client = Some(engine.connect(Arc::new(Post(Mutex::new(sender))), Protocol::Resp2));
        for i in 0..EACH {
            let element = format!("{thread}:{i}");
            let words: [&[u8]; 3] = [b"RPUSH", b"q", element.as_bytes()];
            engine.call(&mut client, None, &words, &mut Reply::new(), Patience::Waits);
        }
    };
    let mut popped: Vec<String> = thread::scope(|scope| {
        let poppers: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| pop(Arc::clone(&engine)))).collect();
        for thread in 0..THREADS {
            let engine = Arc::clone(&engine);
            scope.spawn(move || push(engine, thread));
        }
        poppers.into_iter().flat_map(|popper| popper.join().expect("no popper fails")).collect()
    });
    let mut pushed: Vec<String> = (0..THREADS)
        .flat_map(|thread| (0..EACH).map(move |i| format!("[q {thread}:{i}]")))
        .collect();
    popped.sort();
    pushed.sort();
    assert_eq!(popped, pushed);
}
