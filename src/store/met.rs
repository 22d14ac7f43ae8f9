//! A living entry as a shortcut meets it: for a thread that has the store to itself, while nobody
//! listens to what happens in it.
//!
//! What a `Db` does beyond this (scopes, what is noted, values that a fault left half changed)
//! takes a GET twice as long as the look itself. A method that answers `None` or `false` has done
//! nothing: the command then goes the long way.

#![expect(unsafe_code, reason = "a shard is reached without its lock by who is alone")]

use super::bias::Owned;
use super::db_string::Deadline;
use super::entry::{Entry, Str};
use super::evict;
use super::space::Keyspace;
use super::table::{Dues, Table, shard_of};
use crate::clock::COARSE_LAG_MS;

/// See the module's header.
pub struct Met<'a> {
    space: &'a Keyspace,
    table: &'a Table,
    shard: usize,
    entry: &'a mut Entry,
    coarse_ms: u64,
    thread: usize,
}

impl Keyspace {
    /// The entry of a key, whose hash the caller has; `None` if it is not there, or if a closer
    /// look has to tell whether it is alive and whole.
    #[inline]
    pub fn meet<'a>(
        &'a self,
        owned: &'a mut Owned<'_>,
        db: usize,
        hash: u64,
        key: &[u8],
    ) -> Option<Met<'a>> {
        let thread = owned.thread();
        let table = self.table(&*owned, db)?;
        table.prefetch(hash);
        let coarse_ms = self.look_at_clock();
        let shard = shard_of(hash);
        // SAFETY: the owner is alone, and whoever holds its `Owned` mutably makes no other `Met`.
        let entries = unsafe { table.shard(shard) };
        let entry = Table::find_mut(entries, hash, key)?;
        let due_ms = entry.due_ms();
        let met = Met { space: self, table, shard, entry, coarse_ms, thread };
        (due_ms.is_none_or(|due_ms| met.is_ahead(due_ms)) && !met.entry.is_broken()).then_some(met)
    }
}

impl Met<'_> {
    /// The string, for reading.
    #[inline]
    pub fn string(&self) -> Option<Str<'_>> {
        let text = self.entry.as_str()?;
        self.used();
        self.space.count_hit(self.thread);
        Some(text)
    }

    /// The number, to be changed.
    #[inline]
    pub fn int_mut(&mut self) -> Option<&mut i64> {
        self.entry.int_mut()?;
        self.used();
        self.entry.int_mut()
    }

    /// Writes a string over one of the same shape.
    #[inline]
    pub fn overwrite(&mut self, value: &[u8], deadline: Deadline) -> bool {
        let before = Dues::of(self.entry);
        let after = match deadline {
            Deadline::Keep => self.entry.deadline_ms(),
            Deadline::Clear => None,
            Deadline::At(at_ms) => Some(at_ms),
        };
        if !self.entry.overwrite(value, after) {
            return false;
        }
        self.used();
        self.table.due_changed(self.shard, before, Dues::of_key(after));
        self.space.dies_at(after);
        true
    }

    /// The time of this command.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.space.now_ms()
    }

    /// Is this moment certainly still to come?
    #[inline]
    pub fn is_ahead(&self, at_ms: u64) -> bool {
        at_ms > self.coarse_ms + COARSE_LAG_MS
    }

    #[inline]
    fn used(&self) {
        evict::note_use(self.space, self.entry, || true);
    }
}
