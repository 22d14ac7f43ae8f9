//! Streams: XREAD, which reads several and may wait for more.

use super::context::{LARGE, parse_timeout_ms};
use super::stream::parse_id;
use super::stream_range::write_entries;
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::hub::waiting::Empty;
use crate::types::stream::{Stream, StreamId};

/// The words of XREAD.
struct Reading<'a> {
    count: usize,
    /// `None` does not wait; 0 waits for ever.
    block_ms: Option<u64>,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

impl<'a> Reading<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (mut count, mut block_ms) = (usize::MAX, None);
        loop {
            let has_value = args.left() > 1;
            if has_value && args.option("BLOCK") {
                block_ms = Some(parse_timeout_ms(args.next()?)?);
            } else if has_value && args.option("COUNT") {
                // 0 and negative ones mean all.
                let given = usize::try_from(args.int()?).unwrap_or(0);
                count = if given == 0 { usize::MAX } else { given };
            } else if has_value && args.option("STREAMS") {
                break;
            } else if args.left() > 2 && args.option("GROUP") {
                return Err(Error::Plain(
                    "ERR The GROUP option is only supported by XREADGROUP. You called XREAD \
                     instead.",
                ));
            } else if args.option("NOACK") {
                return Err(Error::Plain(
                    "ERR The NOACK option is only supported by XREADGROUP. You called XREAD \
                     instead.",
                ));
            } else {
                return Err(Error::Syntax);
            }
        }
        let words = args.rest();
        if !words.len().is_multiple_of(2) {
            return Err(Error::Plain(
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must \
                 be specified.",
            ));
        }
        let (keys, ids) = words.split_at(words.len() / 2);
        Ok(Self { count, block_ms, keys, ids })
    }
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`: the entries
/// after each id, of the streams that have any.
pub fn xread(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let reading = Reading::parse(args)?;
    let mut after = Vec::with_capacity(reading.keys.len());
    for (key, id) in reading.keys.iter().zip(reading.ids) {
        after.push(resolve(cx, key, id)?);
    }
    let mut fresh = Vec::new();
    let mut work = 0;
    for (key, after) in reading.keys.iter().zip(&after) {
        let Some(stream) = cx.db.read::<Stream>(key)? else { continue };
        let Some(start) = after.incr().filter(|start| *start <= stream.last_valid_id()) else {
            continue;
        };
        work += stream.count_up_to(start, StreamId::MAX, reading.count.min(LARGE + 1));
        fresh.push((*key, start));
    }
    cx.cost(work)?;
    if !fresh.is_empty() {
        return write_streams(cx, &fresh, reading.count);
    }
    match reading.block_ms {
        None => {
            cx.out.nil_array();
            Ok(())
        }
        Some(timeout_ms) => {
            let words = cx.aside(|_| settled(args.all(), &reading, &after));
            cx.block_as::<Stream>(reading.keys, timeout_ms, Empty::NilArray, Some(words))
        }
    }
}

/// The id after which to read.
fn resolve(cx: &Context<'_>, key: &[u8], word: &[u8]) -> Result<StreamId> {
    let last_id = cx.db.read::<Stream>(key)?.map(|stream| stream.last_id());
    match word {
        b"$" => Ok(last_id.unwrap_or(StreamId::MIN)),
        // The last entry, unless it was deleted.
        b"+" => match last_id {
            Some(id) => id.decr().ok_or(Error::Plain("ERR the stream last element ID is 0-0")),
            None => Ok(StreamId::MIN),
        },
        b">" => Err(Error::Plain(
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
        )),
        _ => parse_id(word, 0),
    }
}

/// Writes the keys with their entries: pairs in RESP2, a map in RESP3.
fn write_streams(cx: &mut Context<'_>, streams: &[(&[u8], StreamId)], count: usize) -> Result {
    let is_map = cx.client.is_resp3();
    if is_map {
        cx.out.map(streams.len());
    } else {
        cx.out.array(streams.len());
    }
    for (key, start) in streams {
        let Some(stream) = cx.db.read::<Stream>(key)? else { continue };
        if !is_map {
            cx.out.array(2);
        }
        cx.out.bulk(key);
        write_entries(cx.out, stream.range(*start, StreamId::MAX), count);
    }
    Ok(())
}

/// The words to run again: `$` means what it meant when the wait began. `+` keeps its meaning.
fn settled(words: &[&[u8]], reading: &Reading<'_>, after: &[StreamId]) -> Vec<Box<[u8]>> {
    let (head, ids) = words.split_at(words.len() - reading.ids.len());
    let ids = ids.iter().zip(after).map(|(word, id)| match *word {
        b"$" => id.to_vec().into_boxed_slice(),
        word => Box::from(word),
    });
    head.iter().map(|word| Box::from(*word)).chain(ids).collect()
}
