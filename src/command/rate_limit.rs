//! Rate limits: whether one more hit is allowed, decided and counted in one step.
//!
//! `CL.THROTTLE` is the command of the module redis-cell: a bucket that leaks evenly, known as
//! GCRA. The whole state is one time, the moment at which the bucket will be empty (the theoretical
//! arrival time). It is kept as nanoseconds since the epoch in a string, as redis-cell keeps it.
//!
//! `LK.WINDOW` and `LK.SLIDE` are latchkey's own. A fixed window is a counter with a deadline, as
//! INCR and PEXPIRE would make it. A sliding window is a list with the time of every hit that was
//! let in, oldest first; hits older than the window are cut off before anything is counted.
//!
//! In all three a number of hits below zero gives hits back, and zero only looks. Time is the
//! store's clock, and every key ends by itself when its last hit stops counting.

use super::{Args, Context, DENY_OOM, FAST, Keys, Spec, WRITE, spec};
use crate::bytes::is_word;
use crate::error::{Error, Result};
use crate::hub::config::LIST_MAX_LISTPACK_SIZE;
use crate::store::Entry;
use crate::store::db_string::Deadline;
use crate::types::list::{End, Fill, List};
use crate::types::listpack::Element;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name         arity keys         flags                     handler
    spec("cl.throttle",  -5, Keys::First, WRITE | DENY_OOM | FAST, cl_throttle),
    spec("lk.slide",     -4, Keys::First, WRITE | DENY_OOM | FAST, lk_slide),
    spec("lk.window",    -3, Keys::First, WRITE | DENY_OOM | FAST, lk_window),
];

/// No window, limit or number of hits is larger: doubles and sums with the clock stay exact.
const NUMBER_MAX: i64 = 1 << 53;

const NS_PER_MS: i128 = 1_000_000;

/// `LK.WINDOW key window-ms [hits]`: the hits of the window that began with its first one, and
/// the milliseconds until it ends (0 if none has begun).
fn lk_window(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let window_ms = positive(args)? as u64;
    let hits = hits_or_one(args)?;
    args.finish()?;
    let used = cx.db.int(key)?;
    let total = used.saturating_add(hits).max(0);
    let now_ms = cx.db.now_ms();
    let counter = cx.db.peek(key);
    if counter.is_none() && hits <= 0 {
        write_hits(cx, 0, 0);
        return Ok(());
    }
    // A counter that somebody made without a deadline gets one, or it would never end.
    let end_ms = counter.and_then(Entry::deadline_ms).unwrap_or(now_ms + window_ms);
    if hits != 0 {
        let mut digits = itoa::Buffer::new();
        cx.db.set_string(key, digits.format(total).as_bytes(), Deadline::At(end_ms));
        cx.changed(key, "incrby");
    }
    write_hits(cx, total, end_ms - now_ms);
    Ok(())
}

/// `LK.SLIDE key window-ms limit [hits]`: the hits of the past window, and the milliseconds until
/// none of them counts. Hits that would exceed the limit are not counted: the answer is then one
/// more than the limit, and the milliseconds until there is room.
fn lk_slide(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let window_ms = positive(args)?;
    let limit = natural(args)?;
    let hits = hits_or_one(args)?;
    args.finish()?;
    let now_ms = cx.db.now_ms() as i64;

    let mut window = Window::default();
    if let Some(list) = cx.db.read::<List>(key)? {
        window = Window::of(list, now_ms - window_ms)?;
    }
    let used = window.used();
    if hits > 0 && used.saturating_add(hits) > limit {
        let free = limit.saturating_add(1).saturating_sub(hits);
        let room_at = match cx.db.read::<List>(key)? {
            // When all but `free - 1` of the hits are over, these fit.
            Some(list) if (1..=used).contains(&free) => {
                stamp(list, window.len as i64 - free)? + window_ms
            }
            _ => now_ms + window_ms,
        };
        write_hits(cx, limit.saturating_add(1), (room_at - now_ms) as u64);
        return Ok(());
    }
    let newest_ms = match hits {
        0 => window.newest_ms,
        1.. => add_hits(cx, key, &window, (now_ms, window_ms), hits)?,
        _ => undo_hits(cx, key, &window, window_ms, hits.unsigned_abs())?,
    };
    let left_ms = newest_ms.map_or(0, |newest_ms| newest_ms + window_ms - now_ms);
    write_hits(cx, used.saturating_add(hits).max(0), left_ms as u64);
    Ok(())
}

