//! The threads that serve connections: each has an event loop of its own, and a connection stays
//! with the one it was given.
//!
//! Several loops beat one that steals work: a connection's buffers stay in one core's cache, and
//! no task ever moves. They start with the first server of the process and sleep when idle.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};

use crate::engine::STACK_BYTES;

/// How long a seat stays awake when nothing comes.
const AWAKE: Duration = Duration::from_micros(20);

/// As many as are taken without being asked for.
const MOST: usize = 4;

/// The loops of the process.
pub struct Seats {
    loops: Vec<Handle>,
    next: AtomicUsize,
}

/// How many the first server asked for; 0 leaves it to us.
static WANTED: AtomicUsize = AtomicUsize::new(0);

static SEATS: LazyLock<Seats> = LazyLock::new(|| {
    // The other half is for those who ask, or for the event loops of this process.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = match WANTED.load(Ordering::Relaxed) {
        0 => (cores / 2).clamp(1, MOST),
        wanted => wanted,
    };
    Seats { loops: (0..count.max(1)).map(start).collect(), next: AtomicUsize::new(0) }
});

/// How many seats there shall be. They are as many as the first server of the process wants.
pub fn want(count: usize) {
    WANTED.store(count, Ordering::Relaxed);
}

/// How many there are.
pub fn count() -> usize {
    SEATS.loops.len()
}

/// The seat for the next connection: each gets its share.
pub fn next() -> &'static Handle {
    let at = SEATS.next.fetch_add(1, Ordering::Relaxed);
    &SEATS.loops[at % SEATS.loops.len()]
}

thread_local! {
    /// Goes on whenever a connection of this seat does something.
    static PULSE: Cell<u32> = const { Cell::new(0) };
    /// Wakes the seat's watcher while that sleeps.
    static WATCHER: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// A connection of this seat does something: the next request is likely to follow soon.
#[inline]
pub fn pulse() {
    PULSE.set(PULSE.get().wrapping_add(1));
    WATCHER.with_borrow_mut(|watcher| {
        if let Some(watcher) = watcher.take() {
            watcher.wake();
        }
    });
}

/// Keeps the seat from going to sleep for a moment after each sign of life. Waking a sleeping
/// thread costs whoever sends the next request more than the request does.
async fn watch() {
    loop {
        let (mut seen, mut since) = (PULSE.get(), Instant::now());
        while since.elapsed() < AWAKE {
            tokio::task::yield_now().await;
            if PULSE.get() != seen {
                (seen, since) = (PULSE.get(), Instant::now());
            }
        }
        let mut is_first = true;
        std::future::poll_fn(|cx| {
            if !std::mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            WATCHER.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

fn start(number: usize) -> Handle {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .expect("a process that cannot watch sockets cannot run Node.js either");
    let handle = runtime.handle().clone();
    handle.spawn(watch());
    thread::Builder::new()
        .name(format!("latchkey-io-{number}"))
        .stack_size(STACK_BYTES)
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .expect("a process that cannot start a thread cannot run Node.js either");
    handle
}
