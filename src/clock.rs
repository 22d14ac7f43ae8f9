//! Milliseconds: the system's, or a test's.
//!
//! Every notion of time in a store (deadlines, TIME, stream ids, blocking time-outs, LRU) is read
//! from one `Clock`, so a test that moves it moves all of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a store reads the time.
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// Stands still until somebody moves it. Microseconds since the epoch.
    Manual(AtomicU64),
}

impl Clock {
    /// A clock that stands still at `start_ms`.
    pub fn manual(start_ms: u64) -> Self {
        Self::Manual(AtomicU64::new(start_ms * 1000))
    }

    /// Microseconds since the epoch.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_micros() as u64),
            Self::Manual(us) => us.load(Ordering::Relaxed),
        }
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// Moves a manual clock forward. `false` if this clock is the system's, which cannot be moved.
    pub fn advance(&self, by_ms: u64) -> bool {
        match self {
            Self::System => false,
            Self::Manual(us) => {
                us.fetch_add(by_ms * 1000, Ordering::Relaxed);
                true
            }
        }
    }

    /// Puts a manual clock to `at_ms`. `false` if this clock is the system's.
    pub fn set(&self, at_ms: u64) -> bool {
        match self {
            Self::System => false,
            Self::Manual(us) => {
                us.store(at_ms * 1000, Ordering::Relaxed);
                true
            }
        }
    }
}
