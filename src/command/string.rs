//! Strings: bytes under a key, which may also be a number.

use std::sync::Arc;

use super::compare::Comparison;
use super::expiry::{Unit, deadline_of};
use super::{Args, BRIEF, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::error::{Error, Result};
use crate::hub::config::PROTO_MAX_BULK_LEN;
use crate::reply::Reply;
use crate::store::db_string::Deadline;
use crate::store::{BYTES_PER_ELEMENT, Entry, Met, Str};

const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };
const PAIRS: Keys = Keys::Range { first: 1, last: -1, step: 2 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name           arity keys         flags                     handler
    spec("append",          3, Keys::First, WRITE | DENY_OOM | FAST,  append),
    spec("decr",            2, Keys::First, WRITE | DENY_OOM | FAST,  decr),
    spec("decrby",          3, Keys::First, WRITE | DENY_OOM | FAST,  decrby),
    spec("get",             2, Keys::First, READ | FAST,              get).shortcut(get_met),
    spec("getdel",          2, Keys::First, WRITE | FAST,             getdel),
    spec("getex",          -2, Keys::First, WRITE | FAST,             getex),
    spec("getrange",        4, Keys::First, READ,                     getrange),
    spec("getset",          3, Keys::First, WRITE | DENY_OOM | FAST,  getset),
    spec("incr",            2, Keys::First, WRITE | DENY_OOM | FAST,  incr).shortcut(incr_met),
    spec("incrby",          3, Keys::First, WRITE | DENY_OOM | FAST,  incrby),
    spec("incrbyfloat",     3, Keys::First, WRITE | DENY_OOM | FAST,  incrbyfloat),
    spec("lcs",            -3, Keys::Range { first: 1, last: 2, step: 1 }, READ, super::lcs::lcs),
    spec("mget",           -2, ALL,         READ | FAST,              mget),
    spec("mset",           -3, PAIRS,       WRITE | DENY_OOM,         mset),
    spec("msetex",         -4, Keys::CountedPairs, WRITE | DENY_OOM,  super::msetex::msetex),
    spec("msetnx",         -3, PAIRS,       WRITE | DENY_OOM,         msetnx),
    spec("psetex",          4, Keys::First, WRITE | DENY_OOM | BRIEF, psetex),
    spec("set",            -3, Keys::First, WRITE | DENY_OOM | BRIEF, set).shortcut(set_met),
    spec("setex",           4, Keys::First, WRITE | DENY_OOM | BRIEF, setex),
    spec("setnx",           3, Keys::First, WRITE | DENY_OOM | FAST,  setnx),
    spec("setrange",        4, Keys::First, WRITE | DENY_OOM,         setrange),
    spec("strlen",          2, Keys::First, READ | FAST,              strlen),
    spec("substr",          4, Keys::First, READ,                     getrange),
];

/// `GET key`: the value, or nil.
fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_string(cx, args.key()?)
}

fn get_met(met: &mut Met<'_>, _words: &[&[u8]], out: &mut Reply) -> Option<()> {
    write_text(out, &met.string()?);
    Some(())
}

/// Writes a string value, or nil for a missing key.
fn write_string(cx: &mut Context<'_>, key: &[u8]) -> Result {
    match cx.db.string(key)? {
        None => cx.out.nil(),
        Some(text) => write_text(cx.out, &text),
    }
    Ok(())
}

#[inline]
fn write_text(out: &mut Reply, text: &Str<'_>) {
    match text {
        Str::Bytes(bytes) => out.bulk(bytes),
        Str::Int(value) => out.bulk_int(*value),
        Str::Shared(bytes) => out.shared(bytes),
    }
}

/// When SET writes at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition<'a> {
    Always,
    Missing,
    Present,
    If(Comparison<'a>),
}

