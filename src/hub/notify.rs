//! Keyspace events: which are published (`notify-keyspace-events`), and where to.
//!
//! An event has a class, which follows from its name. It is published on two channels, one named
//! after the key and one after the event, as an ordinary message.

use super::pubsub::{PubSub, Sort};

/// On `__keyspace@<db>__:<key>`.
const KEYSPACE: u32 = 1;
/// On `__keyevent@<db>__:<event>`.
const KEYEVENT: u32 = 1 << 1;
const GENERIC: u32 = 1 << 2;
const STRING: u32 = 1 << 3;
const LIST: u32 = 1 << 4;
const SET: u32 = 1 << 5;
const HASH: u32 = 1 << 6;
const SORTED_SET: u32 = 1 << 7;
const STREAM: u32 = 1 << 8;
const EXPIRED: u32 = 1 << 9;
const EVICTED: u32 = 1 << 10;
/// Of modules' own types, of which there are none.
const MODULE: u32 = 1 << 11;
/// A key that was not there has been made.
pub const NEW: u32 = 1 << 12;
/// A key was asked for that is not there.
pub const MISSED: u32 = 1 << 13;

/// What the letter A stands for.
const ALL: u32 =
    GENERIC | STRING | LIST | SET | HASH | SORTED_SET | STREAM | EXPIRED | EVICTED | MODULE;

/// In the order in which a server writes them.
const CLASSES: [(u32, u8); 11] = [
    (GENERIC, b'g'),
    (STRING, b'$'),
    (LIST, b'l'),
    (SET, b's'),
    (HASH, b'h'),
    (SORTED_SET, b'z'),
    (EXPIRED, b'x'),
    (EVICTED, b'e'),
    (STREAM, b't'),
    (MODULE, b'd'),
    (NEW, b'n'),
];
const WHERE_AND_MISSED: [(u32, u8); 3] = [(KEYSPACE, b'K'), (KEYEVENT, b'E'), (MISSED, b'm')];

/// Reads the letters of the setting. `None` if one is unknown.
pub fn parse(letters: &[u8]) -> Option<u32> {
    letters.iter().try_fold(0, |flags, letter| {
        if *letter == b'A' {
            return Some(flags | ALL);
        }
        let mut known = CLASSES.iter().chain(&WHERE_AND_MISSED);
        known.find(|(_, name)| name == letter).map(|(flag, _)| flags | flag)
    })
}

/// The setting as a server writes it: all classes are one letter.
pub fn show(flags: u32) -> String {
    let mut letters = String::new();
    let has_all = flags & ALL == ALL;
    if has_all {
        letters.push('A');
    }
    for (flag, letter) in CLASSES.iter().filter(|_| !has_all).chain(&WHERE_AND_MISSED) {
        if flags & flag != 0 {
            letters.push(char::from(*letter));
        }
    }
    letters
}

/// Can anything be published with these flags?
pub fn is_on(flags: u32) -> bool {
    flags & (KEYSPACE | KEYEVENT) != 0 && flags & !(KEYSPACE | KEYEVENT) != 0
}

/// The class of an event. Names begin with their type's letter, with few exceptions.
fn class_of(event: &str) -> u32 {
    match event {
        "del" | "rename_from" | "rename_to" | "move_from" | "move_to" | "copy_to" | "restore"
        | "expire" | "persist" => GENERIC,
        "set" | "setrange" | "setbit" | "append" | "incrby" | "incrbyfloat" | "pfadd" => STRING,
        "sortstore" => LIST,
        "geosearchstore" | "georadiusstore" => SORTED_SET,
        "expired" => EXPIRED,
        "evicted" => EVICTED,
        "new" => NEW,
        "keymiss" => MISSED,
        // A change that servers tell nobody of.
        "" => 0,
        other => match other.as_bytes().first() {
            Some(b'l' | b'r') => LIST,
            Some(b's') => SET,
            Some(b'h') => HASH,
            Some(b'z') => SORTED_SET,
            Some(b'x') => STREAM,
            _ => GENERIC,
        },
    }
}

/// Publishes an event if its class is among the flags.
pub fn publish(pubsub: &PubSub, flags: u32, db: usize, key: &[u8], event: &str) {
    if flags & class_of(event) == 0 || !pubsub.any() {
        return;
    }
    let send = |kind: &str, name: &[u8], message: &[u8]| {
        let mut channel = format!("__{kind}@{db}__:").into_bytes();
        channel.extend_from_slice(name);
        pubsub.publish(Sort::Channel, &channel, message);
    };
    if flags & KEYSPACE != 0 {
        send("keyspace", key, event.as_bytes());
    }
    if flags & KEYEVENT != 0 {
        send("keyevent", event.as_bytes(), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_written_as_a_server_writes_them() {
        for (given, shown) in [
            ("KEA", "AKE"),
            ("g$lshzxeKEtmdn", "AKEm"),
            ("Ex", "xE"),
            ("Kn", "nK"),
            ("AmnKE", "AKEm"),
            ("g$lshzxetd", "A"),
            ("", ""),
        ] {
            assert_eq!(parse(given.as_bytes()).map(show).as_deref(), Some(shown), "{given}");
        }
        assert_eq!(parse(b"KEq"), None);
    }
}
