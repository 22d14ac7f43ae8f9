//! Walking a listpack from either end.

use super::{Element, Pos, encoding};

/// The elements between two bytes of a listpack, each with its position.
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    /// Elements start at `front` and end before `back`.
    pub(super) fn new(bytes: &'a [u8], front: usize, back: usize) -> Self {
        Self { bytes, front, back }
    }

    /// Passes over the next `count` elements without looking at them.
    pub fn advance(&mut self, count: usize) {
        for _ in 0..count {
            if self.front >= self.back {
                return;
            }
            self.front = encoding::skip(self.bytes, self.front);
        }
    }

    /// Takes the last `count` elements off and returns them, or as many as there are.
    #[must_use]
    pub fn split_back(&mut self, count: usize) -> Self {
        let end = self.back;
        for _ in 0..count {
            if self.front >= self.back {
                break;
            }
            self.back = encoding::skip_back(self.bytes, self.back);
        }
        Self { bytes: self.bytes, front: self.back, back: end }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Pos, Element<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let at = self.front;
        let (element, next) = encoding::element_and_next(self.bytes, at);
        self.front = next;
        Some((Pos::at(at), element))
    }

    fn count(self) -> usize {
        let (mut at, mut count) = (self.front, 0);
        while at < self.back {
            at = encoding::skip(self.bytes, at);
            count += 1;
        }
        count
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = encoding::skip_back(self.bytes, self.back);
        Some((Pos::at(self.back), encoding::element(self.bytes, self.back)))
    }
}
