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
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::door::Door;
use super::input::Input;
use super::post::{Ends, Post};
use super::seats;
use crate::command::{self, BLOCKING, TABLE};
use crate::engine::Outcome;
use crate::hub::client::Protocol;
use crate::hub::config::{
    CLIENT_OUTPUT_BUFFER_LIMIT, CLIENT_QUERY_BUFFER_LIMIT, PROTO_MAX_BULK_LEN,
};
use crate::hub::texts::OutputLimits;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::resp::reply::{line, write_resp2, write_resp3};
use crate::resp::request::{Limits, Reader, Step};
use crate::store::Patience;

/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 64 * 1024;
/// Rounds before other connections have their turn.
const ROUNDS: usize = 4;

/// See the module's header.
pub struct Connection<S> {
    stream: S,
    door: Arc<Door>,
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
    /// While a command is away on a helper thread, which will not be long: what came meanwhile, to
    /// be told behind its reply.
    held: Option<Vec<Arc<Reply>>>,
    out: Vec<u8>,
    /// So many bytes of `out` are written.
    sent: usize,
    waker: Option<Waker>,
    state: State,
    books: Books,
}

/// What is counted, and what it may come to.
#[derive(Default)]
struct Books {
    bytes_in: u64,
    bytes_out: u64,
    commands: u64,
    /// All that the connection takes.
    memory: usize,
    /// The setting that `limits` were read from.
    limits_number: i64,
    limits: OutputLimits,
    /// Since when more waits to be written than may for long.
    slow_since: Option<Instant>,
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

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Makes a client of what came in. `None` if the server is closed already.
    pub fn open(stream: S, ends: Ends, door: &Arc<Door>) -> Option<Self> {
        let post = Arc::new(Post::new(ends, Arc::downgrade(&door.engine)));
        let mailbox = Arc::clone(&post) as Arc<dyn Mailbox>;
        let mut client = door.engine.connect_from_network(mailbox, Protocol::Resp2);
        client.subscriber_mode = true;
        if !door.enter(&client.handle, &post) {
            door.engine.disconnect(client);
            return None;
        }
        post.sizes.second.store(door.second(), Ordering::Relaxed);
        Some(Self {
            stream,
            door: Arc::clone(door),
            post,
            handle: Arc::clone(&client.handle),
            client: Some(client),
            input: Input::default(),
            reader: Reader::default(),
            words: Vec::new(),
            last: (Vec::new(), None),
            reply: Reply::new(),
            held: None,
            out: Vec::new(),
            sent: 0,
            waker: None,
            state: State::Open,
            books: Books::default(),
        })
    }

