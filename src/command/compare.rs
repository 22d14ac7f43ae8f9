//! Strings that are set or removed only if they are, or are not, what somebody takes them for:
//! SET's IFEQ and its kin, DELIFEQ, DELEX, DIGEST.
//!
//! A digest stands for a value that is too long to be sent back: XXH3 with 64 bits, in sixteen
//! hexadecimal digits.

use xxhash_rust::xxh3::xxh3_64;

use super::{Args, Context, FAST, Keys, READ, Spec, WRITE, spec};
use crate::error::{Error, Result};
use crate::store::{BYTES_PER_ELEMENT, Str};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name     arity keys         flags         handler
    spec("delex",    -2, Keys::First, WRITE | FAST, delex),
    spec("delifeq",   3, Keys::First, WRITE | FAST, delifeq),
    spec("digest",    2, Keys::First, READ | FAST,  digest),
];

const DIGEST_DIGITS: usize = 16;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison<'a> {
    Equal(&'a [u8]),
    Unequal(&'a [u8]),
    DigestEqual(u64),
    DigestUnequal(u64),
}

impl<'a> Comparison<'a> {
    /// `IFEQ value | IFNE value | IFDEQ digest | IFDNE digest`, if that is what comes next.
    pub fn parse(args: &mut Args<'a>) -> Result<Option<Self>> {
        Ok(Some(if args.option("IFEQ") {
            Self::Equal(args.next()?)
        } else if args.option("IFNE") {
            Self::Unequal(args.next()?)
        } else if args.option("IFDEQ") {
            Self::DigestEqual(parse_digest(args.next()?)?)
        } else if args.option("IFDNE") {
            Self::DigestUnequal(parse_digest(args.next()?)?)
        } else {
            return Ok(None);
        }))
    }

    /// Is the value at the key as it must be? What is missing is equal to nothing.
    pub fn holds(&self, cx: &Context<'_>, key: &[u8]) -> Result<bool> {
        let Some(text) = cx.db.string(key)? else {
            return Ok(matches!(self, Self::Unequal(_) | Self::DigestUnequal(_)));
        };
        cost_of_reading(cx, text)?;
        let mut scratch = itoa::Buffer::new();
        let bytes = text.as_bytes(&mut scratch);
        Ok(match *self {
            Self::Equal(other) => bytes == other,
            Self::Unequal(other) => bytes != other,
            Self::DigestEqual(digest) => xxh3_64(bytes) == digest,
            Self::DigestUnequal(digest) => xxh3_64(bytes) != digest,
        })
    }
}

fn cost_of_reading(cx: &Context<'_>, text: Str<'_>) -> Result {
    cx.cost(text.len() / BYTES_PER_ELEMENT)
}

fn parse_digest(word: &[u8]) -> Result<u64> {
    let digits = std::str::from_utf8(word).ok().filter(|digits| digits.len() == DIGEST_DIGITS);
    let value = digits.filter(|digits| !digits.starts_with('+'));
    value
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or(Error::Plain("ERR a digest is written with 16 hexadecimal digits"))
}

/// `DIGEST key`: the digest of a string, or nil.
fn digest(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(text) = cx.db.string(args.key()?)? else {
        cx.out.nil();
        return Ok(());
    };
    cost_of_reading(cx, text)?;
    let digest = xxh3_64(text.as_bytes(&mut itoa::Buffer::new()));
    cx.out.bulk(format!("{digest:0DIGEST_DIGITS$x}").as_bytes());
    Ok(())
}

/// `DELIFEQ key value`: 1 if the key held that string, and is gone.
fn delifeq(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let comparison = Comparison::Equal(args.next()?);
    remove_if(cx, key, Some(comparison))
}

/// `DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]`: 1 if the key is gone;
/// without a condition, whatever its type.
fn delex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let comparison = Comparison::parse(args)?;
    args.finish()?;
    remove_if(cx, key, comparison)
}

fn remove_if(cx: &mut Context<'_>, key: &[u8], comparison: Option<Comparison<'_>>) -> Result {
    let removed = match comparison {
        Some(comparison) if !comparison.holds(cx, key)? => false,
        _ => cx.db.remove(key),
    };
    if removed {
        cx.changed(key, "del");
    }
    cx.out.yes_no(removed);
    Ok(())
}
