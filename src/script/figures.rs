//! How much is known and what it takes, for INFO and its like.
//!
//! Atomics beside the locks, because a running script holds those and may ask as well.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Of scripts, or of libraries.
#[derive(Debug, Default)]
pub struct Figures {
    count: AtomicUsize,
    functions: AtomicUsize,
    bytes: AtomicUsize,
    lua_bytes: AtomicUsize,
    evicted: AtomicUsize,
}

impl Figures {
    /// Scripts, or libraries.
    pub fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Functions of the libraries.
    pub fn functions(&self) -> usize {
        self.functions.load(Relaxed)
    }

    /// What their texts and what is known of them take.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// What Lua holds, or held when it was last looked at.
    pub fn lua_bytes(&self) -> usize {
        self.lua_bytes.load(Relaxed)
    }

    /// Scripts that were forgotten because there were too many.
    pub fn evicted(&self) -> usize {
        self.evicted.load(Relaxed)
    }

    pub(super) fn added(&self, functions: usize, bytes: usize) {
        self.count.fetch_add(1, Relaxed);
        self.functions.fetch_add(functions, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn removed(&self, functions: usize, bytes: usize) {
        self.count.fetch_sub(1, Relaxed);
        self.functions.fetch_sub(functions, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    pub(super) fn note_evicted(&self) {
        self.evicted.fetch_add(1, Relaxed);
    }

    pub(super) fn note_lua(&self, bytes: usize) {
        self.lua_bytes.store(bytes, Relaxed);
    }

    /// Nothing is known any more.
    pub(super) fn flushed(&self) {
        for figure in [&self.count, &self.functions, &self.bytes, &self.lua_bytes] {
            figure.store(0, Relaxed);
        }
    }
}
