//! Streams: XINFO, what a stream, its groups and their consumers say of themselves.

use super::help::write_help;
use super::stream_group::{no_group_of, unknown_form};
use super::stream_range::{write_entries, write_entry};
use super::{Args, Context};
use crate::bytes::is_word;
use crate::command::context::LARGE;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::stream::{Consumer, Entry, Group, Log, Stream, StreamId};

/// What FULL shows of each list unless told.
const FULL_COUNT: usize = 10;

fn stream<'c>(cx: &'c Context<'_>, key: &[u8]) -> Result<&'c Stream> {
    cx.db.read::<Stream>(key)?.ok_or(Error::NoSuchKey)
}

fn write_id(out: &mut Reply, id: StreamId) {
    out.bulk(id.as_bytes(&mut [0; 41]));
}

fn write_count(out: &mut Reply, count: Option<u64>) {
    match count {
        Some(count) => out.int(count.cast_signed()),
        None => out.nil(),
    }
}

/// How many entries of the stream the group has not read, if that is known.
fn lag(log: &Log, group: &Group) -> Option<u64> {
    if log.entries_added() == 0 {
        return Some(0);
    }
    let read = group.entries_read.filter(|_| !log.is_torn_from(group.last_id));
    let read = read.or_else(|| log.added_up_to(group.last_id))?;
    Some(log.entries_added().wrapping_sub(read))
}

/// `XINFO CONSUMERS key group`
pub fn consumers(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name) = (args.key()?, args.next()?);
    let now_ms = cx.db.now_ms().cast_signed();
    let stream = cx.db.read::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    let group = stream.group(name).ok_or_else(|| no_group_of(key, name))?;
    cx.cost(group.consumers_len())?;
    let out = &mut *cx.out;
    out.array(group.consumers_len());
    for consumer in group.consumers() {
        out.map(4);
        out.bulk(b"name");
        out.bulk(consumer.name());
        out.bulk(b"pending");
        out.len(consumer.pending_len());
        out.bulk(b"idle");
        out.int(now_ms.wrapping_sub(consumer.seen_ms).max(0));
        out.bulk(b"inactive");
        out.int(consumer.active_ms.map_or(-1, |active_ms| now_ms.wrapping_sub(active_ms)));
    }
    Ok(())
}

/// `XINFO GROUPS key`
pub fn groups(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let stream = cx.db.read::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    let groups = stream.groups();
    cx.cost(groups.len())?;
    cx.out.array(groups.len());
    for (name, group) in groups {
        cx.out.map(6);
        cx.out.bulk(b"name");
        cx.out.bulk(name);
        cx.out.bulk(b"consumers");
        cx.out.len(group.consumers_len());
        cx.out.bulk(b"pending");
        cx.out.len(group.pending_len());
        cx.out.bulk(b"last-delivered-id");
        write_id(cx.out, group.last_id);
        cx.out.bulk(b"entries-read");
        write_count(cx.out, group.entries_read);
        cx.out.bulk(b"lag");
        write_count(cx.out, lag(stream, group));
    }
    Ok(())
}

/// `XINFO STREAM key [FULL [COUNT count]]`
pub fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    stream(cx, key)?;
    let full = match args.rest() {
        [] => None,
        [full] if is_word(full, "FULL") => Some(FULL_COUNT),
        [full, count, given] if is_word(full, "FULL") && is_word(count, "COUNT") => {
            let given = crate::bytes::parse_int(given).ok_or(Error::NotAnInteger)?;
            Some(match given {
                0 => usize::MAX,
                given => usize::try_from(given).unwrap_or(FULL_COUNT),
            })
        }
        _ => return Err(unknown_form(args, "XINFO")),
    };
    let stream = cx.db.read::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    cx.cost(work(stream, full))?;
    let out = &mut *cx.out;
    out.map(if full.is_some() { 9 } else { 10 });
    write_log(out, stream);
    match full {
        None => {
            out.bulk(b"groups");
            out.len(stream.groups().len());
            let all = (StreamId::MIN, StreamId::MAX);
            out.bulk(b"first-entry");
            write_one(out, stream.range(all.0, all.1).next());
            out.bulk(b"last-entry");
            write_one(out, stream.range_back(all.0, all.1).next());
        }
        Some(count) => {
            out.bulk(b"entries");
            write_entries(out, stream.range(StreamId::MIN, StreamId::MAX), count);
            out.bulk(b"groups");
            out.array(stream.groups().len());
            for (name, group) in stream.groups() {
                write_group(out, stream, name, group, count);
            }
        }
    }
    Ok(())
}

