//! Who keeps copies of what it has read (CLIENT TRACKING), and telling them when those are stale.
//!
//! By default the keys a client reads are remembered, and the first change of one is told once to
//! everybody who has read it. A client that broadcasts is told instead of every change below its
//! prefixes, of all keys that one command changed together. Keys of all databases are one here,
//! as they are in a server.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap as Map;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::client::{Delivery, Handle};
use super::clients::Clients;
use super::listeners::{Listeners, TRACKED};
use crate::reply::Reply;

/// Where clients that do not speak RESP3 hear of stale keys.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// Which reads are remembered for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All of them.
    Reads,
    /// Those of the command after CLIENT CACHING YES.
    OptIn,
    /// All but those of the command after CLIENT CACHING NO.
    OptOut,
    /// None: it hears of all changes below its prefixes.
    Broadcast,
}

/// How one client has its copies watched.
pub struct Tracker {
    pub mode: Mode,
    /// The client that is told in its place; 0 for none.
    pub redirect: u64,
    /// It is not told of what it changes itself.
    pub no_loop: bool,
    pub prefixes: Vec<Box<[u8]>>,
    /// CLIENT CACHING was called just before.
    pub is_chosen: AtomicBool,
    /// The client it redirects to has gone.
    pub is_broken: AtomicBool,
}

type Ids = SmallVec<[u64; 2]>;

#[derive(Default)]
struct Lists {
    /// Who has read a key since it was told of last.
    readers: Map<Box<[u8]>, Ids, foldhash::fast::RandomState>,
    /// How many readers all keys have together.
    items: usize,
    trackers: HashMap<u64, Arc<Handle>>,
    /// From each prefix to its clients, and what has changed below it since they were told.
    prefixes: BTreeMap<Box<[u8]>, Prefix>,
    is_pending: bool,
}

#[derive(Default)]
struct Prefix {
    clients: Vec<u64>,
    /// Keys with the client that changed them last.
    changed: BTreeMap<Box<[u8]>, u64>,
}

/// The registry of clients that keep copies.
pub struct Tracking {
    lists: Mutex<Lists>,
    listeners: Arc<Listeners>,
}

/// What INFO tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub clients: usize,
    pub keys: usize,
    pub items: usize,
    pub prefixes: usize,
}

impl Tracking {
    pub fn new(listeners: Arc<Listeners>) -> Self {
        Self { lists: Mutex::default(), listeners }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.listeners.any(TRACKED)
    }

    pub fn counts(&self) -> Counts {
        let lists = self.lists.lock();
        Counts {
            clients: lists.trackers.len(),
            keys: lists.readers.len(),
            items: lists.items,
            prefixes: lists.prefixes.len(),
        }
    }

    /// From now on the client has its copies watched so.
    pub fn start(&self, handle: &Arc<Handle>, tracker: Tracker) {
        let mut lists = self.lists.lock();
        for prefix in &tracker.prefixes {
            let clients = &mut lists.prefixes.entry(prefix.clone()).or_default().clients;
            if !clients.contains(&handle.id) {
                clients.push(handle.id);
            }
        }
        lists.trackers.insert(handle.id, Arc::clone(handle));
        *handle.tracker.lock() = Some(Arc::new(tracker));
        self.listeners.set(TRACKED, true);
    }

    /// The client's copies are its own affair again. What it has read is forgotten when the keys
    /// change.
    pub fn stop(&self, handle: &Handle) {
        let Some(tracker) = handle.tracker.lock().take() else { return };
        let mut lists = self.lists.lock();
        for name in &tracker.prefixes {
            if let Some(prefix) = lists.prefixes.get_mut(name) {
                prefix.clients.retain(|id| *id != handle.id);
                if prefix.clients.is_empty() {
                    lists.prefixes.remove(name);
                }
            }
        }
        lists.trackers.remove(&handle.id);
        let is_last = lists.trackers.is_empty();
        if is_last {
            *lists = Lists::default();
        }
        self.listeners.set(TRACKED, !is_last);
    }