/// `SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET]
/// [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let value = args.next()?;
    if args.is_done() {
        cx.db.set_string(key, value, Deadline::Clear);
        cx.changed(key, "set");
        cx.out.ok();
        return Ok(());
    }
    let mut condition = Condition::Always;
    let mut get = false;
    let mut expiry = None;
    let mut keep = false;
    while let Some(word) = args.peek() {
        // The commonest first.
        if let Some(unit) = Unit::of_option(word)
            && expiry.is_none_or(|(other, _)| other == unit)
            && !keep
        {
            args.next()?;
            expiry = Some((unit, args.next()?));
        } else if matches!(condition, Condition::Always | Condition::Missing) && args.option("NX") {
            condition = Condition::Missing;
        } else if matches!(condition, Condition::Always | Condition::Present) && args.option("XX") {
            condition = Condition::Present;
        } else if condition == Condition::Always
            && let Some(comparison) = Comparison::parse(args)?
        {
            condition = Condition::If(comparison);
        } else if args.option("GET") {
            get = true;
        } else if expiry.is_none() && args.option("KEEPTTL") {
            keep = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    let deadline = match expiry {
        Some((unit, word)) => Deadline::At(deadline_of(cx, unit, word, "set")?),
        None if keep => Deadline::Keep,
        None => Deadline::Clear,
    };
    if get {
        write_string(cx, key)?;
    }
    let allowed = match condition {
        Condition::Always => true,
        Condition::Missing => cx.db.peek(key).is_none(),
        Condition::Present => cx.db.peek(key).is_some(),
        Condition::If(comparison) => comparison.holds(cx, key)?,
    };
    if allowed {
        store(cx, key, value, deadline);
    }
    match (get, allowed) {
        (true, _) => {}
        (false, true) => cx.out.ok(),
        (false, false) => cx.out.nil(),
    }
    Ok(())
}

/// `SET key value [EX s | PX ms | EXAT s | PXAT ms]`
fn set_met(met: &mut Met<'_>, words: &[&[u8]], out: &mut Reply) -> Option<()> {
    let deadline = match words {
        [_, _, _] => Deadline::Clear,
        [_, _, _, option, amount] => {
            let at_ms = Unit::of_option(option)?.deadline(amount, || met.now_ms(), "set").ok()?;
            Deadline::At(met.is_ahead(at_ms).then_some(at_ms)?)
        }
        _ => return None,
    };
    met.overwrite(words[2], deadline).then(|| out.ok())
}

/// Sets a value and tells of it; a deadline that has passed already removes the key.
pub(super) fn store(cx: &mut Context<'_>, key: &[u8], value: &[u8], deadline: Deadline) {
    if let Deadline::At(at_ms) = deadline
        && cx.db.is_past(at_ms)
    {
        if cx.db.remove(key) {
            cx.changed(key, "del");
        }
        return;
    }
    cx.db.set_string(key, value, deadline);
    cx.changed(key, "set");
    if let Deadline::At(_) = deadline {
        cx.changed(key, "expire");
    }
}

fn check_size(cx: &Context<'_>, len: usize) -> Result {
    if len as u64 > cx.config().get(PROTO_MAX_BULK_LEN) as u64 {
        return Err(Error::StringTooLong);
    }
    Ok(())
}

/// Spares an event loop's thread the copying of a big string that is about to be changed, and to be
/// `len` bytes long at least: one that has no room for so many bytes moves, and so does one that a
/// reply still holds.
pub(super) fn cost_of_change(cx: &Context<'_>, key: &[u8], len: usize) -> Result {
    let copied = match cx.db.peek(key).and_then(Entry::as_str) {
        Some(Str::Shared(bytes)) if bytes.capacity() >= len && Arc::strong_count(bytes) == 1 => {
            len.saturating_sub(bytes.len())
        }
        Some(Str::Shared(bytes)) => len.max(bytes.len()),
        _ => len,
    };
    cx.cost(copied / BYTES_PER_ELEMENT)
}

/// `SETEX key seconds value`
fn setex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    set_with_ttl(cx, args, Unit::Seconds)
}

