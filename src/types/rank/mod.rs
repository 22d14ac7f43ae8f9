//! The ordered side of a big sorted set: which member is at which rank.
//!
//! A B+ tree over (score, member) in which every inner node knows how many entries are below each
//! of its children:
//!
//! ```text
//!              ┌ from (1, a): 60 │ from (7, k): 41 ┐
//!              ▼                                   ▼
//!   (1, a) (1, b) (2, x) …              (7, k) (9, c) …
//! ```
//!
//! So the way down finds a rank from an entry and an entry from a rank alike, in O(log n). Equal
//! scores are ordered by the bytes of the member. Scores lie in the nodes, so members are read only
//! where scores are equal.
//!
//! There are no links between leaves and none upwards: going on after the end of a leaf is another
//! way down from the root, once in some fifty entries. What bounds a child is always an entry that
//! exists, so no removed member is kept alive.
//!
//! Not here: finding a score by its member; `sorted_set` keeps a table beside the tree, which
//! shares the members. An entry must not be inserted twice, and a NaN has no place in the order.

mod node;
mod range;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use crate::types::thin::Thin;
use node::Node;

pub use range::Range;

/// A member and its score.
#[derive(Debug, Clone)]
pub struct Entry {
    pub score: f64,
    pub member: Thin,
}

impl Entry {
    /// Where this stands relative to another score and member.
    #[inline]
    pub fn compare(&self, score: f64, member: &[u8]) -> Ordering {
        if self.score < score {
            Ordering::Less
        } else if self.score > score {
            Ordering::Greater
        } else {
            (*self.member).cmp(member)
        }
    }

    fn is_before(&self, other: &Self) -> bool {
        self.compare(other.score, &other.member) == Ordering::Less
    }
}

/// Entries in order, each with its rank.
#[derive(Debug, Clone)]
pub struct Rank {
    root: Node,
    len: usize,
}

impl Rank {
    pub fn new() -> Self {
        Self { root: Node::new(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the nodes.
    pub fn memory(&self) -> usize {
        self.root.memory()
    }

    /// Puts in an entry that is not there yet.
    pub fn insert(&mut self, entry: Entry) {
        if let Some(right) = self.root.insert(entry) {
            self.root.grow(right);
        }
        self.len += 1;
    }

    /// Takes an entry out, if it is there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> Option<Entry> {
        let rank = self.rank_of(score, member)?;
        let mut removed = None;
        self.remove_range(rank, rank + 1, |entry| removed = Some(entry));
        removed
    }

    /// Takes out the entries from rank `start` up to, not including, `end`, in order.
    pub fn remove_range(&mut self, start: usize, end: usize, mut removed: impl FnMut(Entry)) {
        let mut left = end.min(self.len).saturating_sub(start);
        while left > 0 {
            let count = self.root.remove_run(start, left, &mut removed);
            self.root.shrink();
            self.len -= count;
            left -= count;
        }
    }

    /// How many entries are before this one, if it is there.
    pub fn rank_of(&self, score: f64, member: &[u8]) -> Option<usize> {
        let rank = self.partition_point(|entry| entry.compare(score, member) == Ordering::Less);
        let found = self.by_rank(rank)?;
        (found.compare(score, member) == Ordering::Equal).then_some(rank)
    }

    /// How many entries, from the first on, are `before` something; all those come first.
    pub fn partition_point(&self, before: impl Fn(&Entry) -> bool) -> usize {
        self.root.partition_point(before)
    }

    /// The entry at this rank, 0 being the first.
    pub fn by_rank(&self, rank: usize) -> Option<&Entry> {
        if rank >= self.len {
            return None;
        }
        let (leaf, at) = self.root.leaf_at(rank);
        leaf.get(at)
    }

    /// The entries from rank `start` up to, not including, `end`, from either side.
    pub fn range(&self, start: usize, end: usize) -> Range<'_> {
        Range::new(self, start, end.min(self.len))
    }

    pub fn iter(&self) -> Range<'_> {
        self.range(0, self.len)
    }
}

impl Default for Rank {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a Rank {
    type Item = &'a Entry;
    type IntoIter = Range<'a>;

    fn into_iter(self) -> Range<'a> {
        self.iter()
    }
}
