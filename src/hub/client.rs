//! One client: what it chose, what it queued, how to reach it.
//!
//! A `Client` belongs to the thread that runs its command and moves with it (to a helper, or
//! into the registry of waits). What other threads need of it stands in its shared `Handle`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::acl::Standing;
use super::pubsub::Sort;
use super::tracking::Tracker;
use crate::reply::Reply;

/// How a client is told something it did not just ask for.
pub trait Mailbox: Send + Sync {
    /// Puts a delivery into the client's mailbox; never runs the client's code here and now.
    fn deliver(&self, to: &Handle, delivery: Delivery);

    /// Who the client is to MONITOR: where it comes from.
    fn address(&self) -> String {
        String::new()
    }

    /// `laddr` of CLIENT LIST.
    fn local_address(&self) -> String {
        String::new()
    }

    /// The socket behind the client, if it came through one.
    fn socket(&self) -> Option<Socket> {
        None
    }
}

/// What CLIENT LIST tells of a socket; sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    pub descriptor: i32,
    /// Read and not yet run.
    pub query: usize,
    /// Room for more of it.
    pub query_free: usize,
    /// Words of a request that is not complete yet.
    pub words: usize,
    /// The buffer that replies go to.
    pub reply_buffer: usize,
    /// Replies that are not yet written; those beyond the buffer are counted apart.
    pub output: usize,
    pub output_beyond: usize,
    /// All that the connection takes.
    pub total: usize,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub commands: u64,
}

/// What arrives in a mailbox.
pub enum Delivery {
    /// A message of pub/sub, or another push. Shared among all receivers.
    Push(Arc<Reply>),
    /// A command that waited, or ran elsewhere, is answered; the client comes home.
    Answered(Box<Client>, Reply),
    /// The store has closed the client.
    Closed,
}

/// A command queued by MULTI.
#[derive(Debug, Clone)]
pub struct Queued {
    /// Its place in the command table.
    pub id: usize,
    pub words: Vec<Box<[u8]>>,
}

/// A transaction that is being queued.
#[derive(Debug, Default)]
pub struct Transaction {
    pub queue: Vec<Queued>,
    /// A command was refused while queueing: EXEC will refuse too.
    pub failed: bool,
}

/// Does the client get replies? (CLIENT REPLY)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replies {
    #[default]
    All,
    None,
    /// Neither to this command nor to the next.
    SkipTwo,
    /// Not to this command.
    SkipOne,
}

/// In which shapes replies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Resp2,
    Resp3,
}

/// See the module's header.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own, set by its own command"
)]
pub struct Client {
    pub db: usize,
    pub protocol: Protocol,
    pub transaction: Option<Transaction>,
    /// What this client watches, with the database of each key.
    pub watched: Vec<(usize, Box<[u8]>)>,
    pub no_evict: bool,
    pub no_touch: bool,
    /// EXEC is running: nothing may wait.
    pub executing: bool,
    /// A subscribed RESP2 client may do little else, as on a RESP2 socket.
    pub subscriber_mode: bool,
    /// It belongs to the process itself, and begins as such.
    pub is_inside: bool,
    /// Whom it is, and so what it may do.
    pub standing: Standing,
    /// Does it want replies? Only what is on the network can do without.
    pub replies: Replies,
    /// Given by the face that opened the client; comes back with each delivery.
    pub tag: u64,
    pub handle: Arc<Handle>,
}

