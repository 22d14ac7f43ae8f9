//! One call from words to reply; the order of things.
//!
//! ```text
//! words ─ find ─ check ─ locks ─ handler ─ books ─ serve who waits ─ reply
//! ```
//!
//! Every command takes this path, whoever calls: a JavaScript method, EXEC, later a script or a
//! socket. A command on one key holds the gate shared and its key's shard; anything else holds
//! the gate alone. On a thread that runs an event loop nothing is waited for: what cannot have
//! its locks within some 20 µs, or is known to take long, comes back as `Outcome::Away` with
//! nothing done, to be run again on a helper thread.

mod busy;
mod check;
mod configure;
mod options;
mod pause;
mod run;
mod runtime;
mod script;
mod short;
mod slow;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_acl;
#[cfg(test)]
mod tests_blocking;
#[cfg(test)]
mod tests_bombs;
#[cfg(test)]
mod tests_books;
#[cfg(test)]
mod tests_busy;
#[cfg(test)]
mod tests_clients;
#[cfg(test)]
mod tests_fields;
#[cfg(test)]
mod tests_functions;
#[cfg(test)]
mod tests_listeners;
#[cfg(test)]
mod tests_shortcuts;
#[cfg(test)]
mod tests_threads;
mod tick;
mod wake;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smallvec::SmallVec;

pub use options::{ClockOption, Options};
pub use runtime::{STACK_BYTES, runtime};

use crate::command::connection::log_in;
use crate::command::context::LARGE;
use crate::command::server::is_monitored;
use crate::command::{self, ALONE, Spec, TABLE, WRITE};
use crate::error::{Error, Result};
use crate::hub::client::{Protocol, Replies};
use crate::hub::listeners::{PAUSED, TRACKED};
use crate::hub::monitor;
use crate::hub::{Client, Handle, Hub, Mailbox, Standing};
use crate::reply::Reply;
use crate::script::Scripts;
use crate::store::evict::Pool;
use crate::store::{Keyspace, Patience, Table};
use check::Verdict;
use run::{Ran, describe};
use wake::mail;

/// A database of more keys, or with more in them, is freed on another thread.
const FREE_AT_ONCE: usize = 1000;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The reply is written.
    Done,
    /// Nothing was done: call again with `Patience::Waits`, on a thread that may wait.
    Away,
    /// The client waits for a key and was taken; its mailbox gets the answer.
    Waits,
}

/// Where the answer goes of a command that runs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Back to the caller.
    Returned,
    /// To the client's mailbox, before anybody else can see what the command did.
    Mailed,
}

/// Words that can be taken to another thread.
pub trait Bundle: Send + 'static {
    fn slices(&self) -> SmallVec<[&[u8]; 12]>;
}

impl Bundle for Vec<Box<[u8]>> {
    fn slices(&self) -> SmallVec<[&[u8]; 12]> {
        self.iter().map(|word| &**word).collect()
    }
}

/// A store: a keyspace and everything around it.
pub struct Engine {
    pub space: Keyspace,
    pub hub: Hub,
    pub scripts: Scripts,
    pool: Mutex<Pool>,
    ticker: tick::Ticker,
    /// Lets background work find its way back without keeping the store alive.
    me: Weak<Engine>,
}

impl Engine {
    /// Opens a store.
    pub fn open(options: &Options) -> Arc<Self> {
        let space = Keyspace::new(options.clock(), options.seed);
        let engine = Arc::new_cyclic(|me| Self {
            scripts: Scripts::new(space.seed),
            space,
            hub: Hub::new(TABLE.len()),
            pool: Mutex::default(),
            ticker: tick::Ticker::default(),
            me: Weak::clone(me),
        });
        engine.hub.start(engine.space.now_ms());
        options.apply(&engine.hub.config);
        engine.settings_changed();
        tick::start(&engine);
        engine
    }

