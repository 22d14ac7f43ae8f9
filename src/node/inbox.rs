//! What arrives for a JavaScript thread without having been asked for just now: messages,
//! answers to commands that waited, the end of a client.
//!
//! Deliveries queue up in order and are taken by JavaScript in a microtask, so nobody's code
//! runs inside the call that caused them. From the thread itself a flag in the shared state
//! array is enough; from another one the event loop is woken too, once until it has looked. The
//! flag also says if an answer came from another thread: what that command did can be seen by the
//! next one here, so it has to be told of first.

#![expect(unsafe_code, reason = "wakes an event loop through Node-API, and sets its thread's flag")]

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Weak};
use std::thread::ThreadId;

use napi::sys;
use parking_lot::Mutex;

use crate::engine::Engine;
use crate::hub::{Delivery, Handle, Mailbox};

thread_local! {
    /// How many inboxes this thread has: test runners load the addon more than once.
    static INBOXES: Cell<usize> = const { Cell::new(0) };
}

/// One delivery, for the client in a slot.
pub struct Event {
    pub slot: usize,
    pub client_id: u64,
    pub engine: Weak<Engine>,
    pub delivery: Delivery,
}

impl Event {
    /// Is this client meant? Slots are used again, and each store counts its clients from one.
    pub fn is_for(&self, engine: &Arc<Engine>, client_id: u64) -> bool {
        self.client_id == client_id && std::ptr::eq(self.engine.as_ptr(), Arc::as_ptr(engine))
    }
}

struct Bell(sys::napi_threadsafe_function);

// SAFETY: Node-API allows this one handle to be used from any thread.
unsafe impl Send for Bell {}

/// What the "events wait" flag says.
mod waiting {
    pub const NOTHING: i32 = 0;
    pub const SOMETHING: i32 = 1;
    /// An answer from another thread, among others.
    pub const ANSWER: i32 = 2;
}

/// The address of the "events wait" flag, written under the lock of the events.
struct Flag(*const AtomicI32);

// SAFETY: the memory is never given back (`memory` in entry.rs, or an array that is referenced for
// ever), and is only written as an atomic number.
unsafe impl Send for Flag {}
// SAFETY: as above.
unsafe impl Sync for Flag {}

impl Flag {
    fn set(&self, value: i32) {
        // SAFETY: see above.
        unsafe { &*self.0 }.store(value, Ordering::Release);
    }

    /// Raises the flag; it stays at the higher of two values.
    fn raise(&self, value: i32) {
        // SAFETY: see above.
        unsafe { &*self.0 }.fetch_max(value, Ordering::AcqRel);
    }
}

/// The inbox of one thread's wall.
pub struct Inbox {
    thread: ThreadId,
    flag: Flag,
    events: Mutex<VecDeque<Event>>,
    /// `None` once the environment is gone.
    bell: Mutex<Option<Bell>>,
    rung: AtomicBool,
}

impl Inbox {
    pub fn new(flag: *mut i32, bell: sys::napi_threadsafe_function) -> Self {
        INBOXES.set(INBOXES.get() + 1);
        Self {
            thread: std::thread::current().id(),
            flag: Flag(flag.cast()),
            events: Mutex::default(),
            bell: Mutex::new(Some(Bell(bell))),
            rung: AtomicBool::new(false),
        }
    }

    /// The next event, oldest first; the flag falls with the last.
    pub fn take(&self) -> Option<Event> {
        self.rung.store(false, Ordering::SeqCst);
        let mut events = self.events.lock();
        let event = events.pop_front();
        if event.is_none() {
            self.flag.set(waiting::NOTHING);
        }
        event
    }

    /// Puts events of the thread's own before all that wait.
    pub fn put_first(&self, first: impl DoubleEndedIterator<Item = Event>) {
        let mut events = self.events.lock();
        first.rev().for_each(|event| events.push_front(event));
        self.flag.raise(waiting::SOMETHING);
    }

    /// No more events: the environment ends. What had come is handed back.
    pub fn close(&self) -> VecDeque<Event> {
        if self.bell.lock().take().is_some() {
            INBOXES.set(INBOXES.get().saturating_sub(1));
        }
        std::mem::take(&mut *self.events.lock())
    }

    /// Queues an event. Hands it back if nobody will ever look.
    fn put(&self, event: Event) -> Result<(), Event> {
        let bell = self.bell.lock();
        let Some(Bell(bell)) = &*bell else { return Err(event) };
        let is_here = std::thread::current().id() == self.thread;
        let is_answer = matches!(event.delivery, Delivery::Answered(..));
        let mut events = self.events.lock();
        events.push_back(event);
        let answered_elsewhere = is_answer && !is_here;
        self.flag.raise(if answered_elsewhere { waiting::ANSWER } else { waiting::SOMETHING });
        drop(events);
        // On its own thread the flag is seen after the call, unless another load of the addon
        // was called: that one looks at a flag of its own.
        if (!is_here || INBOXES.get() > 1) && !self.rung.swap(true, Ordering::SeqCst) {
            // SAFETY: the handle is valid while the bell is there, and its lock is held. The
            // call only queues; nothing of JavaScript runs here.
            unsafe {
                sys::napi_call_threadsafe_function(
                    *bell,
                    std::ptr::null_mut::<c_void>(),
                    sys::ThreadsafeFunctionCallMode::nonblocking,
                );
            }
        }
        Ok(())
    }
}

/// The mailbox of one client: its slot in a thread's inbox.
pub struct Slotted {
    pub inbox: Arc<Inbox>,
    pub slot: usize,
    pub engine: Weak<Engine>,
}

impl Mailbox for Slotted {
    fn deliver(&self, to: &Handle, delivery: Delivery) {
        let event = Event {
            slot: self.slot,
            client_id: to.id,
            engine: Weak::clone(&self.engine),
            delivery,
        };
        if let Err(event) = self.inbox.put(event) {
            discard(event);
        }
    }
}

/// An event that nobody will take: a client that came home with it is ended.
pub fn discard(event: Event) {
    if let Delivery::Answered(client, _) = event.delivery
        && let Some(engine) = event.engine.upgrade()
    {
        engine.disconnect(client);
    }
}
