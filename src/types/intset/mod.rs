//! Sets of integers in one allocation.
//!
//! An intset is the byte format in which Redis keeps small sets of integers, in memory and in
//! dumps, and this is that format: the values in ascending order, all as wide as the widest has
//! ever had to be.
//!
//! ```text
//!   width (2, 4, 8)   count   value  value  ...
//!   u32               u32     i16, i32 or i64 each
//! ```
//!
//! All little endian. Searching is O(log n), changing O(n): keep it small. A set grows wider when a
//! value asks for it and never narrower again.
//!
//! Not here: when an intset has become too large; that is for the set built on it to say.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use crate::types::blob::{Blob, Frame};

const HEADER_BYTES: usize = 8;

/// Width and count, of which the length of the block is made.
struct Header;

impl Frame for Header {
    const HEADER: usize = HEADER_BYTES;

    fn total(header: &[u8]) -> usize {
        HEADER_BYTES + u32_at(header, 0) as usize * u32_at(header, 4) as usize
    }
}

/// A sorted set of integers in one block, eight bytes to hold.
#[derive(Clone)]
pub struct Intset(Blob<Header>);

impl Intset {
    /// An empty set, ready for values of 16 bits.
    pub fn new() -> Self {
        Self(Blob::new(&header(2, 0)))
    }

    /// Copies a block that came from elsewhere, if it is an ascending intset of the right length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES
            || !matches!(u32_at(bytes, 0), 2 | 4 | 8)
            || Header::total(bytes) != bytes.len()
        {
            return None;
        }
        let set = Self(Blob::new(bytes));
        let ascending = set.iter().zip(set.iter().skip(1)).all(|(low, high)| low < high);
        ascending.then_some(set)
    }

    /// The block, as Redis would have it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Length of the block, which is also what it costs.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    pub fn len(&self) -> usize {
        u32_at(self.as_bytes(), 4) as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// The value with `index` smaller ones.
    pub fn get(&self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.value(index))
    }

    /// One of the values, each as likely as the other if `roll` is any number.
    pub fn random(&self, roll: u64) -> Option<i64> {
        let index = roll.checked_rem(self.len() as u64)?;
        self.get(usize::try_from(index).expect("below a length"))
    }

    /// All values, ascending.
    pub fn iter(&self) -> Iter<'_> {
        Iter { set: self, left: 0..self.len() }
    }

    /// Puts `value` in. False if it was there.
    pub fn add(&mut self, value: i64) -> bool {
        let Err(index) = self.search(value) else { return false };
        let (old_width, count) = (self.width(), self.len());
        let width = old_width.max(width_of(value));
        self.0.resize(&header(width, count + 1));
        let body = self.0.body_mut();
        if width == old_width {
            body.copy_within(index * width..count * width, (index + 1) * width);
        } else {
            // Too wide for the others, so it stands before or after all of them. Widening goes from
            // the back, where nothing is overwritten that is still to be read.
            let shift = usize::from(index == 0);
            for i in (0..count).rev() {
                write(body, width, i + shift, read(body, old_width, i));
            }
        }
        write(body, width, index, value);
        true
    }

    /// Takes `value` out. False if it was not there.
    pub fn remove(&mut self, value: i64) -> bool {
        let Ok(index) = self.search(value) else { return false };
        let (width, count) = (self.width(), self.len());
        self.0.body_mut().copy_within((index + 1) * width.., index * width);
        self.0.resize(&header(width, count - 1));
        true
    }

    /// The bytes each value takes: 2, 4 or 8.
    fn width(&self) -> usize {
        u32_at(self.as_bytes(), 0) as usize
    }

    fn value(&self, index: usize) -> i64 {
        read(&self.as_bytes()[HEADER_BYTES..], self.width(), index)
    }

    /// Where `value` is, or where it would be.
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (width, body) = (self.width(), &self.as_bytes()[HEADER_BYTES..]);
        let (mut low, mut high) = (0, self.len());
        // Values often come in ascending order.
        if high > 0 && read(body, width, high - 1) < value {
            return Err(high);
        }
        while low < high {
            let middle = usize::midpoint(low, high);
            if read(body, width, middle) < value {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low < self.len() && read(body, width, low) == value { Ok(low) } else { Err(low) }
    }
}

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Intset {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The values of an intset, ascending.
#[derive(Clone)]
pub struct Iter<'a> {
    set: &'a Intset,
    left: Range<usize>,
}

impl Iterator for Iter<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.left.next().map(|index| self.set.value(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }

    fn nth(&mut self, n: usize) -> Option<i64> {
        self.left.nth(n).map(|index| self.set.value(index))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<i64> {
        self.left.next_back().map(|index| self.set.value(index))
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// The narrowest width that holds `value`.
fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

fn header(width: usize, count: usize) -> [u8; HEADER_BYTES] {
    let count = u32::try_from(count).expect("an intset is kept small by its owner");
    let [a, b, c, d] = count.to_le_bytes();
    let width = u8::try_from(width).expect("2, 4 or 8");
    [width, 0, 0, 0, a, b, c, d]
}

fn read(body: &[u8], width: usize, index: usize) -> i64 {
    let mut wide = [0; 8];
    let at = index * width;
    match width {
        2 => i64::from(i16::from_le_bytes([body[at], body[at + 1]])),
        4 => {
            wide[4..].copy_from_slice(&body[at..at + 4]);
            i64::from_le_bytes(wide) >> 32
        }
        _ => {
            wide.copy_from_slice(&body[at..at + 8]);
            i64::from_le_bytes(wide)
        }
    }
}

/// `value` must fit `width`.
fn write(body: &mut [u8], width: usize, index: usize, value: i64) {
    body[index * width..(index + 1) * width].copy_from_slice(&value.to_le_bytes()[..width]);
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
