//! What sockets add up to: how many there are, what they carried, what was refused.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Ends a server; `false` if it has gone already.
pub type Ender = Box<dyn Fn() -> bool + Send>;

/// The counters of INFO that only servers move.
#[derive(Default)]
pub struct Network {
    /// Connections that are open now.
    pub connected: AtomicUsize,
    pub received: AtomicU64,
    pub rejected: AtomicU64,
    pub evicted: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    /// Ended because their output grew beyond its limit, or what they asked did.
    pub output_limit: AtomicU64,
    pub query_limit: AtomicU64,
    /// How to end each server (SHUTDOWN).
    pub servers: Mutex<Vec<Ender>>,
    /// Bytes that connections take.
    pub memory: AtomicI64,
}

impl Network {
    /// Ends every server. `false` if there was none.
    pub fn end_servers(&self) -> bool {
        let servers = std::mem::take(&mut *self.servers.lock());
        // Each of them, also when the first has ended.
        servers.iter().filter(|end| end()).count() > 0
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for counter in [
            &self.received,
            &self.rejected,
            &self.evicted,
            &self.bytes_in,
            &self.bytes_out,
            &self.output_limit,
            &self.query_limit,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
