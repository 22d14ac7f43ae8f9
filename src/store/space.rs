//! All databases of one store, with what they share: gate, clock, chance, memory books.

#![expect(
    unsafe_code,
    reason = "the list of databases is guarded by the gate, not by a lock of its own"
)]

use std::cell::UnsafeCell;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use foldhash::SharedSeed;
use parking_lot::Mutex;

use super::bias::Inside;
use super::entry::Entry;
use super::gate::{ALWAYS, Entered, Gate, Patience, Worth};
use super::table::{Hashing, NEVER, Table, hash_of};
use crate::clock::Clock;
use crate::memory::thread_number;
use crate::types::random::Rng;

/// How many databases a store has.
pub const DATABASES: usize = 16;

const STRIPES: usize = 8;

/// Counters that INFO shows; every thread adds to its own stripe.
#[derive(Debug, Default, Clone, Copy)]
pub struct Stats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub evicted: u64,
}

#[derive(Default)]
#[repr(align(128))]
struct Books {
    used_bytes: AtomicI64,
    hits: AtomicU64,
    misses: AtomicU64,
    expired: AtomicU64,
    evicted: AtomicU64,
}

/// What somebody off the event loop should drop.
#[derive(Default)]
struct Trash {
    entries: Vec<Entry>,
    tables: Vec<Table>,
}

/// See the module's header.
pub struct Keyspace {
    gate: Gate,
    dbs: UnsafeCell<Vec<Option<Box<Table>>>>,
    pub clock: Clock,
    hashing: Hashing,
    /// Seeds the hashes of big collections inside values.
    pub seed: u64,
    rng: Mutex<Rng>,
    books: [Books; STRIPES],
    /// Seconds, as the access bits of entries count them.
    access_clock: AtomicU32,
    /// Does the eviction policy count uses (LFU) rather than note the last one?
    pub counts_uses: std::sync::atomic::AtomicBool,
    /// How hard it is to raise the count of uses.
    pub lfu_log_factor: AtomicU32,
    /// How many minutes lower it by one; 0 for never.
    pub lfu_decay_minutes: AtomicU32,
    /// No key dies before this; lowered by writes, raised by the sweeper.
    due_ms: AtomicU64,
    trash: Mutex<Trash>,
    trash_any: std::sync::atomic::AtomicBool,
    /// The most that was used whenever somebody looked.
    peak_bytes: AtomicUsize,
}

// SAFETY: the list of databases is read under the gate (shared or alone) and changed only by
// who holds it alone; everything else is Sync by itself.
unsafe impl Sync for Keyspace {}
// SAFETY: as above.
unsafe impl Send for Keyspace {}

impl Keyspace {
    /// An empty keyspace. With a seed, everything random about it can be foretold.
    pub fn new(clock: Clock, seed: Option<u64>) -> Self {
        let shared =
            if seed.is_some() { SharedSeed::global_fixed() } else { SharedSeed::global_random() };
        let seed = seed
            .unwrap_or_else(|| foldhash::quality::RandomState::default().build_hasher().finish());
        let mut dbs: Vec<_> = (0..DATABASES).map(|_| None).collect();
        let hashing = Hashing::with_seed(seed, shared);
        dbs[0] = Some(Box::new(Table::new(hashing.clone())));
        let space = Self {
            gate: Gate::new(),
            dbs: UnsafeCell::new(dbs),
            hashing,
            seed,
            rng: Mutex::new(Rng::new(seed)),
            books: Default::default(),
            access_clock: AtomicU32::new(0),
            counts_uses: false.into(),
            lfu_log_factor: 10.into(),
            lfu_decay_minutes: 1.into(),
            due_ms: AtomicU64::new(NEVER),
            trash: Mutex::default(),
            peak_bytes: AtomicUsize::new(0),
            trash_any: false.into(),
            clock,
        };
        space.look_at_clock();
        space
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        hash_of(&self.hashing, key)
    }

    /// A stream of random numbers for one use. The lock is held for one draw alone: whoever holds
    /// a shard may draw, and nobody who draws waits for a shard.
    pub fn dice(&self) -> Rng {
        Rng::new(self.rng.lock().next_u64())
    }

