//! While a script runs for long: who waits for it, who is told that the store is busy, and what is
//! answered all the same.

use std::sync::LazyLock;
use std::time::Duration;

use super::Engine;
use crate::clock::Clock;
use crate::command::{Keys, Spec, context};
use crate::hub::Client;
use crate::reply::Reply;
use crate::store::{Keyspace, Patience, Scope};

/// A script that has taken longer is not waited for by a thread that others need.
const LONG: Duration = Duration::from_millis(1);

/// How often a waiting thread looks whether the store has become busy.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// And how often while no script runs: one may begin.
const LOOK_SELDOM: Duration = Duration::from_millis(50);

/// A keyspace without keys: what commands see that are answered while nobody may enter the gate.
static NOWHERE: LazyLock<Keyspace> = LazyLock::new(|| Keyspace::new(Clock::System, Some(0)));

impl Engine {
    /// For how long may a command wait for its locks, before it asks again? `None`: it is to be
    /// run elsewhere, or to be told that the store is busy.
    pub(super) fn worth_of_waiting(&self, patience: Patience) -> Option<Duration> {
        let Some((_, elapsed)) = self.scripts.watch.running() else { return Some(LOOK_SELDOM) };
        let gives_up = match patience {
            Patience::Waits => context::busy(&self.hub, &self.scripts).is_some(),
            Patience::Inline | Patience::Serves => elapsed > LONG,
        };
        (!gives_up).then_some(LOOK_EVERY)
    }

    /// Is this to be run beside the script that is running? What names keys waits for it as long
    /// as others do.
    pub(super) fn is_kept_busy(&self, spec: &Spec) -> bool {
        match spec.keys {
            Keys::None => self.scripts.watch.running().is_some(),
            _ => context::busy(&self.hub, &self.scripts).is_some(),
        }
    }

    /// Runs a command without entering the gate. WATCH, too, which sees no key: one that is dead
    /// already, and was not met yet, counts as changed when it is.
    pub(super) fn run_apart(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
    ) {
        let entered = NOWHERE.gate().alone(Patience::Waits).expect("the patient always enter");
        let table = NOWHERE.table(&entered, 0).expect("the first database is always there");
        // None of them has anything left to do, or asks for another way to be called.
        let _ = self.run_in(client, id, words, table, Scope::All, None, out, patience, |_| {});
    }
}
