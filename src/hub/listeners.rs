//! Who wants to hear of something, as bits of one word: what every command looks at once.
//!
//! Each registry owns a bit and sets it under its own lock, so the bit is never behind what the
//! registry holds for anybody who came by way of a lock.

use std::sync::atomic::{AtomicU32, Ordering};

/// A key is watched (WATCH).
pub const WATCHED: u32 = 1;
/// A client waits for a key.
pub const WAITED: u32 = 1 << 1;
/// Keyspace events are published (`notify-keyspace-events`).
pub const NOTIFIED: u32 = 1 << 2;
/// A client caches what it reads (CLIENT TRACKING).
pub const TRACKED: u32 = 1 << 3;
/// A client hears of every command (MONITOR).
pub const MONITORED: u32 = 1 << 4;
/// Commands are held back (CLIENT PAUSE).
pub const PAUSED: u32 = 1 << 5;
/// Every command is timed, quick ones too (`latency-tracking`, a very low slow-log threshold).
pub const TIMED: u32 = 1 << 6;

/// Those who have to be told of a change to a key.
pub const OF_CHANGES: u32 = WATCHED | WAITED | NOTIFIED | TRACKED;
/// Those for whom every command takes the long way through the engine.
pub const OF_COMMANDS: u32 = TRACKED | MONITORED | PAUSED | TIMED;

/// Anybody at all.
pub const ANY: u32 = u32::MAX;

/// See the module's header.
#[derive(Default)]
pub struct Listeners(AtomicU32);

impl Listeners {
    /// Is any of these there?
    #[inline]
    pub fn any(&self, of: u32) -> bool {
        self.0.load(Ordering::Relaxed) & of != 0
    }

    /// To be called under the lock of the registry that owns the bit.
    pub fn set(&self, bit: u32, is_there: bool) {
        if self.any(bit) == is_there {
            return;
        }
        if is_there {
            self.0.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}
