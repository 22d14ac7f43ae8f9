//! Writing the atoms of the format: lengths, strings, numbers.
//!
//! ```text
//! 00llllll                     length below 64
//! 01llllll l                   length below 16384
//! 10000000 llll                length in 32 bits, big endian
//! 10000001 llllllll            length in 64 bits, big endian
//! 110000xx                     no length: a string kept as an integer (00, 01, 10: 8, 16, 32
//!                              bits, little endian) or compressed (11)
//! ```

use super::lzf;
use crate::bytes::parse_int;
use crate::types::listpack::Element;

/// Where the bytes go. What can fail remembers its first failure and takes the rest in silence.
pub trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

pub(super) const INT_8: u8 = 0;
pub(super) const INT_16: u8 = 1;
pub(super) const INT_32: u8 = 2;
pub(super) const LZF: u8 = 3;

/// Integers are not longer than this as text.
const INT_LEN_MAX: usize = 11;
/// Shorter strings are not worth compressing.
const LZF_LEN_MIN: usize = 21;
/// What compressing must save.
const LZF_SAVES: usize = 4;

pub fn put_len(sink: &mut impl Sink, len: u64) {
    match len {
        0..0x40 => sink.put(&[len as u8]),
        0x40..0x4000 => sink.put(&[0x40 | (len >> 8) as u8, len as u8]),
        0x4000..=0xFFFF_FFFF => {
            sink.put(&[0x80]);
            sink.put(&(len as u32).to_be_bytes());
        }
        _ => {
            sink.put(&[0x81]);
            sink.put(&len.to_be_bytes());
        }
    }
}

/// A count of things.
pub fn put_count(sink: &mut impl Sink, count: usize) {
    put_len(sink, count as u64);
}

/// A string: as an integer if it is one of up to 32 bits, compressed if that saves something.
pub fn put_string(sink: &mut impl Sink, text: &[u8]) {
    if text.len() <= INT_LEN_MAX
        && let Some(value) = parse_int(text)
        && put_int(sink, value)
    {
        return;
    }
    if text.len() >= LZF_LEN_MIN
        && let Some(packed) = lzf::compress(text, text.len() - LZF_SAVES)
    {
        sink.put(&[0xC0 | LZF]);
        put_count(sink, packed.len());
        put_count(sink, text.len());
        sink.put(&packed);
        return;
    }
    put_count(sink, text.len());
    sink.put(text);
}

/// A string that is an integer already, or not.
pub fn put_element(sink: &mut impl Sink, element: Element<'_>) {
    put_string(sink, element.as_bytes(&mut [0; 20]));
}

fn put_int(sink: &mut impl Sink, value: i64) -> bool {
    if let Ok(value) = i8::try_from(value) {
        sink.put(&[0xC0 | INT_8]);
        sink.put(&value.to_le_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        sink.put(&[0xC0 | INT_16]);
        sink.put(&value.to_le_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        sink.put(&[0xC0 | INT_32]);
        sink.put(&value.to_le_bytes());
    } else {
        return false;
    }
    true
}
