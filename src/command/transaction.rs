//! MULTI, EXEC and what belongs to them.
//!
//! The engine queues (`engine::check`) and runs the queue under the gate it holds alone; here is
//! only what opens, ends and refuses a transaction. WATCH is a registry in the hub: a watched
//! key that changes, or is found dead, marks the client, and EXEC of a marked client answers nil.

use std::sync::atomic::Ordering;

use super::scripting::may_take_long;
use super::{
    ALLOW_BUSY, ALONE, Args, Context, FAST, FollowUp, Keys, NO_KEYSPACE, NO_MULTI, NO_QUEUE,
    NO_SCRIPT, Spec, TABLE as ALL_COMMANDS, spec,
};
use crate::error::{Error, Result};
use crate::hub::{Queued, Transaction};
use crate::store::{Patience, work};

const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };

const APART: u32 = FAST | NO_KEYSPACE | ALLOW_BUSY;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name    arity keys        flags                                          handler
    spec("discard",  1, Keys::None, NO_QUEUE | NO_SCRIPT | APART,                  discard),
    spec("exec",     1, Keys::None, NO_QUEUE | NO_SCRIPT | ALONE,                  exec),
    spec("multi",    1, Keys::None, NO_MULTI | NO_SCRIPT | APART,                  multi),
    spec("unwatch",  1, Keys::None, NO_SCRIPT | APART,                             unwatch),
    spec("watch",   -2, ALL,        NO_MULTI | NO_SCRIPT | FAST | ALLOW_BUSY,      watch),
];

/// `MULTI`: from now on commands are queued.
fn multi(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.client.transaction = Some(Transaction::default());
    cx.client.handle.queued.store(0, Ordering::Relaxed);
    cx.out.ok();
    Ok(())
}

/// `DISCARD`: forgets the queue and the watches.
fn discard(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    if cx.client.transaction.is_none() {
        return Err(Error::Plain("ERR DISCARD without MULTI"));
    }
    cx.hub.abandon(cx.client);
    cx.out.ok();
    Ok(())
}

/// `EXEC`: runs the queue, unless something was refused while queueing or a watched key has
/// changed.
fn exec(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let Some(transaction) = &cx.client.transaction else {
        return Err(Error::Plain("ERR EXEC without MULTI"));
    };
    let failed = transaction.failed;
    if !failed && cx.patience != Patience::Waits {
        let is_long = |queued: &Queued| may_take_long(cx, ALL_COMMANDS[queued.id], &queued.words);
        if transaction.queue.iter().any(is_long) {
            return Err(Error::Away);
        }
        cx.cost(transaction.queue.len())?;
        cx.cost(transaction.queue.iter().map(|queued| work_of(cx, queued)).sum())?;
    }
    meet_dead_keys(cx)?;
    let dirty = cx.client.handle.dirty.load(Ordering::Relaxed);
    let queue = cx.aside(|cx| {
        let transaction = cx.client.transaction.take();
        cx.hub.abandon(cx.client);
        transaction.map(|transaction| transaction.queue).filter(|_| !failed && !dirty)
    });
    match queue {
        _ if failed => return Err(Error::ExecAbort),
        None => cx.out.nil_array(),
        Some(queue) => cx.follow_up(FollowUp::Run(queue)),
    }
    Ok(())
}

/// About how much a queued command has to go through, as things are now: once EXEC has begun it
/// cannot be moved to a thread that may take long.
fn work_of(cx: &Context<'_>, queued: &Queued) -> usize {
    let spec = ALL_COMMANDS[queued.id];
    if spec.is(FAST) {
        return queued.words.len();
    }
    if spec.keys == Keys::None {
        return if spec.name == "keys" { cx.db.len() } else { 1 };
    }
    let words: Vec<&[u8]> = queued.words.iter().map(|word| &**word).collect();
    let positions = spec.keys.positions(&words).unwrap_or_default();
    let keys = positions.into_iter().map(|at| cx.db.peek(words[at]).map_or(1, work));
    words.len() + keys.sum::<usize>()
}

/// A watched key that has died counts as changed: looking at it removes it and tells.
fn meet_dead_keys(cx: &mut Context<'_>) -> Result {
    for (index, key) in &cx.client.watched {
        cx.look(*index, |db| {
            db.peek(key);
        })?;
    }
    Ok(())
}

/// `WATCH key [key ...]`: a change of any of them before EXEC makes EXEC answer nil.
fn watch(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    for key in args.rest() {
        // A key that is dead already is missing, which is no change.
        cx.db.peek(key);
        cx.tell_noted();
        cx.aside(|cx| cx.hub.watch.add(cx.client, key));
    }
    cx.out.ok();
    Ok(())
}

/// `UNWATCH`: forgets the watches and what they saw.
fn unwatch(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.hub.watch.drop_all(cx.client);
    cx.out.ok();
    Ok(())
}
