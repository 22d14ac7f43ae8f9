//! Biased locking: a store that one event loop uses needs no atomic operation to be entered.
//!
//! The first thread with an event loop becomes the owner. It enters by a plain store and two
//! loads, and then is alone: it needs neither stripe nor shard. Any other thread is a guest: it
//! announces itself, has the kernel put a memory barrier into every running thread of the process
//! (`membarrier`), and waits until the owner is out; while there is a guest, the owner takes the
//! ordinary locks. A second event loop, or a server, stays a guest for ever.
//!
//! ```text
//! owner   inside = true;  (compiler fence)    guests == 0 ?  alone : locks
//! guest   guests += 1;    membarrier          wait for inside == false, then locks
//! ```
//!
//! The barrier makes sure that one of the two sees the other, though the owner has none. Where the
//! kernel has no such call, nobody becomes the owner and everybody takes locks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence, fence};
use std::time::Duration;

use super::gate::{ALWAYS, Patience, Worth, with_patience_while};
use crate::memory::thread_number;

/// What `owner` says before there is one.
const NOBODY: usize = 0;

/// See the module's header.
#[derive(Default)]
#[repr(align(128))]
pub struct Bias {
    /// The owner's thread number. Never changes once it is set.
    owner: AtomicUsize,
    /// Written by the owner alone.
    inside: AtomicBool,
    guests: AtomicUsize,
    /// Guests that have seen the owner outside; as long as there is one it cannot enter alone.
    settled: AtomicUsize,
    /// There is a guest for ever, and the owner was seen outside since it came.
    shared: AtomicBool,
}

/// Proof that the holder is inside.
pub trait Inside {}

impl Inside for Owned<'_> {}

/// The owner is inside, alone.
pub struct Owned<'a>(&'a Bias);

/// A guest is, or may be, inside.
pub struct Visit<'a>(Option<&'a Bias>);

impl Bias {
    /// Enters as the owner, alone. `None` for everybody else, and while there are guests.
    #[inline]
    pub fn own(&self, patience: Patience) -> Option<Owned<'_>> {
        let owner = self.owner.load(Ordering::Relaxed);
        if owner != thread_number() && !(owner == NOBODY && self.claim(patience)) {
            return None;
        }
        debug_assert!(!self.inside.load(Ordering::Relaxed), "the owner enters once at a time");
        self.inside.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        if self.guests.load(Ordering::Acquire) == 0 {
            return Some(Owned(self));
        }
        self.inside.store(false, Ordering::Release);
        None
    }

    /// Becomes the owner, if the thread has an event loop and nobody was quicker.
    #[cold]
    fn claim(&self, patience: Patience) -> bool {
        if patience != Patience::Inline || !barriers_work() {
            return false;
        }
        let me = thread_number();
        let claimed =
            self.owner.compare_exchange(NOBODY, me, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        // A guest that saw nobody is seen by us.
        fence(Ordering::SeqCst);
        claimed
    }

    /// To be called before the ordinary locks are taken. `None` if the owner is inside for longer
    /// than the caller may wait, or than is worth while.
    #[inline]
    pub fn visit(&self, patience: Patience, worth: Worth<'_>) -> Option<Visit<'_>> {
        if self.shared.load(Ordering::Acquire) || self.is_mine() {
            return Some(Visit(None));
        }
        let visit = self.come(patience, worth)?;
        if patience == Patience::Inline {
            // A second event loop, which will come again and again.
            self.stay(visit);
            return Some(Visit(None));
        }
        Some(visit)
    }

    /// Others will use the store as much as the owner: everybody takes locks from now on.
    pub fn share(&self) {
        if !self.shared.load(Ordering::Acquire)
            && let Some(visit) = self.come(Patience::Waits, ALWAYS)
        {
            self.stay(visit);
        }
    }

    fn stay(&self, visit: Visit<'_>) {
        // It stays counted, so the owner finds a guest whenever it looks.
        std::mem::forget(visit);
        self.shared.store(true, Ordering::Release);
    }

    fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == thread_number()
    }

    #[cold]
    fn come(&self, patience: Patience, worth: Worth<'_>) -> Option<Visit<'_>> {
        self.guests.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let free = self.settled.load(Ordering::SeqCst) > 0
            || self.owner.load(Ordering::SeqCst) == NOBODY
            || self.wait_for_owner(patience, worth);
        if !free {
            self.guests.fetch_sub(1, Ordering::Release);
            return None;
        }
        self.settled.fetch_add(1, Ordering::SeqCst);
        Some(Visit(Some(self)))
    }

    /// Waits until the owner is out. From then on it sees that it has guests.
    fn wait_for_owner(&self, patience: Patience, worth: Worth<'_>) -> bool {
        barrier();
        let out = || (!self.inside.load(Ordering::Acquire)).then_some(());
        let wait = |_| {
            // The owner holds an event loop up: it will not be long.
            std::thread::sleep(Duration::from_micros(20));
            out()
        };
        with_patience_while(patience, worth, out, wait).is_some()
    }
}

impl Owned<'_> {
    /// The number of this thread; asking the thread itself is a call.
    #[inline]
    pub fn thread(&self) -> usize {
        self.0.owner.load(Ordering::Relaxed)
    }
}