/// What a list of hits says about one moment.
#[derive(Default)]
struct Window {
    len: usize,
    /// How many of them, from the oldest on, no longer count.
    over: usize,
    newest_ms: Option<i64>,
}

impl Window {
    /// Hits at `horizon_ms` or before are over. Their times ascend, so they are found by halving.
    fn of(list: &List, horizon_ms: i64) -> Result<Self> {
        let len = list.len();
        let (mut over, mut counting) = (0, len);
        while over < counting {
            let middle = over.midpoint(counting);
            if stamp(list, middle as i64)? <= horizon_ms {
                over = middle + 1;
            } else {
                counting = middle;
            }
        }
        let newest_ms = if over < len { Some(stamp(list, -1)?) } else { None };
        Ok(Self { len, over, newest_ms })
    }

    fn used(&self) -> i64 {
        (self.len - self.over) as i64
    }
}

/// The time of a hit, counted from the newest if `index` is negative.
fn stamp(list: &List, index: i64) -> Result<i64> {
    match list.get(index) {
        Some(Element::Int(at_ms)) => Ok(at_ms),
        _ => Err(Error::NotAnInteger),
    }
}

/// Adds hits at this moment. Should the clock have gone back, they join the newest, so that the
/// times keep ascending. Answers when the newest was.
fn add_hits(
    cx: &mut Context<'_>,
    key: &[u8],
    window: &Window,
    (now_ms, window_ms): (i64, i64),
    hits: i64,
) -> Result<Option<i64>> {
    cx.cost(hits as usize)?;
    let fill = fill(cx);
    let at_ms = window.newest_ms.map_or(now_ms, |newest_ms| newest_ms.max(now_ms));
    let mut digits = itoa::Buffer::new();
    let element = digits.format(at_ms).as_bytes();
    let list = cx.db.create::<List>(key)?;
    list.trim(window.over as i64, -1, fill);
    list.push(End::Tail, (0..hits).map(|_| element), fill);
    cx.db.set_deadline(key, Some((at_ms + window_ms) as u64));
    cx.changed(key, "rpush");
    Ok(Some(at_ms))
}

/// Takes the newest hits away, and with the last the key. Answers when the newest left was.
fn undo_hits(
    cx: &mut Context<'_>,
    key: &[u8],
    window: &Window,
    window_ms: i64,
    hits: u64,
) -> Result<Option<i64>> {
    let fill = fill(cx);
    let kept = window.used().saturating_sub_unsigned(hits);
    if kept <= 0 {
        if cx.db.remove(key) {
            cx.changed(key, "del");
        }
        return Ok(None);
    }
    let Some(list) = cx.db.write::<List>(key)? else { return Ok(None) };
    list.trim(window.over as i64, window.over as i64 + kept - 1, fill);
    let newest_ms = stamp(list, -1)?;
    cx.db.set_deadline(key, Some((newest_ms + window_ms) as u64));
    cx.changed(key, "rpop");
    Ok(Some(newest_ms))
}

fn fill(cx: &Context<'_>) -> Fill {
    Fill::new(cx.config().get(LIST_MAX_LISTPACK_SIZE) as i32)
}

