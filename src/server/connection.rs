//! One connection: bytes in, commands run, bytes out.
//!
//! A future that is polled when the peer has sent something, when the peer can take more, or when
//! the mailbox has something. Each round it takes what the mailbox holds, runs every complete
//! request it has read, and writes all replies at once. A command runs here, on the connection's
//! thread. One that has to wait takes the client away; requests then stay in the buffer until the
//! mailbox brings it home with the answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Guests;
use super::post::Post;
use crate::command;
use crate::engine::{Engine, Outcome};
use crate::hub::client::Protocol;
use crate::hub::config::PROTO_MAX_BULK_LEN;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::resp::reply::{line, write_resp2, write_resp3};
use crate::resp::request::{Limits, Reader, Step};
use crate::store::Patience;

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// Buffers that grew beyond this are given back when they are empty.
const KEPT: usize = 64 * 1024;
/// Rounds before other connections have their turn.
const ROUNDS: usize = 4;

/// See the module's header.
pub struct Connection<S> {
    stream: S,
    engine: Arc<Engine>,
    guests: Arc<Guests>,
    post: Arc<Post>,
    handle: Arc<Handle>,
    /// `None` while a command keeps it.
    client: Option<Box<Client>>,
    input: Input,
    reader: Reader,
    /// Memory for the words of a request.
    words: Vec<&'static [u8]>,
    /// The command called last: most are called many times in a row.
    last: (Vec<u8>, Option<usize>),
    reply: Reply,
    out: Vec<u8>,
    /// So many bytes of `out` are written.
    sent: usize,
    waker: Option<Waker>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What is to be written still goes out; nothing is read any more.
    Ending,
    /// Whoever ended it waits for nothing: what the peer takes at once still goes out.
    Killed,
    Ended,
}

