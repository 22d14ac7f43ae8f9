//! One element of a listpack: its code, its data, its backward length.
//!
//! Reading trusts the block (it was checked or written here), but every access is within bounds or
//! panics; only [`checked_skip`] reads blocks from strangers.

use std::cmp::Ordering;

use crate::bytes::parse_int;

/// What stands at a position: Redis keeps integers as such, so both forms must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// The element as a string; an integer is printed into `scratch`.
    pub fn as_bytes<'b>(&self, scratch: &'b mut [u8; 20]) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Self::Bytes(bytes) => bytes,
            Self::Int(value) => {
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(value).as_bytes();
                let out = &mut scratch[..digits.len()];
                out.copy_from_slice(digits);
                out
            }
        }
    }

    /// The element as a string of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut [0; 20]).to_vec()
    }

    /// Whether the element, as a string, is `other`.
    pub fn eq_bytes(&self, other: &[u8]) -> bool {
        match *self {
            Self::Bytes(bytes) => bytes == other,
            Self::Int(value) => parse_int(other) == Some(value),
        }
    }

    /// Orders elements as the strings they are.
    pub fn cmp_bytes(&self, other: &[u8]) -> Ordering {
        self.as_bytes(&mut [0; 20]).cmp(other)
    }

    /// Length of the element as a string.
    pub fn len(&self) -> usize {
        match *self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(value) => itoa::Buffer::new().format(value).len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }

    /// The element as an integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            // Strings that are integers were stored as such, except by strangers.
            Self::Bytes(bytes) => parse_int(bytes),
        }
    }
}

impl<'a> From<&'a [u8]> for Element<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Element<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// An element about to be written: code and, for a string, the data after it.
pub(super) struct Word<'a> {
    code: [u8; 9],
    code_len: usize,
    data: &'a [u8],
}

impl<'a> Word<'a> {
    /// The shortest form of a string, which is an integer if it prints like one.
    pub fn of(element: &'a [u8]) -> Self {
        parse_int(element).map_or_else(|| Self::string(element), Self::int)
    }

    pub fn of_element(element: Element<'a>) -> Self {
        match element {
            Element::Int(value) => Self::int(value),
            Element::Bytes(bytes) => Self::of(bytes),
        }
    }

    pub fn int(value: i64) -> Self {
        let mut code = [0; 9];
        let wide = value.to_le_bytes();
        let code_len = match value {
            0..=127 => {
                code[0] = wide[0];
                1
            }
            -4096..=4095 => {
                code[..2].copy_from_slice(&[wide[1] & 0x1F | 0xC0, wide[0]]);
                2
            }
            _ => {
                let (mark, len) = match value {
                    -0x8000..=0x7FFF => (0xF1, 2),
                    -0x80_0000..=0x7F_FFFF => (0xF2, 3),
                    -0x8000_0000..=0x7FFF_FFFF => (0xF3, 4),
                    _ => (0xF4, 8),
                };
                code[0] = mark;
                code[1..=len].copy_from_slice(&wide[..len]);
                len + 1
            }
        };
        Self { code, code_len, data: &[] }
    }

    fn string(data: &'a [u8]) -> Self {
        let mut code = [0; 9];
        let len = u32::try_from(data.len()).expect("elements are kept below 4 GiB by the owner");
        let wide = len.to_le_bytes();
        let code_len = match len {
            0..64 => {
                code[0] = wide[0] | 0x80;
                1
            }
            64..4096 => {
                code[..2].copy_from_slice(&[wide[1] | 0xE0, wide[0]]);
                2
            }
            _ => {
                code[0] = 0xF0;
                code[1..5].copy_from_slice(&wide);
                5
            }
        };
        Self { code, code_len, data }
    }

    /// What the element takes in the block, backward length included.
    pub fn total_bytes(&self) -> usize {
        let len = self.code_len + self.data.len();
        len + back_bytes(len)
    }

    /// Writes the element at the start of `out` and returns its total length.
    pub fn write(&self, out: &mut [u8]) -> usize {
        let len = self.code_len + self.data.len();
        out[..self.code_len].copy_from_slice(&self.code[..self.code_len]);
        out[self.code_len..len].copy_from_slice(self.data);
        let total = len + back_bytes(len);
        let mut rest = len;
        for (i, byte) in out[len..total].iter_mut().rev().enumerate() {
            // The byte read last, the first one, has no mark.
            let mark = if len + i + 1 == total { 0 } else { 0x80 };
            *byte = rest.to_le_bytes()[0] & 0x7F | mark;
            rest >>= 7;
        }
        total
    }
}

/// How many bytes the backward length of an element of `len` bytes takes. The limits are one short
/// of what the bits could hold, because that is where Redis has them.
fn back_bytes(len: usize) -> usize {
    match len {
        0..=0x7F => 1,
        0x80..0x3FFF => 2,
        0x3FFF..0x1F_FFFF => 3,
        0x1F_FFFF..0xFFF_FFFF => 4,
        _ => 5,
    }
}

