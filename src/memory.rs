//! Who uses how much memory: the allocator counts.
//!
//! Every allocation and release of this addon passes through `Counting`, which adds the size
//! class to a counter of the calling thread. The engine reads the counter before and after a
//! command and charges the difference to the command's store; so `used_memory` is what the
//! allocator really handed out, for each of many stores, with no shared counter on the hot path.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use mimalloc::MiMalloc;

/// mimalloc, counting what each thread holds.
pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static INNER: MiMalloc = MiMalloc;

/// What each thread has for itself. In one place, since every look at a thread-local of an addon
/// is a call.
struct Thread {
    /// Bytes this thread allocated less those it released. Goes below zero when memory made on
    /// another thread is released here.
    balance: Cell<i64>,
    /// Its number; 0 until somebody asks.
    number: Cell<usize>,
}

thread_local! {
    static THREAD: Thread = const { Thread { balance: Cell::new(0), number: Cell::new(0) } };
}

/// The thread's balance so far; only differences mean anything.
#[inline]
pub fn balance() -> i64 {
    THREAD.with(|thread| thread.balance.get())
}

/// A small number of the calling thread, from 1: chooses its place in whatever is striped.
#[inline]
pub fn thread_number() -> usize {
    THREAD.with(|thread| match thread.number.get() {
        0 => {
            static NEXT: AtomicUsize = AtomicUsize::new(1);
            thread.number.set(NEXT.fetch_add(1, Ordering::Relaxed));
            thread.number.get()
        }
        number => number,
    })
}

/// Gives pages back that nobody uses any more, as far as this thread can.
#[expect(unsafe_code, reason = "a call into the allocator")]
pub fn purge() {
    // SAFETY: it may be called at any time by any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Bytes that the allocator holds of the system, for all stores of the process.
#[expect(unsafe_code, reason = "a call into the allocator")]
pub fn committed_bytes() -> usize {
    let mut told = [0_usize; 8];
    let first = told.as_mut_ptr();
    let at = |index| first.wrapping_add(index);
    // SAFETY: all eight point to numbers that may be written.
    unsafe {
        libmimalloc_sys::mi_process_info(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
    }
    told[5]
}

/// What the allocator tells of itself, in its own words.
#[expect(unsafe_code, reason = "a call into the allocator")]
pub fn statistics() -> Vec<u8> {
    unsafe extern "C" fn add(line: *const std::ffi::c_char, text: *mut std::ffi::c_void) {
        // SAFETY: the allocator hands over its line and what it was given below.
        let (line, text) =
            unsafe { (std::ffi::CStr::from_ptr(line), &mut *text.cast::<Vec<u8>>()) };
        text.extend_from_slice(line.to_bytes());
    }
    let mut text = Vec::<u8>::new();
    // SAFETY: `add` is called with the text before this returns, and not after.
    unsafe { libmimalloc_sys::mi_stats_print_out(Some(add), (&raw mut text).cast()) };
    text
}

/// Takes bytes that are still there off the calling thread's balance: they have left the store,
/// and who holds them now will free them where nobody counts.
pub fn disown(bytes: usize) {
    charge(-(bytes as i64));
}

/// How many bytes the allocator really takes for a request of `size` bytes.
///
/// mimalloc's size classes: steps of 16 bytes up to 128, then four classes to each doubling.
#[inline]
pub const fn good_size(size: usize) -> usize {
    if size <= 128 {
        if size <= 8 { 8 } else { (size + 15) & !15 }
    } else {
        // The step is a quarter of the power of two below the size.
        let step = 1usize << (usize::BITS - 1 - (size - 1).leading_zeros() - 2);
        (size + step - 1) & !(step - 1)
    }
}

#[inline]
fn charge(bytes: i64) {
    // A thread that is being torn down has no counter any more: what it frees is lost to the books.
    let _ = THREAD.try_with(|thread| thread.balance.set(thread.balance.get() + bytes));
}

#[expect(unsafe_code, reason = "a global allocator is an unsafe trait; every call is forwarded")]
// SAFETY: each method forwards to mimalloc with the same layout and pointer; counting touches
// only a thread-local integer that never allocates.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps GlobalAlloc's contract, which is mimalloc's.
        let at = unsafe { INNER.alloc(layout) };
        if !at.is_null() {
            charge(good_size(layout.size()) as i64);
        }
        at
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let at = unsafe { INNER.alloc_zeroed(layout) };
        if !at.is_null() {
            charge(good_size(layout.size()) as i64);
        }
        at
    }

    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { INNER.dealloc(at, layout) };
        charge(-(good_size(layout.size()) as i64));
    }

    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        let moved = unsafe { INNER.realloc(at, layout, new_size) };
        if !moved.is_null() {
            charge(good_size(new_size) as i64 - good_size(layout.size()) as i64);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_those_of_mimalloc() {
        for (size, class) in [
            (1, 8),
            (9, 16),
            (17, 32),
            (64, 64),
            (65, 80),
            (129, 160),
            (161, 192),
            (257, 320),
            (500, 512),
            (513, 640),
            (4096, 4096),
            (4097, 5120),
        ] {
            assert_eq!(good_size(size), class, "{size}");
        }
    }

    #[test]
    fn what_is_freed_is_given_back_to_the_balance() {
        let before = balance();
        let bytes = std::hint::black_box(vec![0u8; 1000]);
        assert_eq!(balance() - before, 1024);
        drop(bytes);
        assert_eq!(balance(), before);
    }
}
