//! Every client of a store, in the order in which they came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::client::Handle;

/// The registry of clients.
#[derive(Default)]
pub struct Clients {
    open: Mutex<BTreeMap<u64, Arc<Handle>>>,
    total: AtomicU64,
}

impl Clients {
    pub fn add(&self, handle: Arc<Handle>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(handle.id, handle);
    }

    pub fn remove(&self, id: u64) {
        self.open.lock().remove(&id);
    }

    pub fn get(&self, id: u64) -> Option<Arc<Handle>> {
        self.open.lock().get(&id).cloned()
    }

    /// All of them, oldest first.
    pub fn all(&self) -> Vec<Arc<Handle>> {
        self.open.lock().values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there have ever been.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub fn reset_total(&self) {
        self.total.store(0, Ordering::Relaxed);
    }
}
