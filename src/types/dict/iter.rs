//! Going through a whole table.

use std::slice;

use super::{Dict, Keyed};

/// The entries of a [`Dict`] in the order of their hashes.
pub struct Iter<'a, T> {
    dict: &'a Dict<T>,
    /// The slot of the next segment.
    slot: usize,
    entries: slice::Iter<'a, T>,
    left: usize,
}

impl<'a, T: Keyed> Iter<'a, T> {
    pub(super) fn new(dict: &'a Dict<T>) -> Self {
        Self { dict, slot: 0, entries: [].iter(), left: dict.len }
    }
}

impl<'a, T: Keyed> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(entry) = self.entries.next() {
                self.left -= 1;
                return Some(entry);
            }
            let segment = &self.dict.segments[*self.dict.directory.get(self.slot)? as usize];
            self.slot += 1 << (self.dict.bits - segment.depth);
            self.entries = segment.entries.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Keyed> ExactSizeIterator for Iter<'_, T> {}
