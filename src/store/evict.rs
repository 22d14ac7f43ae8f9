//! What goes when memory is short: the eight policies, by sampling.
//!
//! As in Redis, no list of all keys in order of use is kept. A few random keys are looked at,
//! the best candidates seen so far stay in a small pool, and the best of the pool goes. Each
//! entry carries 24 bits: for LRU the second of its last use; for LFU a minute (16 bits) and a
//! logarithmic counter (8 bits) that decays.

use std::str::FromStr;
use std::sync::atomic::Ordering;

use super::entry::Entry;
use super::gate::{Entered, Patience, Worth};
use super::space::{DATABASES, Keyspace, Stats};
use super::table::{Shard, Table, shard_of};
use crate::error::Error;
use crate::types::random::Rng;

/// A new key's use counter: high enough not to be the first to go.
const LFU_START: u32 = 5;

/// How often a shard is asked for a key with a deadline by chance before it is searched.
const PICKS: usize = 8;

/// How many candidates the pool remembers.
const POOL: usize = 16;

/// Which keys may go, and which go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    NoEviction,
    AllKeysLru,
    AllKeysLfu,
    AllKeysRandom,
    VolatileLru,
    VolatileLfu,
    VolatileRandom,
    VolatileTtl,
}

const NAMES: [(Policy, &str); 8] = [
    (Policy::VolatileLru, "volatile-lru"),
    (Policy::VolatileLfu, "volatile-lfu"),
    (Policy::VolatileRandom, "volatile-random"),
    (Policy::VolatileTtl, "volatile-ttl"),
    (Policy::AllKeysLru, "allkeys-lru"),
    (Policy::AllKeysLfu, "allkeys-lfu"),
    (Policy::AllKeysRandom, "allkeys-random"),
    (Policy::NoEviction, "noeviction"),
];

impl Policy {
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(policy, _)| *policy == self).map_or("noeviction", |(_, name)| name)
    }

    /// Its number, as settings keep it.
    pub fn index(self) -> usize {
        NAMES.iter().position(|(policy, _)| *policy == self).unwrap_or(0)
    }

    /// The policy of a number; the first for one that is none.
    pub fn from_index(index: usize) -> Self {
        NAMES.get(index).map_or(Self::NoEviction, |(policy, _)| *policy)
    }

    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// Does it look at keys with a deadline only?
    fn is_volatile(self) -> bool {
        matches!(
            self,
            Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl
        )
    }

    pub fn counts_uses(self) -> bool {
        matches!(self, Self::AllKeysLfu | Self::VolatileLfu)
    }

    /// Does it look at when, or how often, keys were used?
    pub fn notes_uses(self) -> bool {
        self.counts_uses() || matches!(self, Self::AllKeysLru | Self::VolatileLru)
    }

    fn is_random(self) -> bool {
        matches!(self, Self::AllKeysRandom | Self::VolatileRandom)
    }
}

impl FromStr for Policy {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let name = name.to_ascii_lowercase();
        NAMES.iter().find(|(_, known)| *known == name).map(|(policy, _)| *policy).ok_or(())
    }
}

/// The best candidates met so far, worst first; kept from one eviction to the next.
#[derive(Default)]
pub struct Pool {
    candidates: Vec<Candidate>,
}

struct Candidate {
    score: u64,
    db: usize,
    key: Vec<u8>,
}

/// The access bits of a new entry.
#[inline]
pub(super) fn first_access(space: &Keyspace) -> u32 {
    if space.counts_uses.load(Ordering::Relaxed) {
        (minutes(space) & 0xFFFF) << 8 | LFU_START
    } else {
        space.access_clock()
    }
}

/// Notes one use in the entry's access bits; where uses are counted, only the `first` look counts.
#[inline]
pub(super) fn note_use(space: &Keyspace, entry: &Entry, first: impl FnOnce() -> bool) {
    if space.counts_uses.load(Ordering::Relaxed) {
        if first() {
            note_count(space, entry);
        }
    } else {
        let now = space.access_clock();
        if entry.access() != now {
            entry.set_access(now);
        }
    }
}

#[cold]
fn note_count(space: &Keyspace, entry: &Entry) {
    let count = decayed(space, entry.access());
    let factor = f64::from(space.lfu_log_factor.load(Ordering::Relaxed));
    let chance = 1.0 / (f64::from(count.saturating_sub(LFU_START)) * factor + 1.0);
    // A draw from the key's own bits would be no chance at all, so the store's dice it is.
    let draw = space.dice().next_u64() as f64 / u64::MAX as f64;
    let count = if count < 255 && draw < chance { count + 1 } else { count };
    entry.set_access((minutes(space) & 0xFFFF) << 8 | count);
}

fn minutes(space: &Keyspace) -> u32 {
    space.access_clock() / 60
}

/// The use counter after the minutes nobody came.
fn decayed(space: &Keyspace, access: u32) -> u32 {
    let passed = (minutes(space).wrapping_sub(access >> 8)) & 0xFFFF;
    let lost = passed.checked_div(space.lfu_decay_minutes.load(Ordering::Relaxed));
    (access & 0xFF).saturating_sub(lost.unwrap_or(0))
}

/// How often an entry was used, where access bits count that.
pub fn frequency(space: &Keyspace, entry: &Entry) -> u32 {
    decayed(space, entry.access())
}

/// Notes how often an entry was used, as of now.
pub fn set_frequency(space: &Keyspace, entry: &Entry, frequency: u8) {
    entry.set_access((minutes(space) & 0xFFFF) << 8 | u32::from(frequency));
}

