//! Which fields of a big hash die, in order.
//!
//! A tree over (deadline, address of the field's block), so that neither finding the next to die
//! nor taking one out reads any block.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::Field;
use super::field::name_in;
use crate::types::thin::Thin;
use crate::types::tree_memory;

/// How many entries of the tree share an allocation, about.
const ENTRIES_PER_NODE: usize = 8;

/// The fields that have a deadline, by deadline.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<Due>);

#[derive(Debug)]
struct Due {
    at_ms: u64,
    block: Thin,
}

impl Due {
    /// `None` for a field that lives for ever.
    fn of(field: &Field) -> Option<Self> {
        Some(Self { at_ms: field.deadline_ms()?, block: field.share() })
    }

    fn place(&self) -> (u64, usize) {
        (self.at_ms, self.block.address())
    }
}

impl Deadlines {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes a field that has come into the table, if it has a deadline.
    pub fn add(&mut self, field: &Field) {
        self.0.extend(Due::of(field));
    }

    /// Forgets a field that has left the table.
    pub fn forget(&mut self, field: &Field) {
        if let Some(due) = Due::of(field) {
            self.0.remove(&due);
        }
    }

    pub fn earliest_ms(&self) -> Option<u64> {
        self.0.first().map(|due| due.at_ms)
    }

    pub fn latest_ms(&self) -> Option<u64> {
        self.0.last().map(|due| due.at_ms)
    }

    /// Takes the next field that is dead by now out.
    pub fn pop_dead(&mut self, now_ms: u64) -> Option<Dead> {
        self.earliest_ms().filter(|at_ms| *at_ms <= now_ms)?;
        self.0.pop_first().map(|due| Dead(due.block))
    }

    /// Bytes of the tree.
    pub fn memory(&self) -> usize {
        tree_memory::<Due, ()>(self.0.len())
    }

    /// How many blocks of memory are given back when this is dropped.
    pub fn free_cost(&self) -> usize {
        self.0.len() / ENTRIES_PER_NODE
    }
}

/// The name of a field that has died, still in its block.
pub(super) struct Dead(Thin);

impl Dead {
    pub fn name(&self) -> &[u8] {
        name_in(&self.0)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}
