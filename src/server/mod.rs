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
pub mod options;
mod post;
mod seats;
#[cfg(test)]
mod tests;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::engine::Engine;
use crate::hub::config::{IO_THREADS, PORT};
use door::Door;
use listener::Running;
pub use options::{Address, Options};

/// What listens, and everybody who came in through it.
pub struct Server {
    door: Arc<Door>,
    addresses: Vec<SocketAddr>,
    running: Mutex<Vec<Running>>,
    /// What to do when a client has ended the server.
    on_shutdown: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Server {
    /// Listens at every address, or at none of them.
    pub fn listen(engine: Arc<Engine>, options: &Options) -> io::Result<Arc<Self>> {
        seats::want(options.threads);
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for Address { at, tls, is_optional } in &options.addresses {
            // Where several hosts share a port that was left open, all take the first one's.
            let port = if at.port() == 0 { first_port(&addresses) } else { at.port() };
            match listener::bind(SocketAddr::new(at.ip(), port), options.backlog) {
                Ok(socket) => {
                    addresses.push(socket.local_addr()?);
                    sockets.push((socket, tls.clone()));
                }
                Err(error) if *is_optional && is_missing(&error) => {}
                Err(error) => return Err(error),
            }
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
        for (socket, tls) in sockets {
            running.push(listener::run(listener::accept(socket, tls, Arc::clone(&door))));
        }
        running.push(listener::run(look_around(Arc::clone(&door))));
        let config = &door.engine.hub.config;
        config.set(PORT, i64::from(first_port(&addresses)));
        config.set(IO_THREADS, seats::count() as i64);
        let running = Mutex::new(running);
        let server = Arc::new(Self { door, addresses, running, on_shutdown: Mutex::default() });
        let me = Arc::downgrade(&server);
        let end = move || me.upgrade().is_some_and(|server| server.shut_down());
        server.engine().hub.network.servers.lock().push(Box::new(end));
        Ok(server)
    }

    /// Where it listens; ports that were left open are filled in.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.door.engine
    }

    /// What to do when a client has ended the server.
    pub fn on_shutdown(&self, told: Box<dyn Fn() + Send>) {
        *self.on_shutdown.lock() = Some(told);
    }

    /// SHUTDOWN. `false` if the server was closed already.
    fn shut_down(&self) -> bool {
        if self.door.is_closed() {
            return false;
        }
        self.close();
        if let Some(told) = &*self.on_shutdown.lock() {
            told();
        }
        true
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

/// Does the machine not have this address?
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    // There is no kind for "address family not supported": a machine without IPv6.
    matches!(error.kind(), AddrNotAvailable | Unsupported) || error.raw_os_error() == Some(97)
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
