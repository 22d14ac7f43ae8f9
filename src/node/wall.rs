//! The state of one load of the addon in one JavaScript thread.

#![expect(
    unsafe_code,
    reason = "shares two typed arrays with JavaScript and answers Node-API's hooks"
)]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use napi::sys;

use super::answer::Shape;
use super::bell::Bell;
use super::inbox::{Inbox, Slotted, discard};
use super::words::Words;
use crate::engine::{Engine, runtime};
use crate::hub::client::Protocol;
use crate::hub::{Client, Handle};
use crate::reply::Reply;

/// Places in the state array that both sides know.
pub mod state {
    /// What `true` stands for; see `Kind`.
    pub const KIND: usize = 0;
    /// The number of a command whose answer comes later.
    pub const TICKET: usize = 1;
    /// Events wait for this thread; see `waiting` in inbox.rs.
    pub const EVENTS: usize = 2;
    /// How many doubles the token array holds, or would have to.
    pub const TOKENS: usize = 3;
    // Place 4 is JavaScript's own: how many commands are left in its batch.
    /// What `next` brought: see `entry::next`.
    pub const EVENT: usize = 5;
    /// The client an event belongs to.
    pub const HANDLE: usize = 6;
    /// How many places there must be.
    pub const LEN: usize = 16;
}

/// What a call that returned `true` has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    TreeJoined = 1,
    TreeSeparate = 2,
    Error = 3,
    Pending = 4,
    Odd = 5,
    TooLong = 6,
}

/// A command that waits for its client to come home.
pub struct Late {
    pub id: Option<usize>,
    pub words: Vec<Box<[u8]>>,
    pub ticket: i32,
    pub shape: Shape,
}

/// A client opened by this thread.
pub struct Slot {
    pub engine: Arc<Engine>,
    pub client: Arc<Handle>,
    pub protocol: Protocol,
    /// `None` while a command of this client is away: waiting for a key, or on a helper.
    pub home: Option<Box<Client>>,
    /// The command that is away.
    pub away: Option<(i32, Shape)>,
    /// Commands called meanwhile, in order.
    pub late: VecDeque<Late>,
    /// Pushes carry Buffers instead of strings.
    pub push_buffers: bool,
}

/// See the module's header.
pub struct Wall {
    pub env: sys::napi_env,
    pub slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    pub reply: Reply,
    pub words: Words,
    /// An error's words, or strings joined.
    pub text: Vec<u8>,
    pub shape: Shape,
    pub kind: i32,
    state: *mut i32,
    tokens: *mut f64,
    pub tokens_len: usize,
    /// Memory that JavaScript was given for its arrays.
    pub given: Vec<*mut c_void>,
    pub bell: Option<Bell>,
    inbox: Option<Arc<Inbox>>,
    next_ticket: i32,
}

impl Wall {
    pub fn new(env: sys::napi_env) -> Box<Self> {
        Box::new(Self {
            env,
            slots: Vec::new(),
            free: Vec::new(),
            reply: Reply::new(),
            words: Words::default(),
            text: Vec::new(),
            shape: Shape::default(),
            kind: 0,
            state: null_mut(),
            tokens: null_mut(),
            tokens_len: 0,
            given: Vec::new(),
            bell: None,
            inbox: None,
            next_ticket: 0,
        })
    }

    /// Has JavaScript given its arrays?
    pub fn is_attached(&self) -> bool {
        self.inbox.is_some()
    }

    /// Takes JavaScript's arrays and the handle that wakes its loop.
    ///
    /// # Safety
    /// The arrays' memory stays and has the given lengths.
    pub unsafe fn attach(&mut self, state: *mut i32, tokens: &mut [f64], bell: Bell) {
        self.state = state;
        self.tokens = tokens.as_mut_ptr();
        self.tokens_len = tokens.len();
        self.bell = Some(bell);
        // SAFETY: the caller says that the array has room; EVENTS is one of its places.
        let flag = unsafe { state.add(state::EVENTS) };
        self.inbox = Some(Arc::new(Inbox::new(flag, bell.handle)));
    }

