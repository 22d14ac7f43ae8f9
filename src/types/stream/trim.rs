//! Taking old entries out of a stream.

use super::StreamId;
use super::log::Log;
use super::node::{self, NodeReader};
use crate::types::listpack::Listpack;

/// Which entries may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// The oldest, until so many are left.
    MaxLen(usize),
    /// Those below an id.
    MinId(StreamId),
}

/// How exactly to trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `=`: to the entry.
    Exact,
    /// `~`: whole nodes only, and no more than `limit` entries (0: no limit).
    Approximate { limit: usize },
}

impl Log {
    /// Takes out the entries that `by` lets go, and returns how many.
    pub fn trim(&mut self, by: Trim, precision: Precision) -> usize {
        let before = self.length;
        while let Some(mut first) = self.nodes.first_entry() {
            if matches!(by, Trim::MaxLen(len) if self.length <= len) {
                break;
            }
            let id = *first.key();
            let reader = NodeReader::new(id, first.get());
            let count = reader.count;
            if let Precision::Approximate { limit: limit @ 1.. } = precision
                && before - self.length + count > limit
            {
                break;
            }
            let whole = match by {
                Trim::MaxLen(len) => self.length - count >= len,
                Trim::MinId(min) => reader.last_id().is_none_or(|last| last < min),
            };
            if whole {
                first.remove();
                self.length -= count;
                continue;
            }
            if precision == Precision::Exact {
                self.length -= match by {
                    Trim::MaxLen(len) => {
                        let mut surplus = self.length - len;
                        delete_while(first.get_mut(), id, |_| {
                            surplus = surplus.wrapping_sub(1);
                            surplus != usize::MAX
                        })
                    }
                    Trim::MinId(min) => delete_while(first.get_mut(), id, |id| id < min),
                };
            }
            break;
        }
        let removed = before - self.length;
        if removed > 0 {
            self.find_first_id();
        }
        removed
    }
}

/// Marks entries of a node as deleted from the first on, as long as `next` says so, and returns how
/// many. `next` is not asked about those already deleted.
fn delete_while(
    list: &mut Listpack,
    id: StreamId,
    mut next: impl FnMut(StreamId) -> bool,
) -> usize {
    let mut reader = NodeReader::new(id, list);
    let (count, deleted) = (reader.count, reader.deleted);
    let mut gone = Vec::new();
    while let Some(entry) = reader.next() {
        if entry.flags.deleted() {
            continue;
        }
        if !next(entry.id) {
            break;
        }
        gone.push(entry.flags);
    }
    for flags in &gone {
        // Flags take two bytes whatever they are, so the positions hold.
        node::mark_deleted(list, *flags);
    }
    node::set_counts(list, count - gone.len(), Some(deleted + gone.len()));
    gone.len()
}
