//! Telling everybody who has to know that a key has changed: its watchers, and who hears of
//! keyspace events.
//!
//! Waking who waits for the key is not done here: that is the running command's own business
//! (`Context::changed`).

use super::config::NOTIFY_KEYSPACE_EVENTS;
use super::listeners::{NOTIFIED, OF_CHANGES, WATCHED};
use super::{Hub, notify};
use crate::store::{Happening, Loss, Notes};

impl Hub {
    /// A key has changed, or is gone.
    pub fn changed(&self, db: usize, key: &[u8], event: &str) {
        if self.listeners.any(WATCHED) {
            self.watch.touched(db, key);
        }
        self.notify(db, key, event);
    }

    /// As `changed`, for what no command did: a key that died, or had to make room.
    #[inline]
    pub fn gone(&self, db: usize, key: &[u8], event: &str) {
        if self.listeners.any(OF_CHANGES) {
            self.changed(db, key, event);
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

    /// Which happenings a database is to note for `tell_noted`; keys met dead always are.
    #[inline]
    pub fn to_note(&self) -> Notes {
        if !self.listeners.any(NOTIFIED) {
            return Notes::default();
        }
        let flags = self.config.get(NOTIFY_KEYSPACE_EVENTS) as u32;
        Notes { made: flags & notify::NEW != 0, missed: flags & notify::MISSED != 0 }
    }

    /// Call after settings changed: some of them make somebody listen.
    pub fn settings_changed(&self) {
        let flags = self.config.get(NOTIFY_KEYSPACE_EVENTS) as u32;
        self.listeners.set(NOTIFIED, notify::is_on(flags));
    }
}
