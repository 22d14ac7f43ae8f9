//! The threads that serve connections: each has an event loop of its own, and a connection stays
//! with the one it was given.
//!
//! Several loops beat one that steals work: a connection's buffers stay in one core's cache, and
//! no task ever moves. They start with the first server of the process and sleep when idle.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// More than this serve no purpose: the keyspace has that many lanes.
const MOST: usize = 4;

/// The loops of the process.
pub struct Seats {
    loops: Vec<Handle>,
    next: AtomicUsize,
}

static SEATS: LazyLock<Seats> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let count = std::env::var("LATCHKEY_SEATS").ok().and_then(|text| text.parse().ok());
    let count: usize = count.unwrap_or((cores / 2).clamp(1, MOST));
    Seats { loops: (0..count.max(1)).map(start).collect(), next: AtomicUsize::new(0) }
});

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
