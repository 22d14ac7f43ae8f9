//! One command of one JavaScript client: at once, or in its turn.
//!
//! A client that is at home runs its command here and now. If the engine says that it would take
//! long, the client goes to a helper thread with copies of the words; if it has to wait for a
//! key, the engine keeps it. Either way later commands of that client queue up until it is home.

#![expect(unsafe_code, reason = "answers are JavaScript values")]

use std::ptr::null_mut;
use std::sync::{Arc, Weak};

use napi::sys;

use super::answer::Shape;
use super::inbox::{Event, discard};
use super::wall::{Kind, Late, Wall, state};
use crate::engine::{Engine, Outcome};
use crate::hub::Delivery;
use crate::hub::client::Protocol;
use crate::reply::{Reply, Token};
use crate::store::Patience;

/// What `next` brought.
pub mod event {
    pub const NONE: i32 = 0;
    pub const ANSWER: i32 = 1;
    pub const PUSH: i32 = 2;
    pub const CLOSED: i32 = 3;
}

impl Wall {
    /// Runs the words in `self.words` for a client.
    ///
    /// # Safety
    /// On the environment's thread, inside one of its callbacks.
    #[inline]
    pub unsafe fn run(
        &mut self,
        handle: usize,
        id: Option<usize>,
        shape: Shape,
    ) -> sys::napi_value {
        let Some(slot) = self.slots.get_mut(handle).and_then(Option::as_mut) else {
            return self.fail(b"ERR Connection is closed.");
        };
        let shape = Shape { resp2: slot.protocol == Protocol::Resp2, ..shape };
        if slot.home.is_none() {
            return self.queue(handle, id, shape);
        }
        self.reply.clear();
        let outcome = self.words.with_slices(|words| {
            slot.engine.call(&mut slot.home, id, words, &mut self.reply, Patience::Inline)
        });
        match outcome {
            // SAFETY: passed on from the caller.
            Outcome::Done => unsafe { self.done(handle, shape) },
            Outcome::Waits => self.away(handle, shape),
            Outcome::Away => {
                // Very many words are not copied one by one here.
                let words = std::mem::take(&mut self.words);
                let pending = self.away(handle, shape);
                if let Some(slot) = self.slot(handle)
                    && let Some(client) = slot.home.take()
                {
                    let engine = Arc::clone(&slot.engine);
                    engine.call_elsewhere(client, id, words);
                }
                pending
            }
        }
    }

    /// The common end of a command that ran here.
    #[inline]
    unsafe fn done(&mut self, handle: usize, shape: Shape) -> sys::napi_value {
        if self.reply.is_push() {
            return self.answer_pushes(handle, shape);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.answer(shape) }
    }

    /// The SUBSCRIBE family answers one push a channel: they go through the inbox, in order with
    /// the messages; the call itself answers the last count.
    fn answer_pushes(&mut self, handle: usize, shape: Shape) -> sys::napi_value {
        let reply = std::mem::take(&mut self.reply);
        let pushes = split(&reply);
        let mut last = 0;
        if let Some(client) = self.slot(handle).and_then(|slot| slot.home.as_ref()) {
            let to = Arc::clone(&client.handle);
            for (push, count) in pushes {
                last = count;
                to.deliver(Delivery::Push(Arc::new(push)));
            }
        }
        self.reply.int(last);
        // SAFETY: `run` is called inside a callback of the environment.
        unsafe { self.answer(shape) }
    }

    /// The answer comes later.
    fn away(&mut self, handle: usize, shape: Shape) -> sys::napi_value {
        let ticket = self.ticket();
        if let Some(slot) = self.slot(handle) {
            slot.away = Some((ticket, shape));
        }
        self.set_state(state::TICKET, ticket);
        self.signal(Kind::Pending)
    }

