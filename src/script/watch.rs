//! The script that is running: since when, what it did, and who wants it to end.
//!
//! Everything is an atomic, because others look on from outside of the gate that the script holds:
//! whoever waits for it too long is told that the store is busy, and SCRIPT KILL asks it to stop.
//! The script itself asks between two of its commands, and every few thousand instructions.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A script on an event loop's thread that has taken longer, and has changed nothing, is taken off
/// it and begun again elsewhere.
const INLINE: Duration = Duration::from_millis(10);

/// Why a script does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SCRIPT KILL or FUNCTION KILL.
    Killed,
    /// It overran `script-time-limit` and has changed nothing.
    Overran,
    /// It stalls an event loop: to be run again on another thread.
    Again,
}

const NOTHING: u8 = 0;
const SCRIPT: u8 = 1;
const FUNCTION: u8 = 2;
const LIBRARY: u8 = 3;

/// What is run under the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Script,
    Function,
    /// The text of a library, which registers its functions. Nobody is told of it: it is soon over.
    Library,
}

/// See the module's header.
#[derive(Default)]
pub struct Watch {
    running: AtomicU8,
    /// Microseconds since the process first asked.
    since_us: AtomicU64,
    limit_ms: AtomicU64,
    is_inline: AtomicBool,
    has_effects: AtomicBool,
    has_written: AtomicBool,
    killed: AtomicBool,
}

fn now_us() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_micros() as u64
}

impl Watch {
    /// A script begins. `limit_ms` 0 is no limit.
    pub fn begin(&self, kind: Kind, is_inline: bool, limit_ms: u64) {
        self.since_us.store(now_us(), Relaxed);
        self.limit_ms.store(limit_ms, Relaxed);
        self.is_inline.store(is_inline, Relaxed);
        self.has_effects.store(false, Relaxed);
        self.has_written.store(false, Relaxed);
        self.killed.store(false, Relaxed);
        let running = match kind {
            Kind::Script => SCRIPT,
            Kind::Function => FUNCTION,
            Kind::Library => LIBRARY,
        };
        self.running.store(running, Relaxed);
    }

    /// It has ended; says how long it took.
    pub fn end(&self) -> Duration {
        self.running.store(NOTHING, Relaxed);
        self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(now_us().saturating_sub(self.since_us.load(Relaxed)))
    }

    /// What is running, and for how long.
    pub fn running(&self) -> Option<(Kind, Duration)> {
        match self.running.load(Relaxed) {
            SCRIPT => Some((Kind::Script, self.elapsed())),
            FUNCTION => Some((Kind::Function, self.elapsed())),
            _ => None,
        }
    }

    /// The script is about to do something that another run would do once more.
    pub fn note_effect(&self) {
        self.has_effects.store(true, Relaxed);
    }

    /// The script is about to change a key.
    pub fn note_write(&self) {
        self.has_effects.store(true, Relaxed);
        self.has_written.store(true, Relaxed);
    }

    pub fn has_written(&self) -> bool {
        self.has_written.load(Relaxed)
    }

    /// Asks the running script to stop. Whoever asks has made sure that it has not written.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
    }

    /// Asked by the script: is it to stop?
    pub(super) fn verdict(&self) -> Option<Stop> {
        if self.has_written.load(Relaxed) {
            return None;
        }
        if self.killed.load(Relaxed) {
            return Some(Stop::Killed);
        }
        let elapsed = self.elapsed();
        if self.is_inline.load(Relaxed) && !self.has_effects.load(Relaxed) && elapsed > INLINE {
            return Some(Stop::Again);
        }
        let limit_ms = self.limit_ms.load(Relaxed);
        (limit_ms > 0 && elapsed > Duration::from_millis(limit_ms)).then_some(Stop::Overran)
    }
}
