//! What rules need to know of commands: their names and the categories they are in.
//!
//! The table of commands stands on a higher floor; it fills one of these in.

use std::collections::HashMap;

/// The categories, in the order in which they are told.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// One command.
#[derive(Debug, Clone)]
pub struct Known {
    /// Subcommands as `config|get`.
    pub name: &'static str,
    pub subcommands: Vec<usize>,
    /// A bit for each of `CATEGORIES`.
    pub categories: u32,
}

/// Every command, by its id.
#[derive(Debug, Default)]
pub struct Commands {
    all: Vec<Known>,
    by_name: HashMap<&'static str, usize>,
}

impl Commands {
    pub fn new(all: Vec<Known>) -> Self {
        let by_name = all.iter().enumerate().map(|(id, known)| (known.name, id)).collect();
        Self { all, by_name }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, id: usize) -> &Known {
        &self.all[id]
    }

    /// The command of this name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(name.as_str()).copied()
    }

    /// The ids of a category's commands.
    pub fn of_category(&self, category: u32) -> impl Iterator<Item = usize> {
        let all = self.all.iter().enumerate();
        all.filter(move |(_, known)| known.categories & category != 0).map(|(id, _)| id)
    }
}

/// The bit of a category, in any case; 0 if there is none of this name.
pub fn category(name: &[u8]) -> u32 {
    let at = CATEGORIES.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    at.map_or(0, |at| 1 << at)
}
