//! Telling everybody who has to know that a key has changed: its watchers, and who hears of
//! keyspace events.
//!
//! Waking who waits for the key is not done here: that is the running command's own business
//! (`Context::changed`).

use std::sync::atomic::Ordering;

use super::config::{
    LATENCY_TRACKING, LFU_DECAY_TIME, LFU_LOG_FACTOR, NOTIFY_KEYSPACE_EVENTS,
    SLOWLOG_LOG_SLOWER_THAN,
};
use super::listeners::{NOTIFIED, OF_CHANGES, PAUSED, TIMED, TRACKED, WATCHED};
use super::{Hub, notify};
use crate::store::{Happening, Keyspace, Loss, Notes};

/// Quick commands take no longer: only a lower threshold than this has them all measured.
const QUICK_US: i64 = 1000;

impl Hub {
    /// A client has changed a key; 0 stands for nobody.
    pub fn changed(&self, db: usize, key: &[u8], event: &str, by: u64) {
        if self.listeners.any(WATCHED) {
            self.watch.touched(db, key);
        }
        if self.listeners.any(TRACKED) {
            self.tracking.changed(&self.clients, key, by);
        }
        self.notify(db, key, event);
    }

    /// As `changed`, for what no command did: a key that died, or had to make room.
    #[inline]
    pub fn gone(&self, db: usize, key: &[u8], event: &str) {
        if self.listeners.any(OF_CHANGES) {
            self.changed(db, key, event, 0);
        }
    }

    /// A key has died, or elements of it have.
    pub fn died(&self, db: usize, key: &[u8], loss: Loss) {
        match loss {
            Loss::Key => self.gone(db, key, "expired"),
            Loss::Fields => self.gone(db, key, "hexpired"),
            Loss::LastFields => {
                self.gone(db, key, "hexpired");
                self.gone(db, key, "del");
            }
        }
    }

    /// Publishes an event that is no change.
    pub fn notify(&self, db: usize, key: &[u8], event: &str) {
        if self.listeners.any(NOTIFIED) {
            let flags = self.config.get(NOTIFY_KEYSPACE_EVENTS) as u32;
            notify::publish(&self.pubsub, flags, db, key, event);
        }
    }

    /// Tells what a database has noted: keys met dead, made, or asked for in vain.
    pub fn tell_noted(&self, db: usize, noted: &[Happening]) {
        for happening in noted {
            match happening {
                Happening::Died(death) => self.died(db, &death.key, death.loss),
                Happening::Made(key) => self.notify(db, key, "new"),
                Happening::Missed(key) => self.notify(db, key, "keymiss"),
            }
        }
    }

    /// Which happenings a database is to note for `tell_noted`, and whether it keeps the dead.
    #[inline]
    pub fn to_note(&self) -> Notes {
        if !self.listeners.any(NOTIFIED | PAUSED) {
            return Notes::default();
        }
        let mut flags = self.config.get(NOTIFY_KEYSPACE_EVENTS) as u32;
        if !self.listeners.any(NOTIFIED) {
            flags = 0;
        }
        Notes {
            made: flags & notify::NEW != 0,
            missed: flags & notify::MISSED != 0,
            keeps_dead: self.pause.any(),
        }
    }

    /// Call after settings changed: some of them make somebody listen, some are kept where they are
    /// needed.
    pub fn settings_changed(&self, space: &Keyspace) {
        space.counts_uses.store(self.config.policy().counts_uses(), Ordering::Relaxed);
        space.lfu_log_factor.store(self.config.get(LFU_LOG_FACTOR) as u32, Ordering::Relaxed);
        space.lfu_decay_minutes.store(self.config.get(LFU_DECAY_TIME) as u32, Ordering::Relaxed);
        let flags = self.config.get(NOTIFY_KEYSPACE_EVENTS) as u32;
        self.listeners.set(NOTIFIED, notify::is_on(flags));
        let slower_us = self.config.get(SLOWLOG_LOG_SLOWER_THAN);
        let catches_quick = (0..QUICK_US).contains(&slower_us);
        let is_timed = self.config.get(LATENCY_TRACKING) != 0 || catches_quick;
        self.listeners.set(TIMED, is_timed);
    }
}
