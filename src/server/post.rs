//! The mailbox of a connection: what others have for it, how to wake it, and what they may know
//! of its socket.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::engine::Engine;
use crate::hub::{Delivery, Handle, Mailbox, Socket};

/// Up to so many bytes of output count as being in the buffer; the others are beyond it.
pub const REPLY_BUFFER: usize = 16 * 1024;

/// See the module's header.
pub struct Post {
    inner: Mutex<Inner>,
    /// Something waits; looked at after every command.
    is_full: AtomicBool,
    ends: Ends,
    pub sizes: Sizes,
    engine: Weak<Engine>,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    pub peer: String,
    pub local: String,
    pub descriptor: i32,
}

/// What a connection tells of itself after every round.
#[derive(Debug, Default)]
pub struct Sizes {
    pub query: AtomicUsize,
    pub query_free: AtomicUsize,
    pub words: AtomicUsize,
    pub output: AtomicUsize,
    pub total: AtomicUsize,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub commands: AtomicU64,
    /// When it last heard of its client, in seconds of the door.
    pub second: AtomicU32,
    /// More waits to be written than may for long.
    pub is_slow: AtomicBool,
}

#[derive(Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Post {
    pub fn new(ends: Ends, engine: Weak<Engine>) -> Self {
        Self {
            inner: Mutex::default(),
            is_full: AtomicBool::new(false),
            ends,
            sizes: Sizes::default(),
            engine,
        }
    }

    /// Does anything wait to be taken?
    #[inline]
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Acquire)
    }

    /// Everything that has come, in order.
    pub fn take(&self) -> VecDeque<Delivery> {
        let mut inner = self.inner.lock();
        self.is_full.store(false, Ordering::Relaxed);
        std::mem::take(&mut inner.deliveries)
    }

    /// Who is to be woken from now on.
    pub fn wake_with(&self, waker: Waker) {
        self.inner.lock().waker = Some(waker);
    }

    /// Has the connection look at itself.
    pub fn wake(&self) {
        let waker = self.inner.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Tells the connection to end.
    pub fn end(&self) {
        self.put(Delivery::Closed);
    }

    /// Nobody will look any more.
    pub fn close(&self) {
        let left = {
            let mut inner = self.inner.lock();
            inner.is_closed = true;
            inner.waker = None;
            std::mem::take(&mut inner.deliveries)
        };
        for delivery in left {
            self.discard(delivery);
        }
    }

    fn put(&self, delivery: Delivery) {
        let mut inner = self.inner.lock();
        if inner.is_closed {
            drop(inner);
            self.discard(delivery);
            return;
        }
        inner.deliveries.push_back(delivery);
        // Who has been told and has not looked yet need not be told again.
        let was_full = self.is_full.swap(true, Ordering::Release);
        let waker = if was_full { None } else { inner.waker.clone() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A client that comes home to a closed connection ends.
    fn discard(&self, delivery: Delivery) {
        if let Delivery::Answered(client, _) = delivery
            && let Some(engine) = self.engine.upgrade()
        {
            engine.disconnect(client);
        }
    }
}

impl Mailbox for Post {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        self.put(delivery);
    }

    fn address(&self) -> String {
        self.ends.peer.clone()
    }

    fn socket(&self) -> Option<Socket> {
        let get = |size: &AtomicUsize| size.load(Ordering::Relaxed);
        let output = get(&self.sizes.output);
        Some(Socket {
            descriptor: self.ends.descriptor,
            query: get(&self.sizes.query),
            query_free: get(&self.sizes.query_free),
            words: get(&self.sizes.words),
            reply_buffer: REPLY_BUFFER,
            output: output.min(REPLY_BUFFER),
            output_beyond: output.saturating_sub(REPLY_BUFFER),
            total: get(&self.sizes.total),
            bytes_in: self.sizes.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.sizes.bytes_out.load(Ordering::Relaxed),
            commands: self.sizes.commands.load(Ordering::Relaxed),
        })
    }

    fn local_address(&self) -> String {
        self.ends.local.clone()
    }
}
