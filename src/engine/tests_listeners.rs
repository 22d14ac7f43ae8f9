//! Who hears what happens to keys and of commands: keyspace events, stale copies; and commands that
//! are about other clients: their waits, their end, their pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::tests_clients::{Person, soon};
use super::{Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Delivery, Handle, Mailbox};
use crate::reply::Reply;
use crate::store::Patience;

/// Counts answers.
#[derive(Default)]
struct Answers(AtomicUsize);

impl Mailbox for Answers {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        if matches!(delivery, Delivery::Answered(..)) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Somebody who hears of every keyspace event, and somebody else.
fn listener_and_other() -> (Person, Person) {
    let mut listener = Person::alone();
    let mut other = Person::of(&listener.engine);
    other.say("CONFIG SET notify-keyspace-events EAnm");
    listener.say("PSUBSCRIBE __keyevent@*");
    (listener, other)
}

/// The events with their keys, without what is the same about all of them.
fn events(listener: &mut Person) -> Vec<String> {
    let short = |line: String| line.replace("push[4] pmessage __keyevent@* __keyevent@0__:", "");
    listener.heard().into_iter().map(short).collect()
}

#[test]
fn keys_that_die_unread_are_told_of() {
    let (mut listener, mut other) = listener_and_other();
    other.say("SET k v PX 100");
    assert_eq!(events(&mut listener), ["new k", "set k", "expire k"]);
    other.engine.advance(100);
    assert_eq!(events(&mut listener), ["expired k"]);
}

#[test]
fn keys_that_make_room_are_told_of() {
    let (mut listener, mut other) = listener_and_other();
    other.say("SET old v");
    listener.heard();
    other.say("CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    other.say("SET k v");
    assert_eq!(events(&mut listener), ["evicted old"]);
}

#[test]
fn a_key_that_is_served_at_once_is_told_of_all_the_same() {
    let (mut listener, mut other) = listener_and_other();
    let mut waiter = Person::of(&other.engine);
    waiter.call("BLPOP list 0");
    other.say("RPUSH list a");
    assert_eq!(waiter.heard(), ["[2] list a"]);
    assert_eq!(events(&mut listener), ["new list", "rpush list", "lpop list", "del list"]);
}

#[test]
fn nobody_is_told_when_nobody_asked() {
    let (mut listener, mut other) = listener_and_other();
    for setting in ["\"\"", "A", "KE"] {
        other.say(&format!("CONFIG SET notify-keyspace-events {}", setting.replace('"', "")));
        other.say("SET k v");
        assert!(listener.heard().is_empty(), "{setting}");
    }
}

#[test]
fn another_client_hears_of_stale_copies_in_ones_place() {
    let mut me = Person::alone();
    let mut friend = Person::of(&me.engine);
    let mut other = Person::of(&me.engine);
    let id = friend.say("CLIENT ID");
    me.say("HELLO 2");
    me.say(&format!("CLIENT TRACKING ON REDIRECT {id}"));
    assert_eq!(me.say("CLIENT GETREDIR"), id);
    me.say("GET k");
    other.say("SET k v");
    assert_eq!(friend.heard(), ["push[2] invalidate [1] k"]);
    // With RESP2 it comes as a message, if messages are what the friend expects.
    friend.say("HELLO 2");
    me.say("GET k");
    other.say("SET k v");
    assert!(friend.heard().is_empty());
    friend.say("SUBSCRIBE __redis__:invalidate");
    me.say("GET k");
    other.say("SET k v");
    assert_eq!(friend.heard(), ["push[3] message __redis__:invalidate [1] k"]);
    other.say("FLUSHALL");
    assert_eq!(friend.heard(), ["push[3] message __redis__:invalidate nil"]);
    assert!(me.heard().is_empty());
}

#[test]
fn a_redirection_that_leads_nowhere_is_told_of() {
    let mut me = Person::alone();
    let mut friend = Person::of(&me.engine);
    let id = friend.say("CLIENT ID");
    me.say(&format!("CLIENT TRACKING ON REDIRECT {id}"));
    friend.say("QUIT");
    me.say_all(&["GET k", "SET k v"]);
    assert_eq!(me.heard(), [format!("push[2] tracking-redir-broken {id}")]);
    assert!(me.say("CLIENT TRACKINGINFO").contains("broken_redirect"));
    assert!(me.say("CLIENT INFO").contains(" flags=tR "));
}

#[test]
fn one_key_too_many_is_given_up_as_if_it_had_changed() {
    let mut me = Person::alone();
    me.say_all(&["CONFIG SET tracking-table-max-keys 2", "CLIENT TRACKING ON", "MGET a b"]);
    assert!(me.heard().is_empty());
    me.say("GET c");
    assert_eq!(me.heard().len(), 1);
    let info = me.say("INFO");
    assert!(info.contains("tracking_total_keys:2") && info.contains("tracking_clients:1"));
    me.say("CLIENT TRACKING OFF");
    assert!(!me.engine.hub.tracking.any());
}

#[test]
fn what_makes_room_is_stale() {
    let mut me = Person::alone();
    me.say_all(&["CLIENT TRACKING ON", "SET k v", "GET k"]);
    me.say("CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    me.say("SET other v");
    assert_eq!(me.heard(), ["push[2] invalidate [1] k"]);
}

#[test]
fn a_wait_can_be_ended_by_another_client() {
    let mut me = Person::alone();
    let mut waiter = Person::of(&me.engine);
    let id = waiter.say("CLIENT ID");
    for (reason, answer) in [("", "nil"), (" TIMEOUT", "nil")] {
        waiter.call("BLPOP k 0");
        assert_eq!(me.say(&format!("CLIENT UNBLOCK {id}{reason}")), "1");
        assert_eq!(waiter.heard(), [answer]);
    }
    waiter.call("BLPOP k 0");
    assert_eq!(me.say(&format!("CLIENT UNBLOCK {id} ERROR")), "1");
    assert_eq!(waiter.heard(), ["UNBLOCKED client unblocked via CLIENT UNBLOCK"]);
    assert_eq!(me.say(&format!("CLIENT UNBLOCK {id}")), "0");
}

#[test]
fn a_killed_client_leaves_nothing_and_is_told() {
    let mut me = Person::alone();
    let mut waiter = Person::of(&me.engine);
    let id = waiter.say("CLIENT ID");
    waiter.call("BLPOP k 0");
    assert_eq!(me.say(&format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(waiter.heard(), ["closed"]);
    assert!(me.engine.hub.waiting.is_empty());
    assert_eq!(me.say(&format!("CLIENT LIST ID {id}")), "");
    me.say("RPUSH k a");
    assert_eq!(me.say("LLEN k"), "1");
}

#[test]
fn who_kills_himself_is_answered_first_and_can_do_nothing_more() {
    let mut me = Person::alone();
    assert_eq!(me.say("CLIENT KILL SKIPME NO"), "1");
    assert_eq!(me.heard(), ["closed"]);
    assert_eq!(me.say("PING"), "ERR Connection is closed.");
}

#[test]
fn a_pause_of_everything_ends_when_its_time_has_come() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    let mut third = Person::of(&me.engine);
    me.say("SET mortal v PX 10");
    me.say("CLIENT PAUSE 100");
    // A shorter one that holds back less changes nothing; nor can it be ended now.
    me.call("CLIENT UNPAUSE");
    other.call("SET k 1");
    third.call("GET k");
    me.engine.advance(99);
    assert!(me.heard().is_empty() && other.heard().is_empty() && third.heard().is_empty());
    assert_eq!(me.engine.hub.pause.len(), 3);
    me.engine.advance(1);
    assert_eq!(me.heard(), ["OK"]);
    assert_eq!(other.heard(), ["OK"]);
    assert_eq!(third.heard(), ["1"]);
    me.engine.tick();
    assert_eq!(me.say("DBSIZE"), "1");
}

#[test]
fn a_client_that_is_held_back_can_be_closed() {
    let mut me = Person::alone();
    let mut other = Person::of(&me.engine);
    let id = other.say("CLIENT ID");
    me.say("CLIENT PAUSE 100 WRITE");
    other.call("SET k 1");
    assert!(me.say(&format!("CLIENT LIST ID {id}")).contains(" flags=b "));
    assert_eq!(me.say(&format!("CLIENT UNBLOCK {id}")), "0");
    assert_eq!(me.say(&format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(other.heard(), ["closed"]);
    me.say("CLIENT UNPAUSE");
    assert_eq!(me.say("GET k"), "nil");
}

#[test]
fn a_pause_ends_by_itself_on_the_machines_clock() {
    let mut me = Person::of(&Engine::open(&Options::default()));
    let answers = Arc::<Answers>::default();
    let client = me.engine.connect(Arc::clone(&answers) as Arc<dyn Mailbox>, Protocol::Resp2);
    me.say("CLIENT PAUSE 200");
    let outcome =
        me.engine.call(&mut Some(client), None, &[b"PING"], &mut Reply::new(), Patience::Inline);
    assert_eq!(outcome, Outcome::Waits);
    soon(|| answers.0.load(Ordering::SeqCst) == 1);
}
