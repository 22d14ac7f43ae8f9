//! Connections over real sockets, on the loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
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
    let engine = Engine::open(&StoreOptions::default());
    let anywhere: SocketAddr = ([127, 0, 0, 1], 0).into();
    let options = Options { addresses: vec![anywhere], backlog: 16 };
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
