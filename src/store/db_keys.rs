//! Whole keys: what they are, moving them, choosing one by chance.

#![expect(unsafe_code, reason = "reads shards that the scope or a lock taken here covers")]

use super::db::{Db, Scope};
use super::entry::Entry;
use super::kinds;
use super::table::Table;
use crate::error::{Error, Result};
use crate::types::Kind;

/// How often RANDOMKEY tries again when it meets dead keys.
const RANDOM_TRIES: usize = 100;

impl Db<'_> {
    pub fn kind(&self, key: &[u8]) -> Option<Kind> {
        self.peek(key).map(Entry::kind)
    }

    /// How many keys the database has.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many keys have a deadline.
    pub fn with_deadline(&self) -> usize {
        self.table.with_deadline()
    }

    /// Removes a key. `false` if there was none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        match self.take(key) {
            Some(entry) => {
                self.discard(entry);
                true
            }
            None => false,
        }
    }

    /// Removes a collection that has lost its last element.
    pub fn remove_if_empty(&mut self, key: &[u8]) -> bool {
        self.peek(key).is_some_and(kinds::is_empty) && self.remove(key)
    }

    /// Moves a value to another key of this database, in place of what was there.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result {
        let mut entry = self.take(from).ok_or(Error::NoSuchKey)?;
        entry.set_key(to);
        self.remove(to);
        self.put(entry);
        Ok(())
    }

    /// A copy of a value with its deadline, under another key.
    pub fn copy_of(&self, from: &[u8], to: &[u8]) -> Result<Option<Entry>> {
        let Some(entry) = self.entry(from) else { return Ok(None) };
        if entry.is_broken() {
            return Err(Error::Broken);
        }
        self.fresh(entry)?;
        Ok(Some(kinds::copy(entry, to)))
    }

    /// A random living key.
    pub fn random_key(&self) -> Result<Option<Vec<u8>>> {
        let mut rng = self.space.dice();
        for _ in 0..RANDOM_TRIES {
            let Some(index) = self.table.random_shard(&mut rng) else { break };
            let key = self.with_shard(index, |shard| {
                let entry = Table::random_entry(shard, &mut rng)?;
                (!entry.is_dead(self.now_ms())).then(|| entry.key().to_vec())
            })?;
            if key.is_some() {
                return Ok(key);
            }
        }
        Ok(None)
    }

    /// Looks into one shard, locking it when the scope does not cover it yet. `Away` if the lock
    /// cannot be had by who must not wait.
    pub(super) fn with_shard<R>(
        &self,
        index: usize,
        look: impl FnOnce(&super::table::Shard) -> R,
    ) -> Result<R> {
        if let Scope::Unlocked(patience) = self.scope {
            let guard = self.table.lock(index, patience).ok_or(Error::Away)?;
            return Ok(look(&guard));
        }
        assert!(
            self.scope == Scope::All || self.scope == Scope::Shard(index),
            "the scope must cover the shard"
        );
        // SAFETY: the scope covers the shard.
        Ok(look(unsafe { self.table.shard(index) }))
    }
}