/// Length of the code at `at` and of the data after it.
fn lengths(bytes: &[u8], at: usize) -> (usize, usize) {
    match bytes[at] {
        0..0x80 => (1, 0),
        code @ 0x80..0xC0 => (1, usize::from(code & 0x3F)),
        0xC0..0xE0 => (2, 0),
        code @ 0xE0..0xF0 => (2, usize::from(code & 0x0F) << 8 | usize::from(bytes[at + 1])),
        0xF0 => (5, u32::from_le_bytes(array(bytes, at + 1)) as usize),
        0xF1 => (3, 0),
        0xF2 => (4, 0),
        0xF3 => (5, 0),
        0xF4 => (9, 0),
        code => unreachable!("code {code:#x} in a listpack that was checked"),
    }
}

/// Where the element after the one at `at` starts.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize) -> usize {
    // Nearly all elements are one of these two.
    match bytes[at] {
        0..0x80 => return at + 2,
        code @ 0x80..0xC0 => return at + 2 + usize::from(code & 0x3F),
        _ => {}
    }
    let (code, data) = lengths(bytes, at);
    at + code + data + back_bytes(code + data)
}

/// Where the element starts that ends before `end`.
#[inline]
pub(super) fn skip_back(bytes: &[u8], end: usize) -> usize {
    let (len, back) = back_len(bytes, end);
    end - back - len
}

/// The length told by the backward length that ends before `end`, and how many bytes tell it.
#[inline]
fn back_len(bytes: &[u8], end: usize) -> (usize, usize) {
    let (mut len, mut back) = (0, 0);
    loop {
        let byte = bytes[end - 1 - back];
        len |= usize::from(byte & 0x7F) << (7 * back);
        back += 1;
        if byte & 0x80 == 0 || back == 5 {
            return (len, back);
        }
    }
}

/// The element at `at`.
#[inline]
pub(super) fn element(bytes: &[u8], at: usize) -> Element<'_> {
    element_and_next(bytes, at).0
}

/// The element at `at`, and where the next one starts.
#[inline]
pub(super) fn element_and_next(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    match bytes[at] {
        first @ 0..0x80 => (Element::Int(i64::from(first)), at + 2),
        code @ 0x80..0xC0 => {
            let end = at + 1 + usize::from(code & 0x3F);
            (Element::Bytes(&bytes[at + 1..end]), end + 1)
        }
        _ => long_element_and_next(bytes, at),
    }
}

fn long_element_and_next(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let (code, data) = lengths(bytes, at);
    let next = at + code + data + back_bytes(code + data);
    let element = match bytes[at] {
        0xE0..=0xF0 => Element::Bytes(&bytes[at + code..at + code + data]),
        first => Element::Int(int(bytes, at, first)),
    };
    (element, next)
}

/// The integer at `at`, whose code is `first`.
fn int(bytes: &[u8], at: usize, first: u8) -> i64 {
    match first {
        0..0x80 => i64::from(first),
        // Shifting up and down again repeats the sign.
        0xC0..0xE0 => i64::from((i16::from_be_bytes([first, bytes[at + 1]]) << 3) >> 3),
        0xF1 => i64::from(i16::from_le_bytes(array(bytes, at + 1))),
        0xF2 => {
            let [a, b, c] = array(bytes, at + 1);
            i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
        }
        0xF3 => i64::from(i32::from_le_bytes(array(bytes, at + 1))),
        _ => i64::from_le_bytes(array(bytes, at + 1)),
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// A string to look for, with the integer it may be stored as.
#[derive(Debug, Clone, Copy)]
pub struct Needle<'a> {
    bytes: &'a [u8],
    int: Option<i64>,
}

impl<'a> Needle<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, int: parse_int(bytes) }
    }

    /// Whether `element`, as a string, is this one.
    #[inline]
    pub fn is(&self, element: Element<'_>) -> bool {
        match element {
            Element::Bytes(bytes) => bytes == self.bytes,
            Element::Int(value) => self.int == Some(value),
        }
    }
}

/// Where the first element equal to `needle` starts, from `at` on, passing over `skip_count`
/// elements after each one.
pub(super) fn find(
    bytes: &[u8],
    mut at: usize,
    end: usize,
    needle: &[u8],
    skip_count: usize,
) -> Option<usize> {
    let needle = Needle::new(needle);
    while at < end {
        let (found, mut next) = element_and_next(bytes, at);
        if needle.is(found) {
            return Some(at);
        }
        for _ in 0..skip_count {
            if next >= end {
                return None;
            }
            next = skip(bytes, next);
        }
        at = next;
    }
    None
}

/// Like [`skip`], for elements from strangers: `None` if there is no whole, well-formed element.
/// `bytes` ends before the end byte.
pub(super) fn checked_skip(bytes: &[u8], at: usize) -> Option<usize> {
    let first = *bytes.get(at)?;
    let code_len = match first {
        0xF0 | 0xF3 => 5,
        0xE0..0xF0 => 2,
        0xF5.. => return None,
        _ => 1,
    };
    bytes.get(at..at.checked_add(code_len)?)?;
    let (code, data) = lengths(bytes, at);
    let len = code.checked_add(data)?;
    let next = at.checked_add(len)?.checked_add(back_bytes(len))?;
    bytes.get(at..next)?;
    (back_len(bytes, next) == (len, back_bytes(len))).then_some(next)
}