    /// A client is about to read these keys. At most `most` keys are remembered (0: any number):
    /// for one too many another is given up, as if it had changed.
    pub fn reads<'k>(
        &self,
        clients: &Clients,
        handle: &Handle,
        keys: impl Iterator<Item = &'k [u8]>,
        most: usize,
    ) {
        let Some(tracker) = handle.tracker.lock().clone() else { return };
        let is_chosen = tracker.is_chosen.load(Ordering::Relaxed);
        match tracker.mode {
            Mode::Reads => {}
            Mode::OptIn if is_chosen => {}
            Mode::OptOut if !is_chosen => {}
            _ => return,
        }
        let mut lists = self.lists.lock();
        for key in keys {
            let readers = lists.readers.entry_ref(key).or_default();
            if !readers.contains(&handle.id) {
                readers.push(handle.id);
                lists.items += 1;
            }
        }
        while most > 0 && lists.readers.len() > most {
            let Some(key) = lists.readers.keys().next().cloned() else { break };
            lists.tell_readers(clients, &key, 0);
        }
    }

    /// A client has changed a key; 0 stands for nobody, when it has died or made room.
    pub fn changed(&self, clients: &Clients, key: &[u8], by: u64) {
        let mut lists = self.lists.lock();
        lists.tell_readers(clients, key, by);
        for (name, prefix) in &mut lists.prefixes {
            if key.starts_with(name) {
                prefix.changed.insert(key.into(), by);
            }
        }
        lists.is_pending |= !lists.prefixes.is_empty();
    }

    /// All keys of a database are gone: everybody forgets everything.
    pub fn flushed(&self, clients: &Clients) {
        let mut lists = self.lists.lock();
        for handle in lists.trackers.values() {
            tell(clients, handle, None);
        }
        lists.readers.clear();
        lists.items = 0;
    }

    /// A command has ended: who broadcasts is told of all it changed.
    pub fn flush(&self, clients: &Clients) {
        let mut lists = self.lists.lock();
        if !std::mem::take(&mut lists.is_pending) {
            return;
        }
        let Lists { prefixes, trackers, .. } = &mut *lists;
        for prefix in prefixes.values_mut() {
            let changed = std::mem::take(&mut prefix.changed);
            if changed.is_empty() {
                continue;
            }
            for handle in prefix.clients.iter().filter_map(|id| trackers.get(id)) {
                let is_quiet = handle.tracker.lock().as_ref().is_some_and(|known| known.no_loop);
                let told = changed.iter().filter(|(_, by)| !is_quiet || **by != handle.id);
                let keys: Vec<&[u8]> = told.map(|(key, _)| &**key).collect();
                if !keys.is_empty() {
                    tell(clients, handle, Some(&keys));
                }
            }
        }
    }
}

impl Lists {
    fn tell_readers(&mut self, clients: &Clients, key: &[u8], by: u64) {
        let Some(readers) = self.readers.remove(key) else { return };
        self.items -= readers.len();
        for handle in readers.iter().filter_map(|id| self.trackers.get(id)) {
            let Some(tracker) = handle.tracker.lock().clone() else { continue };
            let is_own = tracker.no_loop && handle.id == by;
            if tracker.mode != Mode::Broadcast && !is_own {
                tell(clients, handle, Some(&[key]));
            }
        }
    }
}

/// Tells a client, or whom it redirects to, that keys are stale; without keys, all of them.
fn tell(clients: &Clients, handle: &Arc<Handle>, keys: Option<&[&[u8]]>) {
    let Some(tracker) = handle.tracker.lock().clone() else { return };
    let mut push = Reply::new();
    let is_resp3 = |handle: &Handle| handle.resp.load(Ordering::Relaxed) == 3;
    let to = if tracker.redirect == 0 {
        Arc::clone(handle)
    } else if let Some(other) = clients.get(tracker.redirect) {
        other
    } else {
        tracker.is_broken.store(true, Ordering::Relaxed);
        if is_resp3(handle) {
            push.push(2);
            push.bulk(b"tracking-redir-broken");
            push.int(tracker.redirect as i64);
            handle.deliver(Delivery::Push(Arc::new(push)));
        }
        return;
    };
    if is_resp3(&to) {
        push.push(2);
        push.bulk(b"invalidate");
    } else if tracker.redirect != 0 && to.subscriptions() > 0 {
        push.push(3);
        push.bulk(b"message");
        push.bulk(CHANNEL);
    } else {
        // RESP2 has no place for what was not asked for.
        return;
    }
    match keys {
        None => push.nil(),
        Some(keys) => {
            push.array(keys.len());
            for key in keys {
                push.bulk(key);
            }
        }
    }
    to.deliver(Delivery::Push(Arc::new(push)));
}
