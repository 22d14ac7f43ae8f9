//! The mailbox of a connection: what others have for it, and how to wake it.

use std::collections::VecDeque;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::engine::Engine;
use crate::hub::{Delivery, Handle, Mailbox};

/// See the module's header.
pub struct Post {
    inner: Mutex<Inner>,
    /// Something waits; looked at after every command.
    is_full: AtomicBool,
    address: String,
    local_address: String,
    engine: Weak<Engine>,
}

#[derive(Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    waker: Option<Waker>,
    is_closed: bool,
}

impl Post {
    pub fn new(address: String, local_address: String, engine: Weak<Engine>) -> Self {
        let is_full = AtomicBool::new(false);
        Self { inner: Mutex::default(), is_full, address, local_address, engine }
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
        let waker =
            if self.is_full.swap(true, Ordering::Release) { None } else { inner.waker.clone() };
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
        self.address.clone()
    }

    fn local_address(&self) -> String {
        self.local_address.clone()
    }
}
