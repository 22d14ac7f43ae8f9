//! The byte formats that listpacks took the place of: ziplist and zipmap.
//!
//! ```text
//! ziplist   bytes (u32)  offset of the last entry (u32)  count (u16)  entry ...  FF
//! entry     length of the entry before (u8, or FE and u32)   code   data
//!
//!   00llllll            string below 64 bytes
//!   01llllll l          below 16384, big endian
//!   10000000 llll       longer, big endian
//!   C0 xx  F0 xxx  D0 xxxx  E0 xxxxxxxx  FE x   16, 24, 32, 64, 8 bits, signed
//!   F1 ... FD           0 ... 12
//!
//! zipmap    count (u8)   length  field  length  unused (u8)  value  unused bytes ...  FF
//! length    u8 below FE, or FE and u32
//! ```
//!
//! They are only ever read, and become listpacks.

use super::compact::{BYTES_MAX, pack};
use super::source::{Malformed, Read};
use crate::bytes::parse_int;
use crate::types::listpack::{Element, Listpack};

const HEADER_BYTES: usize = 10;
const END: u8 = 0xFF;
/// A length, or a mark that the length stands in the four bytes behind.
const LONG: u8 = 0xFE;

pub(super) fn ziplist(bytes: &[u8]) -> Read<Listpack> {
    let elements = ziplist_elements(within_reason(bytes)?).ok_or(Malformed)?;
    Ok(pack(elements.iter().copied()))
}

fn ziplist_elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    let told = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?));
    let (&END, body) = bytes.get(HEADER_BYTES..)?.split_last()? else { return None };
    if u32_at(0)? != bytes.len() {
        return None;
    }
    let (mut at, mut before, mut last) = (0, 0, 0);
    let mut elements = Vec::new();
    while at < body.len() {
        let (previous, head) = match *body.get(at)? {
            LONG => (u32::from_le_bytes(*body.get(at + 1..)?.first_chunk()?) as usize, 5),
            END => return None,
            short => (usize::from(short), 1),
        };
        if previous != before {
            return None;
        }
        let (element, len) = ziplist_element(body.get(at + head..)?)?;
        elements.push(element);
        (last, before) = (at, head + len);
        at += before;
    }
    let told_rightly = told == usize::from(u16::MAX) || told == elements.len();
    (told_rightly && u32_at(4)? == HEADER_BYTES + last).then_some(elements)
}

/// The element whose code is at the start, and how many bytes it takes.
fn ziplist_element(bytes: &[u8]) -> Option<(Element<'_>, usize)> {
    let (code, rest) = bytes.split_first()?;
    let string = |head: usize, len: usize| {
        let text = bytes.get(head..)?.get(..len)?;
        let element = parse_int(text).map_or(Element::Bytes(text), Element::Int);
        Some((element, head + len))
    };
    let int = |len: usize| {
        let mut wide = [0; 8];
        wide[8 - len..].copy_from_slice(rest.get(..len)?);
        Some((Element::Int(i64::from_le_bytes(wide) >> (64 - 8 * len)), 1 + len))
    };
    match code {
        0..0x40 => string(1, usize::from(*code)),
        0x40..0x80 => string(2, usize::from(code & 0x3F) << 8 | usize::from(*rest.first()?)),
        0x80 => string(5, u32::from_be_bytes(*rest.first_chunk()?) as usize),
        0xC0 => int(2),
        0xD0 => int(4),
        0xE0 => int(8),
        0xF0 => int(3),
        0xFE => int(1),
        0xF1..=0xFD => Some((Element::Int(i64::from(code & 0x0F) - 1), 1)),
        _ => None,
    }
}

pub(super) fn zipmap(bytes: &[u8]) -> Read<Listpack> {
    let elements = zipmap_elements(within_reason(bytes)?).ok_or(Malformed)?;
    Ok(pack(elements.iter().copied()))
}

fn zipmap_elements(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let (told, rest) = bytes.split_first()?;
    let (&END, mut rest) = rest.split_last()? else { return None };
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (field, tail) = split_len(rest).and_then(|(len, tail)| tail.split_at_checked(len))?;
        let (len, tail) = split_len(tail)?;
        let (unused, tail) = tail.split_first()?;
        let (value, tail) = tail.split_at_checked(len)?;
        (_, rest) = tail.split_at_checked(usize::from(*unused))?;
        elements.extend([Element::Bytes(field), Element::Bytes(value)]);
    }
    let count = elements.len() / 2;
    (*told >= LONG || usize::from(*told) == count).then_some(elements)
}

fn within_reason(bytes: &[u8]) -> Read<&[u8]> {
    if bytes.len() > BYTES_MAX { Err(Malformed) } else { Ok(bytes) }
}

fn split_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.split_first()? {
        (&END, _) => None,
        (&LONG, rest) => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((u32::from_le_bytes(*len) as usize, rest))
        }
        (short, rest) => Some((usize::from(*short), rest)),
    }
}
