//! WATCH: from each watched key to the clients that watch it.
//!
//! A registry, not a version in the entry: a version could not tell a missing key that was set
//! and deleted again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::client::{Client, Handle};
use super::listeners::{Listeners, WATCHED};
use super::place::{At, Place, Places};

type Watchers = Places<Vec<Arc<Handle>>>;

/// The registry of watches.
pub struct Watch {
    keys: Mutex<Watchers>,
    count: AtomicUsize,
    listeners: Arc<Listeners>,
}

impl Watch {
    pub fn new(listeners: Arc<Listeners>) -> Self {
        Self { keys: Mutex::default(), count: AtomicUsize::new(0), listeners }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// How many keys are watched, each counted once per client.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        !self.any()
    }

    /// Watches a key for a client; watching twice is watching once.
    pub fn add(&self, client: &mut Client, key: &[u8]) {
        let place: Place = (client.db, Box::from(key));
        let mut keys = self.keys.lock();
        let watchers = keys.entry(place.clone()).or_default();
        if watchers.iter().any(|handle| handle.id == client.handle.id) {
            return;
        }
        watchers.push(Arc::clone(&client.handle));
        client.watched.push(place);
        client.handle.watching.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.listeners.set(WATCHED, true);
    }

    /// UNWATCH, and what EXEC and DISCARD do: forgets the client's watches and what they saw.
    pub fn drop_all(&self, client: &mut Client) {
        if client.watched.is_empty() {
            client.handle.dirty.store(false, Ordering::Relaxed);
            return;
        }
        let mut keys = self.keys.lock();
        for place in client.watched.drain(..) {
            if let Some(watchers) = keys.get_mut(&place) {
                watchers.retain(|handle| handle.id != client.handle.id);
                if watchers.is_empty() {
                    keys.remove(&place);
                }
            }
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        self.listeners.set(WATCHED, !keys.is_empty());
        client.handle.watching.store(0, Ordering::Relaxed);
        client.handle.dirty.store(false, Ordering::Relaxed);
    }

    /// A key has changed: its watchers' transactions will fail.
    pub fn touched(&self, db: usize, key: &[u8]) {
        if let Some(watchers) = self.keys.lock().get(&At(db, key)) {
            mark(watchers);
        }
    }

    /// The keys of these databases that somebody watches.
    pub fn keys_of(&self, dbs: &[usize]) -> Vec<(usize, Box<[u8]>)> {
        let keys = self.keys.lock();
        keys.keys().filter(|(db, _)| dbs.contains(db)).cloned().collect()
    }
}

fn mark(watchers: &[Arc<Handle>]) {
    for handle in watchers {
        handle.dirty.store(true, Ordering::Relaxed);
    }
}
