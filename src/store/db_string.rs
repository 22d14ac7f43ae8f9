//! Strings: setting, counting and changing them in place.

use super::db::Db;
use super::entry::{Entry, Str};
use super::table::{Dues, shard_of};
use crate::error::{Error, Result};
use crate::types::Kind;

/// What happens to a key's deadline when its value is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    Keep,
    Clear,
    At(u64),
}

impl Db<'_> {
    /// Sets a string, whatever the key held before.
    pub fn set_string(&mut self, key: &[u8], value: &[u8], deadline: Deadline) {
        let hash = self.hash_of(key);
        let old = self.entry_mut(key);
        let before = old.as_ref().map(|entry| Dues::of(entry)).unwrap_or_default();
        let after = match deadline {
            Deadline::Keep => old.as_ref().and_then(|entry| entry.deadline_ms()),
            Deadline::Clear => None,
            Deadline::At(at_ms) => Some(at_ms),
        };
        match old {
            None => self.insert(hash, Entry::string(key, value, after)),
            Some(entry) => {
                if !entry.overwrite(value, after) {
                    let new = Entry::string(key, value, after);
                    new.set_access(entry.access());
                    let old = std::mem::replace(entry, new);
                    self.discard(old);
                }
                self.table.due_changed(shard_of(hash), before, Dues::of_key(after));
                self.space.dies_at(after);
            }
        }
    }

    /// The string as an integer; a missing key counts as 0.
    pub fn int(&self, key: &[u8]) -> Result<i64> {
        match self.old_string(key)? {
            None => Ok(0),
            Some(Str::Int(value)) => Ok(value),
            Some(text) => {
                let mut scratch = itoa::Buffer::new();
                crate::bytes::parse_int(text.as_bytes(&mut scratch)).ok_or(Error::NotAnInteger)
            }
        }
    }

    /// Adds to the integer at the key and keeps its deadline.
    pub fn add(&mut self, key: &[u8], by: i64) -> Result<i64> {
        if let Some(entry) = self.entry_mut(key) {
            if entry.is_broken() {
                return Err(Error::Broken);
            }
            if let Some(value) = entry.int_mut() {
                *value = value.checked_add(by).ok_or(Error::Overflow)?;
                return Ok(*value);
            }
        }
        let sum = self.int(key)?.checked_add(by).ok_or(Error::Overflow)?;
        let mut digits = itoa::Buffer::new();
        self.set_string(key, digits.format(sum).as_bytes(), Deadline::Keep);
        Ok(sum)
    }

    /// The entry of a string that exists, to change it in place.
    pub fn string_mut(&mut self, key: &[u8]) -> Result<Option<&mut Entry>> {
        match self.entry_mut(key) {
            None => Ok(None),
            Some(entry) if entry.is_broken() => Err(Error::Broken),
            Some(entry) if entry.kind() != Kind::String => Err(Error::WrongType),
            Some(entry) => Ok(Some(entry)),
        }
    }

    /// Changes the bytes of a string, made at least `min_len` long (zeros fill the gap). A
    /// missing key starts as an empty string.
    pub fn change_string<R>(
        &mut self,
        key: &[u8],
        min_len: usize,
        change: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R> {
        if self.old_string(key)?.is_none() {
            self.set_string(key, b"", Deadline::Clear);
        }
        let entry = self.entry_mut(key).expect("the key was found or has just been made");
        Ok(entry.with_string_mut(min_len, change))
    }
}
