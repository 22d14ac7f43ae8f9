//! What DEBUG has changed about a store.

use std::sync::atomic::{AtomicBool, AtomicU32};

use parking_lot::Mutex;

use super::RunId;

/// Switches that only tests touch.
#[derive(Default)]
pub struct Debug {
    /// Keys die only when somebody asks for them.
    pub keeps_dead_keys: AtomicBool,
    /// RESTORE does not look at checksums.
    pub ignores_checksums: AtomicBool,
    /// Elements of lists from so many bytes on have a node to themselves; 0 for the usual rule.
    pub packed_threshold_bytes: AtomicU32,
    /// Instead of the store's own.
    replication_id: Mutex<Option<RunId>>,
}

impl Debug {
    pub fn change_replication_id(&self) {
        *self.replication_id.lock() = Some(RunId::default());
    }

    /// The replication id, if it was changed.
    pub fn replication_id(&self) -> Option<String> {
        self.replication_id.lock().as_ref().map(|id| id.0.clone())
    }
}