    /// A new client. Its mailbox hears what comes without being asked for.
    pub fn connect(&self, mailbox: Arc<dyn Mailbox>, protocol: Protocol) -> Box<Client> {
        let now_ms = self.space.now_ms();
        let handle = Arc::new(Handle::new(self.hub.next_client_id(), now_ms, mailbox));
        handle.resp.store(if protocol == Protocol::Resp3 { 3 } else { 2 }, Ordering::Relaxed);
        self.hub.clients.add(Arc::clone(&handle));
        Box::new(Client {
            db: 0,
            protocol,
            transaction: None,
            watched: Vec::new(),
            no_evict: false,
            no_touch: false,
            executing: false,
            subscriber_mode: false,
            is_inside: true,
            standing: Standing::Owner,
            replies: Replies::default(),
            tag: 0,
            handle,
        })
    }

    /// A client from outside the process: the default user, or a stranger if that one has a
    /// password.
    pub fn connect_from_network(
        &self,
        mailbox: Arc<dyn Mailbox>,
        protocol: Protocol,
    ) -> Box<Client> {
        let mut client = self.connect(mailbox, protocol);
        client.is_inside = false;
        client.become_user(self.hub.acl.newcomer());
        client
    }

    /// Must the client say who it is before anything else? Who must is not given much room.
    pub fn must_authenticate(&self, client: &Client) -> bool {
        self.hub.acl.must_authenticate(&client.standing)
    }

    /// Makes a client this user, as AUTH does, without asking for any lock.
    pub fn log_in(&self, client: &mut Client, name: &[u8], password: &[u8]) -> Result {
        log_in(&self.hub, &self.space, client, b"AUTH", name, password)
    }

    /// Ends a client that is at home: its subscriptions, watches and name go.
    pub fn disconnect(&self, mut client: Box<Client>) {
        client.handle.closed.store(true, Ordering::Relaxed);
        self.hub.forget(&mut client);
    }

    /// Ends a client that may be waiting for a key, or held back by a pause. `false` if
    /// it is not parked here.
    pub fn disconnect_parked(&self, id: u64) -> bool {
        match self.hub.take_absent(id) {
            Some(client) => {
                self.disconnect(client);
                true
            }
            None => false,
        }
    }

    /// Runs a command. `id` is its place in the table when the caller knows it; `words` begin
    /// with the command's name. The reply is appended to `out` when the outcome is `Done`.
    #[inline]
    pub fn call(
        &self,
        client: &mut Option<Box<Client>>,
        id: Option<usize>,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
    ) -> Outcome {
        if let (Some(id), Some(who)) = (id, client.as_deref_mut())
            && words.len() <= LARGE
            && self.run_plain(who, id, words, out, patience)
        {
            return Outcome::Done;
        }
        self.call_long(client, id, words, out, patience, Answer::Returned)
    }

    /// As `call`, without the short way.
    fn call_long(
        &self,
        client: &mut Option<Box<Client>>,
        id: Option<usize>,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
        answer: Answer,
    ) -> Outcome {
        let Some(who) = client.as_deref_mut() else {
            out.error(&Error::Internal("the client is away".into()));
            return Outcome::Done;
        };
        // Each of them has to be looked at, whatever the command does with them.
        if words.len() > LARGE && patience == Patience::Inline {
            return Outcome::Away;
        }
        if who.handle.closed.load(Ordering::Relaxed) {
            out.error(&Error::Plain("ERR Connection is closed."));
            return Outcome::Done;
        }
        let id = match check::check(self, who, id, words, patience) {
            Verdict::Run(id) => id,
            Verdict::Held => return self.hold_back(client, words, out, patience, answer),
            Verdict::Queued => {
                out.status("QUEUED");
                return Outcome::Done;
            }
            // A script is in the way: what is looked at first tells what is answered.
            Verdict::Refused(Error::Away) if patience == Patience::Waits => {
                return self.call_long(client, id, words, out, patience, answer);
            }
            Verdict::Refused(Error::Away) => return Outcome::Away,
            Verdict::Refused(error) => {
                let id = id.map_or_else(|| command::find(words), |id| command::resolve(id, words));
                self.hub.tally.rejected(id.ok(), &error.to_string());
                out.error(&error);
                return Outcome::Done;
            }
        };
        // Its client may be gone afterwards.
        let told = self.hub.monitors.any().then(|| Arc::clone(&who.handle));
        let outcome = match self.run(client, id, words, out, patience, answer) {
            Ran::Done => Outcome::Done,
            Ran::Away if patience == Patience::Waits => {
                return self.call_long(client, Some(id), words, out, patience, answer);
            }
            Ran::Away => return Outcome::Away,
            Ran::Waits => Outcome::Waits,
        };
        if let Some(handle) = told {
            self.tell_monitors(&handle, id, words);
        }
        // EXEC holds the gate alone; what it ran may have written.
        if TABLE[id].is(WRITE | ALONE) {
            self.after_write();
        }
        if self.hub.listeners.any(TRACKED | PAUSED) {
            self.after_all(client.as_deref(), TABLE[id]);
        }
        outcome
    }

