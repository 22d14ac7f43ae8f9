//! Bitmaps: strings read and changed bit by bit.

use super::bitfield::{bitfield, bitfield_ro};
use super::string::cost_of_change;
use super::{Args, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::bytes::{is_word, parse_int};
use crate::error::{Error, Result};
use crate::hub::config::PROTO_MAX_BULK_LEN;
use crate::store::{BYTES_PER_ELEMENT, Entry, Str};
use crate::types::bits;

const BEHIND_OPERATION: Keys = Keys::Range { first: 2, last: -1, step: 1 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name         arity keys              flags            handler
    spec("bitcount",     -2, Keys::First,      READ,             bitcount),
    spec("bitfield",     -2, Keys::First,      WRITE | DENY_OOM, bitfield),
    spec("bitfield_ro",  -2, Keys::First,      READ | FAST,      bitfield_ro),
    spec("bitop",        -4, BEHIND_OPERATION, WRITE | DENY_OOM, bitop),
    spec("bitpos",       -3, Keys::First,      READ,             bitpos),
    spec("getbit",        3, Keys::First,      READ | FAST,      getbit),
    spec("setbit",        4, Keys::First,      WRITE | DENY_OOM, setbit),
];

pub(super) const OFFSET: Error = Error::Plain("ERR bit offset is not an integer or out of range");

/// A word as the place of a bit: inside the longest string there may be.
fn offset(cx: &Context<'_>, word: &[u8]) -> Result<u64> {
    check_offset(cx, parse_int(word).ok_or(OFFSET)?)
}

pub(super) fn check_offset(cx: &Context<'_>, at: i64) -> Result<u64> {
    if at < 0 || at >> 3 >= cx.config().get(PROTO_MAX_BULK_LEN) {
        Err(OFFSET)
    } else {
        Ok(at as u64)
    }
}

/// `SETBIT key offset value`: what the bit was.
fn setbit(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let at = offset(cx, args.next()?)?;
    let bit = match args.next()? {
        b"0" => false,
        b"1" => true,
        _ => return Err(Error::Plain("ERR bit is not an integer or out of range")),
    };
    let needed = (at / 8) as usize + 1;
    cost_of_change(cx, key, needed)?;
    let Some(entry) = cx.db.string_mut(key)? else {
        let mut bytes = vec![0; needed];
        bits::set(&mut bytes, at, bit);
        cx.db.put(Entry::owned(key, bytes));
        cx.changed(key, "setbit");
        cx.out.int(0);
        return Ok(());
    };
    let mut scratch = itoa::Buffer::new();
    let text = entry.as_str();
    let bytes = text.as_ref().map_or(&b""[..], |text| text.as_bytes(&mut scratch));
    let before = bits::get(bytes, at);
    let changes = before != bit || bytes.len() < needed;
    // Even where nothing changes the value becomes a plain string, as OBJECT ENCODING tells; big
    // ones are that already, and may be held by a reply.
    if changes || !matches!(text, Some(Str::Shared(_))) {
        entry.with_string_mut(needed, |bytes| bits::set(bytes, at, bit));
    }
    if changes {
        cx.changed(key, "setbit");
    }
    cx.out.yes_no(before);
    Ok(())
}

/// `GETBIT key offset`
fn getbit(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let at = offset(cx, args.next()?)?;
    let mut scratch = itoa::Buffer::new();
    let bit = cx.db.string(key)?.is_some_and(|text| bits::get(text.as_bytes(&mut scratch), at));
    cx.out.yes_no(bit);
    Ok(())
}

/// What BITCOUNT and BITPOS are asked to look at: positions of bytes or of bits.
struct Range {
    start: i64,
    end: Option<i64>,
    in_bits: bool,
}

impl Range {
    /// `[start [end [BYTE | BIT]]]`; the unit is looked at before the end.
    fn parse(args: &mut Args<'_>) -> Result<Option<Self>> {
        if args.is_done() {
            return Ok(None);
        }
        let start = args.int()?;
        let Ok(end) = args.next() else {
            return Ok(Some(Self { start, end: None, in_bits: false }));
        };
        let in_bits = match args.peek() {
            None => false,
            Some(word) if is_word(word, "BIT") => true,
            Some(word) if is_word(word, "BYTE") => false,
            Some(_) => return Err(Error::Syntax),
        };
        let end = Some(parse_int(end).ok_or(Error::NotAnInteger)?);
        Ok(Some(Self { start, end, in_bits }))
    }

    /// The first and the last bit of a string of `len` bytes; `None` if there are none between.
    fn bits(&self, len: usize) -> Option<(u64, u64)> {
        let len = len as i64 * if self.in_bits { 8 } else { 1 };
        let from_end = |at: i64| if at < 0 { len.saturating_add(at).max(0) } else { at };
        let first = from_end(self.start);
        let last = from_end(self.end.unwrap_or(-1)).min(len - 1);
        if first > last {
            return None;
        }
        Some(if self.in_bits {
            (first as u64, last as u64)
        } else {
            (first as u64 * 8, last as u64 * 8 + 7)
        })
    }
}

/// `BITCOUNT key [start [end [BYTE | BIT]]]`: how many bits are set.
fn bitcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let range = counted_range(args)?;
    let mut scratch = itoa::Buffer::new();
    let Some(text) = cx.db.string(key)? else {
        cx.out.int(0);
        return Ok(());
    };
    let bytes = text.as_bytes(&mut scratch);
    let count = match range {
        None => {
            cost_of_reading(cx, bytes.len())?;
            bits::count(bytes)
        }
        // As a server has it: backwards is empty before either position is moved into the string.
        Some(Range { start, end: Some(end), .. }) if start < 0 && end < 0 && start > end => 0,
        Some(range) => match range.bits(bytes.len()) {
            None => 0,
            Some((first, last)) => {
                cost_of_reading(cx, ((last - first) / 8) as usize)?;
                bits::count_between(bytes, first, last)
            }
        },
    };
    cx.out.int(count as i64);
    Ok(())
}

