//! Holding commands back while the store is paused, and running them afterwards.
//!
//! A client whose command is held back waits as one that waits for a key does: no thread stands
//! still for it.

use super::{Answer, Engine, Outcome, runtime};
use crate::clock::Clock;
use crate::hub::Client;
use crate::hub::pause::Held;
use crate::reply::Reply;
use crate::store::Patience;

impl Engine {
    /// Keeps a client with its command until the pause is over.
    pub(super) fn hold_back(
        &self,
        client: &mut Option<Box<Client>>,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
        answer: Answer,
    ) -> Outcome {
        let Some(kept) = client.take() else { return Outcome::Done };
        let copies = words.iter().map(|word| Box::from(*word)).collect();
        match self.hub.pause.keep(Held { client: kept, words: copies }) {
            Ok(()) => Outcome::Waits,
            // The pause has ended just now.
            Err(held) => {
                *client = Some(held.client);
                self.call_long(client, None, words, out, patience, answer)
            }
        }
    }

    /// Sees to it that the pause, if there is one, ends when it should.
    pub(super) fn mind_pause(&self) {
        let Some(end_ms) = self.hub.pause.end_ms() else { return };
        if end_ms > self.space.now_ms() {
            self.notice(end_ms);
        } else {
            self.resume();
        }
    }

    /// Runs what was held back, on a thread that may take long. A clock that stands still is
    /// moved by tests, which want everything done when it has moved.
    fn resume(&self) {
        let held = self.hub.pause.end();
        let Some(me) = self.me.upgrade().filter(|_| !held.is_empty()) else { return };
        let run = move || held.into_iter().for_each(|each| me.run_held(each));
        if matches!(self.space.clock, Clock::Manual(_)) {
            run();
        } else {
            runtime().spawn_blocking(run);
        }
    }

    fn run_held(&self, held: Held) {
        let words: Vec<&[u8]> = held.words.iter().map(|word| &**word).collect();
        self.call_by_mail(held.client, None, &words, Patience::Waits);
    }
}