/// `CL.THROTTLE key max_burst count_per_period period [quantity] [PX]`: whether the hits are
/// refused (1) or let in (0), the limit, how many are left, the time after which to try again (-1
/// if these were let in, or never can be) and the time until the limit is whole again.
///
/// Times are seconds, rounded up; with PX, which redis-cell does not have, `period` and the answers
/// are milliseconds.
fn cl_throttle(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let max_burst = natural(args)?;
    let count = positive(args)?;
    let period = positive(args)?;
    let quantity = hits_or_one(args)?;
    let unit_ms = if args.option("PX") { 1 } else { 1000 };
    args.finish()?;

    let limit = max_burst + 1;
    // Nanoseconds between hits that come evenly, and how far ahead of that pace they may come.
    let interval = i128::from(period) * unit_ms * NS_PER_MS / i128::from(count);
    if interval == 0 {
        return Err(Error::Plain("ERR rates above one hit per nanosecond are not supported"));
    }
    let tolerance = interval * i128::from(limit);

    let now = i128::from(cx.db.now_ms()) * NS_PER_MS;
    let empty_at = i128::from(cx.db.int(key)?).max(now);
    let increment = interval * i128::from(quantity);
    let next = (empty_at + increment).max(now);
    let wait = next - tolerance - now;
    // What is given back is never refused, even if the bucket is fuller than this call's limit.
    let refused = wait > 0 && quantity >= 0;
    if !refused && quantity != 0 {
        keep(cx, key, next, now)?;
    }
    let left = if refused { empty_at } else { next } - now;
    let retry = (refused && increment <= tolerance).then_some(wait);
    let remaining = ((tolerance - left) / interval).max(0);

    cx.out.array(5);
    cx.out.yes_no(refused);
    cx.out.int(limit);
    cx.out.int(remaining as i64);
    cx.out.int(retry.map_or(-1, |wait| whole(wait, unit_ms)));
    cx.out.int(whole(left, unit_ms));
    Ok(())
}

/// Stores when the bucket will be empty; the key ends then.
fn keep(cx: &mut Context<'_>, key: &[u8], empty_at: i128, now: i128) -> Result {
    if empty_at <= now {
        if cx.db.remove(key) {
            cx.changed(key, "del");
        }
        return Ok(());
    }
    let empty_at = i64::try_from(empty_at).map_err(|_| Error::OutOfRange)?;
    let end_ms = (empty_at as u64).div_ceil(NS_PER_MS as u64);
    let mut digits = itoa::Buffer::new();
    cx.db.set_string(key, digits.format(empty_at).as_bytes(), Deadline::At(end_ms));
    cx.changed(key, "set");
    Ok(())
}

/// Nanoseconds in the unit of the answer, rounded up, so that who waits that long has waited long
/// enough. As redis-cell has it, seconds take no notice of less than a millisecond.
fn whole(ns: i128, unit_ms: i128) -> i64 {
    let ms = if unit_ms == 1 { (ns + NS_PER_MS - 1) / NS_PER_MS } else { ns / NS_PER_MS };
    ((ms + unit_ms - 1) / unit_ms) as i64
}

fn write_hits(cx: &mut Context<'_>, hits: i64, left_ms: u64) {
    cx.out.array(2);
    cx.out.int(hits);
    cx.out.int(left_ms as i64);
}

fn positive(args: &mut Args<'_>) -> Result<i64> {
    let value = args.int()?;
    if (1..=NUMBER_MAX).contains(&value) { Ok(value) } else { Err(Error::MustBePositive) }
}

fn natural(args: &mut Args<'_>) -> Result<i64> {
    let value = args.int()?;
    if (0..=NUMBER_MAX).contains(&value) { Ok(value) } else { Err(Error::OutOfRange) }
}

/// The number of hits, if the next word is one.
fn hits_or_one(args: &mut Args<'_>) -> Result<i64> {
    if args.peek().is_none_or(|word| is_word(word, "PX")) {
        return Ok(1);
    }
    let hits = args.int()?;
    if hits.abs() <= NUMBER_MAX { Ok(hits) } else { Err(Error::OutOfRange) }
}