/// `PSETEX key milliseconds value`
fn psetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    set_with_ttl(cx, args, Unit::Milliseconds)
}

fn set_with_ttl(cx: &mut Context<'_>, args: &mut Args<'_>, unit: Unit) -> Result {
    let key = args.key()?;
    let deadline = deadline_of(cx, unit, args.next()?, cx.spec.name)?;
    let value = args.next()?;
    store(cx, key, value, Deadline::At(deadline));
    cx.out.ok();
    Ok(())
}

/// `SETNX key value`: 1 if the key was set, 0 if there was one already.
fn setnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let value = args.next()?;
    let missing = cx.db.peek(key).is_none();
    if missing {
        store(cx, key, value, Deadline::Clear);
    }
    cx.out.yes_no(missing);
    Ok(())
}

/// `GETSET key value`: the old value.
fn getset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let value = args.next()?;
    write_string(cx, key)?;
    store(cx, key, value, Deadline::Clear);
    Ok(())
}

/// `GETDEL key`: the value, which goes.
fn getdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    write_string(cx, key)?;
    if cx.db.remove(key) {
        cx.changed(key, "del");
    }
    Ok(())
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`: the value, with another deadline.
fn getex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let mut expiry = None;
    let mut persist = false;
    while let Some(word) = args.peek() {
        if expiry.is_none() && args.option("PERSIST") {
            persist = true;
        } else if let Some(unit) = Unit::of_option(word)
            && expiry.is_none_or(|(other, _)| other == unit)
            && !persist
        {
            args.next()?;
            expiry = Some((unit, args.next()?));
        } else {
            return Err(Error::Syntax);
        }
    }
    if cx.db.string(key)?.is_none() {
        cx.out.nil();
        return Ok(());
    }
    let deadline = match expiry {
        Some((unit, word)) => Some(deadline_of(cx, unit, word, "getex")?),
        None => None,
    };
    write_string(cx, key)?;
    match deadline {
        Some(at_ms) if cx.db.is_past(at_ms) => {
            cx.db.remove(key);
            cx.changed(key, "del");
        }
        Some(at_ms) => {
            cx.db.set_deadline(key, Some(at_ms));
            cx.changed(key, "expire");
        }
        None if persist && cx.db.peek(key).is_some_and(|entry| entry.deadline_ms().is_some()) => {
            cx.db.set_deadline(key, None);
            cx.changed(key, "persist");
        }
        None => {}
    }
    Ok(())
}

/// `MGET key [key ...]`: values; nil where there is none or no string.
fn mget(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let keys = args.rest();
    cx.out.array(keys.len());
    for key in keys {
        if let Err(Error::WrongType) = write_string(cx, key) {
            cx.out.nil();
        }
    }
    Ok(())
}

/// The words as key-value pairs.
fn pairs<'a>(cx: &Context<'_>, args: &mut Args<'a>) -> Result<&'a [&'a [u8]]> {
    let words = args.rest();
    if !words.len().is_multiple_of(2) {
        return Err(Error::Arity(cx.spec.name));
    }
    Ok(words)
}

/// `MSET key value [key value ...]`
fn mset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    for pair in pairs(cx, args)?.chunks_exact(2) {
        store(cx, pair[0], pair[1], Deadline::Clear);
    }
    cx.out.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: all, or none if one of the keys exists.
fn msetnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = pairs(cx, args)?;
    let free = words.chunks_exact(2).all(|pair| cx.db.peek(pair[0]).is_none());
    if free {
        for pair in words.chunks_exact(2) {
            store(cx, pair[0], pair[1], Deadline::Clear);
        }
    }
    cx.out.yes_no(free);
    Ok(())
}

/// `STRLEN key`: bytes of the value.
fn strlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.string(args.key()?)?.map_or(0, |text| text.len());
    cx.out.len(len);
    Ok(())
}

/// `APPEND key value`: the new length.
fn append(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let tail = args.next()?;
    let Some(len) = cx.db.old_string(key)?.map(|text| text.len()) else {
        cx.db.set_string(key, tail, Deadline::Clear);
        cx.changed(key, "append");
        cx.out.len(tail.len());
        return Ok(());
    };
    let total = len.checked_add(tail.len()).ok_or(Error::StringTooLong)?;
    check_size(cx, total)?;
    cost_of_change(cx, key, total)?;
    cx.db.change_string(key, total, |bytes| bytes[len..].copy_from_slice(tail))?;
    cx.changed(key, "append");
    cx.out.len(total);
    Ok(())
}

/// `SETRANGE key offset value`: the new length; zeros fill a gap.
fn setrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let offset = args.int()?;
    let patch = args.next()?;
    let offset = usize::try_from(offset).map_err(|_| Error::Plain("ERR offset is out of range"))?;
    let len = cx.db.old_string(key)?.map_or(0, |text| text.len());
    if patch.is_empty() {
        cx.out.len(len);
        return Ok(());
    }
    let end = offset.checked_add(patch.len()).ok_or(Error::StringTooLong)?;
    check_size(cx, end)?;
    cost_of_change(cx, key, end.max(len))?;
    let total = cx.db.change_string(key, end.max(len), |bytes| {
        bytes[offset..end].copy_from_slice(patch);
        bytes.len()
    })?;
    cx.changed(key, "setrange");
    cx.out.len(total);
    Ok(())
}

/// `GETRANGE key start end`: a part of the value; negative positions count from its end.
fn getrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (start, end) = (args.int()?, args.int()?);
    let Some(text) = cx.db.string(key)? else {
        cx.out.bulk(b"");
        return Ok(());
    };
    let mut scratch = itoa::Buffer::new();
    let bytes = text.as_bytes(&mut scratch);
    let len = bytes.len() as i64;
    if (start < 0 && end < 0 && start > end) || len == 0 {
        cx.out.bulk(b"");
        return Ok(());
    }
    let from_end = |at: i64| if at < 0 { (len.saturating_add(at)).max(0) } else { at };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    let part = if start > end { &b""[..] } else { &bytes[start as usize..=end as usize] };
    cx.out.bulk(part);
    Ok(())
}

/// `INCR key`
fn incr(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    add(cx, args.key()?, 1)
}

fn incr_met(met: &mut Met<'_>, _words: &[&[u8]], out: &mut Reply) -> Option<()> {
    let int = met.int_mut()?;
    *int = int.checked_add(1)?;
    out.int(*int);
    Some(())
}

/// `DECR key`
fn decr(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    add(cx, args.key()?, -1)
}

/// `INCRBY key increment`
fn incrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    add(cx, key, args.int()?)
}

/// `DECRBY key decrement`
fn decrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let by = args.int()?.checked_neg().ok_or(Error::Plain("ERR decrement would overflow"))?;
    add(cx, key, by)
}

fn add(cx: &mut Context<'_>, key: &[u8], by: i64) -> Result {
    let sum = cx.db.add(key, by)?;
    cx.changed(key, "incrby");
    cx.out.int(sum);
    Ok(())
}

/// `INCRBYFLOAT key increment`: the sum, printed without an exponent.
fn incrbyfloat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let by = args.next()?;
    let sum = {
        let mut scratch = itoa::Buffer::new();
        let old = cx.db.old_string(key)?;
        let old = old.as_ref().map_or(&b"0"[..], |text| text.as_bytes(&mut scratch));
        crate::long_double::add(old, by)?
    };
    // No integer even where it could be one, as OBJECT ENCODING tells.
    let deadline_ms = cx.db.peek(key).and_then(Entry::deadline_ms);
    cx.db.put(Entry::text(key, sum.as_bytes(), deadline_ms));
    cx.changed(key, "incrbyfloat");
    cx.out.bulk(sum.as_bytes());
    Ok(())
}
