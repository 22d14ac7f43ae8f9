//! When keys die, and fields of hashes.
//!
//! Two ways, as in Redis. *Lazily*: a command that meets a dead key removes it and sees nothing,
//! and dead fields are taken out before it sees the others (`Db::find`). *Actively*: a sweeper
//! visits the shards whose earliest deadline has passed, so that memory comes back even if nobody
//! reads. A key or a field is dead from the millisecond of its deadline on.
//!
//! The sweeper works in slices: it holds a shard only for a limited number of deaths, unlinks keys
//! there and drops them after unlocking. A hash knows which of its fields die next, so of a big one
//! no more is visited than what is dead.

use super::entry::Entry;
use super::gate::Patience;
use super::space::{DATABASES, Keyspace, Stats};
use super::table::{NEVER, SHARDS};

/// How many dead keys and fields one visit to a shard takes out: some 50 µs under its lock.
const PER_VISIT: usize = 256;

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Its time had come.
    Key,
    /// It has lost elements and lives on.
    Fields,
    /// Its last elements died, and it with them.
    LastFields,
}

/// What was taken out because it was dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    pub key: Box<[u8]>,
    pub loss: Loss,
}

impl Loss {
    /// Why a key that is dead by `now_ms` is so.
    pub(super) fn of_all(entry: &Entry, now_ms: u64) -> Self {
        let by_itself = entry.deadline_ms().is_some_and(|at_ms| at_ms <= now_ms);
        if by_itself { Self::Key } else { Self::LastFields }
    }
}

impl Keyspace {
    /// Removes everything that is dead by now. `told` hears of each key that lost something, with
    /// its database, before anybody can enter the gate alone: EXEC must not miss it. Answers when
    /// something dies next.
    pub fn sweep(&self, mut told: impl FnMut(usize, &[u8], Loss)) -> u64 {
        let now_ms = self.now_ms();
        let _visit = self.gate().visit();
        self.reset_due();
        let mut next = NEVER;
        for index in 0..DATABASES {
            let (due, later_ms) = self.due_shards(index, now_ms);
            next = next.min(later_ms);
            for shard in due {
                next = next.min(self.sweep_shard(index, shard, now_ms, &mut told));
            }
        }
        self.dies_at((next != NEVER).then_some(next));
        self.due_ms()
    }

    /// The shards that hold dead keys by now, and when the first of the others will.
    fn due_shards(&self, index: usize, now_ms: u64) -> (Vec<usize>, u64) {
        let entered = self.gate().shared(Patience::Waits).expect("the patient always enter");
        let Some(table) = self.table(&entered, index) else { return (Vec::new(), NEVER) };
        let (mut due, mut later_ms) = (Vec::new(), NEVER);
        for shard in 0..SHARDS {
            match table.earliest_ms(shard) {
                at if at <= now_ms => due.push(shard),
                at => later_ms = later_ms.min(at),
            }
        }
        (due, later_ms)
    }

    /// One shard, as often as it takes. Answers its next deadline.
    fn sweep_shard(
        &self,
        index: usize,
        shard: usize,
        now_ms: u64,
        told: &mut impl FnMut(usize, &[u8], Loss),
    ) -> u64 {
        loop {
            let entered = self.gate().shared(Patience::Waits).expect("the patient always enter");
            let Some(table) = self.table(&entered, index) else { return NEVER };
            let earliest = table.earliest_ms(shard);
            if earliest > now_ms {
                return earliest;
            }
            let mut guard = table.lock(shard, Patience::Waits).expect("the patient always enter");
            // The table may give buckets back.
            let dead = self.charged(|| table.take_dead(shard, &mut guard, now_ms, PER_VISIT));
            drop(guard);
            dead.keys.iter().for_each(|(entry, loss)| told(index, entry.key(), *loss));
            dead.poorer.iter().for_each(|key| told(index, key, Loss::Fields));
            drop(entered);
            self.count(Stats { expired: dead.keys.len() as u64, ..Stats::default() });
            self.charged(|| drop(dead));
        }
    }
}
