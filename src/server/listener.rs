//! Who comes in: listening sockets, and what is done with a connection before its first byte.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::{Guests, seats};
use crate::engine::Engine;

/// How long to wait when the system has no descriptors left.
const AFTER_FAULT: Duration = Duration::from_millis(100);

const KEEPALIVE_SECONDS: u64 = 300;

/// A socket that listens for as long as this is held.
pub struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens at an address.
pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves who comes to a listening socket.
pub fn start(socket: TcpListener, engine: &Arc<Engine>, guests: &Arc<Guests>) -> Listening {
    let (engine, guests) = (Arc::clone(engine), Arc::clone(guests));
    Listening(seats::next().spawn(accept(socket, engine, guests)).abort_handle())
}

async fn accept(socket: TcpListener, engine: Arc<Engine>, guests: Arc<Guests>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(socket) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Ok(stream) = stream.into_std() {
                    let (engine, guests) = (Arc::clone(&engine), Arc::clone(&guests));
                    seats::next().spawn(serve(stream, peer, engine, guests));
                }
            }
            // The one that came may have gone already; when descriptors are short, others go.
            Err(_) => tokio::time::sleep(AFTER_FAULT).await,
        }
    }
}

async fn serve(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    engine: Arc<Engine>,
    guests: Arc<Guests>,
) {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(KEEPALIVE_SECONDS));
    // A connection without these is slower, not wrong.
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    if let Some(connection) = Connection::open(stream, peer.to_string(), local, engine, guests) {
        connection.await;
    }
}
