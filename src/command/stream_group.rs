//! Streams: groups and their consumers, made, moved and removed; acknowledging.
//!
//! Who watches a key hears nothing of its groups, as with a server (`Context::changed_beside`).

use super::help::write_help;
use super::stream::parse_id;
use super::stream_range::parse_bound;
use super::{Args, Context};
use crate::bytes::{lossy, parse_int};
use crate::error::{Error, Result};
use crate::types::stream::{Group, Stream, StreamId};

/// No such group, or no such key.
pub fn no_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (lossy(key), lossy(group));
    Error::text(format!("NOGROUP No such key '{key}' or consumer group '{group}'"))
}

/// The key is there, but no such group.
pub fn no_group_of(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (lossy(key), lossy(group));
    Error::text(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}

/// What a container with many forms answers to a form it does not know.
pub fn unknown_form(args: &Args<'_>, container: &str) -> Error {
    let asked = args.all().get(1).copied().unwrap_or_default();
    let asked = lossy(&asked[..asked.len().min(128)]);
    Error::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{asked}'. Try {container} HELP."
    ))
}

/// What follows the id in XGROUP CREATE and XGROUP SETID.
#[derive(Default)]
struct Options {
    make: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &mut Args<'_>, creates: bool) -> Result<Self> {
        let mut options = Self::default();
        while !args.is_done() {
            if creates && args.option("MKSTREAM") {
                options.make = true;
            } else if args.left() > 1 && args.option("ENTRIESREAD") {
                let count = parse_int(args.next()?).ok_or(Error::NotAnInteger)?;
                if count < -1 {
                    return Err(Error::Plain("ERR value for ENTRIESREAD must be positive or -1"));
                }
                options.entries_read = u64::try_from(count).ok();
            } else {
                return Err(unknown_form(args, "XGROUP"));
            }
        }
        Ok(options)
    }
}

/// The stream that XGROUP is about.
fn stream<'s>(cx: &'s mut Context<'_>, key: &[u8]) -> Result<&'s mut Stream> {
    cx.db.write::<Stream>(key)?.ok_or(Error::Plain(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want \
         to use the MKSTREAM option to create an empty stream automatically.",
    ))
}

fn group<'s>(cx: &'s mut Context<'_>, key: &[u8], name: &[u8]) -> Result<&'s mut Group> {
    stream(cx, key)?.group_mut(name).ok_or_else(|| no_group_of(key, name))
}

/// `XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]`
pub fn create(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.all().len();
    let (key, name, id) = (args.key()?, args.next()?, args.next()?);
    let options = Options::parse(args, true)?;
    let last_id = match cx.db.write::<Stream>(key)? {
        Some(stream) => Some(stream.last_id()),
        None if options.make => None,
        None => return stream(cx, key).map(|_| ()),
    };
    // Options may be repeated, but not for ever.
    if words > 8 {
        return Err(unknown_form(args, "XGROUP"));
    }
    let id = match id {
        b"$" => last_id.unwrap_or(StreamId::MIN),
        id => parse_id(id, 0)?,
    };
    let stream = cx.db.create::<Stream>(key)?;
    if stream.create_group(name, id, options.entries_read).is_none() {
        return Err(Error::Plain("BUSYGROUP Consumer Group name already exists"));
    }
    if last_id.is_none() {
        cx.changed(key, "xgroup-create");
        let db = cx.db.index();
        if cx.hub.waiting.has(db, key) {
            // The event alone wakes nobody, but there is a stream where there was none.
            cx.ready(db, key);
        }
    } else {
        cx.changed_beside(key, Some("xgroup-create"));
    }
    cx.out.ok();
    Ok(())
}

/// `XGROUP SETID key group id | $ [ENTRIESREAD entries-read]`
pub fn setid(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.all().len();
    let (key, name, id) = (args.key()?, args.next()?, args.next()?);
    let options = Options::parse(args, false)?;
    group(cx, key, name)?;
    if words != 5 && words != 7 {
        return Err(unknown_form(args, "XGROUP"));
    }
    let id = match id {
        b"$" => stream(cx, key)?.last_id(),
        b"(" => return Err(super::stream::INVALID_ID),
        // No interval begins here, but its ends are ids.
        b"-" | b"+" => parse_bound(id, 0)?.0,
        id => parse_id(id, 0)?,
    };
    let group = group(cx, key, name)?;
    group.last_id = id;
    group.entries_read = options.entries_read;
    cx.changed_beside(key, Some("xgroup-setid"));
    cx.out.ok();
    Ok(())
}

/// `XGROUP DESTROY key group`: whether there was one.
pub fn destroy(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name) = (args.key()?, args.next()?);
    let pending = stream(cx, key)?.group(name).map(Group::pending_len);
    cx.cost(pending.unwrap_or(0) / 64)?;
    if stream(cx, key)?.delete_group(name).is_some() {
        cx.changed_beside(key, Some("xgroup-destroy"));
    }
    cx.out.yes_no(pending.is_some());
    Ok(())
}

/// `XGROUP CREATECONSUMER key group consumer`: whether it is new.
pub fn new_consumer(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name, consumer) = (args.key()?, args.next()?, args.next()?);
    let now_ms = cx.db.now_ms().cast_signed();
    let is_new = group(cx, key, name)?.create_consumer(consumer, now_ms);
    if is_new {
        cx.changed_beside(key, Some("xgroup-createconsumer"));
    }
    cx.out.yes_no(is_new);
    Ok(())
}

/// `XGROUP DELCONSUMER key group consumer`: how many entries were pending for it.
pub fn del_consumer(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name, consumer) = (args.key()?, args.next()?, args.next()?);
    let known = group(cx, key, name)?;
    let pending = known.find_consumer(consumer).map(|id| known.consumer(id).pending_len());
    cx.cost(pending.unwrap_or(0))?;
    if group(cx, key, name)?.delete_consumer(consumer).is_some() {
        cx.changed_beside(key, Some("xgroup-delconsumer"));
    }
    cx.out.len(pending.unwrap_or(0));
    Ok(())
}

/// `XGROUP HELP`
pub fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <count>]", "A new group."),
            ("CREATECONSUMER <key> <groupname> <consumer>", "A new consumer of a group."),
            ("DELCONSUMER <key> <groupname> <consumer>", "Removes a consumer."),
            ("DESTROY <key> <groupname>", "Removes a group."),
            ("SETID <key> <groupname> <id|$> [ENTRIESREAD <count>]", "Where a group goes on."),
        ],
    );
    Ok(())
}

/// `XACK key group id [id ...]`: how many were pending.
pub fn xack(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name) = (args.key()?, args.next()?);
    let group = cx.db.write::<Stream>(key)?.and_then(|stream| stream.group_mut(name));
    let Some(group) = group else {
        cx.out.int(0);
        return Ok(());
    };
    let words = args.rest();
    for word in words {
        parse_id(word, 0)?;
    }
    let ids = words.iter().filter_map(|word| parse_id(word, 0).ok());
    let acknowledged = ids.filter(|id| group.acknowledge(*id)).count();
    if acknowledged > 0 {
        cx.changed_beside(key, None);
    }
    cx.out.len(acknowledged);
    Ok(())
}
