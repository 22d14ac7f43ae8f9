//! A client and its connection: greeting, database, protocol, farewell.
//!
//! AUTH and HELLO make a client one of the store's users (`hub::acl`); RESET makes it again what
//! it came as.

use std::sync::atomic::Ordering;

use super::acl_log::{Stood, note};
use super::client::{check_label, set_name};
use super::generic::db_index;
use super::{
    ALLOW_BUSY, Args, BESIDE, Context, FAST, Keys, NO_AUTH, NO_KEYSPACE, NO_QUEUE, NO_SCRIPT,
    PUBSUB, Spec, spec,
};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};
use crate::hub::acl::Reason;
use crate::hub::client::{Protocol, Replies};
use crate::hub::{Client, Delivery, Hub, Standing, acl};
use crate::store::Keyspace;

/// Which Redis this behaves as.
pub const REDIS_VERSION: &str = "7.2.4";

const PLAIN: u32 = FAST | NO_KEYSPACE;
/// What a stranger may call.
const GATE: u32 = FAST | NO_KEYSPACE | NO_SCRIPT | NO_AUTH | ALLOW_BUSY;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name   arity keys        flags                      handler
    spec("auth",   -2, Keys::None, GATE,                      auth),
    spec("echo",    2, Keys::None, PLAIN | BESIDE,            echo),
    spec("hello",  -1, Keys::None, GATE,                      hello),
    spec("ping",   -1, Keys::None, PLAIN | BESIDE | PUBSUB,   ping),
    spec("quit",   -1, Keys::None, GATE | PUBSUB | NO_QUEUE,  quit),
    spec("reset",   1, Keys::None, GATE | PUBSUB | NO_QUEUE,  reset),
    spec("select",  2, Keys::None, PLAIN,                     select),
];

const HELLO_NEEDS_AUTH: Error = Error::Plain(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
     <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP \
     protocol version at the same time",
);

const WRONG_PASS: Error =
    Error::Plain("WRONGPASS invalid username-password pair or user is disabled.");

/// `AUTH [username] password`
fn auth(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let command = args.all()[0];
    match args.rest() {
        [password] => {
            if cx.hub.acl.default_user.rules().no_password {
                return Err(Error::Plain(
                    "ERR AUTH <password> called without any password configured for the default \
                     user. Are you sure your configuration is correct?",
                ));
            }
            log_in(cx.hub, cx.space, cx.client, command, acl::DEFAULT, password)?;
        }
        [user, password] => log_in(cx.hub, cx.space, cx.client, command, user, password)?,
        _ => return Err(Error::Syntax),
    }
    cx.out.ok();
    Ok(())
}

/// Makes a client this user, if the password is right; otherwise `command` is noted as refused.
pub fn log_in(
    hub: &Hub,
    space: &Keyspace,
    client: &mut Client,
    command: &[u8],
    name: &[u8],
    password: &[u8],
) -> Result {
    let Some(user) = hub.acl.authenticate(name, password) else {
        note(hub, space, client, Reason::Auth, Stood::of(client), command, name);
        return Err(WRONG_PASS);
    };
    client.become_user(Standing::User(user));
    Ok(())
}

/// `ECHO message`
fn echo(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.out.bulk(args.next()?);
    Ok(())
}

/// `PING [message]`: a subscribed RESP2 client hears it as a message.
fn ping(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.left() > 1 {
        return Err(Error::Arity(cx.spec.name));
    }
    let message = args.rest().first().copied();
    let listens = cx.client.subscriber_mode && cx.client.handle.subscriptions() > 0;
    if listens && !cx.client.is_resp3() {
        cx.out.array(2);
        cx.out.bulk(b"pong");
        cx.out.bulk(message.unwrap_or_default());
    } else {
        match message {
            Some(message) => cx.out.bulk(message),
            None => cx.out.status("PONG"),
        }
    }
    Ok(())
}

/// `QUIT`: what the client left behind goes at once, the client itself when it hears of it.
fn quit(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.hub.forget(cx.client);
    cx.client.handle.closed.store(true, Ordering::Relaxed);
    cx.client.handle.deliver(Delivery::Closed);
    cx.out.ok();
    Ok(())
}

/// `RESET`: as if the client had just come; only what it said of its library stays.
fn reset(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.hub.abandon(cx.client);
    cx.hub.pubsub.drop_all(&cx.client.handle);
    cx.hub.monitors.remove(&cx.client.handle);
    cx.hub.tracking.stop(&cx.client.handle);
    cx.client.replies = Replies::All;
    cx.client.select(0);
    cx.client.speak(Protocol::Resp2);
    cx.client.set_no_evict(false);
    cx.client.set_no_touch(false);
    let standing = if cx.client.is_inside { Standing::Owner } else { cx.hub.acl.newcomer() };
    cx.client.become_user(standing);
    set_name(cx, b"");
    cx.out.status("RESET");
    Ok(())
}

/// `SELECT index`
fn select(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let index = db_index(args.next()?)?;
    cx.open_db(index)?;
    cx.client.select(index);
    cx.out.ok();
    Ok(())
}

/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
fn hello(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut protocol = cx.client.protocol;
    if !args.is_done() {
        protocol = match parse_int(args.next()?) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(Error::Plain("NOPROTO unsupported protocol version")),
            None => {
                return Err(Error::Plain("ERR Protocol version is not an integer or out of range"));
            }
        };
    }
    let (mut user, mut name) = (None, None);
    while let Some(option) = args.peek() {
        if args.left() > 2 && args.option("AUTH") {
            user = Some((args.next()?, args.next()?));
        } else if args.left() > 1 && args.option("SETNAME") {
            let asked = args.next()?;
            check_label(asked, "Client names")?;
            name = Some(asked);
        } else {
            let option = lossy(option);
            return Err(Error::text(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = user {
        log_in(cx.hub, cx.space, cx.client, args.all()[0], user, password)?;
    } else if cx.hub.acl.must_authenticate(&cx.client.standing) {
        return Err(HELLO_NEEDS_AUTH);
    }
    if let Some(name) = name {
        set_name(cx, name);
    }
    cx.client.speak(protocol);
    write_greeting(cx);
    Ok(())
}

fn write_greeting(cx: &mut Context<'_>) {
    let texts = [("server", "redis"), ("version", REDIS_VERSION)];
    cx.out.map(7);
    for (name, value) in texts {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(value.as_bytes());
    }
    cx.out.bulk(b"proto");
    cx.out.int(if cx.client.is_resp3() { 3 } else { 2 });
    cx.out.bulk(b"id");
    cx.out.int(cx.client.id() as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(value.as_bytes());
    }
    cx.out.bulk(b"modules");
    cx.out.array(0);
}

/// Reads `ON` or `OFF`.
pub fn on_or_off(word: &[u8]) -> Result<bool> {
    match word {
        word if is_word(word, "ON") => Ok(true),
        word if is_word(word, "OFF") => Ok(false),
        _ => Err(Error::Syntax),
    }
}
