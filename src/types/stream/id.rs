//! Entry ids: a time in milliseconds and a sequence number within it.

use std::fmt;

use crate::bytes::parse_int;

/// When an entry was added. Greater than the ids of all entries before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// `-`, and the id that no entry has.
    pub const MIN: Self = Self::new(0, 0);
    /// `+`.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Reads `ms-seq`, or `ms` alone, which gets `missing_seq`.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        match split(text) {
            (ms, None) => Some(Self::new(parse_part(ms)?, missing_seq)),
            (ms, Some(seq)) => Some(Self::new(parse_part(ms)?, parse_part(seq)?)),
        }
    }

    /// Reads `ms-*`, which leaves the sequence number to the stream.
    pub fn parse_auto_seq(text: &[u8]) -> Option<u64> {
        match split(text) {
            (ms, Some(b"*")) => parse_part(ms),
            _ => None,
        }
    }

    /// The next id, if this is not the last one.
    pub fn incr(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self::new(self.ms, seq)),
            None => Some(Self::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The id before, if this is not the first one.
    pub fn decr(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self::new(self.ms, seq)),
            None => Some(Self::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }

    /// The bytes whose order is the order of ids.
    pub fn to_be_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// Prints `ms-seq` into `scratch`.
    pub fn as_bytes(self, scratch: &mut [u8; 41]) -> &[u8] {
        let mut buffer = itoa::Buffer::new();
        let mut len = 0;
        for part in [buffer.format(self.ms).as_bytes(), b"-"] {
            scratch[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        let seq = buffer.format(self.seq).as_bytes();
        scratch[len..len + seq.len()].copy_from_slice(seq);
        &scratch[..len + seq.len()]
    }

    /// `ms-seq` in a string of its own.
    pub fn to_vec(self) -> Vec<u8> {
        self.as_bytes(&mut [0; 41]).to_vec()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The parts before and after the first `-`.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b'-') {
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
        None => (text, None),
    }
}

/// One of the two numbers. A server takes integers it would print itself, and whatever else C's
/// `strtoull` takes: white space and a sign before it, leading zeros; a minus turns the number
/// around.
fn parse_part(text: &[u8]) -> Option<u64> {
    if let Some(value) = parse_int(text) {
        return u64::try_from(value).ok();
    }
    let space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| space(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if negative { value.wrapping_neg() } else { value })
}
