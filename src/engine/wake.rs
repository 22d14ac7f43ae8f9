//! Serves the blocking commands that wait for a key, first come first.
//!
//! A waiting command is simply run again, under the gate that the write which woke it still
//! holds: after LPUSH to a waiter the list is already empty. What it pushes elsewhere (BLMOVE)
//! may wake others in turn. A key that is missing or of another type than awaited wakes nobody but
//! those who are bound to it; whatever else the command refuses ends the wait.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::{Engine, runtime};
use crate::command::acl_log::{Stood, refusal};
use crate::hub::waiting::{Bound, Parked};
use crate::hub::{Client, Delivery};
use crate::reply::Reply;
use crate::store::{Db, Entered, Patience, Scope};
use crate::types::Kind;

/// A key that something was put under, with its database.
type Ready = (usize, Box<[u8]>);

/// Sends a client that is at home there again, with its answer.
pub(super) fn mail(client: &mut Option<Box<Client>>, out: &mut Reply) {
    if let Some(client) = client.take() {
        let handle = Arc::clone(&client.handle);
        handle.deliver(Delivery::Answered(client, std::mem::take(out)));
    }
}

/// Sends the replies of those who were served. Not under a lock.
pub(super) fn deliver(served: Vec<(Box<Client>, Reply)>) {
    for (client, reply) in served {
        let handle = Arc::clone(&client.handle);
        handle.deliver(Delivery::Answered(client, reply));
    }
}

impl Engine {
    /// Serves everybody who waits for these keys. Answers who is done, in order; the caller
    /// delivers the replies when it holds no lock any more.
    pub(super) fn serve(
        &self,
        entered: &Entered<'_>,
        ready: Vec<Ready>,
    ) -> Vec<(Box<Client>, Reply)> {
        let mut served = Vec::new();
        let mut known = HashSet::new();
        let mut ready: VecDeque<_> = ready.into();
        ready.retain(|place| known.insert(place.clone()));
        while let Some((db, key)) = ready.pop_front() {
            for id in self.hub.waiting.queue_of(db, &key) {
                // Whoever was served before this one may have taken the last element.
                let kind = self.kind_of(entered, db, &key);
                if kind.is_none() && !self.hub.waiting.any_bound() {
                    break;
                }
                let Some(parked) = self.hub.waiting.borrow(id) else { continue };
                if kind != Some(parked.wait.kind) && parked.wait.bound == Bound::Free {
                    self.give_back(parked);
                    continue;
                }
                let (parked, reply, woken) = self.try_again(entered, parked);
                ready.extend(woken);
                match reply {
                    Some(reply) => {
                        self.hub.waiting.release(&parked);
                        served.push((parked.client, reply));
                    }
                    None => self.give_back(parked),
                }
            }
        }
        served
    }

    /// Serves those who are bound to keys that are gone without a command having removed them. For
    /// who holds no lock and may wait.
    pub(super) fn serve_bound(&self, gone: Vec<Ready>) {
        let Some(entered) = self.space.gate().alone(Patience::Waits) else { return };
        let served = self.serve(&entered, gone);
        drop(entered);
        deliver(served);
    }

    /// As `serve_bound`, for who must not wait.
    pub(super) fn serve_bound_elsewhere(&self, gone: Vec<Ready>) {
        if let Some(me) = self.me.upgrade() {
            runtime().spawn_blocking(move || me.serve_bound(gone));
        }
    }

    /// Notes a key that is gone, if somebody is bound to it.
    pub(super) fn note_gone(&self, gone: &mut Vec<Ready>, db: usize, key: &[u8]) {
        if self.hub.waiting.has_bound(db, key) {
            gone.push((db, key.into()));
        }
    }

    /// The wait goes on, unless the client was closed while it was lent out.
    fn give_back(&self, parked: Parked) {
        if let Err(parked) = self.hub.waiting.give_back(parked) {
            self.disconnect(parked.client);
        }
    }

    fn kind_of(&self, entered: &Entered<'_>, db: usize, key: &[u8]) -> Option<Kind> {
        let table = self.space.table(entered, db)?;
        // SAFETY: who serves holds the gate alone, and no other Db exists between two commands.
        #[expect(unsafe_code, reason = "the gate is held by the caller, in another variable")]
        let db = unsafe { Db::new(&self.space, table, db, Scope::All) };
        let (kind, noted) = self.space.charged(|| (db.kind(key), db.take_noted()));
        self.hub.tell_noted(db.index(), &noted);
        self.space.charged(|| drop(noted));
        kind
    }

    fn try_again(
        &self,
        entered: &Entered<'_>,
        mut parked: Parked,
    ) -> (Parked, Option<Reply>, Vec<Ready>) {
        let mut out = Reply::new();
        let Some(table) = self.space.table(entered, parked.client.db) else {
            return (parked, None, Vec::new());
        };
        let words: Vec<&[u8]> = parked.words.iter().map(|word| &**word).collect();
        // What it may do can have changed while it waited.
        if let Err(denial) = self.permitted(&parked.client, parked.id, &words, Stood::TopLevel) {
            out.error(&refusal(denial, parked.client.standing.name(), parked.id));
            return (parked, Some(out), Vec::new());
        }
        let left = self.run_in(
            &mut parked.client,
            parked.id,
            &words,
            table,
            Scope::All,
            Some(entered),
            &mut out,
            Patience::Waits,
            |_| {},
        );
        match left {
            Ok(None) => (parked, Some(out), Vec::new()),
            Ok(Some(left)) if left.wait.is_none() => (parked, Some(out), left.ready),
            _ => (parked, None, Vec::new()),
        }
    }
}
