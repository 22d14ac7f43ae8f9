//! Messages to whoever listens: channels, patterns and shard channels.
//!
//! SUBSCRIBE and its kin answer once for each channel: the reply holds several pushes in a row,
//! and whoever reads it hands them on one by one. What is published goes into the mailboxes of
//! those who listen; nobody's code runs here.

use std::sync::Arc;

use super::help::write_help;
use super::{
    Args, CONTAINER, Context, FAST, Keys, NO_KEYSPACE, NO_SCRIPT, PUBSUB, Spec, container, spec,
    wrong_usage,
};
use crate::error::{Error, Result};
use crate::hub::Delivery;
use crate::hub::pubsub::Sort;
use crate::reply::Reply;

const LISTEN: u32 = PUBSUB | NO_SCRIPT | NO_KEYSPACE;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                 arity keys        flags                handler
    spec("psubscribe",           -2, Keys::None, LISTEN,             psubscribe),
    spec("publish",               3, Keys::None, FAST | NO_KEYSPACE, publish),
    spec("pubsub",               -2, Keys::None, CONTAINER,          container),
    spec("pubsub|channels",      -2, Keys::None, NO_KEYSPACE,        channels),
    spec("pubsub|help",           2, Keys::None, NO_KEYSPACE,        help),
    spec("pubsub|numpat",         2, Keys::None, NO_KEYSPACE,        numpat),
    spec("pubsub|numsub",        -2, Keys::None, NO_KEYSPACE,        numsub),
    spec("pubsub|shardchannels", -2, Keys::None, NO_KEYSPACE,        shardchannels),
    spec("pubsub|shardnumsub",   -2, Keys::None, NO_KEYSPACE,        shardnumsub),
    spec("punsubscribe",         -1, Keys::None, LISTEN,             punsubscribe),
    spec("spublish",              3, Keys::None, FAST | NO_KEYSPACE, spublish),
    spec("ssubscribe",           -2, Keys::None, LISTEN,             ssubscribe),
    spec("subscribe",            -2, Keys::None, LISTEN,             subscribe),
    spec("sunsubscribe",         -1, Keys::None, LISTEN,             sunsubscribe),
    spec("unsubscribe",          -1, Keys::None, LISTEN,             unsubscribe),
];

/// `SUBSCRIBE channel [channel ...]`
fn subscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    listen(cx, args, Sort::Channel, "subscribe")
}

/// `PSUBSCRIBE pattern [pattern ...]`
fn psubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    listen(cx, args, Sort::Pattern, "psubscribe")
}

/// `SSUBSCRIBE shardchannel [shardchannel ...]`
fn ssubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if cx.client.executing {
        let why = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
        return Err(Error::Plain(why));
    }
    listen(cx, args, Sort::Shard, "ssubscribe")
}

/// `UNSUBSCRIBE [channel ...]`
fn unsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    leave(cx, args, Sort::Channel, "unsubscribe")
}

/// `PUNSUBSCRIBE [pattern ...]`
fn punsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    leave(cx, args, Sort::Pattern, "punsubscribe")
}

/// `SUNSUBSCRIBE [shardchannel ...]`
fn sunsubscribe(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    leave(cx, args, Sort::Shard, "sunsubscribe")
}

fn listen(cx: &mut Context<'_>, args: &mut Args<'_>, sort: Sort, word: &str) -> Result {
    let names = args.rest();
    for (at, name) in names.iter().enumerate() {
        cx.hub.pubsub.subscribe(&cx.client.handle, sort, name);
        let count = cx.client.handle.listening(sort);
        confirm(cx, word, Some(name), count, at + 1 == names.len());
    }
    Ok(())
}