/// BITCOUNT's range, with no word behind it.
fn counted_range(args: &mut Args<'_>) -> Result<Option<Range>> {
    if args.left() > 3 {
        return Err(Error::Syntax);
    }
    Range::parse(args)
}

/// Going through a string takes a part of the time that copying it takes.
fn cost_of_reading(cx: &Context<'_>, len: usize) -> Result {
    cx.cost(len / (BYTES_PER_ELEMENT * 4))
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: the first bit that is 0 or 1, or -1.
fn bitpos(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let bit = match args.int()? {
        0 => false,
        1 => true,
        _ => return Err(Error::Plain("ERR The bit argument must be 1 or 0.")),
    };
    let range = counted_range(args)?;
    let mut scratch = itoa::Buffer::new();
    let Some(text) = cx.db.string(key)? else {
        cx.out.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = text.as_bytes(&mut scratch);
    let ends = range.as_ref().is_some_and(|range| range.end.is_some());
    let range = range.unwrap_or(Range { start: 0, end: None, in_bits: false });
    let found = match range.bits(bytes.len()) {
        None => -1,
        Some((first, last)) => {
            cost_of_reading(cx, ((last - first) / 8) as usize)?;
            match bits::find(bytes, bit, first, last) {
                Some(at) => at as i64,
                // Zeros follow a string, unless its end was named.
                None if !bit && !ends => bytes.len() as i64 * 8,
                None => -1,
            }
        }
    };
    cx.out.int(found);
    Ok(())
}

/// How BITOP combines strings. `X` is the first, `Y` any other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// In X and in no Y.
    Diff,
    /// In some Y and not in X.
    Diff1,
    /// In X and in some Y.
    AndOr,
    /// In exactly one of all.
    One,
}

impl Operation {
    fn parse(word: &[u8]) -> Result<Self> {
        let known = [
            ("AND", Self::And),
            ("OR", Self::Or),
            ("XOR", Self::Xor),
            ("NOT", Self::Not),
            ("DIFF", Self::Diff),
            ("DIFF1", Self::Diff1),
            ("ANDOR", Self::AndOr),
            ("ONE", Self::One),
        ];
        let found = known.iter().find(|(name, _)| is_word(word, name));
        found.map(|(_, operation)| *operation).ok_or(Error::Syntax)
    }

    /// The error that a server gives for so many sources.
    fn check(self, sources: usize) -> Result {
        match self {
            Self::Not if sources != 1 => {
                Err(Error::Plain("ERR BITOP NOT must be called with a single source key."))
            }
            Self::Diff => need_two("DIFF", sources),
            Self::Diff1 => need_two("DIFF1", sources),
            Self::AndOr => need_two("ANDOR", sources),
            _ => Ok(()),
        }
    }
}

fn need_two(name: &str, sources: usize) -> Result {
    if sources > 1 {
        return Ok(());
    }
    Err(Error::text(format!("ERR BITOP {name} must be called with at least two source keys.")))
}

/// `BITOP operation destkey key [key ...]`: the length of what is stored at destkey.
fn bitop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let operation = Operation::parse(args.next()?)?;
    let target = args.key()?;
    let keys = args.rest();
    operation.check(keys.len())?;
    let mut scratch = vec![itoa::Buffer::new(); keys.len()];
    let mut sources = Vec::with_capacity(keys.len());
    for (key, scratch) in keys.iter().zip(&mut scratch) {
        let text: Option<Str<'_>> = cx.db.string(key)?;
        sources.push(text.map_or(&b""[..], |text| text.as_bytes(scratch)));
    }
    let len = sources.iter().map(|bytes| bytes.len()).max().unwrap_or(0);
    cx.cost(len.saturating_mul(sources.len()) / BYTES_PER_ELEMENT)?;
    if len == 0 {
        if cx.db.remove(target) {
            cx.changed(target, "del");
        }
    } else {
        let result = combine(operation, &sources, len);
        cx.db.put(Entry::owned(target, result));
        cx.changed(target, "set");
    }
    cx.out.len(len);
    Ok(())
}

