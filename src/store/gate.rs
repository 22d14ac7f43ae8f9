//! The gate of a store: many commands on single keys at once, or one that touches everything.
//!
//! A reader-writer lock split into stripes, one cache line each: a thread that enters shared
//! takes only its own stripe, so threads do not pull one counter back and forth; who enters
//! alone takes them all, always in the same order. A store that one event loop has to itself is
//! entered without a lock (`bias`).

use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::bias::{Bias, Inside, Owned, Visit};
use crate::memory::thread_number;

const STRIPES: usize = 8;

/// How long a thread that must not wait keeps trying.
const SPIN: Duration = Duration::from_micros(20);

/// Asked by who is about to wait: for how long, before it is asked again? `None` is not at all.
pub type Worth<'a> = &'a dyn Fn() -> Option<Duration>;

/// Any wait is worth while.
pub(super) const ALWAYS: Worth<'_> = &|| Some(Duration::MAX);

/// May the caller wait for a lock?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// An event loop of JavaScript runs on this thread: give up after some 20 µs.
    Inline,
    /// Sockets are served on this thread: wait for commands of others, but not for scripts.
    Serves,
    /// Nobody but the caller needs this thread: wait as long as it takes.
    Waits,
}

#[repr(align(128))]
struct Stripe(RwLock<()>);

/// See the module's header.
pub struct Gate {
    bias: Bias,
    stripes: [Stripe; STRIPES],
}

/// Proof that the holder entered the gate. Small, since every command passes one around.
pub enum Entered<'a> {
    /// Alone, without a lock.
    Owned(Owned<'a>),
    Shared {
        _stripe: RwLockReadGuard<'a, ()>,
        _visit: Visit<'a>,
    },
    Alone {
        _stripes: Box<[Option<RwLockWriteGuard<'a, ()>>; STRIPES]>,
        _visit: Visit<'a>,
    },
}

impl Inside for Entered<'_> {}

impl Entered<'_> {
    /// Is nobody else inside? Then no shard need be locked.
    #[inline]
    pub fn is_alone(&self) -> bool {
        !matches!(self, Self::Shared { .. })
    }
}

/// Tries again for as long as the patience lasts.
#[inline]
pub fn with_patience<T>(
    patience: Patience,
    mut attempt: impl FnMut() -> Option<T>,
    wait: impl FnOnce() -> T,
) -> Option<T> {
    match attempt() {
        None if patience == Patience::Inline => spin(attempt),
        None => Some(wait()),
        got => got,
    }
}

/// As `with_patience`, as long as it is worth while; `wait` waits for at most so long.
#[inline]
pub(super) fn with_patience_while<T>(
    patience: Patience,
    worth: Worth<'_>,
    mut attempt: impl FnMut() -> Option<T>,
    mut wait: impl FnMut(Duration) -> Option<T>,
) -> Option<T> {
    if let Some(got) = attempt() {
        return Some(got);
    }
    while let Some(most) = worth() {
        if patience == Patience::Inline {
            return spin(attempt);
        }
        if let Some(got) = wait(most) {
            return Some(got);
        }
    }
    None
}

fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let since = Instant::now();
    while since.elapsed() < SPIN {
        std::hint::spin_loop();
        if let Some(got) = attempt() {
            return Some(got);
        }
    }
    None
}

impl Gate {
    pub fn new() -> Self {
        let stripes = std::array::from_fn(|_| Stripe(RwLock::new(())));
        Self { bias: Bias::default(), stripes }
    }

    /// Enters as the thread that has the store to itself: alone, and without a lock.
    #[inline]
    pub fn own(&self, patience: Patience) -> Option<Owned<'_>> {
        self.bias.own(patience)
    }

    /// Enters beside others. `None` only for the impatient.
    pub fn shared(&self, patience: Patience) -> Option<Entered<'_>> {
        self.shared_while(patience, ALWAYS)
    }

    /// As `shared`; whoever would have to wait does so while that is worth while.
    pub fn shared_while(&self, patience: Patience, worth: Worth<'_>) -> Option<Entered<'_>> {
        if let Some(owned) = self.bias.own(patience) {
            return Some(Entered::Owned(owned));
        }
        let visit = self.bias.visit(patience, worth)?;
        let stripe = &self.stripes[thread_number() % STRIPES].0;
        let (attempt, wait) = (|| stripe.try_read(), |most| stripe.try_read_for(most));
        with_patience_while(patience, worth, attempt, wait)
            .map(|guard| Entered::Shared { _stripe: guard, _visit: visit })
    }

    /// Other threads will use the store as much as an event loop does.
    pub fn share(&self) {
        self.bias.share();
    }

    /// A thread that will enter several times within a moment announces itself once.
    pub fn visit(&self) -> Visit<'_> {
        self.bias.visit(Patience::Waits, ALWAYS).expect("the patient always enter")
    }

    /// Enters alone. `None` only for the impatient.
    pub fn alone(&self, patience: Patience) -> Option<Entered<'_>> {
        self.alone_while(patience, ALWAYS)
    }

    /// As `alone`; whoever would have to wait does so while that is worth while.
    pub fn alone_while(&self, patience: Patience, worth: Worth<'_>) -> Option<Entered<'_>> {
        if let Some(owned) = self.bias.own(patience) {
            return Some(Entered::Owned(owned));
        }
        let visit = self.bias.visit(patience, worth)?;
        let mut guards = Box::new([const { None }; STRIPES]);
        for (guard, stripe) in guards.iter_mut().zip(&self.stripes) {
            let (attempt, wait) = (|| stripe.0.try_write(), |most| stripe.0.try_write_for(most));
            *guard = Some(with_patience_while(patience, worth, attempt, wait)?);
        }
        Some(Entered::Alone { _stripes: guards, _visit: visit })
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