/// Without names, everything of this sort; that answers once even if there was nothing.
fn leave(cx: &mut Context<'_>, args: &mut Args<'_>, sort: Sort, word: &str) -> Result {
    let given = args.rest();
    for (at, name) in given.iter().enumerate() {
        cx.hub.pubsub.unsubscribe(&cx.client.handle, sort, name);
        let count = cx.client.handle.listening(sort);
        confirm(cx, word, Some(name), count, at + 1 == given.len());
    }
    if !given.is_empty() {
        return Ok(());
    }
    let names = cx.hub.pubsub.unsubscribe_all(&cx.client.handle, sort);
    let count = cx.client.handle.listening(sort);
    for (name, others) in names.iter().zip((0..names.len()).rev()) {
        confirm(cx, word, Some(name), count + others, others == 0);
    }
    if names.is_empty() {
        confirm(cx, word, None, count, true);
    }
    Ok(())
}

/// Tells that a subscription was added or ended, and how many are left of its side.
///
/// EXEC has one place for each command's reply, so there all but the last go into the mailbox.
fn confirm(cx: &mut Context<'_>, word: &str, name: Option<&[u8]>, left: usize, is_last: bool) {
    if cx.client.executing && !is_last {
        let mut push = Reply::new();
        write_confirmation(&mut push, word, name, left);
        cx.client.handle.deliver(Delivery::Push(Arc::new(push)));
    } else {
        write_confirmation(cx.out, word, name, left);
    }
}

fn write_confirmation(out: &mut Reply, word: &str, name: Option<&[u8]>, left: usize) {
    out.push(3);
    out.bulk(word.as_bytes());
    out.bulk_or_nil(name);
    out.len(left);
}

/// `PUBLISH channel message`: how many heard it, each subscription counted.
fn publish(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    send(cx, args, Sort::Channel)
}

/// `SPUBLISH shardchannel message`
fn spublish(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    send(cx, args, Sort::Shard)
}

fn send(cx: &mut Context<'_>, args: &mut Args<'_>, sort: Sort) -> Result {
    let (channel, message) = (args.next()?, args.next()?);
    let heard = cx.hub.pubsub.publish(sort, channel, message);
    cx.out.len(heard);
    Ok(())
}

/// `PUBSUB CHANNELS [pattern]`: the channels somebody listens to.
fn channels(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_channels(cx, args, Sort::Channel)
}

/// `PUBSUB SHARDCHANNELS [pattern]`
fn shardchannels(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_channels(cx, args, Sort::Shard)
}

fn write_channels(cx: &mut Context<'_>, args: &mut Args<'_>, sort: Sort) -> Result {
    if args.left() > 1 {
        return Err(wrong_usage(args));
    }
    let found = cx.hub.pubsub.channels(sort, args.rest().first().copied());
    cx.out.array(found.len());
    for name in &found {
        cx.out.bulk(name);
    }
    Ok(())
}

/// `PUBSUB NUMSUB [channel ...]`: each channel with its number of listeners.
fn numsub(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_listeners(cx, args, Sort::Channel)
}

/// `PUBSUB SHARDNUMSUB [shardchannel ...]`
fn shardnumsub(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_listeners(cx, args, Sort::Shard)
}

fn write_listeners(cx: &mut Context<'_>, args: &mut Args<'_>, sort: Sort) -> Result {
    let names = args.rest();
    cx.out.array(names.len() * 2);
    for name in names {
        cx.out.bulk(name);
        cx.out.len(cx.hub.pubsub.listeners(sort, name));
    }
    Ok(())
}

/// `PUBSUB NUMPAT`: how many different patterns are listened to.
fn numpat(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.len(cx.hub.pubsub.patterns());
    Ok(())
}

/// `PUBSUB HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CHANNELS [<pattern>]", "Channels that somebody listens to."),
            ("NUMPAT", "How many different patterns are listened to."),
            ("NUMSUB [<channel> ...]", "How many clients listen to each channel."),
            ("SHARDCHANNELS [<pattern>]", "Shard channels that somebody listens to."),
            ("SHARDNUMSUB [<shardchannel> ...]", "How many clients listen to each shard channel."),
        ],
    );
    Ok(())
}