/// Shorter strings count as filled up with zeros to the length of the longest, which is `len`.
fn combine(operation: Operation, sources: &[&[u8]], len: usize) -> Vec<u8> {
    let (first, others) = sources.split_first().expect("the arity asks for one source");
    let mut result = Vec::with_capacity(len);
    result.extend_from_slice(first);
    result.resize(len, 0);
    match operation {
        Operation::Not => result.iter_mut().for_each(|byte| *byte = !*byte),
        Operation::And => {
            for other in others {
                apply(&mut result, other, |x, y| *x &= y);
                result[other.len()..].fill(0);
            }
        }
        Operation::Or => each(&mut result, others, |x, y| *x |= y),
        Operation::Xor => each(&mut result, others, |x, y| *x ^= y),
        Operation::Diff => each(&mut result, others, |x, y| *x &= !y),
        Operation::Diff1 => apply(&mut result, &union(others, len), |x, y| *x = !*x & y),
        Operation::AndOr => apply(&mut result, &union(others, len), |x, y| *x &= y),
        Operation::One => {
            let mut twice = vec![0; len];
            for other in others {
                for ((x, y), more) in result.iter_mut().zip(*other).zip(&mut twice) {
                    *more |= *x & y;
                    *x |= y;
                }
            }
            apply(&mut result, &twice, |x, y| *x &= !y);
        }
    }
    result
}

/// Byte by byte as far as the other string goes; the compiler makes vectors of it.
fn apply(result: &mut [u8], other: &[u8], change: impl Fn(&mut u8, u8)) {
    result.iter_mut().zip(other).for_each(|(x, y)| change(x, *y));
}

fn each(result: &mut [u8], others: &[&[u8]], change: impl Fn(&mut u8, u8)) {
    for other in others {
        apply(result, other, &change);
    }
}

fn union(sources: &[&[u8]], len: usize) -> Vec<u8> {
    let mut any = vec![0; len];
    each(&mut any, sources, |x, y| *x |= y);
    any
}
