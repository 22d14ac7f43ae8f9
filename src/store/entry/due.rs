//! When an entry dies, and elements of it.
//!
//! One time in the header says when something dies next. A collection of which elements die has its
//! key's own deadline in its payload; everything else dies as a whole when it is due.

use super::{BROKEN, DUE, Encoding, Entry};
use crate::store::kinds;

/// The deadline of a mortal collection's key that has none.
const NEVER: u64 = u64::MAX;

impl Entry {
    /// When something about this entry dies next, at the earliest: the key, or an element.
    #[inline]
    pub fn due_ms(&self) -> Option<u64> {
        if self.meta() & DUE == 0 {
            return None;
        }
        // SAFETY: a flagged entry has this after its first two words.
        Some(unsafe { self.at.add(8).cast::<u64>().read() })
    }

    /// Is there nothing about this entry that could forbid to show it?
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.meta() & (DUE | BROKEN) == 0
    }

    /// The millisecond from which on the key is dead.
    #[inline]
    pub fn deadline_ms(&self) -> Option<u64> {
        if !self.is_mortal() {
            return self.due_ms();
        }
        // SAFETY: the second word of the payload of `Mortal`.
        Some(unsafe { self.payload().cast::<u64>().add(1).read() }).filter(|at| *at != NEVER)
    }

    /// Have elements of this collection deadlines?
    #[inline]
    pub fn is_mortal(&self) -> bool {
        self.encoding() == Encoding::Mortal
    }

    /// Is nothing of this left by `now_ms`?
    pub fn is_dead(&self, now_ms: u64) -> bool {
        let is_past = |at_ms: u64| at_ms <= now_ms;
        self.due_ms().is_some_and(is_past)
            && (!self.is_mortal()
                || self.deadline_ms().is_some_and(is_past)
                || kinds::last_death_ms(self).is_some_and(is_past))
    }

    /// Sets, changes or takes away the deadline. The entry moves only when it gains or loses one.
    pub fn set_deadline(&mut self, deadline_ms: Option<u64>) {
        if self.is_mortal() {
            self.write_mortal_deadline(deadline_ms);
            return self.settle();
        }
        match (self.due_ms(), deadline_ms) {
            (Some(_), Some(new)) => self.write_due(new),
            (None, None) => {}
            _ => self.rebuild(self.encoding(), deadline_ms, None),
        }
    }

    fn write_due(&mut self, due_ms: u64) {
        debug_assert!(self.due_ms().is_some());
        // SAFETY: a flagged entry has room for it.
        unsafe { self.at.add(8).cast::<u64>().write(due_ms) }
    }

    fn write_mortal_deadline(&mut self, deadline_ms: Option<u64>) {
        debug_assert!(self.is_mortal());
        // SAFETY: the second word of the payload of `Mortal`.
        unsafe { self.payload().cast::<u64>().add(1).write(deadline_ms.unwrap_or(NEVER)) }
    }

    /// Takes note of when the next element of the collection dies. To be called when a change may
    /// have brought that nearer; else the entry is only looked at too early.
    #[inline]
    pub fn settle(&mut self) {
        let first_ms = kinds::first_death_ms(self);
        if self.is_mortal() || first_ms.is_some() {
            self.settle_at(first_ms);
        }
    }

    #[cold]
    fn settle_at(&mut self, first_ms: Option<u64>) {
        let deadline_ms = self.deadline_ms();
        match first_ms {
            None => self.rebuild(Encoding::Thin, deadline_ms, None),
            Some(first_ms) => {
                let due_ms = deadline_ms.unwrap_or(NEVER).min(first_ms);
                if !self.is_mortal() {
                    self.rebuild(Encoding::Mortal, Some(due_ms), None);
                    self.write_mortal_deadline(deadline_ms);
                }
                self.write_due(due_ms);
            }
        }
    }
}