/// What was read and not yet understood.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Makes a client of what came in. `None` if the server is closed already.
    pub fn open(
        stream: S,
        address: String,
        local: String,
        engine: Arc<Engine>,
        guests: Arc<Guests>,
    ) -> Option<Self> {
        let post = Arc::new(Post::new(address, local, Arc::downgrade(&engine)));
        let mut client =
            engine.connect_from_network(Arc::clone(&post) as Arc<dyn Mailbox>, Protocol::Resp2);
        client.subscriber_mode = true;
        if !guests.enter(client.id(), &post) {
            engine.disconnect(client);
            return None;
        }
        Some(Self {
            stream,
            engine,
            guests,
            post,
            handle: Arc::clone(&client.handle),
            client: Some(client),
            input: Input::default(),
            reader: Reader::default(),
            words: Vec::new(),
            last: (Vec::new(), None),
            reply: Reply::new(),
            out: Vec::new(),
            sent: 0,
            waker: None,
            state: State::Open,
        })
    }

    /// One round; `Ready` when there is nothing more to do.
    fn round(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_deliveries(State::Killed);
        self.run_requests();
        self.write(cx);
        match self.state {
            State::Open => {}
            State::Ending if self.sent < self.out.len() => return Poll::Pending,
            State::Ending | State::Killed | State::Ended => {
                self.state = State::Ended;
                return Poll::Ready(());
            }
        }
        let room = self.input.room();
        let mut buffer = ReadBuf::new(room);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        let count = buffer.filled().len();
        if read.is_err() || count == 0 {
            self.state = State::Ended;
        }
        self.input.end += count;
        Poll::Ready(())
    }

    /// `closed` is what becomes of the connection if it hears that it is to end.
    #[inline]
    fn take_deliveries(&mut self, closed: State) {
        if !self.post.is_full() {
            return;
        }
        for delivery in self.post.take() {
            match delivery {
                Delivery::Push(push) => self.push(&push),
                Delivery::Answered(client, reply) => {
                    self.client = Some(client);
                    self.answer(&reply);
                }
                Delivery::Closed => self.state = closed,
            }
        }
    }

    /// Runs what is complete, as long as the client is here.
    fn run_requests(&mut self) {
        while self.state == State::Open {
            let Some(client) = &self.client else { break };
            let limits = Limits {
                bulk_max: self.engine.hub.config.get(PROTO_MAX_BULK_LEN),
                is_stranger: self.engine.must_authenticate(client),
            };
            match self.reader.next(self.input.filled(), limits) {
                Ok(Step::Request(taken)) => self.run(taken),
                Ok(Step::Nothing(taken)) => self.input.start += taken,
                Ok(Step::More(missing)) => {
                    self.input.missing(missing);
                    break;
                }
                Err(fault) => {
                    line(&mut self.out, b'-', fault.to_string().as_bytes());
                    self.state = State::Ending;
                }
            }
        }
        if self.input.start == self.input.end {
            self.input.clear();
            self.reader.shrink();
        }
    }

    /// Runs the request that takes the first `taken` bytes of the input.
    fn run(&mut self, taken: usize) {
        let mut words = recycle(std::mem::take(&mut self.words));
        self.reader.words(self.input.filled(), &mut words);
        if self.last.0 != words[0] {
            self.last.0.clear();
            self.last.0.extend_from_slice(words[0]);
            self.last.1 = command::named(words[0]);
        }
        if self.last.1.is_none() && is_web(words[0]) {
            self.state = State::Ended;
            return;
        }
        self.reply.clear();
        let outcome = self.engine.call(
            &mut self.client,
            self.last.1,
            &words,
            &mut self.reply,
            Patience::Waits,
        );
        if outcome == Outcome::Away
            && let Some(client) = self.client.take()
        {
            let words: Vec<Box<[u8]>> = words.iter().map(|word| Box::from(*word)).collect();
            self.engine.call_elsewhere(client, self.last.1, words);
        }
        self.words = recycle(words);
        self.input.start += taken;
        if outcome == Outcome::Done {
            let reply = std::mem::take(&mut self.reply);
            self.answer(&reply);
            self.reply = reply;
        }
        // QUIT is answered before the end; so is who kills himself.
        self.take_deliveries(State::Ending);
    }

    /// Writes a reply, unless the client does without.
    #[inline]
    fn answer(&mut self, reply: &Reply) {
        if self.client.as_mut().is_none_or(|client| client.takes_reply()) {
            self.encode(reply);
        }
    }

    #[inline]
    fn encode(&mut self, reply: &Reply) {
        match self.handle.resp.load(Ordering::Relaxed) {
            3 => write_resp3(&mut self.out, reply),
            _ => write_resp2(&mut self.out, reply),
        }
    }

    /// Something that was not asked for. What a monitor hears is a line, in both protocols.
    fn push(&mut self, push: &Reply) {
        let mut tokens = push.tokens();
        if tokens.next() == Some(Token::Push(2))
            && tokens.next() == Some(Token::Bulk(b"monitor"))
            && let Some(Token::Bulk(told)) = tokens.next()
        {
            line(&mut self.out, b'+', told);
            return;
        }
        self.encode(push);
    }

    /// Writes what the peer takes.
    fn write(&mut self, cx: &mut Context<'_>) {
        while self.sent < self.out.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out[self.sent..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.sent += count,
                Poll::Ready(_) => {
                    self.state = State::Ended;
                    return;
                }
                Poll::Pending => return,
            }
        }
        if self.sent == 0 {
            return;
        }
        self.sent = 0;
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
        if let Poll::Ready(Err(_)) = Pin::new(&mut self.stream).poll_flush(cx) {
            self.state = State::Ended;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Connection<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        if !me.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            me.waker = Some(cx.waker().clone());
            me.post.wake_with(cx.waker().clone());
        }
        for _ in 0..ROUNDS {
            ready!(me.round(cx));
            if me.state == State::Ended {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        self.handle.closed.store(true, Ordering::SeqCst);
        self.post.close();
        match self.client.take() {
            Some(client) => self.engine.disconnect(client),
            // If it is not parked either it is on its way here, and the closed mailbox ends it.
            None => _ = self.engine.disconnect_parked(self.handle.id),
        }
        self.guests.leave(self.handle.id);
    }
}

impl Input {
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
    }

    /// A request needs so many bytes more: they get a place behind the others.
    fn missing(&mut self, missing: usize) {
        if self.start > 0 && self.bytes.len() - self.end < missing.max(READ / 4) {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Where to read to.
    fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.end < READ / 4 {
            let len = (self.bytes.len() * 2).max(READ);
            self.bytes.resize(len, 0);
        }
        &mut self.bytes[self.end..]
    }
}

/// What a browser begins its lines with. Somebody may have lured one into sending commands here,
/// so it is not heard out.
#[cold]
fn is_web(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}

/// The memory of a list of slices, for slices of another lifetime.
fn recycle<'a>(mut list: Vec<&[u8]>) -> Vec<&'a [u8]> {
    list.clear();
    // Turned in place: there is nothing to map.
    list.into_iter().map(|_| -> &'a [u8] { unreachable!("the list is empty") }).collect()
}