    /// The time, from the store's clock.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A cheap look at the clock at the start of a command: it dates the uses that entries note,
    /// and tells of most deadlines that they are far away.
    #[inline]
    pub fn look_at_clock(&self) -> u64 {
        let coarse_ms = self.clock.coarse_ms();
        let seconds = (coarse_ms / 1000) as u32 & 0xFF_FFFF;
        if self.access_clock.load(Ordering::Relaxed) != seconds {
            self.access_clock.store(seconds, Ordering::Relaxed);
        }
        coarse_ms
    }

    /// The seconds that entries note at each use; as fresh as the last look at the clock.
    #[inline]
    pub fn access_clock(&self) -> u32 {
        self.access_clock.load(Ordering::Relaxed)
    }

    /// A database, if it was ever used.
    #[inline]
    pub fn table<'a>(&'a self, _inside: &'a impl Inside, index: usize) -> Option<&'a Table> {
        // SAFETY: the gate is entered, so nobody changes the list meanwhile.
        unsafe { (&*self.dbs.get()).get(index)?.as_deref() }
    }

    /// Makes sure that a database exists; waits for the gate.
    pub fn open(&self, index: usize) {
        self.open_from(index, Patience::Waits, ALWAYS);
    }

    /// Makes sure that a database exists, unless somebody is in the way and the caller must not
    /// wait, or not for that; `table` tells.
    pub fn open_from(&self, index: usize, patience: Patience, worth: Worth<'_>) {
        if let Some(entered) = self.gate.shared_while(patience, worth)
            && self.table(&entered, index).is_some()
        {
            return;
        }
        if let Some(entered) = self.gate.alone_while(patience, worth) {
            self.open_alone(&entered, index);
        }
    }

    /// Makes sure that a database exists, for who is alone already.
    pub fn open_alone(&self, entered: &Entered<'_>, index: usize) {
        assert!(entered.is_alone(), "only who is alone may add tables");
        // SAFETY: the gate is held alone.
        let dbs = unsafe { &mut *self.dbs.get() };
        if let Some(slot) = dbs.get_mut(index) {
            slot.get_or_insert_with(|| Box::new(Table::new(self.hashing.clone())));
        }
    }

    /// Takes a database's table away and leaves an empty one. The caller holds the gate alone,
    /// which the lifetime of no `Db` may outlast.
    pub fn replace(&self, entered: &Entered<'_>, index: usize) -> Option<Box<Table>> {
        assert!(entered.is_alone(), "only who is alone may swap tables");
        // SAFETY: the gate is held alone.
        let dbs = unsafe { &mut *self.dbs.get() };
        let slot = dbs.get_mut(index)?;
        match slot {
            Some(table) if !table.is_empty() => {
                slot.replace(Box::new(Table::new(self.hashing.clone())))
            }
            _ => None,
        }
    }

    /// Exchanges two databases.
    pub fn swap(&self, entered: &Entered<'_>, a: usize, b: usize) {
        assert!(entered.is_alone(), "only who is alone may swap tables");
        // SAFETY: the gate is held alone.
        let dbs = unsafe { &mut *self.dbs.get() };
        dbs.swap(a, b);
        // A sweeper on its way through the databases may now pass one of the two by.
        for table in [a, b].into_iter().filter_map(|index| dbs[index].as_deref()) {
            self.dies_at(Some(table.earliest_of_all_ms()));
        }
    }

