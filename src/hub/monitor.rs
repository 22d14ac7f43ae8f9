//! Who hears of every command (MONITOR), and the line in which they hear of it.
//!
//! As long as nobody monitors, a command pays one load. The line is written once and shared.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::client::{Delivery, Handle};
use super::listeners::{Listeners, MONITORED};
use super::secrets;
use crate::quoting::quote;
use crate::reply::Reply;

/// The registry of monitors.
pub struct Monitors {
    list: Mutex<Vec<Arc<Handle>>>,
    listeners: Arc<Listeners>,
}

impl Monitors {
    pub fn new(listeners: Arc<Listeners>) -> Self {
        Self { list: Mutex::default(), listeners }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.listeners.any(MONITORED)
    }

    /// The client hears of every command from now on.
    pub fn add(&self, handle: &Arc<Handle>) {
        let mut list = self.list.lock();
        if list.iter().all(|known| known.id != handle.id) {
            list.push(Arc::clone(handle));
        }
        handle.monitors.store(true, Ordering::Relaxed);
        self.listeners.set(MONITORED, true);
    }

    /// Forgets a client.
    pub fn remove(&self, handle: &Handle) {
        if handle.monitors.swap(false, Ordering::Relaxed) {
            let mut list = self.list.lock();
            list.retain(|known| known.id != handle.id);
            self.listeners.set(MONITORED, !list.is_empty());
        }
    }

    /// Tells all of them.
    pub fn tell(&self, line: &[u8]) {
        let mut push = Reply::new();
        push.push(2);
        push.bulk(b"monitor");
        push.bulk(line);
        let push = Arc::new(push);
        for handle in self.list.lock().iter() {
            handle.deliver(Delivery::Push(Arc::clone(&push)));
        }
    }
}

/// A command as MONITOR shows it: `1339518083.107412 [0 address] "keys" "*"`.
pub fn line(now_us: u64, handle: &Handle, words: &[&[u8]]) -> Vec<u8> {
    let mut address = handle.mailbox.address();
    if address.starts_with('/') {
        address = format!("unix:{}", address.trim_end_matches(":0"));
    }
    line_from(now_us, handle.db.load(Ordering::Relaxed), &address, words)
}

/// As `line`, of a command that a script called.
pub fn line_of_script(now_us: u64, db: usize, words: &[&[u8]]) -> Vec<u8> {
    line_from(now_us, db, "lua", words)
}

fn line_from(now_us: u64, db: usize, address: &str, words: &[&[u8]]) -> Vec<u8> {
    let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
    let mut line = format!("{seconds}.{micros:06} [{db} {address}]");
    for word in secrets::hide(words) {
        line.push(' ');
        quote(&mut line, word);
    }
    line.into_bytes()
}