/// Notes how long ago an entry was used; what is longer ago than 24 bits of seconds can tell is
/// cut off there.
pub fn set_idle(space: &Keyspace, entry: &Entry, seconds: u64) {
    let seconds = seconds.min(0xFF_FFFF) as u32;
    entry.set_access(space.access_clock().wrapping_sub(seconds) & 0xFF_FFFF);
}

/// Seconds since the last use, where access bits note the second.
pub fn idle_seconds(space: &Keyspace, entry: &Entry) -> u32 {
    space.access_clock().wrapping_sub(entry.access()) & 0xFF_FFFF
}

/// The higher, the sooner it goes.
fn score(space: &Keyspace, policy: Policy, entry: &Entry) -> u64 {
    match policy {
        Policy::VolatileTtl => u64::MAX - entry.deadline_ms().unwrap_or(u64::MAX),
        policy if policy.counts_uses() => u64::from(255 - decayed(space, entry.access())),
        _ => u64::from(idle_seconds(space, entry)),
    }
}

impl Keyspace {
    /// Takes the key that should go first out of the keyspace. `None` if no key may go; `Away` if
    /// the locks cannot be had by who must not wait.
    pub fn evict(
        &self,
        policy: Policy,
        samples: usize,
        pool: &mut Pool,
        patience: Patience,
        worth: Worth<'_>,
        mut told: impl FnMut(usize, &Entry),
    ) -> Result<Option<Entry>, Error> {
        if policy == Policy::NoEviction {
            return Ok(None);
        }
        let mut rng = self.dice();
        for _ in 0..DATABASES * 4 {
            let entered = self.gate().shared_while(patience, worth).ok_or(Error::Away)?;
            let search = Search { space: self, entered: &entered, policy, patience };
            let candidates = search.populated();
            if candidates.is_empty() {
                return Ok(None);
            }
            if policy.is_random() {
                let db = candidates[rng.below(candidates.len())];
                let picked = search.sample(db, 1, &mut rng).pop();
                if let Some(entry) = picked.and_then(|found| search.take_out(&found)) {
                    told(db, &entry);
                    return Ok(Some(entry));
                }
                continue;
            }
            for db in candidates {
                for found in search.sample(db, samples, &mut rng) {
                    pool.offer(found);
                }
            }
            while let Some(best) = pool.candidates.pop() {
                if let Some(entry) = search.take_out(&best) {
                    told(best.db, &entry);
                    return Ok(Some(entry));
                }
            }
        }
        // There are keys, but others were quicker, or held the locks, each time.
        if patience == Patience::Inline { Err(Error::Away) } else { Ok(None) }
    }
}

/// One look for a key to evict, inside the gate.
struct Search<'a> {
    space: &'a Keyspace,
    entered: &'a Entered<'a>,
    policy: Policy,
    patience: Patience,
}

impl Search<'_> {
    /// The databases that have keys which may go.
    fn populated(&self) -> Vec<usize> {
        (0..DATABASES)
            .filter(|&db| {
                self.space.table(self.entered, db).is_some_and(|table| {
                    if self.policy.is_volatile() {
                        table.with_deadline() > 0
                    } else {
                        !table.is_empty()
                    }
                })
            })
            .collect()
    }

    /// Up to so many random keys that may go, with how much they deserve it.
    fn sample(&self, db: usize, samples: usize, rng: &mut Rng) -> Vec<Candidate> {
        let mut found = Vec::with_capacity(samples);
        let Some(table) = self.space.table(self.entered, db) else { return found };
        for _ in 0..samples * 2 {
            let Some(mut index) = table.random_shard(rng) else { break };
            if self.policy.is_volatile() {
                // When few keys have a deadline, most shards have nothing to offer.
                let next = table.next_with_deadline(index).or_else(|| table.next_with_deadline(0));
                let Some(next) = next else { break };
                index = next;
            }
            let Some(guard) = table.lock(index, self.patience) else { continue };
            if let Some(entry) = self.pick(&guard, rng) {
                let score = score(self.space, self.policy, entry);
                found.push(Candidate { score, db, key: entry.key().to_vec() });
            }
            if found.len() == samples {
                break;
            }
        }
        found
    }

    fn pick<'s>(&self, shard: &'s Shard, rng: &mut Rng) -> Option<&'s Entry> {
        let first = Table::random_entry(shard, rng)?;
        if !self.policy.is_volatile() {
            return Some(first);
        }
        let mortal = |entry: &&Entry| entry.deadline_ms().is_some();
        Some(first)
            .filter(mortal)
            .or_else(|| (0..PICKS).filter_map(|_| Table::random_entry(shard, rng)).find(mortal))
            .or_else(|| Table::each(shard).find(mortal))
    }

    fn take_out(&self, candidate: &Candidate) -> Option<Entry> {
        let table = self.space.table(self.entered, candidate.db)?;
        let hash = self.space.hash(&candidate.key);
        let mut guard = table.lock(shard_of(hash), self.patience)?;
        let entry = Table::find(&guard, hash, &candidate.key)?;
        if self.policy.is_volatile() && entry.deadline_ms().is_none() {
            return None;
        }
        // The table may give buckets back.
        let entry = self.space.charged(|| table.remove(&mut guard, hash, &candidate.key))?;
        self.space.count(Stats { evicted: 1, ..Stats::default() });
        Some(entry)
    }
}

impl Pool {
    fn offer(&mut self, found: Candidate) {
        if self.candidates.iter().any(|known| known.db == found.db && known.key == found.key) {
            return;
        }
        let at = self.candidates.partition_point(|known| known.score <= found.score);
        self.candidates.insert(at, found);
        if self.candidates.len() > POOL {
            self.candidates.remove(0);
        }
    }
}
