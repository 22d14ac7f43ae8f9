//! Many small elements in one allocation.
//!
//! A listpack is the byte format in which Redis keeps small hashes, lists, sorted sets and stream
//! nodes, in memory and in dumps. This is that format, bit for bit, so a dump copies the block:
//!
//! ```text
//!   total bytes  count   element  element  ...  end
//!   u32          u16     ...      ...           FF
//!
//!   element = code and data, then the length of both, so that it can be stepped over backwards
//!
//!   0xxxxxxx                   0..=127
//!   10llllll bytes             up to 63 bytes
//!   110xxxxx x                 13 bits, signed
//!   1110llll l bytes           up to 4095 bytes
//!   F0 llll bytes              longer, length in 32 bits
//!   F1 xx  F2 xxx  F3 xxxx  F4 xxxxxxxx   16, 24, 32, 64 bits, signed
//! ```
//!
//! Numbers are little endian, except in the codes of 12 and 13 bits and in the backward length (7
//! bits a byte, lowest last, all but the first marked by the high bit). The count stays at 65535
//! once it has got there; then elements are counted by walking. A string that is exactly what a
//! 64-bit integer prints as is stored as that integer.
//!
//! The structure costs O(n) to search and to change in the middle: keep it small. Elements are
//! addressed by [`Pos`], the byte at which they start; a change at or before a position moves what
//! comes after it. A `Pos` that no longer holds reads nonsense or panics, but never leaves the
//! block.
//!
//! Not here: when a listpack has become too large; that is for each type built on it to say.

mod encoding;
mod iter;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::types::blob::{Blob, Frame};
use encoding::Word;

pub use encoding::{Element, Needle};
pub use iter::Iter;

/// Bytes before the first element.
const HEADER_BYTES: usize = 6;
/// The byte after the last element.
const END: u8 = 0xFF;
/// A count in the header that means "walk and see".
const COUNT_UNKNOWN: u16 = u16::MAX;
const EMPTY: [u8; HEADER_BYTES + 1] = [7, 0, 0, 0, 0, 0, END];

/// The total length is what decides the size of the block; the count is part of the body.
struct Total;

impl Frame for Total {
    const HEADER: usize = 4;

    fn total(header: &[u8]) -> usize {
        u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize
    }
}

/// A sequence of strings and integers in one block, eight bytes to hold.
#[derive(Clone)]
#[repr(transparent)]
pub struct Listpack(Blob<Total>);

/// Where an element starts, in bytes from the start of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

impl Pos {
    fn at(offset: usize) -> Self {
        Self(u32::try_from(offset).expect("a listpack is shorter than 4 GiB"))
    }

    fn offset(self) -> usize {
        self.0 as usize
    }
}

impl Listpack {
    /// An empty listpack: seven bytes.
    pub fn new() -> Self {
        Self(Blob::new(&EMPTY))
    }