    /// One round; `Ready` when there is nothing more to do.
    fn round(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_deliveries(State::Killed);
        self.run_requests();
        if self.out.len() > self.sent {
            self.check_output();
            self.write(cx);
        }
        self.tell_sizes();
        match self.state {
            State::Open => {}
            State::Ending if self.sent < self.out.len() => return Poll::Pending,
            State::Ending | State::Killed | State::Ended => {
                // A farewell, for protocols that have one; whether it arrives is all the same.
                let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
                self.state = State::Ended;
                return Poll::Ready(());
            }
        }
        self.read(cx)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = ReadBuf::new(self.input.room());
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        let count = buffer.filled().len();
        if read.is_err() || count == 0 {
            self.state = State::Ended;
        }
        self.input.add(count);
        self.books.bytes_in += count as u64;
        let hub = &self.door.engine.hub;
        hub.network.bytes_in.fetch_add(count as u64, Ordering::Relaxed);
        self.post.sizes.second.store(self.door.second(), Ordering::Relaxed);
        if self.input.filled().len() as i64 > hub.config.get(CLIENT_QUERY_BUFFER_LIMIT) {
            hub.network.query_limit.fetch_add(1, Ordering::Relaxed);
            self.state = State::Ended;
        }
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
                Delivery::Push(push) => match &mut self.held {
                    Some(held) => held.push(push),
                    None => self.push(&push),
                },
                Delivery::Answered(client, reply) => {
                    self.client = Some(client);
                    self.answer(&reply);
                    for push in self.held.take().into_iter().flatten() {
                        self.push(&push);
                    }
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
                bulk_max: self.door.engine.hub.config.get(PROTO_MAX_BULK_LEN),
                is_stranger: self.door.engine.must_authenticate(client),
            };
            match self.reader.next(self.input.filled(), limits) {
                Ok(Step::Request(taken)) => self.run(taken),
                Ok(Step::Nothing(taken)) => self.input.drop_first(taken),
                Ok(Step::More(missing)) => {
                    self.input.expect(missing);
                    break;
                }
                Err(fault) => {
                    line(&mut self.out, b'-', fault.to_string().as_bytes());
                    self.state = State::Ending;
                }
            }
        }
        if self.input.rewind() {
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
            // What it may have been answered so far is not sent either.
            self.sent = self.out.len();
            self.state = State::Ended;
            return;
        }
        self.books.commands += 1;
        self.reply.clear();
        let outcome = self.door.engine.call(
            &mut self.client,
            self.last.1,
            &words,
            &mut self.reply,
            Patience::Serves,
        );
        if outcome == Outcome::Away
            && let Some(client) = self.client.take()
        {
            let words: Vec<Box<[u8]>> = words.iter().map(|word| Box::from(*word)).collect();
            let may_block = self.last.1.is_some_and(|id| TABLE[id].is(BLOCKING));
            self.held = (!may_block).then(Vec::new);
            self.door.engine.call_elsewhere(client, self.last.1, words);
        }
        self.words = recycle(words);
        self.input.drop_first(taken);
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
        let before = self.sent;
        while self.sent < self.out.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.out[self.sent..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.sent += count,
                Poll::Ready(_) => {
                    self.state = State::Ended;
                    break;
                }
                Poll::Pending => break,
            }
        }
        let count = (self.sent - before) as u64;
        self.books.bytes_out += count;
        self.door.engine.hub.network.bytes_out.fetch_add(count, Ordering::Relaxed);
        if self.sent < self.out.len() {
            self.forget_sent();
            return;
        }
        self.sent = 0;
        if self.books.slow_since.take().is_some() {
            self.post.sizes.is_slow.store(false, Ordering::Relaxed);
        }
        if self.out.capacity() > KEPT {
            self.out = Vec::new();
        } else {
            self.out.clear();
        }
        if let Poll::Ready(Err(_)) = Pin::new(&mut self.stream).poll_flush(cx) {
            self.state = State::Ended;
        }
    }

    /// Gives back the memory of what a slow peer has taken, when that is most of it.
    fn forget_sent(&mut self) {
        if self.sent > KEPT && self.sent > self.out.len() / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
            if self.out.capacity() / 4 > self.out.len() {
                self.out.shrink_to(self.out.len() * 2);
            }
        }
    }

    /// Ends the connection if more waits to be written than its class of clients may have.
    fn check_output(&mut self) {
        let hub = &self.door.engine.hub;
        let number = hub.config.get(CLIENT_OUTPUT_BUFFER_LIMIT);
        if number != self.books.limits_number {
            self.books.limits = OutputLimits::of(number);
            self.books.limits_number = number;
        }
        let limits = &self.books.limits;
        let listens = self.handle.subscriptions() > 0;
        let limit = if listens { limits.pubsub } else { limits.normal };
        let waiting = (self.out.len() - self.sent) as u64;
        let is_slow = limit.soft_bytes != 0 && waiting >= limit.soft_bytes;
        if is_slow != self.books.slow_since.is_some() {
            self.books.slow_since = is_slow.then(Instant::now);
            self.post.sizes.is_slow.store(is_slow, Ordering::Relaxed);
        }
        let too_long = self
            .books
            .slow_since
            .is_some_and(|since| since.elapsed().as_secs() > limit.soft_seconds);
        if too_long || limit.hard_bytes != 0 && waiting >= limit.hard_bytes {
            hub.network.output_limit.fetch_add(1, Ordering::Relaxed);
            self.state = State::Ended;
            self.sent = self.out.len();
        }
    }

    /// Lets others know how large the connection is.
    #[inline]
    fn tell_sizes(&mut self) {
        let sizes = &self.post.sizes;
        let (query, free) = self.input.sizes();
        sizes.query.store(query, Ordering::Relaxed);
        sizes.query_free.store(free, Ordering::Relaxed);
        sizes.words.store(self.reader.pending_bytes(), Ordering::Relaxed);
        sizes.output.store(self.out.len() - self.sent, Ordering::Relaxed);
        sizes.bytes_in.store(self.books.bytes_in, Ordering::Relaxed);
        sizes.bytes_out.store(self.books.bytes_out, Ordering::Relaxed);
        sizes.commands.store(self.books.commands, Ordering::Relaxed);
        let memory = size_of::<Self>() + self.input.memory() + self.out.capacity();
        if memory != self.books.memory {
            sizes.total.store(memory, Ordering::Relaxed);
            let growth = memory as i64 - self.books.memory as i64;
            self.books.memory = memory;
            self.door.engine.hub.network.memory.fetch_add(growth, Ordering::Relaxed);
            if growth > 0 {
                self.door.make_room();
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Connection<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = &mut *self;
        seats::pulse();
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
            Some(client) => self.door.engine.disconnect(client),
            // If it is not parked either it is on its way here, and the closed mailbox ends it.
            None => _ = self.door.engine.disconnect_parked(self.handle.id),
        }
        let memory = self.books.memory as i64;
        self.door.engine.hub.network.memory.fetch_sub(memory, Ordering::Relaxed);
        self.door.leave(self.handle.id);
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
