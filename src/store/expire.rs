//! When keys die.
//!
//! Two ways, as in Redis. *Lazily*: a command that meets a dead key removes it and sees nothing
//! (`Db::find`). *Actively*: a sweeper visits the shards whose earliest deadline has passed, so
//! that memory comes back even if nobody reads. A key is dead from the millisecond of its
//! deadline on.
//!
//! The sweeper works in slices: it holds a shard only for a limited number of keys, unlinks them
//! there and drops them after unlocking.

use super::entry::Entry;
use super::gate::Patience;
use super::space::{DATABASES, Keyspace, Stats};
use super::table::{NEVER, SHARDS};

/// How many dead keys one visit to a shard takes out: some 50 µs under its lock.
const PER_VISIT: usize = 256;

impl Keyspace {
    /// Removes every key that is dead by now. `told` hears of each, with its database, before
    /// anybody can enter the gate alone: EXEC must not miss it. Answers when the next key dies.
    pub fn sweep(&self, mut told: impl FnMut(usize, &Entry)) -> u64 {
        let now_ms = self.now_ms();
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
        told: &mut impl FnMut(usize, &Entry),
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
            for entry in &dead {
                told(index, entry);
            }
            drop(entered);
            self.count(Stats { expired: dead.len() as u64, ..Stats::default() });
            self.charged(|| drop(dead));
        }
    }
}
