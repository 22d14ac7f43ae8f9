//! One numbered database: a dashmap of entries in 4 096 shards.
//!
//! ```text
//! hash   63..57 tag | 56..45 shard | 44..4 position in the shard, for SCAN | low bits: bucket
//! slot   entry (8 bytes)
//! ```
//!
//! The hash is not kept: what grows or is scanned is one shard, whose hashes are soon computed
//! again, and eight bytes a slot would cost twenty a key. Beside each shard stand its earliest
//! deadline and the number of keys that have one; a bitmap of occupied shards keeps sampling
//! cheap when the table is sparse.
//!
//! Nothing here takes a lock: `space` and `db` do, and only they call in.

#![expect(unsafe_code, reason = "shards are reached under locks that `space` and `db` hold")]

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use dashmap::{DashMap, RwLockWriteGuard, SharedValue};
use foldhash::quality::SeedableRandomState;
use raw_table::raw::RawTable;

use super::entry::Entry;
use super::expire::Loss;
use super::gate::{Patience, with_patience};
use super::kinds::{self, free_cost};
use crate::types::random::Rng;

/// How many shards a database has.
pub const SHARDS: usize = 4096;

/// Bits of a SCAN position inside one shard.
pub const POSITION_BITS: u32 = 41;

/// No key of the shard has a deadline.
pub const NEVER: u64 = u64::MAX;

// By its key alone.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Entry {}
impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.key());
    }
}

/// dashmap's own type of a shard.
pub type Shard = RawTable<(Entry, SharedValue<()>)>;

/// The hash of a key: seeded, since keys come from strangers.
pub type Hashing = SeedableRandomState;

/// Hashes a key.
#[inline]
pub fn hash_of(hashing: &Hashing, key: &[u8]) -> u64 {
    let mut hasher = hashing.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// Which shard a hash falls into.
#[inline]
pub fn shard_of(hash: u64) -> usize {
    (hash >> 45) as usize & (SHARDS - 1)
}

/// Where in its shard's scan order a hash stands.
#[inline]
pub fn position_of(hash: u64) -> u64 {
    hash >> 4 & ((1 << POSITION_BITS) - 1)
}

/// Bits of an address; the binary logarithm of the number of buckets is kept above them.
const LOG_AT: u32 = usize::BITS - 6;

struct Deadlines {
    earliest_ms: AtomicU64,
    /// How many entries are ever due, and how many of those only because elements die.
    due: AtomicU32,
    without_deadline: AtomicU32,
}

impl Deadlines {
    fn new() -> Self {
        Self {
            earliest_ms: AtomicU64::new(NEVER),
            due: AtomicU32::new(0),
            without_deadline: AtomicU32::new(0),
        }
    }

    fn any_key(&self) -> bool {
        let keys = self.due.load(Ordering::Relaxed);
        keys > self.without_deadline.load(Ordering::Relaxed)
    }
}

/// What the books of a shard know of an entry.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Dues {
    /// When something about it dies next.
    pub ms: Option<u64>,
    /// Is it ever due only because its elements die?
    without_deadline: bool,
}

impl Dues {
    #[inline]
    pub fn of(entry: &Entry) -> Self {
        let ms = entry.due_ms();
        Self { ms, without_deadline: ms.is_some() && entry.deadline_ms().is_none() }
    }

    /// Those of a key whose elements never die.
    #[inline]
    pub fn of_key(deadline_ms: Option<u64>) -> Self {
        Self { ms: deadline_ms, without_deadline: false }
    }
}

/// What was dead in a shard.
#[derive(Default)]
pub struct Taken {
    pub keys: Vec<(Entry, Loss)>,
    /// Keys that have lost elements and live on.
    pub poorer: Vec<Box<[u8]>>,
}

/// A database.
pub struct Table {
    map: DashMap<Entry, (), Hashing>,
    /// Where each shard's buckets end, in an array small enough to stay in the cache: lets a look
    /// fetch them while the shard itself is still on its way.
    ends: Box<[AtomicUsize]>,
    deadlines: Box<[Deadlines]>,
    occupied: Box<[AtomicU64]>,
    len: AtomicI64,
    due: AtomicI64,
    without_deadline: AtomicI64,
}

