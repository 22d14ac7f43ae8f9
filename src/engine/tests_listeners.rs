//! Who hears what happens to keys and of commands: keyspace events.

use super::tests_clients::Person;

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
