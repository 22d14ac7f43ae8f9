//! The script that is running: since when, what it did, and who wants it to end.
//!
//! Everything is an atomic, because others look on from outside of the gate that the script holds:
//! whoever waits for it too long is told that the store is busy, and SCRIPT KILL asks it to stop.
//! The script itself asks between two of its commands, and every few thousand instructions.

use std::sync::LazyLock;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

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
    /// Counted from here the store may become busy: somebody who has killed a script need not be
    /// refused while it ends.
    patient_since_us: AtomicU64,
    limit_ms: AtomicU64,
    is_inline: AtomicBool,
    has_effects: AtomicBool,
    /// What came first, one of those below.
    fate: AtomicU8,
    /// The function that is running, and the words of the command that called it.
    call: Mutex<Option<Call>>,
}

/// The name of a function, and the words that called it.
pub type Call = (Box<[u8]>, Vec<Box<[u8]>>);

const OPEN: u8 = 0;
const WRITTEN: u8 = 1;
const KILLED: u8 = 2;

fn now_us() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_micros() as u64
}

fn since(moment_us: &AtomicU64) -> Duration {
    Duration::from_micros(now_us().saturating_sub(moment_us.load(Relaxed)))
}

impl Watch {
    /// A script begins. `limit_ms` 0 is no limit.
    pub fn begin(&self, kind: Kind, is_inline: bool, limit_ms: u64) {
        self.since_us.store(now_us(), Relaxed);
        self.patient_since_us.store(self.since_us.load(Relaxed), Relaxed);
        self.limit_ms.store(limit_ms, Relaxed);
        self.is_inline.store(is_inline, Relaxed);
        self.has_effects.store(false, Relaxed);
        self.fate.store(OPEN, Relaxed);
        let running = match kind {
            Kind::Script => SCRIPT,
            Kind::Function => FUNCTION,
            Kind::Library => LIBRARY,
        };
        // Who sees that it runs sees since when.
        self.running.store(running, Release);
    }

    /// Notes which function is about to run.
    pub fn note_call(&self, call: Option<(&[u8], &[&[u8]])>) {
        *self.call.lock() = call.map(|(name, words)| {
            (name.into(), words.iter().map(|word| Box::from(*word)).collect())
        });
    }

    /// The function that is running.
    pub fn call(&self) -> Option<Call> {
        self.call.lock().clone()
    }

    /// It has ended; says how long it took.
    pub fn end(&self) -> Duration {
        self.running.store(NOTHING, Relaxed);
        self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        since(&self.since_us)
    }

    /// What is running, and for how long.
    pub fn running(&self) -> Option<(Kind, Duration)> {
        match self.running.load(Acquire) {
            SCRIPT => Some((Kind::Script, self.elapsed())),
            FUNCTION => Some((Kind::Function, self.elapsed())),
            _ => None,
        }
    }

    /// What keeps the store busy for longer than so many milliseconds; 0 is no limit.
    pub fn busy(&self, threshold_ms: u64) -> Option<Kind> {
        let (kind, _) = self.running()?;
        let threshold = Duration::from_millis(threshold_ms);
        (threshold_ms > 0 && since(&self.patient_since_us) >= threshold).then_some(kind)
    }

    /// The script is about to do something that another run would do once more.
    pub fn note_effect(&self) {
        self.has_effects.store(true, Relaxed);
    }

    /// The script is about to change a key. `false` if somebody killed it before.
    pub fn may_write(&self) -> bool {
        self.has_effects.store(true, Relaxed);
        self.decide(WRITTEN)
    }

    /// Has the script begun to change keys?
    pub fn has_written(&self) -> bool {
        self.fate.load(Relaxed) == WRITTEN
    }

    /// Asks the running script to stop. `false` if it has written before.
    pub fn kill(&self) -> bool {
        let killed = self.decide(KILLED);
        if killed {
            self.patient_since_us.store(now_us(), Relaxed);
        }
        killed
    }

    /// Nobody is told that a script is killed that goes on to write.
    fn decide(&self, fate: u8) -> bool {
        let before = self.fate.compare_exchange(OPEN, fate, Relaxed, Relaxed);
        before.map_or_else(|before| before == fate, |_| true)
    }

    /// Asked by the script: is it to stop?
    pub(super) fn verdict(&self) -> Option<Stop> {
        match self.fate.load(Relaxed) {
            WRITTEN => return None,
            KILLED => return Some(Stop::Killed),
            _ => {}
        }
        let elapsed = self.elapsed();
        if self.is_inline.load(Relaxed) && !self.has_effects.load(Relaxed) && elapsed > INLINE {
            return Some(Stop::Again);
        }
        let limit_ms = self.limit_ms.load(Relaxed);
        (limit_ms > 0 && elapsed > Duration::from_millis(limit_ms)).then_some(Stop::Overran)
    }
}