    fn queue(&mut self, handle: usize, id: Option<usize>, shape: Shape) -> sys::napi_value {
        let ticket = self.ticket();
        let words = self.words.owned();
        if let Some(slot) = self.slot(handle) {
            slot.late.push_back(Late { id, words, ticket, shape });
        }
        self.set_state(state::TICKET, ticket);
        self.signal(Kind::Pending)
    }

    /// The next event, as `native.next()` answers it.
    ///
    /// # Safety
    /// As for `run`.
    pub unsafe fn next(&mut self) -> sys::napi_value {
        while let Some(event) = self.inbox().and_then(|inbox| inbox.take()) {
            let known = self.slots.get(event.slot).and_then(Option::as_ref);
            if !known.is_some_and(|slot| event.is_for(&slot.engine, slot.client.id)) {
                discard(event);
                continue;
            }
            self.set_state(state::HANDLE, event.slot as i32);
            // SAFETY: passed on from the caller.
            return unsafe { self.hand_over(event) };
        }
        self.set_state(state::EVENT, event::NONE);
        null_mut()
    }

    unsafe fn hand_over(&mut self, event: Event) -> sys::napi_value {
        match event.delivery {
            Delivery::Push(push) => {
                self.load(&push);
                self.set_state(state::EVENT, event::PUSH);
                let buffers = self.slot(event.slot).is_some_and(|slot| slot.push_buffers);
                // SAFETY: passed on from the caller.
                unsafe { self.answer(Shape { buffers, ..Shape::default() }) }
            }
            Delivery::Closed => {
                self.set_state(state::EVENT, event::CLOSED);
                null_mut()
            }
            Delivery::Answered(client, reply) => {
                let Some(slot) = self.slot(event.slot) else { return null_mut() };
                slot.home = Some(client);
                let (ticket, shape) = slot.away.take().unwrap_or_default();
                self.reply = reply;
                self.put_pushes_first(&event.engine, event.slot, event.client_id);
                self.run_late(event.slot);
                self.set_state(state::EVENT, event::ANSWER);
                self.set_state(state::TICKET, ticket);
                // SAFETY: passed on from the caller.
                unsafe { self.answer(shape) }
            }
        }
    }

    /// As `answer_pushes`, for a reply that comes late: what was published since is in the inbox
    /// already, and has to come after the confirmations.
    fn put_pushes_first(&mut self, engine: &Weak<Engine>, slot: usize, client_id: u64) {
        if !self.reply.is_push() {
            return;
        }
        let pushes = split(&std::mem::take(&mut self.reply));
        let last = pushes.last().map_or(0, |(_, count)| *count);
        let events = pushes.into_iter().map(|(push, _)| Event {
            slot,
            client_id,
            engine: Weak::clone(engine),
            delivery: Delivery::Push(Arc::new(push)),
        });
        if let Some(inbox) = self.inbox() {
            inbox.put_first(events);
        }
        self.reply.int(last);
    }

    /// The client is home again: what it was asked meanwhile runs now, in order, until one of
    /// the commands takes it away once more. The answers come as events of their own.
    fn run_late(&mut self, handle: usize) {
        let Some(slot) = self.slot(handle) else { return };
        let Some(late) = slot.late.pop_front() else { return };
        let Some(client) = slot.home.take() else { return };
        slot.away = Some((late.ticket, late.shape));
        let words: Vec<&[u8]> = late.words.iter().map(|word| &**word).collect();
        let away = slot.engine.call_by_mail(client, late.id, &words, Patience::Inline);
        if let Some(client) = away {
            slot.engine.call_elsewhere(client, late.id, late.words);
        }
    }
}

/// The pushes in a reply, each with the integer it ends with.
fn split(reply: &Reply) -> Vec<(Reply, i64)> {
    let mut pushes: Vec<(Reply, i64)> = Vec::new();
    for token in reply.tokens() {
        if matches!(token, Token::Push(_)) {
            pushes.push((Reply::new(), 0));
        }
        if let Some((push, last)) = pushes.last_mut() {
            if let Token::Int(count) = token {
                *last = count;
            }
            push.token(token);
        }
    }
    pushes
}
