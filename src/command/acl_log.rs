//! What users were refused, and what they would be.

use super::access::{Places, channels_of, keys_of};
use super::client::line_of;
use super::{Args, Context, NO_AUTH, TABLE, find, id_of, wrong_usage};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};
use crate::hub::acl::{Access, Denial, Entry, Reason, Request, Rules};
use crate::hub::config::ACLLOG_MAX_LEN;
use crate::hub::{Client, Hub};
use crate::store::Keyspace;

/// Entries that ACL LOG tells when it is not told how many.
const TOLD: usize = 10;

/// May the user with these rules call the command with these words?
pub fn check(rules: &Rules, id: usize, words: &[&[u8]]) -> Result<(), Denial> {
    ask(rules, id, words, |request| rules.check(request))
}

/// May the running command, called with these words, read keys that they do not name?
pub fn may_read_all_keys(cx: &Context<'_>, words: &[&[u8]]) -> bool {
    let Some(user) = cx.hub.acl.limits(&cx.client.standing) else { return true };
    let Some(id) = id_of(cx.spec.name) else { return false };
    let reads = Access { reads: true, writes: false };
    let rules = user.rules();
    ask(&rules, id, words, |request| rules.may_with_all_keys(request, reads))
}

fn ask<R>(rules: &Rules, id: usize, words: &[&[u8]], ask: impl Fn(&Request<'_>) -> R) -> R {
    let keys = if rules.limits_keys() { keys_of(id, words) } else { Places::new() };
    let spec = TABLE[id];
    ask(&Request {
        id,
        words,
        depth: usize::from(spec.depth),
        is_free: spec.is(NO_AUTH),
        keys: &keys,
        channels: &channels_of(id, words),
    })
}

/// Where a refused command stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stood {
    TopLevel,
    Multi,
    Script,
}

impl Stood {
    /// A client in a transaction queues.
    pub fn of(client: &Client) -> Self {
        if client.transaction.is_some() || client.executing { Self::Multi } else { Self::TopLevel }
    }
}

/// Notes that a client was refused something, which `object` names.
pub fn note(
    hub: &Hub,
    space: &Keyspace,
    client: &Client,
    reason: Reason,
    stood: Stood,
    object: &[u8],
    user: &[u8],
) {
    let now_ms = space.now_ms();
    let line = line_of(space, client.id(), &client.handle);
    let entry = Entry {
        count: 1,
        reason,
        context: match stood {
            Stood::TopLevel => "toplevel",
            Stood::Multi => "multi",
            Stood::Script => "lua",
        },
        object: object.to_vec(),
        user: user.to_vec(),
        client: line.trim_end().to_owned(),
        id: 0,
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    hub.acl.log.add(entry, usize::try_from(hub.config.get(ACLLOG_MAX_LEN)).unwrap_or(0));
}

/// Notes a denial of permissions.
pub fn note_denial(
    hub: &Hub,
    space: &Keyspace,
    client: &Client,
    stood: Stood,
    denial: Denial,
    id: usize,
    words: &[&[u8]],
) {
    let (reason, object) = match denial {
        Denial::Command => (Reason::Command, TABLE[id].name.as_bytes()),
        Denial::Key(at) => (Reason::Key, words[at]),
        Denial::Channel(at) => (Reason::Channel, words[at]),
    };
    note(hub, space, client, reason, stood, object, client.standing.name());
}

/// What a client is told that may not call a command.
pub fn refusal(denial: Denial, user: &[u8], id: usize) -> Error {
    match denial {
        Denial::Command => Error::text(format!("NOPERM {}", no_permission(user, id))),
        Denial::Key(_) => Error::Plain("NOPERM No permissions to access a key"),
        Denial::Channel(_) => Error::Plain("NOPERM No permissions to access a channel"),
    }
}

/// What a script is told that calls what its user may not.
pub fn refusal_in_script(client: &Client, denial: Denial, id: usize) -> Error {
    let refusal = refusal(denial, client.standing.name(), id).to_string();
    let why = refusal.strip_prefix("NOPERM ").unwrap_or(&refusal);
    Error::text(format!("ERR ACL failure in script: {why}"))
}

/// What EXEC says in the place of a command that was allowed when it was queued.
pub fn refusal_in_exec(denial: Denial) -> Error {
    let why = match denial {
        Denial::Command => "no permission to execute the command or subcommand",
        Denial::Key(_) => "no permission to touch the specified keys",
        Denial::Channel(_) => "no permission to access one of the channels used as arguments",
    };
    Error::text(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
         EXEC call. This command is no longer allowed for the following reason: {why}"
    ))
}

