//! Sorted sets: members with scores, in order.
//!
//! Small ones are one listpack in order, as in Redis; bigger ones a table and a tree that share
//! their members. Whatever is asked by rank, by score or by member comes down to a run of ranks:
//! first [`score_range`](SortedSet::score_range) or its like tells the run, in O(log n), so
//! counting is a subtraction and LIMIT an addition; then [`range`](SortedSet::range) goes through
//! it from either side, or [`remove_range`](SortedSet::remove_range) removes it.
//!
//! Not here: what commands do with several sorted sets.

mod add;
mod bounds;
mod compact;
mod load;
mod range;
#[cfg(test)]
mod tests;
mod tree;

use std::ops;

use crate::memory::good_size;
use crate::types::limits::{Limits, is_safe_to_add};
use crate::types::listpack::{Element, Listpack};
use crate::types::one_word::{Form, FormMut, OneWord};
use crate::types::random::Rng;
use crate::types::{Collection, Kind};

pub use add::{AddOptions, AddOutcome, Compare, Existing, Mode};
pub use bounds::{LexBound, LexRange, ScoreBound, ScoreRange};
pub use range::Range;
pub use tree::Tree;

/// Ranks from `start` up to, not including, `end`.
pub type Ranks = ops::Range<usize>;

/// A sorted set in one of its encodings, 8 bytes to hold.
#[derive(Clone)]
pub struct SortedSet(OneWord<Listpack, Tree>);

