//! Milliseconds: the system's, or a test's.
//!
//! Every notion of time in a store (deadlines, TIME, stream ids, blocking time-outs, LRU) is read
//! from one `Clock`, so a test that moves it moves all of them.

use std::sync::atomic::{AtomicU64, Ordering};

/// By how much a coarse look may be behind. Kernels update theirs every 10 ms or sooner; the rest
/// is for machines that were held up.
pub const COARSE_LAG_MS: u64 = 1000;

/// One of the kernel's clocks.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no coarse clock")]
#[inline]
fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the out-pointer outlives the call.
    unsafe { libc::clock_gettime(clock, &raw mut at) };
    at
}

/// The kernel's time at its last tick: a fifth of the price of the exact one.
#[cfg(target_os = "linux")]
#[inline]
fn coarse_system_ms() -> u64 {
    let at = read(libc::CLOCK_REALTIME_COARSE);
    at.tv_sec as u64 * 1000 + at.tv_nsec as u64 / 1_000_000
}

#[cfg(not(target_os = "linux"))]
fn coarse_system_ms() -> u64 {
    Clock::System.now_ms()
}

/// Asked for by every command that sets a deadline: the standard library's arithmetic on top of the
/// kernel's answer costs 4 ns.
#[cfg(target_os = "linux")]
#[inline]
fn system_us() -> u64 {
    let at = read(libc::CLOCK_REALTIME);
    at.tv_sec as u64 * 1_000_000 + at.tv_nsec as u64 / 1000
}

#[cfg(not(target_os = "linux"))]
fn system_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

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
        Self::Manual(AtomicU64::new(start_ms.saturating_mul(1000)))
    }

    /// Microseconds since the epoch.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => system_us(),
            Self::Manual(us) => us.load(Ordering::Relaxed),
        }
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// A cheap look at the time: never ahead of the exact one, and at most `COARSE_LAG_MS` behind.
    #[inline]
    pub fn coarse_ms(&self) -> u64 {
        match self {
            Self::System => coarse_system_ms(),
            Self::Manual(us) => us.load(Ordering::Relaxed) / 1000,
        }
    }

    /// Moves a manual clock forward. `false` if this clock is the system's, which cannot be moved.
    pub fn advance(&self, by_ms: u64) -> bool {
        match self {
            Self::System => false,
            Self::Manual(us) => {
                let by_us = by_ms.saturating_mul(1000);
                let later = |us: u64| Some(us.saturating_add(by_us));
                // It never answers `None`, so this cannot fail.
                let _ = us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
                true
            }
        }
    }

    /// Puts a manual clock to `at_ms`. `false` if this clock is the system's.
    pub fn set(&self, at_ms: u64) -> bool {
        match self {
            Self::System => false,
            Self::Manual(us) => {
                us.store(at_ms.saturating_mul(1000), Ordering::Relaxed);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_look_is_behind_and_not_by_much() {
        let clock = Clock::System;
        for _ in 0..1000 {
            let before_ms = clock.now_ms();
            let coarse_ms = clock.coarse_ms();
            assert!(coarse_ms <= clock.now_ms());
            assert!(before_ms <= coarse_ms + COARSE_LAG_MS);
        }
    }
}
