//! Streams: the entries between two ids.

use super::context::{LARGE, write_element};
use super::stream::{INVALID_ID, parse_id};
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::stream::{Entry, Stream, StreamId};

/// Writes an entry: its id, and its names and values in turns.
pub fn write_entry(out: &mut Reply, entry: Entry<'_>) {
    out.array(2);
    out.bulk(entry.id.as_bytes(&mut [0; 41]));
    out.array(2 * entry.fields.len());
    for (name, value) in entry.fields {
        write_element(out, name);
        write_element(out, value);
    }
}

/// Writes up to `count` entries as one array.
pub fn write_entries<'a>(out: &mut Reply, entries: impl Iterator<Item = Entry<'a>>, count: usize) {
    let at = out.array_later();
    let mut written = 0;
    for entry in entries.take(count) {
        write_entry(out, entry);
        written += 1;
    }
    out.close(at, written);
}

/// Reads one end of an interval, `-` and `+` included; `true` if it is left out itself.
pub fn parse_bound(word: &[u8], missing_seq: u64) -> Result<(StreamId, bool)> {
    match word {
        b"-" => Ok((StreamId::MIN, false)),
        b"+" => Ok((StreamId::MAX, false)),
        b"(" => Err(INVALID_ID),
        [b'(', id @ ..] => Ok((parse_id(id, missing_seq)?, true)),
        id => Ok((parse_id(id, missing_seq)?, false)),
    }
}

/// Reads the lower end of an interval.
pub fn parse_start(word: &[u8]) -> Result<StreamId> {
    match parse_bound(word, 0)? {
        (id, false) => Ok(id),
        (id, true) => id.incr().ok_or(Error::Plain("ERR invalid start ID for the interval")),
    }
}

/// Reads the upper end of an interval.
pub fn parse_end(word: &[u8]) -> Result<StreamId> {
    match parse_bound(word, u64::MAX)? {
        (id, false) => Ok(id),
        (id, true) => id.decr().ok_or(Error::Plain("ERR invalid end ID for the interval")),
    }
}

/// `XRANGE key start end [COUNT count]`
pub fn xrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let start = parse_start(args.next()?)?;
    let end = parse_end(args.next()?)?;
    read(cx, args, key, (start, end), Order::Ascending)
}

/// `XREVRANGE key end start [COUNT count]`
pub fn xrevrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (end, start) = (args.next()?, args.next()?);
    let start = parse_start(start)?;
    let end = parse_end(end)?;
    read(cx, args, key, (start, end), Order::Descending)
}

#[derive(Clone, Copy)]
enum Order {
    Ascending,
    Descending,
}

fn read(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    key: &[u8],
    (start, end): (StreamId, StreamId),
    order: Order,
) -> Result {
    let count = parse_count(args)?;
    let Some(stream) = cx.db.read::<Stream>(key)? else {
        cx.out.array(0);
        return Ok(());
    };
    cx.cost(stream.count_up_to(start, end, count.min(LARGE + 1)))?;
    match order {
        _ if count == 0 => cx.out.nil_array(),
        Order::Ascending => write_entries(cx.out, stream.range(start, end), count),
        Order::Descending => write_entries(cx.out, stream.range_back(start, end), count),
    }
    Ok(())
}

/// Reads `[COUNT count]`; all, if it is missing.
fn parse_count(args: &mut Args<'_>) -> Result<usize> {
    let mut count = usize::MAX;
    while !args.is_done() {
        if args.left() < 2 || !args.option("COUNT") {
            return Err(Error::Syntax);
        }
        // The server keeps its "no COUNT" for -1 alone, after negative ones have become 0.
        count = usize::try_from(args.int()?).unwrap_or(0);
    }
    Ok(count)
}
