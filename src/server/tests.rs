//! Connections over real sockets, on the loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Options, Server};
use crate::engine::{Engine, Options as StoreOptions};

struct Peer(TcpStream);

impl Peer {
    fn meet(server: &Server) -> Self {
        let stream = TcpStream::connect(server.addresses()[0]).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it is an open socket");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// The next bytes, exactly these many; shown as text.
    fn read(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the server answers");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Everything until the server hangs up.
    fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the server hangs up");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn assert_answer(&mut self, request: &[u8], answer: &str) {
        self.send(request);
        self.assert_hears(answer);
    }

    #[track_caller]
    fn assert_hears(&mut self, answer: &str) {
        assert_eq!(self.read(answer.len()), answer);
    }
}

fn open() -> Arc<Server> {
    open_with(&[])
}

/// A server whose store has these settings.
fn open_with(settings: &[(&str, &str)]) -> Arc<Server> {
    let mut options = StoreOptions::default();
    for (name, value) in settings {
        options.setting(name, value).expect("it is a setting");
    }
    let engine = Engine::open(&options);
    let anywhere: SocketAddr = ([127, 0, 0, 1], 0).into();
    let options = Options { addresses: vec![anywhere.into()], backlog: 16, ..Options::default() };
    Server::listen(engine, &options).expect("a free port on the loopback")
}

#[test]
fn a_pipeline_is_answered_in_order_in_both_protocols() {
    let server = open();
    let mut peer = Peer::meet(&server);
    peer.assert_answer(
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\nget k\r\n*1\r\n$4\r\nPING\r\n",
        "+OK\r\n$1\r\nv\r\n+PONG\r\n",
    );
    peer.assert_answer(
        b"hset h f v\r\nhgetall h\r\nget no\r\n",
        ":1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n$-1\r\n",
    );
    peer.send(b"hello 3\r\nset end 1\r\n");
    while !peer.read(1).ends_with('+') {}
    peer.assert_answer(b"hgetall h\r\nget no\r\n", "OK\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n");
}

#[test]
fn a_blocked_client_answers_later_requests_in_turn() {
    let server = open();
    let mut waits = Peer::meet(&server);
    waits.send(b"blpop list 0\r\nping\r\n");
    // It is parked once it is known to be blocked.
    while server.engine().hub.waiting.is_empty() {
        std::thread::yield_now();
    }
    let mut other = Peer::meet(&server);
    other.assert_answer(b"rpush list a\r\n", ":1\r\n");
    waits.assert_hears("*2\r\n$4\r\nlist\r\n$1\r\na\r\n+PONG\r\n");
}

#[test]
fn a_blocked_client_that_hangs_up_is_forgotten() {
    let server = open();
    let mut waits = Peer::meet(&server);
    waits.send(b"blpop list 0\r\n");
    while server.engine().hub.waiting.is_empty() {
        std::thread::yield_now();
    }
    drop(waits);
    while !server.engine().hub.clients.is_empty() {
        std::thread::yield_now();
    }
    assert!(server.engine().hub.waiting.is_empty());
}

#[test]
fn messages_come_unasked() {
    let server = open();
    let (mut hears, mut tells) = (Peer::meet(&server), Peer::meet(&server));
    hears.assert_answer(b"subscribe c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    tells.assert_answer(b"publish c hi\r\n", ":1\r\n");
    hears.assert_hears("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
}

#[test]
fn a_monitor_hears_lines() {
    let server = open();
    let (mut hears, mut acts) = (Peer::meet(&server), Peer::meet(&server));
    hears.assert_answer(b"monitor\r\n", "+OK\r\n");
    acts.assert_answer(b"get k\r\n", "$-1\r\n");
    let told = hears.read(30);
    assert!(told.starts_with('+') && told.contains(" [0 127."), "{told}");
}

#[test]
fn a_monitor_only_hears() {
    let server = open();
    let mut hears = Peer::meet(&server);
    hears.assert_answer(b"monitor\r\n", "+OK\r\n");
    hears.assert_answer(b"get k\r\n", "-ERR Replica can't interact with the keyspace\r\n");
}

#[test]
fn quit_and_faults_of_the_protocol_end_the_connection() {
    let server = open();
    let mut quits = Peer::meet(&server);
    quits.send(b"quit\r\nping\r\n");
    assert_eq!(quits.read_to_end(), "+OK\r\n");
    let mut errs = Peer::meet(&server);
    errs.send(b"ping\r\n*1\r\nPING\r\n");
    assert_eq!(errs.read_to_end(), "+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
    let mut browser = Peer::meet(&server);
    browser.send(b"POST / HTTP/1.1\r\n");
    assert_eq!(browser.read_to_end(), "");
}

#[test]
fn a_closed_server_ends_its_connections() {
    let server = open();
    let mut peer = Peer::meet(&server);
    peer.assert_answer(b"ping\r\n", "+PONG\r\n");
    server.close();
    server.wait(Duration::from_secs(10));
    assert_eq!(peer.read_to_end(), "");
    assert!(server.engine().hub.clients.is_empty());
    assert!(TcpStream::connect(server.addresses()[0]).is_err());
}

#[test]
fn big_words_and_replies_pass() {
    let server = open();
    let mut peer = Peer::meet(&server);
    let value = vec![b'x'; 3 << 20];
    peer.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes());
    peer.send(&value);
    peer.send(b"\r\nget k\r\n");
    peer.assert_hears(&format!("+OK\r\n${}\r\n", value.len()));
    assert_eq!(peer.read(value.len()), "x".repeat(value.len()));
}

#[test]
fn one_too_many_is_told_so() {
    let server = open_with(&[("maxclients", "1")]);
    let mut first = Peer::meet(&server);
    first.assert_answer(b"ping\r\n", "+PONG\r\n");
    let mut second = Peer::meet(&server);
    assert_eq!(second.read_to_end(), "-ERR max number of clients reached\r\n");
    first.assert_answer(b"ping\r\n", "+PONG\r\n");
    assert_eq!(server.engine().hub.network.rejected.load(Ordering::Relaxed), 1);
}

#[test]
fn who_reads_too_slowly_is_ended_when_his_limit_is_reached() {
    let server = open_with(&[("client-output-buffer-limit", "normal 1mb 0 0")]);
    let mut peer = Peer::meet(&server);
    let value = vec![b'x'; 2 << 20];
    peer.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes());
    peer.send(&value);
    peer.send(b"\r\n");
    peer.assert_hears("+OK\r\n");
    peer.send(b"get k\r\n");
    assert_eq!(peer.read_to_end(), "");
    assert_eq!(server.engine().hub.network.output_limit.load(Ordering::Relaxed), 1);
}

#[test]
fn a_request_larger_than_its_limit_ends_the_connection() {
    let server = open_with(&[("client-query-buffer-limit", "1mb")]);
    let mut peer = Peer::meet(&server);
    peer.send(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n");
    // The server may hang up in the middle of it.
    let _ = peer.0.write_all(&vec![b'x'; 2 << 20]);
    let mut rest = Vec::new();
    let _ = peer.0.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert_eq!(server.engine().hub.network.query_limit.load(Ordering::Relaxed), 1);
}

#[test]
fn the_largest_connection_goes_when_all_take_too_much() {
    let server = open_with(&[("maxmemory-clients", "1mb")]);
    let (mut small, mut large) = (Peer::meet(&server), Peer::meet(&server));
    small.assert_answer(b"ping\r\n", "+PONG\r\n");
    large.send(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n");
    let _ = large.0.write_all(&vec![b'x'; 2 << 20]);
    let mut rest = Vec::new();
    let _ = large.0.read_to_end(&mut rest);
    small.assert_answer(b"ping\r\n", "+PONG\r\n");
    assert_eq!(server.engine().hub.network.evicted.load(Ordering::Relaxed), 1);
}

#[test]
fn an_idle_connection_ends_in_time() {
    let server = open_with(&[("timeout", "5")]);
    let (mut idle, mut hears) = (Peer::meet(&server), Peer::meet(&server));
    idle.assert_answer(b"ping\r\n", "+PONG\r\n");
    hears.assert_answer(b"subscribe c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    (0..6).for_each(|_| server.door.look_around());
    assert_eq!(idle.read_to_end(), "");
    hears.assert_answer(b"ping\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
}

#[test]
fn client_list_tells_of_the_socket() {
    let server = open();
    let mut peer = Peer::meet(&server);
    peer.assert_answer(b"ping\r\n", "+PONG\r\n");
    peer.send(b"client list\r\nset end 1\r\n");
    let mut told = String::new();
    while !told.ends_with("+OK\r\n") {
        told += &peer.read(1);
    }
    let own = peer.0.local_addr().expect("it is connected");
    let theirs = server.addresses()[0];
    assert!(told.contains(&format!(" addr={own} laddr={theirs} fd=")), "{told}");
    assert!(told.contains(" tot-net-in=6 "), "what was read before this command: {told}");
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_its_permissions_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    let path = std::env::temp_dir().join(format!("latchkey-{}.sock", std::process::id()));
    let engine = Engine::open(&StoreOptions::default());
    let options = Options { path: Some((path.clone(), 0o700)), ..Options::default() };
    let server = Server::listen(engine, &options).expect("a path of its own");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let again = Server::listen(Engine::open(&StoreOptions::default()), &options);
    assert_eq!(again.err().map(|error| error.kind()), Some(std::io::ErrorKind::AddrInUse));
    let mut peer = UnixStream::connect(&path).expect("it listens");
    peer.write_all(b"ping\r\n").expect("the server reads");
    let mut answer = [0; 7];
    peer.read_exact(&mut answer).expect("the server answers");
    assert_eq!(&answer, b"+PONG\r\n");
    server.close();
    server.wait(Duration::from_secs(10));
    assert!(!path.exists());
}