fn no_permission(user: &[u8], id: usize) -> String {
    let (user, name) = (lossy(user), TABLE[id].name);
    format!("User {user} has no permissions to run the '{name}' command")
}

/// `ACL DRYRUN username command [arg ...]`: `OK`, or why not.
pub fn dryrun(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = args.next()?;
    let words = args.rest();
    let user = cx.hub.acl.user(name);
    let user = user.ok_or_else(|| Error::text(format!("ERR User '{}' not found", lossy(name))))?;
    let id = find(words).map_err(|container| match container {
        Some(spec) if words.len() == 1 => Error::Arity(spec.name),
        _ => {
            let asked = lossy(words.first().copied().unwrap_or_default());
            Error::text(format!("ERR Command '{asked}' not found"))
        }
    })?;
    if !TABLE[id].takes(words.len()) {
        return Err(Error::Arity(TABLE[id].name));
    }
    let no_access = |at: usize, to_what: &str| {
        let user: &[&[u8]] = &[b"User ", name, b" has no permissions to access the '"];
        [&user.concat(), words[at], b"' ", to_what.as_bytes()].concat()
    };
    match check(&user.rules(), id, words) {
        Ok(()) => cx.out.ok(),
        Err(Denial::Command) => cx.out.bulk(no_permission(name, id).as_bytes()),
        Err(Denial::Key(at)) => cx.out.bulk(&no_access(at, "key")),
        Err(Denial::Channel(at)) => cx.out.bulk(&no_access(at, "channel")),
    }
    Ok(())
}

/// `ACL LOG [count | RESET]`: the newest first.
pub fn log(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let count = match args.rest() {
        [] => TOLD,
        [word] if is_word(word, "RESET") => {
            cx.hub.acl.log.clear();
            cx.out.ok();
            return Ok(());
        }
        // None are told of a count below zero.
        [count] => usize::try_from(parse_int(count).ok_or(Error::NotAnInteger)?).unwrap_or(0),
        _ => return Err(wrong_usage(args)),
    };
    let entries = cx.hub.acl.log.newest(count);
    cx.out.array(entries.len());
    for entry in &entries {
        write_entry(cx, entry);
    }
    Ok(())
}

fn write_entry(cx: &mut Context<'_>, entry: &Entry) {
    let now_ms = cx.db.now_ms();
    let out = &mut *cx.out;
    out.map(10);
    out.bulk(b"count");
    out.int(entry.count as i64);
    let texts: [(&str, &[u8]); 4] = [
        ("reason", entry.reason.name().as_bytes()),
        ("context", entry.context.as_bytes()),
        ("object", &entry.object),
        ("username", &entry.user),
    ];
    for (name, value) in texts {
        out.bulk(name.as_bytes());
        out.bulk(value);
    }
    out.bulk(b"age-seconds");
    out.double(now_ms.saturating_sub(entry.updated_ms) as f64 / 1000.0);
    out.bulk(b"client-info");
    out.bulk(entry.client.as_bytes());
    let numbers = [
        ("entry-id", entry.id),
        ("timestamp-created", entry.created_ms),
        ("timestamp-last-updated", entry.updated_ms),
    ];
    for (name, value) in numbers {
        out.bulk(name.as_bytes());
        out.int(value as i64);
    }
}