impl Client {
    pub fn id(&self) -> u64 {
        self.handle.id
    }

    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// Chooses a protocol, and lets CLIENT LIST know.
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.handle.resp.store(if self.is_resp3() { 3 } else { 2 }, Ordering::Relaxed);
    }

    /// To be asked once after each command: is the reply to be sent?
    #[inline]
    pub fn takes_reply(&mut self) -> bool {
        if self.replies == Replies::All {
            return true;
        }
        self.replies = match self.replies {
            Replies::SkipTwo => Replies::SkipOne,
            Replies::SkipOne => Replies::All,
            as_before => as_before,
        };
        false
    }

    pub fn set_no_evict(&mut self, is_spared: bool) {
        self.no_evict = is_spared;
        self.handle.no_evict.store(is_spared, Ordering::Relaxed);
    }

    pub fn set_no_touch(&mut self, is_quiet: bool) {
        self.no_touch = is_quiet;
        self.handle.no_touch.store(is_quiet, Ordering::Relaxed);
    }

    /// Makes the client somebody else, and lets CLIENT LIST know.
    pub fn become_user(&mut self, standing: Standing) {
        self.handle.labels.lock().standing = standing.clone();
        self.standing = standing;
    }

    /// Chooses a database, and lets CLIENT LIST know.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.handle.db.store(db, Ordering::Relaxed);
    }
}

/// Texts about a client that CLIENT LIST shows.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    pub standing: Standing,
    pub name: Vec<u8>,
    pub lib_name: Vec<u8>,
    pub lib_version: Vec<u8>,
}

/// What any thread may know of a client.
pub struct Handle {
    pub id: u64,
    pub created_ms: u64,
    pub mailbox: Arc<dyn Mailbox>,
    /// A watched key has changed: the next EXEC answers nil.
    pub dirty: AtomicBool,
    pub closed: AtomicBool,
    pub db: AtomicUsize,
    pub resp: AtomicU32,
    /// How many commands the open transaction holds; -1 (as u32) when there is none.
    pub queued: AtomicU32,
    pub watching: AtomicUsize,
    /// Channels, patterns and shard channels, for CLIENT LIST and subscriber mode.
    pub subscribed: [AtomicUsize; 3],
    pub blocked: AtomicBool,
    pub no_evict: AtomicBool,
    pub no_touch: AtomicBool,
    pub last_command: AtomicUsize,
    /// The second of the last command, as the store's access clock counts them.
    pub last_active: AtomicU32,
    /// It hears of every command.
    pub monitors: AtomicBool,
    pub labels: Mutex<Labels>,
    /// How its copies of keys are watched, if they are.
    pub tracker: Mutex<Option<Arc<Tracker>>>,
}

impl Handle {
    pub fn new(id: u64, created_ms: u64, mailbox: Arc<dyn Mailbox>) -> Self {
        Self {
            id,
            created_ms,
            mailbox,
            dirty: false.into(),
            closed: false.into(),
            db: 0.into(),
            resp: 2.into(),
            queued: u32::MAX.into(),
            watching: 0.into(),
            subscribed: Default::default(),
            blocked: false.into(),
            no_evict: false.into(),
            no_touch: false.into(),
            last_command: usize::MAX.into(),
            last_active: ((created_ms / 1000) as u32 & 0xFF_FFFF).into(),
            monitors: false.into(),
            labels: Mutex::default(),
            tracker: Mutex::default(),
        }
    }

    /// Seconds since the last command, by the store's access clock.
    pub fn idle_seconds(&self, access_clock: u32) -> u32 {
        access_clock.wrapping_sub(self.last_active.load(Ordering::Relaxed)) & 0xFF_FFFF
    }

    /// Is it this user?
    pub fn is_user(&self, name: &[u8]) -> bool {
        self.labels.lock().standing.name() == name
    }

    pub fn deliver(&self, delivery: Delivery) {
        self.mailbox.deliver(self, delivery);
    }

    /// What a confirmation of SUBSCRIBE and its kin counts: shard channels apart from the rest.
    pub fn listening(&self, sort: Sort) -> usize {
        let [channels, patterns, shards] = &self.subscribed;
        match sort {
            Sort::Shard => shards.load(Ordering::Relaxed),
            _ => channels.load(Ordering::Relaxed) + patterns.load(Ordering::Relaxed),
        }
    }

    /// Channels, patterns and shard channels together.
    pub fn subscriptions(&self) -> usize {
        self.subscribed.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}
