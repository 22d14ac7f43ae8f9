//! The threads of our own: timers, and work too long for an event loop.
//!
//! One tokio runtime serves all stores of the process. It starts with the first store and sleeps
//! while nothing is due.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Work for helpers queues up behind this many threads.
const HELPERS: usize = 4;

/// Bytes of stack of a thread that runs commands: scripts may nest calls of Lua and of commands two
/// hundred deep. It takes memory only as far as it is used.
pub const STACK_BYTES: usize = 8 << 20;

/// The process's runtime.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(HELPERS)
            .thread_name("latchkey")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .expect("a process that cannot start a thread cannot run Node.js either")
    })
}