impl SortedSet {
    pub fn new() -> Self {
        Self(OneWord::small(Listpack::new()))
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(list) => list.len() / 2,
            Form::Large(tree) => tree.ranks.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is it still in one block?
    pub fn is_compact(&self) -> bool {
        matches!(self.0.form(), Form::Small(_))
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match self.0.form() {
            Form::Small(list) => list.find(member, 1).is_some(),
            Form::Large(tree) => tree.table.contains(member),
        }
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.form() {
            Form::Small(list) => compact::find(list, member).map(|(_, score)| score),
            Form::Large(tree) => tree.score(member),
        }
    }

    /// How many members are before this one, and its score. From the tail the rank is
    /// `len() - 1 - rank`.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.0.form() {
            Form::Small(list) => compact::find(list, member)
                .map(|(pos, score)| (list.iter_through(pos).count() / 2, score)),
            Form::Large(tree) => tree.rank(member),
        }
    }

    /// Prepares for `count` words to come of which the longest is `len_bytes` long: what will not
    /// be compact anyway is converted at once. Redis decides the encoding of a new sorted set so.
    pub fn expect(&mut self, count: usize, len_bytes: usize, limits: &Limits) {
        if count > limits.zset_max_listpack_entries || len_bytes > limits.zset_max_listpack_value {
            self.convert(limits);
        }
    }

    /// Adds a member or sets its score, whichever it takes.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> AddOutcome {
        self.add(member, score, AddOptions::default(), limits)
    }

    /// Takes a member out and returns its score.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.0.form_mut() {
            FormMut::Small(list) => {
                let (pos, score) = compact::find(list, member)?;
                compact::remove(list, pos);
                Some(score)
            }
            FormMut::Large(tree) => tree.remove(member),
        }
    }

    /// Takes the first member out.
    pub fn pop_first(&mut self) -> Option<(Vec<u8>, f64)> {
        self.pop(0)
    }

    /// Takes the last member out.
    pub fn pop_last(&mut self) -> Option<(Vec<u8>, f64)> {
        self.pop(self.len().checked_sub(1)?)
    }

    fn pop(&mut self, rank: usize) -> Option<(Vec<u8>, f64)> {
        let found = self.range(rank..rank + 1).next();
        let popped = found.map(|(member, score)| (member.to_vec(), score))?;
        self.remove_range(rank..rank + 1);
        Some(popped)
    }

    /// The ranks from `start` to `stop` as commands count them: both included, negative ones from
    /// the tail, cut off at the ends.
    pub fn rank_range(&self, start: i64, stop: i64) -> Ranks {
        let len = self.len() as i64;
        let from_tail = |rank: i64| if rank < 0 { rank.saturating_add(len) } else { rank };
        let start = from_tail(start).max(0);
        let end = from_tail(stop).saturating_add(1).min(len);
        if start >= end { 0..0 } else { start as usize..end as usize }
    }

    /// The ranks of the scores in `range`.
    pub fn score_range(&self, range: ScoreRange) -> Ranks {
        self.ranks_between(|_, score| range.is_above(score), |_, score| range.reaches(score))
    }

    /// The ranks of the members in `range`, if all scores are equal; otherwise some ranks.
    pub fn lex_range(&self, range: LexRange<'_>) -> Ranks {
        self.ranks_between(|member, _| range.is_above(member), |member, _| range.reaches(member))
    }

    /// The ranks behind those that are `before` and up to the last that is `within`.
    fn ranks_between(
        &self,
        before: impl Fn(&Element<'_>, f64) -> bool,
        within: impl Fn(&Element<'_>, f64) -> bool,
    ) -> Ranks {
        match self.0.form() {
            Form::Small(list) => {
                let pairs = compact::pairs(list);
                let start = pairs.clone().take_while(|(_, m, score)| before(m, *score)).count();
                let rest = pairs.skip(start);
                start..start + rest.take_while(|(_, m, score)| within(m, *score)).count()
            }
            Form::Large(tree) => {
                let ranks = &tree.ranks;
                let start = ranks.partition_point(|e| before(&Element::Bytes(&e.member), e.score));
                let end = ranks.partition_point(|e| within(&Element::Bytes(&e.member), e.score));
                start..end.max(start)
            }
        }
    }

    /// The members at these ranks with their scores, from either side.
    pub fn range(&self, ranks: Ranks) -> Range<'_> {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        Range(match self.0.form() {
            Form::Small(list) if start < end => {
                range::Inner::Listpack(compact::pairs_between(list, start, end), end - start)
            }
            Form::Small(_) => range::Inner::Listpack(None, 0),
            Form::Large(tree) => range::Inner::Tree(tree.ranks.range(start, end)),
        })
    }

    /// All members with their scores, in order.
    pub fn iter(&self) -> Range<'_> {
        self.range(0..self.len())
    }

    /// Takes out the members at these ranks and returns how many they were.
    pub fn remove_range(&mut self, ranks: Ranks) -> usize {
        let end = ranks.end.min(self.len());
        let start = ranks.start.min(end);
        match self.0.form_mut() {
            FormMut::Small(list) => {
                list.remove_range(2 * start as isize, 2 * (end - start));
            }
            FormMut::Large(tree) => tree.remove_range(start, end),
        }
        end - start
    }

    /// A member with its score, each equally likely; `None` if there is none.
    pub fn random(&self, rng: &mut Rng) -> Option<(Element<'_>, f64)> {
        match self.0.form() {
            Form::Small(_) => {
                let rank = rng.below(self.len());
                self.range(rank..rank + 1).next()
            }
            Form::Large(tree) => {
                let entry = tree.table.random(rng)?;
                Some((Element::Bytes(&entry.member), entry.score))
            }
        }
    }

    /// `count` different members, or all if there are no more, each selection equally likely.
    pub fn sample<'a>(
        &'a self,
        count: usize,
        rng: &mut Rng,
        mut visit: impl FnMut(Element<'a>, f64),
    ) {
        match self.0.form() {
            Form::Small(_) => {
                rng.sample(self.iter(), count, |(member, score)| visit(member, score));
            }
            Form::Large(tree) => tree.table.sample(count, rng, |entry| {
                visit(Element::Bytes(&entry.member), entry.score);
            }),
        }
    }

    /// Visits about `count` members from `cursor` on, and returns the cursor to go on from, 0 at
    /// the end. A small set is visited whole.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>, f64),
    ) -> u64 {
        match self.0.form() {
            Form::Small(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                0
            }
            Form::Large(tree) => tree
                .table
                .scan(cursor, count, |entry| visit(Element::Bytes(&entry.member), entry.score)),
        }
    }

    /// Makes room for one more member: what would be too large for a listpack becomes a tree.
    fn grow(&mut self, member: &[u8], limits: &Limits) {
        if let FormMut::Small(list) = self.0.form_mut()
            && (list.len() / 2 >= limits.zset_max_listpack_entries
                || member.len() > limits.zset_max_listpack_value
                || !is_safe_to_add(list, member.len()))
        {
            self.convert(limits);
        }
    }

    fn convert(&mut self, limits: &Limits) {
        if let FormMut::Small(list) = self.0.form_mut() {
            let mut tree = Tree::new(limits.seed);
            for (_, member, score) in compact::pairs(list) {
                tree.insert(member.as_bytes(&mut [0; 20]), score);
            }
            self.0 = OneWord::large(tree);
        }
    }
}

impl Collection for SortedSet {
    const KIND: Kind = Kind::SortedSet;

    fn empty() -> Self {
        Self::new()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn free_cost(&self) -> usize {
        match self.0.form() {
            Form::Small(_) => 1,
            // A leaf of the tree has some fifty entries.
            Form::Large(tree) => tree.table.free_cost() + tree.ranks.len() / 32 + 4,
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.0.form() {
            Form::Small(list) => good_size(list.byte_len()),
            // The tree's members are the table's.
            Form::Large(tree) => {
                let table = tree.table.memory(samples, |entry| entry.member.memory());
                good_size(size_of::<Tree>()) + table + tree.ranks.memory()
            }
        }
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a SortedSet {
    type Item = (Element<'a>, f64);
    type IntoIter = Range<'a>;

    fn into_iter(self) -> Range<'a> {
        self.iter()
    }
}