impl Drop for Owned<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.inside.store(false, Ordering::Release);
    }
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(bias) = self.0 {
            bias.settled.fetch_sub(1, Ordering::SeqCst);
            bias.guests.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Can a barrier be put into other threads?
fn barriers_work() -> bool {
    static WORK: OnceLock<bool> = OnceLock::new();
    *WORK.get_or_init(|| membarrier(REGISTER))
}

/// Puts a memory barrier into every running thread of the process. Only after `barriers_work`
/// has said that it can: there is no owner otherwise.
fn barrier() {
    let done = membarrier(BARRIER);
    assert!(done, "the kernel refuses a memory barrier that it had promised");
}

// From linux/membarrier.h.
const BARRIER: i32 = 1 << 3;
const REGISTER: i32 = 1 << 4;

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that libc has no function for")]
fn membarrier(command: i32) -> bool {
    // SAFETY: the call takes numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn membarrier(_command: i32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::cell::UnsafeCell;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::store::{Entered, Gate};

    /// A number that only the gate protects.
    struct Guarded {
        gate: Gate,
        number: UnsafeCell<u64>,
    }

    #[expect(unsafe_code, reason = "the gate is what is tested")]
    // SAFETY: the number is touched by who is alone.
    unsafe impl Sync for Guarded {}

    #[expect(unsafe_code, reason = "the gate is what is tested")]
    fn add(guarded: &Guarded, patience: Patience) {
        let Some(_entered) = guarded.gate.alone(patience) else { return add(guarded, patience) };
        // SAFETY: the gate is held alone.
        unsafe { *guarded.number.get() += 1 };
    }

    fn count(times: [(u64, Patience); 3]) -> u64 {
        let number = UnsafeCell::new(0);
        let guarded = Arc::new(Guarded { gate: Gate::new(), number });
        let threads = times.map(|(times, patience)| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || (0..times).for_each(|_| add(&guarded, patience)))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let guarded = Arc::into_inner(guarded).unwrap();
        guarded.number.into_inner()
    }

    #[test]
    fn owner_and_guests_exclude_each_other() {
        let visitor = (300, Patience::Waits);
        assert_eq!(count([(200_000, Patience::Inline), visitor, visitor]), 200_600);
    }

    #[test]
    fn two_event_loops_share_a_store() {
        let times = [(20_000, Patience::Inline), (20_000, Patience::Inline), (50, Patience::Waits)];
        assert_eq!(count(times), 40_050);
    }

    #[test]
    fn the_first_event_loop_owns_the_store_until_a_second_one_comes() {
        let gate = Gate::new();
        let is_owner = || matches!(gate.shared(Patience::Inline), Some(Entered::Owned(_)));
        let has_barriers = barriers_work();
        assert_eq!(is_owner(), has_barriers);
        thread::scope(|scope| {
            scope.spawn(|| drop(gate.shared(Patience::Waits)));
        });
        assert_eq!(is_owner(), has_barriers, "a guest leaves");
        thread::scope(|scope| {
            scope.spawn(|| assert!(!is_owner()));
        });
        assert!(!is_owner(), "the second event loop stays");
    }

    #[test]
    fn a_store_can_be_shared_from_the_start() {
        let gate = Gate::new();
        gate.share();
        assert!(matches!(gate.shared(Patience::Inline), Some(Entered::Shared { .. })));
    }
}