impl Table {
    pub fn new(hashing: Hashing) -> Self {
        Self {
            map: DashMap::with_capacity_and_hasher_and_shard_amount(0, hashing, SHARDS),
            ends: (0..SHARDS).map(|_| AtomicUsize::new(0)).collect(),
            deadlines: (0..SHARDS).map(|_| Deadlines::new()).collect(),
            occupied: (0..SHARDS / 64).map(|_| AtomicU64::new(0)).collect(),
            len: AtomicI64::new(0),
            due: AtomicI64::new(0),
            without_deadline: AtomicI64::new(0),
        }
    }

    /// How many keys, dead ones that nobody has met yet included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed).max(0) as usize
    }

    /// Bytes of the table itself: slots with a byte of hash each, and what shards cost.
    pub fn memory(&self) -> usize {
        let shard = size_of::<Deadlines>() + size_of::<dashmap::RwLock<Shard>>();
        self.slots() * (size_of::<Entry>() + 1) + SHARDS * shard + SHARDS / 8
    }

    /// Bytes in which shards keep what they know of deadlines.
    pub fn deadline_memory(&self) -> usize {
        self.deadlines.len() * size_of::<Deadlines>()
    }

    /// How many keys there is room for without growing.
    pub fn slots(&self) -> usize {
        let shards = (0..SHARDS).filter_map(|index| self.lock(index, Patience::Waits));
        shards.map(|shard| shard.buckets()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys have a deadline.
    pub fn with_deadline(&self) -> usize {
        let keys = self.due.load(Ordering::Relaxed) - self.with_mortal_fields_alone();
        keys.max(0) as usize
    }

    fn with_mortal_fields_alone(&self) -> i64 {
        self.without_deadline.load(Ordering::Relaxed)
    }

    /// Locks a shard.
    #[inline]
    pub fn lock(&self, shard: usize, patience: Patience) -> Option<RwLockWriteGuard<'_, Shard>> {
        let lock = &self.map.shards()[shard];
        with_patience(patience, || lock.try_write(), || lock.write())
    }

    /// A shard without taking its lock.
    ///
    /// # Safety
    /// The caller holds this shard's lock, or the store's gate alone, and keeps no other
    /// reference into the shard's bucket array across a call that inserts or removes.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the lock that makes it unique is held elsewhere")]
    pub unsafe fn shard(&self, shard: usize) -> &mut Shard {
        // SAFETY: exclusive by the caller's promise.
        unsafe { &mut *self.map.shards()[shard].data_ptr() }
    }

    /// Has the processor fetch what a look for this hash will read, while the caller is busy with
    /// other things. Saves a SET with a deadline 20 of 265 ns when ten thousand keys are in use.
    #[inline]
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "no such thing"))]
    pub fn prefetch(&self, hash: u64) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let shard = shard_of(hash);
            let packed = self.ends[shard].load(Ordering::Relaxed);
            let end = (packed & ((1 << LOG_AT) - 1)) as *const i8;
            let bucket = hash as usize & ((1 << (packed >> LOG_AT)) - 1);
            // SAFETY: a prefetch reads nothing, whatever the address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>((&raw const self.map.shards()[shard]).cast());
                _mm_prefetch::<_MM_HINT_T0>((&raw const self.deadlines[shard]).cast());
                _mm_prefetch::<_MM_HINT_T0>(end.wrapping_add(bucket));
                _mm_prefetch::<_MM_HINT_T0>(end.wrapping_sub((bucket + 1) * size_of::<Entry>()));
            }
        }
    }

    /// Keeps `ends` true enough: a stale place costs time and nothing else.
    fn note_end(&self, index: usize, shard: &Shard) {
        let end = shard.data_end().as_ptr() as usize;
        let packed = end | (shard.buckets().trailing_zeros() as usize) << LOG_AT;
        if self.ends[index].load(Ordering::Relaxed) != packed {
            self.ends[index].store(packed, Ordering::Relaxed);
        }
    }

    /// The hash of an entry's key, as this table computes it.
    #[inline]
    pub fn hash(&self, entry: &Entry) -> u64 {
        hash_of(self.map.hasher(), entry.key())
    }

    /// The entry of `key` in a shard of this table.
    #[inline]
    pub fn find<'s>(shard: &'s Shard, hash: u64, key: &[u8]) -> Option<&'s Entry> {
        shard.get(hash, |(entry, _)| entry.key() == key).map(|(entry, _)| entry)
    }

    #[inline]
    pub fn find_mut<'s>(shard: &'s mut Shard, hash: u64, key: &[u8]) -> Option<&'s mut Entry> {
        let is_it = |(entry, _): &(Entry, SharedValue<()>)| {
            entry.prefetch_value();
            entry.key() == key
        };
        shard.get_mut(hash, is_it).map(|(entry, _)| entry)
    }

    /// Adds an entry whose key is known to be absent.
    pub fn insert<'s>(&self, shard: &'s mut Shard, hash: u64, entry: Entry) -> &'s mut Entry {
        let index = shard_of(hash);
        if shard.is_empty() {
            self.occupied[index / 64].fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
        self.len.fetch_add(1, Ordering::Relaxed);
        self.due_changed(index, Dues::default(), Dues::of(&entry));
        let slot = (entry, SharedValue::new(()));
        let bucket = shard.insert(hash, slot, |(entry, _)| self.hash(entry));
        self.note_end(index, shard);
        // SAFETY: the bucket was just filled and the borrow of the shard is ours.
        unsafe { &mut bucket.as_mut().0 }
    }

    /// Takes an entry out.
    pub fn remove(&self, shard: &mut Shard, hash: u64, key: &[u8]) -> Option<Entry> {
        let entry = self.remove_in_place(shard, hash, key)?;
        self.shrink(shard_of(hash), shard);
        Some(entry)
    }

    /// As `remove`, but no other slot moves: references to other entries stay valid.
    pub fn remove_in_place(&self, shard: &mut Shard, hash: u64, key: &[u8]) -> Option<Entry> {
        let (entry, _) = shard.remove_entry(hash, |(entry, _)| entry.key() == key)?;
        self.book_removal(shard, shard_of(hash), &entry);
        Some(entry)
    }

    fn book_removal(&self, shard: &Shard, index: usize, entry: &Entry) {
        self.len.fetch_sub(1, Ordering::Relaxed);
        self.due_changed(index, Dues::of(entry), Dues::default());
        if shard.is_empty() {
            self.occupied[index / 64].fetch_and(!(1 << (index % 64)), Ordering::Relaxed);
        }
    }

    /// A shard that has become sparse gives its buckets back.
    fn shrink(&self, index: usize, shard: &mut Shard) {
        if shard.buckets() > 32 && shard.len() * 8 < shard.buckets() {
            shard.shrink_to(shard.len() * 2, |(entry, _)| self.hash(entry));
            self.note_end(index, shard);
        }
    }

    /// Keeps the shard's books when a key or its elements gain, change or lose a deadline.
    #[inline]
    pub fn due_changed(&self, shard: usize, old: Dues, new: Dues) {
        let books = &self.deadlines[shard];
        if old.without_deadline != new.without_deadline {
            self.without_deadline_changed(books, new.without_deadline);
        }
        match (old.ms.is_some(), new.ms.is_some()) {
            (false, true) => {
                books.due.fetch_add(1, Ordering::Relaxed);
                self.due.fetch_add(1, Ordering::Relaxed);
            }
            (true, false) => {
                self.due.fetch_sub(1, Ordering::Relaxed);
                if books.due.fetch_sub(1, Ordering::Relaxed) == 1 {
                    books.earliest_ms.store(NEVER, Ordering::Relaxed);
                }
            }
            _ => {}
        }
        if let Some(new_ms) = new.ms
            && new_ms < books.earliest_ms.load(Ordering::SeqCst)
        {
            books.earliest_ms.fetch_min(new_ms, Ordering::SeqCst);
        }
    }

    #[cold]
    fn without_deadline_changed(&self, books: &Deadlines, one_more: bool) {
        if one_more {
            books.without_deadline.fetch_add(1, Ordering::Relaxed);
            self.without_deadline.fetch_add(1, Ordering::Relaxed);
        } else {
            books.without_deadline.fetch_sub(1, Ordering::Relaxed);
            self.without_deadline.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Nothing in the shard dies before this millisecond.
    pub fn earliest_ms(&self, shard: usize) -> u64 {
        self.deadlines[shard].earliest_ms.load(Ordering::SeqCst)
    }

    /// The earliest deadline of the table; `NEVER` if there is none.
    pub fn earliest_of_all_ms(&self) -> u64 {
        (0..SHARDS).map(|shard| self.earliest_ms(shard)).min().unwrap_or(NEVER)
    }

    /// Takes up to `most` of what is dead out of a locked shard, keys and elements, and corrects
    /// its earliest deadline.
    pub fn take_dead(&self, index: usize, shard: &mut Shard, now_ms: u64, most: usize) -> Taken {
        let mut due = Vec::new();
        let mut earliest = NEVER;
        // SAFETY: the caller holds the shard; the iterator ends before anything is removed.
        for bucket in unsafe { shard.iter() } {
            // SAFETY: the iterator yields full buckets.
            let (entry, _) = unsafe { bucket.as_ref() };
            match entry.due_ms() {
                Some(at) if at <= now_ms && due.len() < most => due.push(bucket),
                Some(at) => earliest = earliest.min(at),
                None => {}
            }
        }
        let mut taken = Taken::default();
        let mut left = most;
        for bucket in due {
            // SAFETY: removing a bucket moves no other, so the collected ones stay valid; the
            // shard shrinks only after the last of them.
            let (entry, _) = unsafe { bucket.as_mut() };
            if entry.is_dead(now_ms) {
                let loss = Loss::of_all(entry, now_ms);
                // SAFETY: as above; the reference is not used any more.
                let ((entry, _), _) = unsafe { shard.remove(bucket) };
                self.book_removal(shard, index, &entry);
                taken.keys.push((entry, loss));
                continue;
            }
            let reaped = self.reap(index, entry, now_ms, left);
            if reaped > 0 {
                taken.poorer.push(entry.key().into());
            }
            left -= reaped;
            earliest = earliest.min(entry.due_ms().unwrap_or(NEVER));
        }
        self.shrink(index, shard);
        self.deadlines[index].earliest_ms.store(earliest, Ordering::Relaxed);
        taken
    }

    /// Takes up to `most` dead elements out of an entry of this shard.
    pub fn reap(&self, index: usize, entry: &mut Entry, now_ms: u64, most: usize) -> usize {
        let before = Dues::of(entry);
        let reaped = kinds::reap(entry, now_ms, most);
        self.due_changed(index, before, Dues::of(entry));
        reaped
    }

    /// The next occupied shard at or after `from`.
    pub fn next_occupied(&self, from: usize) -> Option<usize> {
        if from >= SHARDS {
            return None;
        }
        let mut word = from / 64;
        let mut bits = self.occupied[word].load(Ordering::Relaxed) & (!0 << (from % 64));
        loop {
            if bits != 0 {
                return Some(word * 64 + bits.trailing_zeros() as usize);
            }
            word += 1;
            bits = self.occupied.get(word)?.load(Ordering::Relaxed);
        }
    }

    /// The next shard at or after `from` in which a key has a deadline.
    pub fn next_with_deadline(&self, from: usize) -> Option<usize> {
        (from..SHARDS).find(|shard| self.deadlines[*shard].any_key())
    }

    /// A shard to sample: any occupied one, also when few are.
    pub fn random_shard(&self, rng: &mut Rng) -> Option<usize> {
        let from = rng.below(SHARDS);
        self.next_occupied(from).or_else(|| self.next_occupied(0))
    }

    /// A random entry of a shard that is held.
    pub fn random_entry<'s>(shard: &'s Shard, rng: &mut Rng) -> Option<&'s Entry> {
        if shard.is_empty() {
            return None;
        }
        loop {
            let index = rng.below(shard.buckets());
            // SAFETY: the index is below the number of buckets, and only a full one is read.
            unsafe {
                if shard.is_bucket_full(index) {
                    return Some(&shard.bucket(index).as_ref().0);
                }
            }
        }
    }

    /// About how many allocations dropping the table releases.
    pub fn free_cost(&self) -> usize {
        let (mut cost, mut next) = (0, self.next_occupied(0));
        while let Some(index) = next {
            let shard = self.lock(index, Patience::Waits).expect("the patient always enter");
            cost += Self::each(&shard).map(free_cost).sum::<usize>();
            next = self.next_occupied(index + 1);
        }
        cost
    }

    /// Every entry of a shard that is held.
    pub fn each(shard: &Shard) -> impl Iterator<Item = &Entry> {
        // SAFETY: the borrow of the shard keeps it as it is while the iterator lives.
        unsafe { shard.iter().map(|bucket| &bucket.as_ref().0) }
    }
}
