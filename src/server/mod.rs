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
mod door;
mod input;
mod listener;
mod post;
mod seats;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::engine::Engine;
use door::Door;
use listener::Running;

/// Where to listen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub addresses: Vec<SocketAddr>,
    pub backlog: i32,
    /// A Unix socket, and its permissions unless they are 0.
    pub path: Option<(PathBuf, u32)>,
}

/// What listens, and everybody who came in through it.
pub struct Server {
    door: Arc<Door>,
    addresses: Vec<SocketAddr>,
    running: Mutex<Vec<Running>>,
}

impl Server {
    /// Listens at every address, or at none of them.
    pub fn listen(engine: Arc<Engine>, options: &Options) -> io::Result<Arc<Self>> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for address in &options.addresses {
            // Where several hosts share a port that was left open, all take the first one's.
            let port = if address.port() == 0 { first_port(&addresses) } else { address.port() };
            let socket = listener::bind(SocketAddr::new(address.ip(), port), options.backlog)?;
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        // Threads of our own come to a store that one event loop may have had for itself.
        engine.space.gate().share();
        let door = Door::new(engine);
        let mut running = Vec::new();
        match &options.path {
            #[cfg(unix)]
            Some((path, permissions)) => {
                let (socket, file) = listener::local::bind(path, *permissions)?;
                running.push(listener::run(listener::local::accept(
                    socket,
                    file,
                    Arc::clone(&door),
                )));
            }
            #[cfg(not(unix))]
            Some(_) => return Err(io::ErrorKind::Unsupported.into()),
            None => {}
        }
        for socket in sockets {
            running.push(listener::run(listener::accept(socket, Arc::clone(&door))));
        }
        running.push(listener::run(look_around(Arc::clone(&door))));
        let network = &door.engine.hub.network;
        network.port.store(u64::from(first_port(&addresses)), Ordering::Relaxed);
        Ok(Arc::new(Self { door, addresses, running: Mutex::new(running) }))
    }

    /// Where it listens; ports that were left open are filled in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.door.engine
    }

    /// Lets nobody in any more and tells every connection to end.
    pub fn close(&self) {
        self.running.lock().iter().for_each(Running::stop);
        self.door.close();
    }

    /// Waits until a closed server listens no more and its last connection has ended, but no
    /// longer than `most`. They live on other threads, which never wait for the caller.
    pub fn wait(&self, most: Duration) {
        let until = Instant::now() + most;
        while Instant::now() < until && !self.running.lock().iter().all(Running::has_ended) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.door.wait(most);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn first_port(addresses: &[SocketAddr]) -> u16 {
    addresses.first().map_or(0, SocketAddr::port)
}

async fn look_around(door: Arc<Door>) {
    loop {
        tokio::time::sleep(door::BETWEEN_LOOKS).await;
        door.look_around();
    }
}
