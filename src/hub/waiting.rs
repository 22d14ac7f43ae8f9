//! Who waits for which key: the blocking commands, in the order in which they came.
//!
//! A client whose command has to wait is parked here, with its words. Who registers holds the
//! store's gate alone, and so does who serves; a time-out only takes the parked client out,
//! which one lock decides.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::client::Client;
use super::listeners::{Listeners, WAITED};
use super::place::{At, Places};
use crate::types::Kind;

/// A blocking command that has to wait.
#[derive(Debug, Clone)]
pub struct Wait {
    pub keys: Vec<Box<[u8]>>,
    /// What a key must hold to be worth a look.
    pub kind: Kind,
    pub bound: Bound,
    /// When to give up; `None` waits for ever.
    pub deadline_ms: Option<u64>,
    /// The words to run again when a key is ready, where they differ from the first ones
    /// (XREAD's `$` has been resolved).
    pub words: Option<Vec<Box<[u8]>>>,
}

/// What becomes of a wait when one of its keys is gone, or holds something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// It goes on.
    Free,
    /// The command is run again, and refuses: a group of consumers went with its key.
    ToKeys,
}

/// How "nothing is there" is spelled where waiting is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    Nil,
    NilArray,
}

/// A client asleep in the registry.
pub struct Parked {
    pub client: Box<Client>,
    /// Its command's place in the table.
    pub id: usize,
    pub words: Vec<Box<[u8]>>,
    pub wait: Wait,
}

#[derive(Default)]
struct Lists {
    parked: HashMap<u64, Parked>,
    by_key: Places<VecDeque<u64>>,
    deadlines: BTreeSet<(u64, u64)>,
}

/// The registry of waits.
pub struct Waiting {
    lists: Mutex<Lists>,
    count: AtomicUsize,
    /// How many waits are bound to their keys.
    bound: AtomicUsize,
    listeners: Arc<Listeners>,
}

impl Waiting {
    pub fn new(listeners: Arc<Listeners>) -> Self {
        let (count, bound) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { lists: Mutex::default(), count, bound, listeners }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.listeners.any(WAITED)
    }

    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        !self.any()
    }

    /// Does anybody wait for this key?
    pub fn has(&self, db: usize, key: &[u8]) -> bool {
        self.any() && self.lists.lock().by_key.contains_key(&At(db, key))
    }

    /// Does anybody wait who is bound to his keys?
    pub fn any_bound(&self) -> bool {
        self.bound.load(Ordering::Relaxed) != 0
    }

    /// Does anybody wait for this key who is bound to it?
    pub fn has_bound(&self, db: usize, key: &[u8]) -> bool {
        if !self.any_bound() {
            return false;
        }
        let lists = self.lists.lock();
        let is_bound = |id: &u64| {
            lists.parked.get(id).is_some_and(|parked| parked.wait.bound == Bound::ToKeys)
        };
        lists.by_key.get(&At(db, key)).is_some_and(|queue| queue.iter().any(is_bound))
    }

    /// The keys of a database that somebody waits for.
    pub fn keys_of(&self, db: usize) -> Vec<Box<[u8]>> {
        let lists = self.lists.lock();
        lists.by_key.keys().filter(|(at, _)| *at == db).map(|(_, key)| key.clone()).collect()
    }

    /// Parks a client at the end of the queue of each of its keys. Hands it back if its face has
    /// closed it meanwhile.
    pub fn park(&self, parked: Parked) -> Result<(), Parked> {
        let id = parked.client.id();
        let db = parked.client.db;
        let mut lists = self.lists.lock();
        // Under the lock that `take` needs: whoever closes the client sets the mark first.
        if parked.client.handle.closed.load(Ordering::SeqCst) {
            return Err(parked);
        }
        parked.client.handle.blocked.store(true, Ordering::Relaxed);
        for key in &parked.wait.keys {
            let queue = lists.by_key.entry((db, key.clone())).or_default();
            if !queue.contains(&id) {
                queue.push_back(id);
            }
        }
        if let Some(deadline_ms) = parked.wait.deadline_ms {
            lists.deadlines.insert((deadline_ms, id));
        }
        if parked.wait.bound == Bound::ToKeys {
            self.bound.fetch_add(1, Ordering::Relaxed);
        }
        lists.parked.insert(id, parked);
        self.note_count(&lists);
        Ok(())
    }

    /// Under the lock: how many there are, for who looks without it. One that is lent out counts
    /// as long as it keeps its places.
    fn note_count(&self, lists: &Lists) {
        self.count.store(lists.parked.len(), Ordering::Relaxed);
        self.listeners.set(WAITED, !lists.by_key.is_empty());
    }

    /// Who waits for a key, first come first.
    pub fn queue_of(&self, db: usize, key: &[u8]) -> Vec<u64> {
        let lists = self.lists.lock();
        let queue = lists.by_key.get(&At(db, key));
        queue.map(|queue| queue.iter().copied().collect()).unwrap_or_default()
    }

    /// Lends a parked client out without giving up its places: `give_back` returns it.
    pub fn borrow(&self, id: u64) -> Option<Parked> {
        self.lists.lock().parked.remove(&id)
    }

    /// Returns a client that could not be served yet. Hands it back, its places given up, if its
    /// face has closed it meanwhile.
    pub fn give_back(&self, parked: Parked) -> Result<(), Parked> {
        let mut lists = self.lists.lock();
        if parked.client.handle.closed.load(Ordering::SeqCst) {
            self.forget(&mut lists, &parked);
            return Err(parked);
        }
        lists.parked.insert(parked.client.id(), parked);
        Ok(())
    }

    /// Gives up the places of a borrowed client that was served.
    pub fn release(&self, parked: &Parked) {
        let mut lists = self.lists.lock();
        self.forget(&mut lists, parked);
    }

    /// Takes a parked client out: time-out, CLIENT UNBLOCK, disconnect.
    pub fn take(&self, id: u64) -> Option<Parked> {
        let mut lists = self.lists.lock();
        let parked = lists.parked.remove(&id)?;
        self.forget(&mut lists, &parked);
        Some(parked)
    }

    /// Takes out everybody whose time is up.
    pub fn take_late(&self, now_ms: u64) -> Vec<Parked> {
        let late: Vec<u64> = {
            let lists = self.lists.lock();
            let due = lists.deadlines.iter().take_while(|(at, _)| *at <= now_ms);
            due.map(|(_, id)| *id).collect()
        };
        late.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// Gives up the places of a client that has been taken out.
    fn forget(&self, lists: &mut Lists, parked: &Parked) {
        lists.forget(parked);
        if parked.wait.bound == Bound::ToKeys {
            self.bound.fetch_sub(1, Ordering::Relaxed);
        }
        self.note_count(lists);
    }

    /// When the next one's time is up.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.lists.lock().deadlines.first().map(|(at, _)| *at)
    }
}

impl Lists {
    fn forget(&mut self, parked: &Parked) {
        let id = parked.client.id();
        parked.client.handle.blocked.store(false, Ordering::Relaxed);
        for key in &parked.wait.keys {
            let place = (parked.client.db, key.clone());
            if let Some(queue) = self.by_key.get_mut(&place) {
                queue.retain(|waiter| *waiter != id);
                if queue.is_empty() {
                    self.by_key.remove(&place);
                }
            }
        }
        if let Some(deadline_ms) = parked.wait.deadline_ms {
            self.deadlines.remove(&(deadline_ms, id));
        }
    }
}
