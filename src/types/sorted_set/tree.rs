//! The encoding of big sorted sets: a table that finds scores by member, and a tree that finds
//! ranks by score. Both hold the same members, each in one block of memory.

use crate::types::dict::{Dict, Keyed};
use crate::types::rank::{Entry, Rank};
use crate::types::thin::Thin;

impl Keyed for Entry {
    fn key(&self) -> &[u8] {
        &self.member
    }
}

/// A table and a tree with the same entries.
#[derive(Clone)]
pub struct Tree {
    pub(super) table: Dict<Entry>,
    pub(super) ranks: Rank,
}

impl Tree {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: Dict::new(seed), ranks: Rank::new() }
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.table.get(member).map(|entry| entry.score)
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        self.ranks.rank_of(score, member).map(|rank| (rank, score))
    }

    /// Puts in a member that is not there yet.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        let entry = Entry { score, member: Thin::new(member) };
        self.ranks.insert(entry.clone());
        self.table.insert(entry);
    }

    /// Gives a member that is there another score.
    pub(super) fn update(&mut self, member: &[u8], score: f64) {
        let Some(entry) = self.table.get_mut(member) else { return };
        let old = std::mem::replace(&mut entry.score, score);
        self.ranks.remove(old, member);
        self.ranks.insert(entry.clone());
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let entry = self.table.remove(member)?;
        self.ranks.remove(entry.score, member);
        Some(entry.score)
    }

    pub(super) fn remove_range(&mut self, start: usize, end: usize) {
        let table = &mut self.table;
        self.ranks.remove_range(start, end, |entry| {
            table.remove(&entry.member);
        });
    }
}