    #[inline]
    pub fn set_state(&self, at: usize, value: i32) {
        assert!(at < state::LEN, "the places are constants of this file");
        if !self.state.is_null() {
            // SAFETY: the array has `LEN` places and lives as long as the wall is attached.
            unsafe { self.state.add(at).write(value) };
        }
    }

    #[inline]
    pub fn put_token(&self, at: usize, kind: f64, value: f64) {
        if at + 1 < self.tokens_len {
            // SAFETY: checked against the array's length just above.
            unsafe {
                self.tokens.add(at).write(kind);
                self.tokens.add(at + 1).write(value);
            }
        }
    }

    /// Answers `true` with a meaning.
    pub fn signal(&mut self, kind: Kind) -> sys::napi_value {
        self.kind = kind as i32;
        self.set_state(state::KIND, kind as i32);
        let mut made = null_mut();
        // SAFETY: on the environment's thread, inside one of its callbacks.
        unsafe { sys::napi_get_boolean(self.env, true, &raw mut made) };
        made
    }

    pub fn ticket(&mut self) -> i32 {
        self.next_ticket = self.next_ticket.wrapping_add(1) & i32::MAX;
        self.next_ticket
    }

    /// Opens a client. Answers its handle.
    pub fn connect(&mut self, engine: Arc<Engine>, db: usize, protocol: Protocol) -> usize {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let inbox = self.inbox.as_ref().expect("the loader attaches before it connects");
        let mailbox = Slotted { inbox: Arc::clone(inbox), slot, engine: Arc::downgrade(&engine) };
        let mut client = engine.connect(Arc::new(mailbox), protocol);
        client.select(db);
        self.slots[slot] = Some(Slot {
            client: Arc::clone(&client.handle),
            engine,
            protocol,
            home: Some(client),
            away: None,
            late: VecDeque::new(),
            push_buffers: false,
        });
        slot
    }

    /// Closes a client; its waits, watches and subscriptions go. What is away is thrown out
    /// when it comes home.
    pub fn disconnect(&mut self, handle: usize) {
        if let Some(slot) = self.slots.get_mut(handle).and_then(Option::take) {
            self.free.push(handle);
            close(slot);
        }
    }

    pub fn slot(&mut self, handle: usize) -> Option<&mut Slot> {
        self.slots.get_mut(handle)?.as_mut()
    }

    pub fn inbox(&self) -> Option<&Arc<Inbox>> {
        self.inbox.as_ref()
    }

    /// The environment ends: every client of it is closed, and what others still send is refused.
    pub fn close(&mut self) {
        let events = self.inbox.as_ref().map(|inbox| inbox.close()).unwrap_or_default();
        self.state = null_mut();
        self.tokens_len = 0;
        for event in events {
            discard(event);
        }
        for handle in 0..self.slots.len() {
            self.disconnect(handle);
        }
        // The wall itself stays, since functions point to it; what it held need not.
        (self.slots, self.free) = (Vec::new(), Vec::new());
        (self.reply, self.words, self.text) = (Reply::new(), Words::default(), Vec::new());
    }
}

fn close(slot: Slot) {
    // First the mark: a client that is being served just now is ended by who serves it.
    slot.client.closed.store(true, Ordering::SeqCst);
    match slot.home {
        Some(client) => slot.engine.disconnect(client),
        None => {
            slot.engine.disconnect_parked(slot.client.id);
        }
    }
    let_go(slot.engine);
}

/// Gives up a store. The last to do so would free all it holds, which is no work for a thread
/// that runs an event loop.
pub fn let_go(engine: Arc<Engine>) {
    if Arc::strong_count(&engine) == 1 {
        runtime().spawn_blocking(move || drop(engine));
    }
}

/// Node-API's clean-up hook: `data` is the wall.
///
/// # Safety
/// Called once, on the environment's thread, with the pointer that `register` leaked.
pub unsafe extern "C" fn clean_up(data: *mut c_void) {
    // A panic here would abort the process while it ends; the wall is only being closed.
    let _ = std::panic::catch_unwind(|| {
        // SAFETY: the pointer was made by `Box::into_raw`. The wall itself is left in memory:
        // functions that JavaScript still holds point to it.
        unsafe { (*data.cast::<Wall>()).close() };
    });
}
