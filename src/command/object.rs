//! OBJECT: what is known of a value beside the value. Looking leaves no trace.

use super::help::write_help;
use super::{Args, CONTAINER, Context, Keys, NO_KEYSPACE, READ, Spec, container, spec};
use crate::error::{Error, Result};
use crate::hub::config::MAXMEMORY;
use crate::store::{Entry, Str, encoding, evict};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name             arity keys          flags        handler
    spec("object",          -2, Keys::None,   CONTAINER,   container),
    spec("object|encoding",  3, Keys::Second, READ,        encoding_),
    spec("object|freq",      3, Keys::Second, READ,        freq),
    spec("object|help",      2, Keys::None,   NO_KEYSPACE, help),
    spec("object|idletime",  3, Keys::Second, READ,        idletime),
    spec("object|refcount",  3, Keys::Second, READ,        refcount),
];

/// Servers share the objects of these integers.
const SHARED_INTS: std::ops::Range<i64> = 0..10_000;
/// How many hold a shared object.
const SHARED: i64 = i32::MAX as i64;

/// Answers nil for a missing key, and otherwise what `tell` makes of the value.
fn look(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    tell: impl FnOnce(&Context<'_>, &Entry) -> Result<Answer>,
) -> Result {
    let key = args.key()?;
    let answer = match cx.db.peek(key) {
        None => Answer::Nil,
        Some(entry) => tell(cx, entry)?,
    };
    match answer {
        Answer::Nil => cx.out.nil(),
        Answer::Int(value) => cx.out.int(value),
        Answer::Name(name) => cx.out.bulk(name.as_bytes()),
    }
    Ok(())
}

enum Answer {
    Nil,
    Int(i64),
    Name(&'static str),
}

/// `OBJECT ENCODING key`
fn encoding_(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    look(cx, args, |_, entry| Ok(Answer::Name(encoding(entry))))
}

/// `OBJECT FREQ key`: how often it was used, as LFU policies count.
fn freq(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    look(cx, args, |cx, entry| {
        if !cx.config().policy().counts_uses() {
            return Err(Error::Plain(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust.",
            ));
        }
        Ok(Answer::Int(i64::from(evict::frequency(cx.space, entry))))
    })
}

/// `OBJECT IDLETIME key`: seconds since the last use.
fn idletime(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    look(cx, args, |cx, entry| {
        if cx.config().policy().counts_uses() {
            return Err(Error::Plain(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust.",
            ));
        }
        Ok(Answer::Int(i64::from(evict::idle_seconds(cx.space, entry))))
    })
}

/// `OBJECT REFCOUNT key`: 1, or what servers say of the small integers that they share.
fn refcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    look(cx, args, |cx, entry| {
        let config = cx.config();
        let may_share = config.get(MAXMEMORY) == 0 || !config.policy().notes_uses();
        let is_shared = match entry.as_str() {
            Some(Str::Int(value)) => may_share && SHARED_INTS.contains(&value),
            _ => false,
        };
        Ok(Answer::Int(if is_shared { SHARED } else { 1 }))
    })
}

/// `OBJECT HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("ENCODING <key>", "How the value is kept, in the words of a server."),
            ("FREQ <key>", "How often the key was used, counted logarithmically and decaying."),
            ("IDLETIME <key>", "How many seconds ago the key was last used."),
            ("REFCOUNT <key>", "How many hold the value."),
        ],
    );
    Ok(())
}