    /// Copies a block that came from elsewhere, if every byte of it is as it should be.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        is_valid(bytes).then(|| Self(Blob::new(bytes)))
    }

    /// Whether every element is in its shortest form. Those that were written here are.
    pub fn is_shortest(&self) -> bool {
        let words = self.iter().map(|(_, element)| Word::of_element(element).total_bytes());
        words.sum::<usize>() + EMPTY.len() == self.byte_len()
    }

    /// The block, as Redis would have it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Length of the block, which is also what it costs.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// How many elements there are. Walks when they are 65535 or more.
    pub fn len(&self) -> usize {
        match self.header_count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.byte_len() == EMPTY.len()
    }

    /// What [`byte_len`](Self::byte_len) would grow by if `element` were put in.
    pub fn cost_of(element: &[u8]) -> usize {
        Word::of(element).total_bytes()
    }

    pub fn push_back(&mut self, element: &[u8]) {
        let end = self.end();
        self.insert_word(end, &Word::of(element));
    }

    pub fn push_back_int(&mut self, value: i64) {
        let end = self.end();
        self.insert_word(end, &Word::int(value));
    }

    pub fn push_front(&mut self, element: &[u8]) {
        self.insert_word(HEADER_BYTES, &Word::of(element));
    }

    /// Appends all of `elements`, moving the block once.
    pub fn extend<'a, T: Into<Element<'a>>>(&mut self, elements: impl Iterator<Item = T> + Clone) {
        let words = elements.map(|element| Word::of_element(element.into()));
        let (added, count) =
            words.clone().fold((0, 0), |(n, i), word| (n + word.total_bytes(), i + 1));
        let mut at = self.end();
        self.splice(at, 0, added);
        let body = self.0.body_mut();
        // Chains of iterators are quicker from within than from without.
        words.for_each(|word| at += word.write(&mut body[at - Total::HEADER..]));
        self.count_added(count);
    }

    /// The element at `index`; negative counts from the tail, -1 being the last.
    pub fn get(&self, index: isize) -> Option<Element<'_>> {
        self.seek(index).map(|pos| self.at(pos))
    }

    /// Where the element at `index` starts; negative counts from the tail. Walks from the nearer
    /// end if the count is known.
    pub fn seek(&self, index: isize) -> Option<Pos> {
        let (mut from_tail, mut steps) = match index {
            0.. => (false, index.unsigned_abs()),
            _ => (true, index.unsigned_abs() - 1),
        };
        let count = self.header_count();
        if count != COUNT_UNKNOWN {
            let opposite = usize::from(count).checked_sub(steps + 1)?;
            if opposite < steps {
                (from_tail, steps) = (!from_tail, opposite);
            }
        }
        let mut found = if from_tail { self.last() } else { self.first() };
        for _ in 0..steps {
            found = if from_tail { self.prev(found?) } else { self.next(found?) };
        }
        found
    }

    /// The element that starts at `pos`.
    pub fn at(&self, pos: Pos) -> Element<'_> {
        encoding::element(self.as_bytes(), pos.offset())
    }

    pub fn first(&self) -> Option<Pos> {
        (!self.is_empty()).then_some(Pos(6))
    }

    pub fn last(&self) -> Option<Pos> {
        self.before(self.end())
    }

    /// The element after the one at `pos`.
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let next = encoding::skip(self.as_bytes(), pos.offset());
        (next < self.end()).then(|| Pos::at(next))
    }

    /// The element before the one at `pos`.
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        self.before(pos.offset())
    }

    /// All elements with their positions, from either end.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.as_bytes(), HEADER_BYTES, self.end())
    }

    /// The element at `pos` and those after it.
    pub fn iter_from(&self, pos: Pos) -> Iter<'_> {
        Iter::new(self.as_bytes(), pos.offset(), self.end())
    }

    /// The elements before `pos` and the one there.
    pub fn iter_through(&self, pos: Pos) -> Iter<'_> {
        let stop = encoding::skip(self.as_bytes(), pos.offset());
        Iter::new(self.as_bytes(), HEADER_BYTES, stop)
    }

    /// The elements from `start` up to, not including, the one at `end`; without an end to the
    /// tail.
    pub fn iter_between(&self, start: Pos, end: Option<Pos>) -> Iter<'_> {
        Iter::new(self.as_bytes(), start.offset(), end.map_or(self.end(), Pos::offset))
    }

    /// The first element equal to `needle`, passing over `skip` elements after each one looked at:
    /// 0 looks at all, 1 at the fields of field-value pairs.
    pub fn find(&self, needle: &[u8], skip: usize) -> Option<Pos> {
        self.find_from(self.first()?, needle, skip)
    }

    /// Like [`find`](Self::find), beginning at `pos`.
    pub fn find_from(&self, pos: Pos, needle: &[u8], skip: usize) -> Option<Pos> {
        encoding::find(self.as_bytes(), pos.offset(), self.end(), needle, skip).map(Pos::at)
    }

    /// Puts `element` before the one at `pos`; it is then what `pos` names.
    pub fn insert_before(&mut self, pos: Pos, element: &[u8]) -> Pos {
        self.insert_word(pos.offset(), &Word::of(element));
        pos
    }

    /// Puts `element` after the one at `pos` and tells where.
    pub fn insert_after(&mut self, pos: Pos, element: &[u8]) -> Pos {
        let at = encoding::skip(self.as_bytes(), pos.offset());
        self.insert_word(at, &Word::of(element));
        Pos::at(at)
    }

    /// Puts `element` in the place of the one at `pos`.
    pub fn replace(&mut self, pos: Pos, element: &[u8]) {
        self.replace_word(pos, &Word::of(element));
    }

    /// Puts `value` in the place of the element at `pos`.
    pub fn replace_int(&mut self, pos: Pos, value: i64) {
        self.replace_word(pos, &Word::int(value));
    }

    /// Takes the element at `pos` out. Returns the one that followed, now at the same position.
    pub fn remove(&mut self, pos: Pos) -> Option<Pos> {
        self.remove_many(pos, 1);
        (pos.offset() < self.end()).then_some(pos)
    }

    /// Takes out `count` elements, the one at `pos` and those after it, or as many as there are.
    /// Returns how many.
    pub fn remove_many(&mut self, pos: Pos, count: usize) -> usize {
        let (start, end) = (pos.offset(), self.end());
        let (mut stop, mut removed) = (start, 0);
        while removed < count && stop < end {
            stop = encoding::skip(self.as_bytes(), stop);
            removed += 1;
        }
        self.splice(start, stop - start, 0);
        self.count_removed(removed);
        removed
    }

    /// Takes out `count` elements from `index` on (negative counts from the tail), or as many as
    /// there are. Returns how many.
    pub fn remove_range(&mut self, index: isize, count: usize) -> usize {
        self.seek(index).map_or(0, |pos| self.remove_many(pos, count))
    }

    /// Takes out the elements at all of `positions`, which ascend, moving what stays once.
    pub fn remove_each(&mut self, positions: &[Pos]) {
        let Some(first) = positions.first() else { return };
        let (mut write, end) = (first.offset(), self.end());
        for (i, pos) in positions.iter().enumerate() {
            let keep = encoding::skip(self.as_bytes(), pos.offset());
            let until = positions.get(i + 1).map_or(end, |next| next.offset());
            self.0
                .body_mut()
                .copy_within(keep - Total::HEADER..until - Total::HEADER, write - Total::HEADER);
            write += until - keep;
        }
        self.splice(write, end - write, 0);
        self.count_removed(positions.len());
    }

    /// Leaves the elements before `pos` and returns the rest.
    #[must_use]
    pub fn split_off(&mut self, pos: Pos) -> Self {
        let mut tail = Self::new();
        tail.append_raw(self.as_bytes(), pos.offset(), self.end());
        self.remove_many(pos, usize::MAX);
        tail
    }

    /// Appends every element of `other`.
    pub fn append(&mut self, other: &Self) {
        self.append_raw(other.as_bytes(), HEADER_BYTES, other.end());
    }

    fn append_raw(&mut self, bytes: &[u8], start: usize, stop: usize) {
        let count = Iter::new(bytes, start, stop).count();
        let end = self.end();
        self.splice(end, 0, stop - start);
        let at = end - Total::HEADER;
        self.0.body_mut()[at..at + stop - start].copy_from_slice(&bytes[start..stop]);
        self.count_added(count);
    }

    /// Where the end byte stands.
    fn end(&self) -> usize {
        self.byte_len() - 1
    }

    fn before(&self, offset: usize) -> Option<Pos> {
        (offset > HEADER_BYTES).then(|| Pos::at(encoding::skip_back(self.as_bytes(), offset)))
    }

    fn insert_word(&mut self, at: usize, word: &Word<'_>) {
        self.splice(at, 0, word.total_bytes());
        word.write(&mut self.0.body_mut()[at - Total::HEADER..]);
        self.count_added(1);
    }

    fn replace_word(&mut self, pos: Pos, word: &Word<'_>) {
        let at = pos.offset();
        let old = encoding::skip(self.as_bytes(), at) - at;
        self.splice(at, old, word.total_bytes());
        word.write(&mut self.0.body_mut()[at - Total::HEADER..]);
    }

    /// Makes room for `added` bytes in the place of the `removed` ones at `at`.
    fn splice(&mut self, at: usize, removed: usize, added: usize) {
        let old = self.byte_len();
        let new = old - removed + added;
        let total = u32::try_from(new).expect("a listpack is kept below 4 GiB by its owner");
        let (from, to) = (at + removed - Total::HEADER, at + added - Total::HEADER);
        if new > old {
            self.0.resize(&total.to_le_bytes());
            self.0.body_mut().copy_within(from..old - Total::HEADER, to);
        } else if new < old {
            self.0.body_mut().copy_within(from.., to);
            self.0.resize(&total.to_le_bytes());
        }
    }

    fn header_count(&self) -> u16 {
        let bytes = self.as_bytes();
        u16::from_le_bytes([bytes[4], bytes[5]])
    }

    fn set_header_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0.body_mut()[..2].copy_from_slice(&count.to_le_bytes());
    }

    fn count_added(&mut self, count: usize) {
        let old = self.header_count();
        if old != COUNT_UNKNOWN {
            self.set_header_count(usize::from(old) + count);
        }
    }

    fn count_removed(&mut self, count: usize) {
        let old = self.header_count();
        if self.is_empty() {
            self.set_header_count(0);
        } else if old != COUNT_UNKNOWN {
            self.set_header_count(usize::from(old) - count);
        }
    }
}

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Listpack {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Listpack {}

impl fmt::Debug for Listpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = (Pos, Element<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Whether `bytes` are one whole listpack: lengths that add up, codes that exist, a true count.
fn is_valid(bytes: &[u8]) -> bool {
    let len = bytes.len();
    if len < EMPTY.len()
        || len > u32::MAX as usize
        || Total::total(bytes) != len
        || bytes[len - 1] != END
    {
        return false;
    }
    let (mut at, mut count) = (HEADER_BYTES, 0);
    while at < len - 1 {
        match encoding::checked_skip(&bytes[..len - 1], at) {
            Some(next) => (at, count) = (next, count + 1),
            None => return false,
        }
    }
    let told = u16::from_le_bytes([bytes[4], bytes[5]]);
    told == COUNT_UNKNOWN || usize::from(told) == count
}
