//! Streams: XREAD, which reads several and may wait for more.

use super::context::{LARGE, parse_timeout_ms};
use super::stream::parse_id;
use super::stream_range::write_entries;
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::hub::Client;
use crate::hub::waiting::Empty;
use crate::reply::{Later, Reply};
use crate::types::stream::{Stream, StreamId};

/// The words of XREAD, and of XREADGROUP.
pub struct Reading<'a> {
    pub count: usize,
    /// `None` does not wait; 0 waits for ever.
    pub block_ms: Option<u64>,
    /// The group and its consumer; XREADGROUP has them, and no other.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// NOACK: what is read counts as acknowledged.
    pub acknowledged: bool,
    pub keys: &'a [&'a [u8]],
    pub ids: &'a [&'a [u8]],
}

impl<'a> Reading<'a> {
    pub fn parse(args: &mut Args<'a>, name: &str) -> Result<Self> {
        let for_group = name == "xreadgroup";
        let (mut count, mut block_ms, mut group, mut acknowledged) =
            (usize::MAX, None, None, false);
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
                if !for_group {
                    return Err(Error::Plain(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD \
                         instead.",
                    ));
                }
                group = Some((args.next()?, args.next()?));
            } else if args.option("NOACK") {
                if !for_group {
                    return Err(Error::Plain(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD \
                         instead.",
                    ));
                }
                acknowledged = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        let words = args.rest();
        if !words.len().is_multiple_of(2) {
            let symbol = if for_group { '>' } else { '$' };
            return Err(Error::text(format!(
                "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' \
                 must be specified."
            )));
        }
        if for_group && group.is_none() {
            return Err(Error::Plain("ERR Missing GROUP option for XREADGROUP"));
        }
        let (keys, ids) = words.split_at(words.len() / 2);
        Ok(Self { count, block_ms, group, acknowledged, keys, ids })
    }
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`: the entries
/// after each id, of the streams that have any.
pub fn xread(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let reading = Reading::parse(args, cx.spec.name)?;
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

/// Writes the keys with their entries.
fn write_streams(cx: &mut Context<'_>, streams: &[(&[u8], StreamId)], count: usize) -> Result {
    let at = open_streams(cx.out, cx.client);
    for (key, start) in streams {
        let Some(stream) = cx.db.read::<Stream>(key)? else { continue };
        write_stream_head(cx.out, cx.client, key);
        write_entries(cx.out, stream.range(*start, StreamId::MAX), count);
    }
    cx.out.close(at, streams.len());
    Ok(())
}

/// Begins a reply of streams with entries: pairs in RESP2, a map in RESP3.
pub fn open_streams(out: &mut Reply, client: &Client) -> Later {
    if client.is_resp3() { out.map_later() } else { out.array_later() }
}

/// Begins one stream of such a reply; its entries follow.
pub fn write_stream_head(out: &mut Reply, client: &Client, key: &[u8]) {
    if !client.is_resp3() {
        out.array(2);
    }
    out.bulk(key);
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
