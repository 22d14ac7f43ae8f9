//! A run of ranks, gone through from either side.

use std::slice;

use super::{Entry, Rank};

/// The entries of a run of ranks, in order.
#[derive(Debug, Clone)]
pub struct Range<'a> {
    tree: &'a Rank,
    /// What is left are the ranks from `start` up to, not including, `end`.
    start: usize,
    end: usize,
    /// The rest of the leaf in which `start` is, and of the one in which `end` is. They may be the
    /// same leaf; the ranks tell when the two sides meet.
    front: slice::Iter<'a, Entry>,
    back: slice::Iter<'a, Entry>,
}

impl<'a> Range<'a> {
    pub(super) fn new(tree: &'a Rank, start: usize, end: usize) -> Self {
        Self { tree, start, end: end.max(start), front: [].iter(), back: [].iter() }
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = &'a Entry;

    fn next(&mut self) -> Option<&'a Entry> {
        if self.start == self.end {
            return None;
        }
        if self.front.len() == 0 {
            let (leaf, at) = self.tree.root.leaf_at(self.start);
            self.front = leaf[at..].iter();
        }
        self.start += 1;
        self.front.next()
    }

    fn nth(&mut self, count: usize) -> Option<&'a Entry> {
        self.start = self.end.min(self.start.saturating_add(count));
        self.front = [].iter();
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.start;
        (left, Some(left))
    }
}

impl<'a> DoubleEndedIterator for Range<'a> {
    fn next_back(&mut self) -> Option<&'a Entry> {
        if self.start == self.end {
            return None;
        }
        if self.back.len() == 0 {
            let (leaf, at) = self.tree.root.leaf_at(self.end - 1);
            self.back = leaf[..=at].iter();
        }
        self.end -= 1;
        self.back.next_back()
    }

    fn nth_back(&mut self, count: usize) -> Option<&'a Entry> {
        self.end = self.start.max(self.end.saturating_sub(count));
        self.back = [].iter();
        self.next_back()
    }
}

impl ExactSizeIterator for Range<'_> {}