    /// Adds to this thread's share of the memory books.
    #[inline]
    pub fn charge(&self, bytes: i64) {
        if bytes != 0 {
            self.book().used_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn book(&self) -> &Books {
        &self.books[thread_number() % STRIPES]
    }

    /// Counts a hit of a thread whose number the caller has.
    #[inline]
    pub(super) fn count_hit(&self, thread: usize) {
        let hits = &self.books[thread % STRIPES].hits;
        hits.store(hits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Bytes the allocator holds for this store.
    pub fn used_bytes(&self) -> usize {
        let sum: i64 = self.books.iter().map(|b| b.used_bytes.load(Ordering::Relaxed)).sum();
        let used = sum.max(0) as usize;
        if used > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.fetch_max(used, Ordering::Relaxed);
        }
        used
    }

    /// As `used_bytes`, below zero too if the books are wrong.
    #[cfg(test)]
    pub fn booked_bytes(&self) -> i64 {
        self.books.iter().map(|b| b.used_bytes.load(Ordering::Relaxed)).sum()
    }

    /// The most that `used_bytes` has ever answered.
    pub fn peak_bytes(&self) -> usize {
        self.used_bytes().max(self.peak_bytes.load(Ordering::Relaxed))
    }

    /// Adds to the counters of this thread's stripe.
    #[inline]
    pub fn count(&self, add: Stats) {
        // Plain loads and stores: these are statistics, and a stripe has one thread most times.
        fn add_to(counter: &AtomicU64, by: u64) {
            if by != 0 {
                counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
            }
        }
        let book = self.book();
        add_to(&book.hits, add.hits);
        add_to(&book.misses, add.misses);
        add_to(&book.expired, add.expired);
        add_to(&book.evicted, add.evicted);
    }

    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for book in &self.books {
            sum.hits += book.hits.load(Ordering::Relaxed);
            sum.misses += book.misses.load(Ordering::Relaxed);
            sum.expired += book.expired.load(Ordering::Relaxed);
            sum.evicted += book.evicted.load(Ordering::Relaxed);
        }
        sum
    }

    /// `CONFIG RESETSTAT`.
    pub fn reset_stats(&self) {
        for book in &self.books {
            for counter in [&book.hits, &book.misses, &book.expired, &book.evicted] {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }

    /// No key dies before this millisecond.
    #[inline]
    pub fn due_ms(&self) -> u64 {
        self.due_ms.load(Ordering::SeqCst)
    }

    /// To be called once the shard knows of the deadline. Together with the order in which the
    /// sweeper goes (first `reset_due`, then the shards) that leaves no deadline unseen: either
    /// the sweeper meets it in the shard, or it is told of here. Hence the one order for all.
    #[inline]
    pub(super) fn dies_at(&self, deadline_ms: Option<u64>) {
        if let Some(at) = deadline_ms
            && at < self.due_ms.load(Ordering::SeqCst)
        {
            self.due_ms.fetch_min(at, Ordering::SeqCst);
        }
    }

    /// The sweeper starts a round: what is written from now on lowers the mark again.
    pub(super) fn reset_due(&self) {
        self.due_ms.store(NEVER, Ordering::SeqCst);
    }

    /// Keeps a large value until somebody who may take long drops it.
    pub fn throw_away(&self, entry: Entry) {
        self.trash.lock().entries.push(entry);
        self.trash_any.store(true, Ordering::Release);
    }

    /// As `throw_away`, for a whole database.
    pub fn throw_away_table(&self, table: Table) {
        self.trash.lock().tables.push(table);
        self.trash_any.store(true, Ordering::Release);
    }

    /// How many keys wait to be dropped.
    pub fn trash_len(&self) -> usize {
        let trash = self.trash.lock();
        trash.entries.len() + trash.tables.iter().map(Table::len).sum::<usize>()
    }

    pub fn has_trash(&self) -> bool {
        self.trash_any.load(Ordering::Acquire)
    }

    /// As `has_trash`, and whoever asks next is told only of what came since: one is enough to
    /// empty it.
    pub fn claim_trash(&self) -> bool {
        self.has_trash() && self.trash_any.swap(false, Ordering::AcqRel)
    }

    /// Drops what was thrown away and books the memory. Takes as long as it takes.
    pub fn empty_trash(&self) {
        self.trash_any.store(false, Ordering::Release);
        let trash = std::mem::take(&mut *self.trash.lock());
        self.charged(|| drop(trash));
    }

    /// Runs something that allocates or frees for this store outside a command.
    pub fn charged<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = crate::memory::balance();
        let result = work();
        self.charge(crate::memory::balance() - before);
        result
    }
}
