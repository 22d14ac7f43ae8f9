//! What was refused, to whom: the newest first.
//!
//! The same refusal again within a minute is counted, not told once more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Refusals further apart than this are told apart.
const ALIKE_WITHIN_MS: u64 = 60_000;

/// How many of the newest entries a refusal is compared with.
const COMPARED: usize = 10;

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Command,
    Key,
    Channel,
    Auth,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
            Self::Auth => "auth",
        }
    }
}

/// One refusal, as it is told.
#[derive(Debug, Clone)]
pub struct Entry {
    pub count: u64,
    pub reason: Reason,
    /// Where the command stood: `toplevel` or `multi`.
    pub context: &'static str,
    /// The command, key or channel.
    pub object: Vec<u8>,
    pub user: Vec<u8>,
    pub client: String,
    pub id: u64,
    pub created_ms: u64,
    pub updated_ms: u64,
}

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && self.updated_ms.abs_diff(other.updated_ms) <= ALIKE_WITHIN_MS
            && self.object == other.object
            && self.user == other.user
    }
}

/// The log of one store.
#[derive(Debug, Default)]
pub struct Log {
    entries: Mutex<VecDeque<Entry>>,
    next_id: AtomicU64,
    refused: [AtomicU64; 4],
}

impl Log {
    /// Notes a refusal; `max_len` entries are kept. Its id and count are the log's to give.
    pub fn add(&self, mut entry: Entry, max_len: usize) {
        self.refused[entry.reason as usize].fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.lock();
        let known = entries.iter().take(COMPARED).position(|known| known.is_like(&entry));
        if let Some(mut known) = known.and_then(|at| entries.remove(at)) {
            known.count += 1;
            known.client = entry.client;
            known.updated_ms = entry.updated_ms;
            entries.push_front(known);
            return;
        }
        entry.count = 1;
        entry.id = self.next_id.fetch_add(1, Ordering::Relaxed);
        entries.push_front(entry);
        entries.truncate(max_len);
    }

    /// The newest entries, at most `count`.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().iter().take(count).cloned().collect()
    }

    pub fn clear(&self) {
        self.entries.lock().clear();
    }

    /// How often something was refused for this reason.
    pub fn refused(&self, reason: Reason) -> u64 {
        self.refused[reason as usize].load(Ordering::Relaxed)
    }

    pub fn reset_counts(&self) {
        self.refused.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}
