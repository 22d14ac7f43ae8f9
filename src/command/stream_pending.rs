//! Streams: what is pending in a group, and giving it to another consumer.

use super::stream::parse_id;
use super::stream_group::no_group;
use super::stream_range::{parse_end, parse_start, write_entry};
use super::{Args, Context};
use crate::bytes::{lossy, parse_int};
use crate::command::context::LARGE;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::stream::{Consumer, ConsumerId, Group, Log, Pending, Stream, StreamId};

/// XAUTOCLAIM looks at this many entries for each that it may answer.
const LOOKS_PER_ENTRY: usize = 10;
/// Its COUNT unless told.
const AUTOCLAIM_COUNT: usize = 100;

fn group<'c>(cx: &'c Context<'_>, key: &[u8], name: &[u8]) -> Result<&'c Group> {
    let stream = cx.db.read::<Stream>(key)?;
    stream.and_then(|stream| stream.group(name)).ok_or_else(|| no_group(key, name))
}

fn write_id(out: &mut Reply, id: StreamId) {
    out.bulk(id.as_bytes(&mut [0; 41]));
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`
pub fn xpending(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name) = (args.key()?, args.next()?);
    match args.all().len() {
        3 => write_summary(cx, key, name),
        6..=9 => {
            let wanted = Wanted::parse(args)?;
            write_pending(cx, key, name, &wanted)
        }
        _ => Err(Error::Syntax),
    }
}

/// The extended form of XPENDING.
struct Wanted<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let mut min_idle_ms = 0;
        if args.option("IDLE") {
            min_idle_ms = args.int()?;
            if args.left() < 3 {
                return Err(Error::Syntax);
            }
        }
        let (start, end) = (args.next()?, args.next()?);
        let count = usize::try_from(args.int()?).unwrap_or(0);
        let (start, end) = (parse_start(start)?, parse_end(end)?);
        // What follows is not looked at.
        let consumer = args.rest().first().copied();
        Ok(Self { min_idle_ms, start, end, count, consumer })
    }
}

/// How many entries are pending, from where to where, and how many for whom.
fn write_summary(cx: &mut Context<'_>, key: &[u8], name: &[u8]) -> Result {
    let stream = cx.db.read::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(name)).ok_or_else(|| no_group(key, name))?;
    cx.cost(group.consumers_len())?;
    cx.out.array(4);
    cx.out.len(group.pending_len());
    let Some((first, last)) = group.pending_bounds() else {
        cx.out.nil();
        cx.out.nil();
        cx.out.nil_array();
        return Ok(());
    };
    write_id(cx.out, first);
    write_id(cx.out, last);
    let at = cx.out.array_later();
    let mut written = 0;
    for consumer in group.consumers().filter(|consumer| consumer.pending_len() > 0) {
        cx.out.array(2);
        cx.out.bulk(consumer.name());
        cx.out.bulk_int(consumer.pending_len() as i64);
        written += 1;
    }
    cx.out.close(at, written);
    Ok(())
}

fn write_pending(cx: &mut Context<'_>, key: &[u8], name: &[u8], wanted: &Wanted<'_>) -> Result {
    let now_ms = cx.db.now_ms().cast_signed();
    let stream = cx.db.read::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(name)).ok_or_else(|| no_group(key, name))?;
    let owner = wanted.consumer.map(|consumer| group.find_consumer(consumer));
    if owner == Some(None) {
        cx.out.array(0);
        return Ok(());
    }
    let owner = owner.flatten().map(|owner| group.consumer(owner));
    let most = owner.map_or(group.pending_len(), Consumer::pending_len);
    cx.cost(if wanted.min_idle_ms == 0 { most.min(wanted.count) } else { most })?;
    let out = &mut *cx.out;
    let at = out.array_later();
    let mut written = 0;
    let mut write = |pending: &Pending| {
        let idle_ms = now_ms.wrapping_sub(pending.delivered_ms);
        if written < wanted.count && (wanted.min_idle_ms == 0 || idle_ms >= wanted.min_idle_ms) {
            written += 1;
            out.array(4);
            write_id(out, pending.id);
            out.bulk(group.consumer(pending.owner).name());
            out.int(idle_ms.max(0));
            out.int(pending.deliveries);
        }
        written < wanted.count
    };
    // An empty count looks at nothing, and a full one at nothing more.
    if wanted.count > 0 {
        match owner {
            None => {
                let inside = group.pending(wanted.start).take_while(|found| found.id <= wanted.end);
                let _ = inside.into_iter().all(&mut write);
            }
            Some(owner) => {
                let inside = owner.pending(wanted.start).take_while(|id| *id <= wanted.end);
                let _ = inside.filter_map(|id| group.find(id)).all(&mut write);
            }
        }
    }
    cx.out.close(at, written);
    Ok(())
}

/// How XCLAIM and XAUTOCLAIM change what they claim.
struct Claim {
    owner: ConsumerId,
    min_idle_ms: i64,
    now_ms: i64,
    delivered_ms: i64,
    retry_count: Option<i64>,
    /// JUSTID: the reply is ids, and this is no delivery.
    just_id: bool,
    /// FORCE: what is not pending becomes so.
    force: bool,
}

/// What became of an entry that was to be claimed.
enum Claimed {
    /// It is the consumer's, and written.
    Yes,
    /// It is not pending, or not for long enough.
    No,
    /// It was pending, but is not in the stream any more; it is not pending any more either.
    Gone,
}

impl Claim {
    fn take(&self, log: &Log, group: &mut Group, id: StreamId, out: &mut Reply) -> Claimed {
        let Some(entry) = log.get(id) else {
            return if group.acknowledge(id) { Claimed::Gone } else { Claimed::No };
        };
        match group.find(id) {
            None if self.force => group.deliver(id, self.owner, self.now_ms),
            None => return Claimed::No,
            Some(pending) => {
                let idle_ms = self.now_ms.wrapping_sub(pending.delivered_ms);
                if self.min_idle_ms > 0 && idle_ms < self.min_idle_ms {
                    return Claimed::No;
                }
            }
        }
        group.hand_over(id, self.owner, self.delivered_ms, |count| match self.retry_count {
            Some(count) => count,
            None => count.wrapping_add(i64::from(!self.just_id)),
        });
        group.note_active(self.owner, self.now_ms);
        if self.just_id {
            write_id(out, id);
        } else {
            write_entry(out, entry);
        }
        Claimed::Yes
    }
}

/// What follows the ids of XCLAIM.
struct ClaimOptions {
    delivered_ms: i64,
    retry_count: Option<i64>,
    force: bool,
    just_id: bool,
    last_id: StreamId,
}

impl ClaimOptions {
    fn parse(args: &mut Args<'_>, now_ms: i64) -> Result<Self> {
        let mut options = Self {
            delivered_ms: now_ms,
            retry_count: None,
            force: false,
            just_id: false,
            last_id: StreamId::MIN,
        };
        while !args.is_done() {
            let has_value = args.left() > 1;
            if args.option("FORCE") {
                options.force = true;
            } else if args.option("JUSTID") {
                options.just_id = true;
            } else if has_value && args.option("IDLE") {
                let refusal = "ERR Invalid IDLE option argument for XCLAIM";
                options.delivered_ms = now_ms.wrapping_sub(integer(args, refusal)?);
            } else if has_value && args.option("TIME") {
                options.delivered_ms =
                    integer(args, "ERR Invalid TIME option argument for XCLAIM")?;
            } else if has_value && args.option("RETRYCOUNT") {
                let count = integer(args, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
                options.retry_count = (count >= 0).then_some(count);
            } else if has_value && args.option("LASTID") {
                options.last_id = parse_id(args.next()?, 0)?;
            } else {
                let word = lossy(args.next()?);
                return Err(Error::text(format!("ERR Unrecognized XCLAIM option '{word}'")));
            }
        }
        // A time that makes no sense is no reason to fail: clocks differ.
        if !(0..=now_ms).contains(&options.delivered_ms) {
            options.delivered_ms = now_ms;
        }
        Ok(options)
    }
}

fn integer(args: &mut Args<'_>, refusal: &'static str) -> Result<i64> {
    parse_int(args.next()?).ok_or(Error::Plain(refusal))
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]
/// [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]`: the entries that are the consumer's now.
pub fn xclaim(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name, consumer) = (args.key()?, args.next()?, args.next()?);
    group(cx, key, name)?;
    let min_idle_ms = integer(args, "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
    let mut ids = Vec::with_capacity(args.left());
    while let Some(id) = args.peek().and_then(|word| parse_id(word, 0).ok()) {
        args.next()?;
        ids.push(id);
    }
    let now_ms = cx.db.now_ms().cast_signed();
    let options = ClaimOptions::parse(args, now_ms)?;
    let stream = cx.db.write::<Stream>(key)?;
    let (log, group) =
        stream.and_then(|stream| stream.log_and_group(name)).ok_or_else(|| no_group(key, name))?;
    group.last_id = group.last_id.max(options.last_id);
    let (owner, is_new) = group.see(consumer, now_ms);
    let claim = Claim {
        owner,
        min_idle_ms,
        now_ms,
        delivered_ms: options.delivered_ms,
        retry_count: options.retry_count,
        just_id: options.just_id,
        force: options.force,
    };
    let at = cx.out.array_later();
    let mut written = 0;
    for id in ids {
        if let Claimed::Yes = claim.take(log, group, id, cx.out) {
            written += 1;
        }
    }
    cx.out.close(at, written);
    cx.changed_beside(key, is_new.then_some("xgroup-createconsumer"));
    Ok(())
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`: where to go on, the
/// entries that are the consumer's now, and the ids that were pending without an entry.
pub fn xautoclaim(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, name, consumer) = (args.key()?, args.next()?, args.next()?);
    let min_idle_ms = integer(args, "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = parse_start(args.next()?)?;
    let (mut count, mut just_id) = (AUTOCLAIM_COUNT, false);
    while !args.is_done() {
        if args.left() > 1 && args.option("COUNT") {
            let most = i64::MAX / 16;
            let given = parse_int(args.next()?).filter(|count| (1..=most).contains(count));
            count = given.ok_or(Error::Plain("ERR COUNT must be > 0"))? as usize;
        } else if args.option("JUSTID") {
            just_id = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    let pending = group(cx, key, name)?.pending_len();
    cx.cost(pending.min(count.saturating_mul(LOOKS_PER_ENTRY)).min(LARGE + 1))?;
    let now_ms = cx.db.now_ms().cast_signed();
    let stream = cx.db.write::<Stream>(key)?;
    let (log, group) =
        stream.and_then(|stream| stream.log_and_group(name)).ok_or_else(|| no_group(key, name))?;
    let (owner, is_new) = group.see(consumer, now_ms);
    let (retry_count, force) = (None, false);
    let claim =
        Claim { owner, min_idle_ms, now_ms, delivered_ms: now_ms, retry_count, just_id, force };
    claim_from(&claim, log, group, start, count, cx.out);
    cx.changed_beside(key, is_new.then_some("xgroup-createconsumer"));
    Ok(())
}

/// Claims what is pending from an id on, and writes XAUTOCLAIM's reply.
fn claim_from(
    claim: &Claim,
    log: &Log,
    group: &mut Group,
    start: StreamId,
    count: usize,
    out: &mut Reply,
) {
    // The cursor comes first and is known last.
    let mut entries = Reply::new();
    let mut gone = Vec::new();
    let (mut left, mut looks, mut written) = (count, count * LOOKS_PER_ENTRY, 0);
    let mut cursor = Some(start);
    let next = |group: &Group, cursor: Option<StreamId>| {
        cursor.and_then(|from| group.pending(from).next().map(|pending| pending.id))
    };
    while looks > 0
        && left > 0
        && let Some(id) = next(group, cursor)
    {
        looks -= 1;
        cursor = id.incr();
        match claim.take(log, group, id, &mut entries) {
            Claimed::Yes => written += 1,
            Claimed::Gone => gone.push(id),
            Claimed::No => continue,
        }
        left -= 1;
    }
    out.array(3);
    write_id(out, next(group, cursor).unwrap_or(StreamId::MIN));
    out.array(written);
    out.append(&entries);
    out.array(gone.len());
    for id in gone {
        write_id(out, id);
    }
}
