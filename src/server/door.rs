//! What the connections of one server share: their store, who is in, and what becomes of whom.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::post::Post;
use crate::engine::Engine;
use crate::hub::config::{MAXCLIENTS, MAXMEMORY, MAXMEMORY_CLIENTS, PROTECTED_MODE, TIMEOUT};
use crate::hub::{Delivery, Handle};

/// How often idle and slow clients are looked for.
pub const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

pub const FULL: &str = "ERR max number of clients reached";

pub const PROTECTED: &str = "\
    DENIED Running in protected mode because protected mode is enabled and no password is set \
    for the default user. In this mode connections are only accepted from the loopback \
    interface. If you want to connect from external computers, you may adopt one of the \
    following solutions: 1) Just disable protected mode sending the command 'CONFIG SET \
    protected-mode no' from the loopback interface by connecting from the same host the server \
    is running, however MAKE SURE it's not publicly accessible from internet if you do so. Use \
    CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the \
    protected mode by editing the configuration file, and setting the protected mode option to \
    'no', and then restarting the server. 3) If you started the server manually just for \
    testing, restart it with the '--protected-mode no' option. 4) Set up an authentication \
    password for the default user. NOTE: You only need to do one of the above things in order \
    for the server to start accepting connections from the outside.";

/// See the module's header.
pub struct Door {
    pub engine: Arc<Engine>,
    list: Mutex<List>,
    gone: Condvar,
    /// Seconds as `look_around` counts them: a clock that costs connections nothing.
    second: AtomicU32,
}

#[derive(Default)]
struct List {
    by_id: HashMap<u64, Guest>,
    is_closed: bool,
}

struct Guest {
    handle: Arc<Handle>,
    post: Weak<Post>,
}

impl Door {
    pub fn new(engine: Arc<Engine>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            list: Mutex::default(),
            gone: Condvar::new(),
            second: AtomicU32::new(0),
        })
    }

    /// Why somebody may not come in, in the words that he is told.
    pub fn refusal(&self, is_local: bool) -> Option<&'static str> {
        let hub = &self.engine.hub;
        let most = hub.config.get(MAXCLIENTS) as usize;
        if hub.network.connected.load(Ordering::Relaxed) >= most {
            return Some(FULL);
        }
        let is_open = hub.acl.default_user.rules().no_password;
        let is_protected = hub.config.get(PROTECTED_MODE) != 0 && is_open && !is_local;
        is_protected.then_some(PROTECTED)
    }

    /// Lets a connection in; `false` if the server has been closed meanwhile.
    pub fn enter(&self, handle: &Arc<Handle>, post: &Arc<Post>) -> bool {
        let mut list = self.list.lock();
        if list.is_closed {
            return false;
        }
        let guest = Guest { handle: Arc::clone(handle), post: Arc::downgrade(post) };
        list.by_id.insert(handle.id, guest);
        self.engine.hub.network.connected.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub fn leave(&self, id: u64) {
        if self.list.lock().by_id.remove(&id).is_some() {
            self.engine.hub.network.connected.fetch_sub(1, Ordering::Relaxed);
        }
        self.gone.notify_all();
    }

    /// Lets nobody in any more and tells everybody to go.
    pub fn close(&self) {
        self.list.lock().is_closed = true;
        for post in self.posts() {
            post.end();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.list.lock().is_closed
    }

    /// Waits until everybody has gone, but no longer than `most`.
    pub fn wait(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut list = self.list.lock();
        while !list.by_id.is_empty() && !self.gone.wait_until(&mut list, until).timed_out() {}
    }

    fn posts(&self) -> Vec<Arc<Post>> {
        let list = self.list.lock();
        list.by_id.values().filter_map(|guest| guest.post.upgrade()).collect()
    }

    #[inline]
    pub fn second(&self) -> u32 {
        self.second.load(Ordering::Relaxed)
    }

    /// Ends who has been idle for too long, and has those look at themselves whose peers read too
    /// slowly. Called once a second.
    pub fn look_around(&self) {
        let now = self.second.fetch_add(1, Ordering::Relaxed) + 1;
        let timeout = self.engine.hub.config.get(TIMEOUT) as u32;
        let list = self.list.lock();
        for guest in list.by_id.values() {
            let Some(post) = guest.post.upgrade() else { continue };
            let idle = now.saturating_sub(post.sizes.second.load(Ordering::Relaxed));
            let waits =
                guest.handle.blocked.load(Ordering::Relaxed) || guest.handle.subscriptions() > 0;
            if timeout > 0 && idle > timeout && !waits {
                post.end();
            } else if post.sizes.is_slow.load(Ordering::Relaxed) {
                post.wake();
            }
        }
    }

    /// Ends the largest connections if all of them take more than `maxmemory-clients`.
    pub fn make_room(&self) {
        let hub = &self.engine.hub;
        let limit = match hub.config.get(MAXMEMORY_CLIENTS) {
            0 => return,
            percent @ ..0 => match hub.config.get(MAXMEMORY) {
                0 => return,
                bytes => bytes / 100 * -percent,
            },
            bytes => bytes,
        };
        if hub.network.memory.load(Ordering::Relaxed) <= limit {
            return;
        }
        // Who was told to go but has not gone yet is no longer counted.
        let all = hub.clients.all();
        let stays = all.iter().filter(|handle| !handle.closed.load(Ordering::SeqCst));
        let mut sized: Vec<_> = stays
            .filter_map(|handle| Some((handle.mailbox.socket()?.total as i64, handle)))
            .collect();
        let mut total: i64 = sized.iter().map(|(bytes, _)| bytes).sum();
        sized.sort_by_key(|(bytes, _)| *bytes);
        sized.retain(|(_, handle)| !handle.no_evict.load(Ordering::Relaxed));
        while total > limit
            && let Some((bytes, handle)) = sized.pop()
        {
            handle.closed.store(true, Ordering::SeqCst);
            handle.deliver(Delivery::Closed);
            hub.network.evicted.fetch_add(1, Ordering::Relaxed);
            total -= bytes;
        }
    }
}