    /// What is left to do when a command is over and somebody tracks or pauses.
    #[cold]
    fn after_all(&self, client: Option<&Client>, spec: &Spec) {
        if self.hub.tracking.any() {
            if let Some(client) = client
                && client.transaction.is_none()
                && spec.container() != Some("client")
                && let Some(tracker) = &*client.handle.tracker.lock()
            {
                tracker.is_chosen.store(false, Ordering::Relaxed);
            }
            self.hub.tracking.flush(&self.hub.clients);
        }
        self.mind_pause();
    }

    /// Tells monitors of a command that was run, as things are now: SELECT is shown with the new
    /// database.
    #[inline]
    fn tell_monitors(&self, handle: &Handle, id: usize, words: &[&[u8]]) {
        if self.hub.monitors.any() && is_monitored(TABLE[id]) {
            self.hub.monitors.tell(&monitor::line(self.space.clock.now_us(), handle, words));
        }
    }

    /// As `tell_monitors`, of what a script called.
    #[inline]
    fn tell_monitors_of_script(&self, client: &Client, id: usize, words: &[&[u8]]) {
        if self.hub.monitors.any() && is_monitored(TABLE[id]) {
            let now_us = self.space.clock.now_us();
            self.hub.monitors.tell(&monitor::line_of_script(now_us, client.db, words));
        }
    }

    /// Runs a command on a helper thread; the client's mailbox gets it back with the answer.
    pub fn call_elsewhere(&self, client: Box<Client>, id: Option<usize>, words: impl Bundle) {
        let Some(me) = self.me.upgrade() else { return };
        runtime()
            .spawn_blocking(move || me.call_by_mail(client, id, &words.slices(), Patience::Waits));
    }

    /// Runs a command whose answer goes to the client's mailbox, ahead of those whom it served, as
    /// on a server: who looks for an answer to what he has just asked for finds that he has asked.
    /// The client comes back if the outcome is `Away`.
    pub fn call_by_mail(
        &self,
        client: Box<Client>,
        id: Option<usize>,
        words: &[&[u8]],
        patience: Patience,
    ) -> Option<Box<Client>> {
        let mut client = Some(client);
        let mut out = Reply::new();
        let call = AssertUnwindSafe(|| {
            self.call_long(&mut client, id, words, &mut out, patience, Answer::Mailed)
        });
        let outcome = catch_unwind(call).unwrap_or_else(|fault| {
            out = Reply::new();
            out.error(&Error::Internal(describe(fault.as_ref()).into()));
            Outcome::Done
        });
        if outcome == Outcome::Away {
            return client;
        }
        mail(&mut client, &mut out);
        None
    }

    /// What a write may have left to do: values to drop elsewhere, an earlier deadline.
    #[inline]
    fn after_write(&self) {
        if self.space.claim_trash() {
            self.empty_trash_elsewhere();
        }
        self.ticker.notice(self.space.due_ms());
    }

    /// Frees a database that was replaced, here if that is little work.
    fn retire(&self, table: Box<Table>) {
        self.space.charged(|| {
            if table.len() <= FREE_AT_ONCE && table.free_cost() <= FREE_AT_ONCE {
                drop(table);
            } else {
                self.space.throw_away_table(*table);
            }
        });
    }

    #[cold]
    fn empty_trash_elsewhere(&self) {
        if let Some(me) = self.me.upgrade() {
            runtime().spawn_blocking(move || me.space.empty_trash());
        }
    }

    /// Call after settings changed: some are kept where they are needed.
    pub fn settings_changed(&self) {
        self.hub.settings_changed(&self.space);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}
