//! Serves the blocking commands that wait for a key, first come first.
//!
//! A waiting command is simply run again, under the gate that the write which woke it still
//! holds: after LPUSH to a waiter the list is already empty. What it pushes elsewhere (BLMOVE)
//! may wake others in turn.

use std::collections::VecDeque;

use super::Engine;
use crate::command::TABLE;
use crate::hub::Client;
use crate::hub::waiting::Parked;
use crate::reply::{Reply, Token};
use crate::store::{Entered, Patience, Scope};

const WRONG_TYPE: &[u8] = b"WRONGTYPE";

impl Engine {
    /// Serves everybody who waits for these keys. Answers who is done, in order; the caller
    /// delivers the replies when it holds no lock any more.
    pub(super) fn serve(
        &self,
        entered: &Entered<'_>,
        ready: Vec<(usize, Box<[u8]>)>,
    ) -> Vec<(Box<Client>, Reply)> {
        let mut served = Vec::new();
        let mut ready: VecDeque<_> = ready.into();
        while let Some((db, key)) = ready.pop_front() {
            for id in self.hub.waiting.queue_of(db, &key) {
                let Some(parked) = self.hub.waiting.borrow(id) else { continue };
                let (parked, reply, woken) = self.try_again(entered, parked);
                ready.extend(woken);
                match reply {
                    Some(reply) => {
                        self.hub.waiting.release(&parked);
                        served.push((parked.client, reply));
                    }
                    None => self.hub.waiting.give_back(parked),
                }
            }
        }
        served
    }

    #[expect(clippy::type_complexity, reason = "who was tried, what it got, whom it woke")]
    fn try_again(
        &self,
        entered: &Entered<'_>,
        mut parked: Parked,
    ) -> (Parked, Option<Reply>, Vec<(usize, Box<[u8]>)>) {
        let mut out = Reply::new();
        let Some(table) = self.space.table(entered, parked.client.db) else {
            return (parked, None, Vec::new());
        };
        let words: Vec<&[u8]> = parked.words.iter().map(|word| &**word).collect();
        let left = self.run_in(
            &mut parked.client,
            TABLE[parked.id],
            &words,
            table,
            Scope::All,
            Some(entered),
            &mut out,
            Patience::Waits,
            |_| {},
        );
        match left {
            Ok(left) if left.wait.is_none() => {
                // A key of another type is not what was waited for: the wait goes on.
                let wrong =
                    matches!(out.first(), Some(Token::Error(text)) if text.starts_with(WRONG_TYPE));
                if wrong { (parked, None, left.ready) } else { (parked, Some(out), left.ready) }
            }
            _ => (parked, None, Vec::new()),
        }
    }
}
