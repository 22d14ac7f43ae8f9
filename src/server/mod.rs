//! The door for clients of other processes: RESP over sockets.
//!
//! ```text
//! listener ─ accepted ─ seat ─┬─ connection ─ Engine::call ─ replies of the batch in one write
//!                             ├─ connection
//! ```
//!
//! Connections live on threads of our own (`seats`), never on an event loop's. A connection is
//! logic over anything that can be read and written asynchronously; it does not know whether that
//! is TCP, TLS or a Unix socket. What the engine has to tell a client goes through its mailbox
//! (`post`), which wakes the connection.

mod connection;
mod listener;
mod post;
mod seats;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::engine::Engine;
use listener::Listening;
use post::Post;

/// Where to listen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub addresses: Vec<SocketAddr>,
    pub backlog: i32,
}

/// What listens, and everybody who came in through it.
pub struct Server {
    engine: Arc<Engine>,
    addresses: Vec<SocketAddr>,
    listening: Mutex<Vec<Listening>>,
    guests: Arc<Guests>,
}

/// The open connections of one server.
#[derive(Default)]
struct Guests {
    list: Mutex<List>,
    gone: Condvar,
}

#[derive(Default)]
struct List {
    by_id: HashMap<u64, Weak<Post>>,
    is_closed: bool,
}

impl Server {
    /// Listens at every address, or at none of them.
    pub fn listen(engine: Arc<Engine>, options: &Options) -> io::Result<Arc<Self>> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for address in &options.addresses {
            let socket = listener::bind(*address, options.backlog)?;
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        engine.space.gate().share();
        let guests = Arc::<Guests>::default();
        let start = |socket| listener::start(socket, &engine, &guests);
        let listening = sockets.into_iter().map(start).collect();
        Ok(Arc::new(Self { engine, addresses, listening: Mutex::new(listening), guests }))
    }

    /// Where it listens; ports that were left open are filled in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Lets nobody in any more and tells every connection to end.
    pub fn close(&self) {
        self.listening.lock().clear();
        self.guests.close();
    }

    /// Waits until the last connection of a closed server has ended, but no longer than `most`.
    /// They live on other threads, which never wait for the caller.
    pub fn wait(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut list = self.guests.list.lock();
        while !list.by_id.is_empty() && !self.guests.gone.wait_until(&mut list, until).timed_out() {
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

impl Guests {
    /// Lets a connection in; `false` if the server has been closed meanwhile.
    fn enter(&self, id: u64, post: &Arc<Post>) -> bool {
        let mut list = self.list.lock();
        if list.is_closed {
            return false;
        }
        list.by_id.insert(id, Arc::downgrade(post));
        true
    }

    fn leave(&self, id: u64) {
        self.list.lock().by_id.remove(&id);
        self.gone.notify_all();
    }

    fn close(&self) {
        let posts: Vec<_> = {
            let mut list = self.list.lock();
            list.is_closed = true;
            list.by_id.values().filter_map(Weak::upgrade).collect()
        };
        for post in posts {
            post.end();
        }
    }
}
