//! What outlives one command: clients, subscriptions, waits, watches and settings.
//!
//! Nothing here touches a key's value. Each registry has one lock of its own and a bit in
//! `listeners`, so that a store in which nobody waits, watches or monitors pays one load for all.

pub mod acl;
pub mod advice;
mod change;
pub mod client;
pub mod clients;
pub mod config;
pub mod debug;
pub mod listeners;
mod log;
pub mod monitor;
pub mod network;
pub mod notify;
pub mod pause;
mod place;
pub mod pubsub;
mod secrets;
pub mod slowlog;
pub mod tally;
pub mod texts;
pub mod tracking;
pub mod waiting;
pub mod watch;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use acl::Change;
pub use acl::Standing;
pub use client::{Client, Delivery, Handle, Mailbox, Queued, Socket, Transaction};
pub use config::Config;
pub use listeners::Listeners;

/// Random digits; made from the process's own chance, so that a store's seed cannot be read off.
struct RunId(String);

impl Default for RunId {
    fn default() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        let mut digits = format!("{:016x}{:016x}{:016x}", random(), random(), random());
        digits.truncate(40);
        Self(digits)
    }
}

/// The registries of one store.
pub struct Hub {
    pub listeners: Arc<Listeners>,
    pub acl: acl::Acl,
    pub clients: clients::Clients,
    pub pubsub: pubsub::PubSub,
    pub waiting: waiting::Waiting,
    pub watch: watch::Watch,
    pub monitors: monitor::Monitors,
    pub tracking: tracking::Tracking,
    pub pause: pause::Pause,
    pub network: network::Network,
    pub tally: tally::Tally,
    pub slow_log: slowlog::SlowLog,
    pub latency: slowlog::Latency,
    pub config: Config,
    pub debug: debug::Debug,
    next_client_id: AtomicU64,
    started_ms: AtomicU64,
    run_id: RunId,
}

impl Hub {
    /// For a store that knows so many commands.
    pub fn new(commands: usize) -> Self {
        let listeners = Arc::<Listeners>::default();
        let share = || Arc::clone(&listeners);
        Self {
            acl: acl::Acl::default(),
            clients: clients::Clients::default(),
            pubsub: pubsub::PubSub::default(),
            waiting: waiting::Waiting::new(share()),
            watch: watch::Watch::new(share()),
            monitors: monitor::Monitors::new(share()),
            tracking: tracking::Tracking::new(share()),
            pause: pause::Pause::new(share()),
            network: network::Network::default(),
            tally: tally::Tally::new(commands),
            slow_log: slowlog::SlowLog::default(),
            latency: slowlog::Latency::default(),
            config: Config::default(),
            debug: debug::Debug::default(),
            next_client_id: AtomicU64::new(0),
            started_ms: AtomicU64::new(0),
            run_id: RunId::default(),
            listeners,
        }
    }

    /// The store is opened at this moment.
    pub fn start(&self, now_ms: u64) {
        self.started_ms.store(now_ms, Ordering::Relaxed);
    }

    pub fn started_ms(&self) -> u64 {
        self.started_ms.load(Ordering::Relaxed)
    }

    /// Forty hexadecimal digits that no other store has.
    pub fn run_id(&self) -> &str {
        &self.run_id.0
    }

    /// The id of its history, which replicas would be told.
    pub fn replication_id(&self) -> String {
        self.debug.replication_id().unwrap_or_else(|| self.run_id().to_owned())
    }

    /// Ids grow and are never used again.
    pub fn next_client_id(&self) -> u64 {
        self.next_client_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Ends a client's transaction, if one is open, and its watches.
    pub fn abandon(&self, client: &mut Client) {
        client.transaction = None;
        client.handle.queued.store(u32::MAX, Ordering::Relaxed);
        self.watch.drop_all(client);
    }

    /// After a user was changed: closes those of its clients that may not be there any more, or
    /// listen to what they may not hear any more.
    pub fn end_clients_of(&self, change: &Change) {
        let is_silenced = change.rules.as_ref().is_some_and(|(before, after)| {
            let still = |channel: &[u8]| after.channels().any(|known| known == channel);
            !after.allows_all_channels()
                && (before.allows_all_channels() || !before.channels().all(still))
        });
        if change.rules.is_some() && !is_silenced {
            return;
        }
        for handle in self.clients.all() {
            if !handle.labels.lock().standing.is_user(&change.user) {
                continue;
            }
            let ends = change.rules.as_ref().is_none_or(|(_, after)| {
                let [channels, patterns, shards] = self.pubsub.heard_by(handle.id);
                !channels.iter().chain(&shards).all(|name| after.may_hear(name))
                    || !patterns.iter().all(|name| after.channels().any(|known| known == &**name))
            });
            if ends {
                self.kill(&handle);
            }
        }
    }

    /// Forgets everything a client left behind: subscriptions and watches. Waits are the
    /// engine's to end, since a waiting client is parked there.
    pub fn forget(&self, client: &mut Client) {
        self.abandon(client);
        self.hang_up(&client.handle);
    }

    /// Nobody tells this client anything any more.
    fn hang_up(&self, handle: &Handle) {
        self.pubsub.drop_all(handle);
        self.monitors.remove(handle);
        self.tracking.stop(handle);
        self.clients.remove(handle.id);
    }

    /// Closes a client, wherever it is: its face hears of it. One whose command waits is ended
    /// here, since nobody else has it.
    pub fn kill(&self, handle: &Handle) {
        // First the mark: a client that is being served just now is ended by who serves it.
        handle.closed.store(true, Ordering::SeqCst);
        match self.take_absent(handle.id) {
            Some(mut client) => self.forget(&mut client),
            None => self.hang_up(handle),
        }
        handle.deliver(Delivery::Closed);
    }

    /// Takes out a client whose command waits for a key, or for the end of a pause.
    pub fn take_absent(&self, id: u64) -> Option<Box<Client>> {
        let parked = self.waiting.take(id).map(|parked| parked.client);
        parked.or_else(|| self.pause.take(id))
    }
}
