//! Who comes in: listening sockets, and what is done with a connection before its first byte.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;
use super::door::Door;
use super::post::Ends;
use super::seats;
use crate::hub::config::TCP_KEEPALIVE;

/// How long to wait when the system has no descriptors left.
pub const AFTER_FAULT: Duration = Duration::from_millis(100);

/// How long a peer may take to shake hands.
const HANDSHAKE_MOST: Duration = Duration::from_secs(30);

/// A task that goes on until it is stopped.
pub struct Running(AbortHandle);

impl Running {
    /// Tells the task to end.
    pub fn stop(&self) {
        self.0.abort();
    }

    pub fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

/// Starts a task on the next seat.
pub fn run(task: impl Future<Output = ()> + Send + 'static) -> Running {
    Running(seats::next().spawn(task).abort_handle())
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
pub async fn accept(socket: TcpListener, tls: Option<TlsAcceptor>, door: Arc<Door>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(socket) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Ok(stream) = stream.into_std() {
                    seats::next().spawn(welcome(stream, peer, tls.clone(), Arc::clone(&door)));
                }
            }
            // The one that came may have gone already; when descriptors are short, others go.
            Err(_) => tokio::time::sleep(AFTER_FAULT).await,
        }
    }
}

async fn welcome(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    door: Arc<Door>,
) {
    let seconds = door.engine.hub.config.get(TCP_KEEPALIVE) as u64;
    // A connection without these is slower to end or to answer, not wrong.
    if seconds > 0 {
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(seconds));
        #[cfg(not(windows))]
        let keepalive =
            keepalive.with_interval(Duration::from_secs((seconds / 3).max(1))).with_retries(3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    }
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let descriptor = descriptor_of(&stream);
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let ends = Ends { peer: peer.to_string(), local, descriptor };
    let is_local = peer.ip().is_loopback();
    let Some(tls) = tls else {
        serve(stream, ends, is_local, &door).await;
        return;
    };
    // Who cannot shake hands is not told why: the protocol has its own words for that.
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MOST, tls.accept(stream)).await {
        serve(stream, ends, is_local, &door).await;
    }
}

#[cfg(unix)]
fn descriptor_of(socket: &impl std::os::fd::AsRawFd) -> i32 {
    socket.as_raw_fd()
}

#[cfg(not(unix))]
fn descriptor_of<S>(_: &S) -> i32 {
    -1
}

/// Serves a connection, or says why not.
pub async fn serve<S>(mut stream: S, ends: Ends, is_local: bool, door: &Arc<Door>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(why) = door.refusal(is_local) {
        door.engine.hub.network.rejected.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _ = stream.write_all(format!("-{why}\r\n").as_bytes()).await;
        return;
    }
    if let Some(connection) = Connection::open(stream, ends, door) {
        connection.await;
    }
}

/// Unix sockets.
#[cfg(unix)]
pub mod local {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use super::{AFTER_FAULT, Door, Ends, descriptor_of, seats, serve};

    /// A socket's file, which goes with its server.
    pub struct File(PathBuf);

    impl Drop for File {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    /// Listens at a path. A socket that nobody listens at any more is replaced.
    pub fn bind(path: &Path, permissions: u32) -> io::Result<(UnixListener, File)> {
        let is_socket = fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
        if is_socket && UnixStream::connect(path).is_err() {
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        let file = File(path.to_owned());
        if permissions != 0 {
            fs::set_permissions(path, Permissions::from_mode(permissions))?;
        }
        listener.set_nonblocking(true)?;
        Ok((listener, file))
    }

    /// Serves who comes to a socket; its file goes with the task.
    pub async fn accept(socket: UnixListener, file: File, door: Arc<Door>) {
        let Ok(listener) = tokio::net::UnixListener::from_std(socket) else { return };
        let place = format!("{}:0", file.0.display());
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Ok(stream) = stream.into_std() {
                        seats::next().spawn(welcome(stream, place.clone(), Arc::clone(&door)));
                    }
                }
                Err(_) => tokio::time::sleep(AFTER_FAULT).await,
            }
        }
    }

    async fn welcome(stream: UnixStream, place: String, door: Arc<Door>) {
        let descriptor = descriptor_of(&stream);
        let Ok(stream) = tokio::net::UnixStream::from_std(stream) else { return };
        let ends = Ends { peer: place.clone(), local: place, descriptor };
        serve(stream, ends, true, &door).await;
    }
}
