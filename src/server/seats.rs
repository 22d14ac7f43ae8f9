//! The threads that serve connections: each has an event loop of its own, and a connection stays
//! with the one it was given.
//!
//! Several loops beat one that steals work: a connection's buffers stay in one core's cache, and
//! no task ever moves. They start with the first server of the process and sleep when idle.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

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

fn start(number: usize) -> Handle {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .expect("a process that cannot watch sockets cannot run Node.js either");
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("latchkey-io-{number}"))
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .expect("a process that cannot start a thread cannot run Node.js either");
    handle
}
