//! Streams: XREADGROUP, which reads for a consumer of a group and may wait for more.

use super::stream::parse_id;
use super::stream_group::no_group_of;
use super::stream_range::write_entry;
use super::stream_read::{Reading, open_streams, write_stream_head};
use super::{Args, Context};
use crate::bytes::lossy;
use crate::command::context::LARGE;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::stream::{ConsumerId, Group, Log, Stream, StreamId};

/// From where to read a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// `>`: what was never delivered.
    New,
    /// What is pending for the consumer, after an id.
    History(StreamId),
}

impl From {
    fn parse(word: &[u8]) -> Result<Self> {
        match word {
            b">" => Ok(Self::New),
            b"$" => Err(meaningless('$', "a proper ID")),
            b"+" => Err(meaningless('+', "a proper ID")),
            word => match parse_id(word, 0)? {
                StreamId::MAX => Ok(Self::New),
                id => Ok(Self::History(id)),
            },
        }
    }
}

fn meaningless(symbol: char, instead: &str) -> Error {
    Error::text(format!(
        "ERR The {symbol} ID is meaningless in the context of XREADGROUP: you want to read the \
         history of this consumer by specifying {instead}, or use the > ID to get new messages. \
         The {symbol} ID would just return an empty result set."
    ))
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key
/// [key ...] id [id ...]`
pub fn xreadgroup(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let reading = Reading::parse(args, cx.spec.name)?;
    let (group, consumer) = reading.group.ok_or(Error::Syntax)?;
    let mut from = Vec::with_capacity(reading.keys.len());
    let mut work = 0;
    for (key, id) in reading.keys.iter().zip(reading.ids) {
        let stream = cx.db.read::<Stream>(key)?;
        let found = stream.and_then(|stream| Some((stream, stream.group(group)?)));
        let Some((stream, group)) = found else {
            let (key, group) = (lossy(key), lossy(group));
            return Err(Error::text(format!(
                "NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP \
                 option"
            )));
        };
        let start = From::parse(id)?;
        let most = reading.count.min(LARGE + 1);
        work += match start {
            From::New => stream.count_up_to(group.last_id, StreamId::MAX, most),
            From::History(_) => group.pending_len().min(most),
        };
        from.push(start);
    }
    cx.cost(work)?;
    let is_served = serve(cx, &reading, group, consumer, &from)?;
    match reading.block_ms {
        _ if is_served => Ok(()),
        None => {
            cx.out.nil_array();
            Ok(())
        }
        Some(timeout_ms) => cx.block_bound::<Stream>(reading.keys, timeout_ms),
    }
}

/// Reads every stream for the consumer, which is made where it is missing. `false`, and nothing
/// is written, if there is nothing to read.
fn serve(
    cx: &mut Context<'_>,
    reading: &Reading<'_>,
    group_name: &[u8],
    consumer: &[u8],
    from: &[From],
) -> Result<bool> {
    let now_ms = cx.db.now_ms().cast_signed();
    let mut streams = None;
    let mut served = 0;
    for (key, from) in reading.keys.iter().zip(from) {
        let stream = cx.db.write::<Stream>(key)?;
        let (log, group) = stream
            .and_then(|stream| stream.log_and_group(group_name))
            .ok_or_else(|| no_group_of(key, group_name))?;
        let (owner, is_new) = group.see(consumer, now_ms);
        if *from != From::New || log.last_valid_id() > group.last_id {
            streams.get_or_insert_with(|| open_streams(cx.out, cx.client));
            served += 1;
            write_stream_head(cx.out, cx.client, key);
            let mut reader = Reader { log, group, owner, now_ms, out: cx.out };
            match *from {
                From::History(after) => reader.read_history(after, reading.count),
                From::New => reader.read_new(reading.count, reading.acknowledged),
            }
        }
        cx.changed_beside(key, is_new.then_some("xgroup-createconsumer"));
    }
    if let Some(streams) = streams {
        cx.out.close(streams, served);
    }
    Ok(served > 0)
}

/// One stream being read for a consumer.
struct Reader<'a> {
    log: &'a Log,
    group: &'a mut Group,
    owner: ConsumerId,
    now_ms: i64,
    out: &'a mut Reply,
}

impl Reader<'_> {
    fn read_new(&mut self, count: usize, acknowledged: bool) {
        let at = self.out.array_later();
        let Some(start) = self.group.last_id.incr() else { return };
        let mut written = 0;
        for entry in self.log.range(start, StreamId::MAX).take(count) {
            let id = entry.id;
            self.group.entries_read = match self.group.entries_read {
                Some(read) if !self.log.is_torn_from(id) => Some(read.wrapping_add(1)),
                known if self.log.entries_added() == 0 => known,
                _ => self.log.added_up_to(id),
            };
            self.group.last_id = id;
            write_entry(self.out, entry);
            if !acknowledged {
                self.group.deliver(id, self.owner, self.now_ms);
                self.group.note_active(self.owner, self.now_ms);
            }
            written += 1;
        }
        self.out.close(at, written);
    }

    fn read_history(&mut self, after: StreamId, count: usize) {
        let at = self.out.array_later();
        let (log, out) = (self.log, &mut *self.out);
        let mut written = 0;
        let start = after.incr().unwrap_or(StreamId::MAX);
        self.group.deliver_again(self.owner, start, count, self.now_ms, |id| {
            written += 1;
            let entry = log.get(id);
            let is_there = entry.is_some();
            match entry {
                Some(entry) => write_entry(out, entry),
                None => write_gone(out, id),
            }
            is_there
        });
        self.out.close(at, written);
    }
}

/// An entry that is pending, but not in the stream any more.
fn write_gone(out: &mut Reply, id: StreamId) {
    out.array(2);
    out.bulk(id.as_bytes(&mut [0; 41]));
    out.nil_array();
}
