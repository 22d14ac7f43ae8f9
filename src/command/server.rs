//! Whole databases, and the time.
//!
//! A database is emptied by putting a new table in its place; what the old one held is freed
//! later, elsewhere, when it is much.

use std::ops::Range;

use super::{
    ALLOW_BUSY, ALONE, Args, Context, FAST, Keys, NO_KEYSPACE, NO_MULTI, NO_SCRIPT, READ, Spec,
    WRITE, facts, spec,
};
use crate::bytes::{is_word, parse_int};
use crate::error::{Error, Result};
use crate::store::DATABASES;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name    arity keys        flags                 handler
    spec("dbsize",   1, Keys::None, READ | FAST,          dbsize),
    spec("flushall",-1, Keys::None, WRITE | ALONE,        flushall),
    spec("flushdb", -1, Keys::None, WRITE | ALONE,        flushdb),
    spec("info",    -1, Keys::None, NO_KEYSPACE,          super::info::info),
    spec("lolwut",  -1, Keys::None, READ | FAST,          super::lolwut::lolwut),
    spec("monitor",  1, Keys::None, NO_KEYSPACE | NO_SCRIPT, monitor),
    spec("shutdown",-1, Keys::None, NO_KEYSPACE | NO_SCRIPT | NO_MULTI | ALLOW_BUSY, shutdown),
    spec("swapdb",   3, Keys::None, WRITE | FAST | ALONE, swapdb),
    spec("time",     1, Keys::None, FAST | NO_KEYSPACE,   time),
];

/// `DBSIZE`: how many keys, dead ones that nobody has met yet included.
fn dbsize(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.len(cx.db.len());
    Ok(())
}

/// `FLUSHALL [ASYNC | SYNC]`
fn flushall(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    flush(cx, args, 0..DATABASES)
}

/// `FLUSHDB [ASYNC | SYNC]`
fn flushdb(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let index = cx.db.index();
    flush(cx, args, index..index + 1)
}

fn flush(cx: &mut Context<'_>, args: &mut Args<'_>, dbs: Range<usize>) -> Result {
    match args.rest() {
        [] => {}
        [word] if is_word(word, "ASYNC") || is_word(word, "SYNC") => {}
        _ => return Err(Error::Syntax),
    }
    let entered = cx.entered.ok_or(Error::Alone)?;
    for index in dbs.filter(|index| cx.space.table(entered, *index).is_some()) {
        touch_watched(cx, &[index])?;
        let Some(old) = cx.space.replace(entered, index) else { continue };
        if index == cx.db.index() {
            cx.renew_db()?;
        }
        wake_waiting(cx, index)?;
        cx.retire(old);
    }
    if cx.hub.tracking.any() {
        cx.aside(|cx| cx.hub.tracking.flushed(&cx.hub.clients));
    }
    cx.out.ok();
    Ok(())
}

/// Marks who watches a key that is there in any of these databases, in whichever of them.
fn touch_watched(cx: &Context<'_>, dbs: &[usize]) -> Result {
    if !cx.hub.watch.any() {
        return Ok(());
    }
    for (at, key) in cx.hub.watch.keys_of(dbs) {
        let mut is_there = false;
        for index in dbs {
            is_there |= cx.look(*index, |db| db.peek(&key).is_some())?;
        }
        if is_there {
            cx.hub.watch.touched(at, &key);
        }
    }
    Ok(())
}

/// `SWAPDB index1 index2`: clients of one see the other's keys from now on.
fn swapdb(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let first = swap_index(args.next()?, "ERR invalid first DB index")?;
    let second = swap_index(args.next()?, "ERR invalid second DB index")?;
    let (a, b) = (checked(first)?, checked(second)?);
    cx.open_db(a)?;
    cx.open_db(b)?;
    if a != b {
        let entered = cx.entered.ok_or(Error::Alone)?;
        touch_watched(cx, &[a, b])?;
        cx.space.swap(entered, a, b);
        cx.renew_db()?;
        for index in [a, b] {
            wake_waiting(cx, index)?;
        }
    }
    cx.out.ok();
    Ok(())
}

fn swap_index(word: &[u8], refusal: &'static str) -> Result<i64> {
    let index = parse_int(word).filter(|index| i32::try_from(*index).is_ok());
    index.ok_or(Error::Plain(refusal))
}

fn checked(index: i64) -> Result<usize> {
    let index = usize::try_from(index).ok().filter(|index| *index < DATABASES);
    index.ok_or(Error::DbIndexOutOfRange)
}

/// Keys that somebody waits for may have come with the other table, or gone.
fn wake_waiting(cx: &mut Context<'_>, index: usize) -> Result {
    if !cx.hub.waiting.any() {
        return Ok(());
    }
    for key in cx.hub.waiting.keys_of(index) {
        if cx.hub.waiting.has_bound(index, &key) || cx.look(index, |db| db.peek(&key).is_some())? {
            cx.ready(index, &key);
        }
    }
    Ok(())
}

/// `TIME`: seconds since the epoch, and microseconds within the second.
fn time(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let now_us = cx.space.clock.now_us();
    cx.out.array(2);
    cx.out.bulk_int((now_us / 1_000_000) as i64);
    cx.out.bulk_int((now_us % 1_000_000) as i64);
    Ok(())
}

/// `SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]`: ends the servers in front of the store. Its
/// process ends if there is nothing else for it to do.
fn shutdown(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.rest();
    let has = |name| words.iter().any(|word| is_word(word, name));
    let is_known = |word: &&[u8]| {
        ["NOSAVE", "SAVE", "NOW", "FORCE", "ABORT"].iter().any(|name| is_word(word, name))
    };
    if !words.iter().all(is_known)
        || has("ABORT") && words.len() > 1
        || has("NOSAVE") && has("SAVE")
    {
        return Err(Error::Syntax);
    }
    if has("ABORT") {
        return Err(Error::Plain("ERR No shutdown in progress."));
    }
    if !has("NOSAVE") {
        cx.refuse_if_busy()?;
    }
    // Who ends is told nothing more: the connection closes.
    if cx.hub.network.end_servers() {
        return Ok(());
    }
    Err(Error::Plain("ERR there is no server to shut down: this store listens nowhere"))
}

/// `MONITOR`
fn monitor(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    if cx.client.executing {
        return Err(Error::Plain("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    cx.hub.monitors.add(&cx.client.handle);
    cx.out.ok();
    Ok(())
}

/// Do monitors hear of this command? Not of what an administrator does.
pub fn is_monitored(spec: &Spec) -> bool {
    let hidden = |flag: &String| flag == "admin" || flag == "skip_monitor";
    facts::of(spec.name).is_none_or(|facts| !facts.flags.iter().any(hidden))
}