/// About how many elements XINFO STREAM goes through.
fn work(stream: &Stream, full: Option<usize>) -> usize {
    // Nodes are compared with each other, which is quick.
    let nodes = stream.nodes().len() / 16;
    let Some(count) = full else { return nodes };
    let lists = stream.groups().map(|(_, group)| {
        let each = |consumer: &Consumer| 1 + consumer.pending_len().min(count);
        let consumers = group.consumers_len().min(LARGE + 1);
        group.pending_len().min(count) + group.consumers().take(consumers).map(each).sum::<usize>()
    });
    nodes + stream.len().min(count) + lists.sum::<usize>()
}

fn write_log(out: &mut Reply, log: &Log) {
    out.bulk(b"length");
    out.len(log.len());
    out.bulk(b"radix-tree-keys");
    out.len(log.nodes().len());
    out.bulk(b"radix-tree-nodes");
    out.len(log.radix_nodes());
    out.bulk(b"last-generated-id");
    write_id(out, log.last_id());
    out.bulk(b"max-deleted-entry-id");
    write_id(out, log.max_deleted_id());
    out.bulk(b"entries-added");
    out.int(log.entries_added().cast_signed());
    out.bulk(b"recorded-first-entry-id");
    write_id(out, log.first_id());
}

fn write_one(out: &mut Reply, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => write_entry(out, entry),
        None => out.nil(),
    }
}

fn write_group(out: &mut Reply, log: &Log, name: &[u8], group: &Group, count: usize) {
    out.map(7);
    out.bulk(b"name");
    out.bulk(name);
    out.bulk(b"last-delivered-id");
    write_id(out, group.last_id);
    out.bulk(b"entries-read");
    write_count(out, group.entries_read);
    out.bulk(b"lag");
    write_count(out, lag(log, group));
    out.bulk(b"pel-count");
    out.len(group.pending_len());
    out.bulk(b"pending");
    out.array(group.pending_len().min(count));
    for pending in group.pending(StreamId::MIN).take(count) {
        out.array(4);
        write_id(out, pending.id);
        out.bulk(group.consumer(pending.owner).name());
        out.int(pending.delivered_ms);
        out.int(pending.deliveries);
    }
    out.bulk(b"consumers");
    out.array(group.consumers_len());
    for consumer in group.consumers() {
        write_consumer(out, group, consumer, count);
    }
}

fn write_consumer(out: &mut Reply, group: &Group, consumer: &Consumer, count: usize) {
    out.map(5);
    out.bulk(b"name");
    out.bulk(consumer.name());
    out.bulk(b"seen-time");
    out.int(consumer.seen_ms);
    out.bulk(b"active-time");
    out.int(consumer.active_ms.unwrap_or(-1));
    out.bulk(b"pel-count");
    out.len(consumer.pending_len());
    out.bulk(b"pending");
    let at = out.array_later();
    let mut written = 0;
    for pending in consumer.pending(StreamId::MIN).take(count).filter_map(|id| group.find(id)) {
        out.array(3);
        write_id(out, pending.id);
        out.int(pending.delivered_ms);
        out.int(pending.deliveries);
        written += 1;
    }
    out.close(at, written);
}

/// `XINFO HELP`
pub fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CONSUMERS <key> <groupname>", "The consumers of a group."),
            ("GROUPS <key>", "The groups of a stream."),
            ("STREAM <key> [FULL [COUNT <count>]]", "The stream itself; FULL tells all of it."),
        ],
    );
    Ok(())
}
