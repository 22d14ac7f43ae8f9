//! The hash table of big collections, kept in hash order.
//!
//! A key's *mark* is the upper half of its seeded 64-bit hash. The entries are kept sorted by mark,
//! cut into small segments, and a directory over the leading bits of the mark finds the segment:
//!
//! ```text
//!   directory   00 ──► segment 0…   depth 1: both slots that begin with 0 lead to it
//!               01 ──►
//!               10 ──► segment 10…  depth 2
//!               11 ──► segment 11…  depth 2
//! ```
//!
//! That is extendible hashing: a full segment is split in two by the next bit, and only if it was
//! as deep as the directory is the directory doubled, four bytes a slot. So growth never moves more
//! than one segment, and needs no key hashed again, since the marks are kept. Marks are evenly
//! spread, so within a segment the place of one is guessed by its value, and the true place is a
//! few steps away. What is kept per entry is the entry, four bytes of mark and a few percent of
//! room to grow.
//!
//! Sorted by hash means that SCAN's cursor is simply the next mark to visit: whatever is inserted,
//! removed, split or merged meanwhile, an entry keeps its place in the order.
//!
//! Not here: what an entry is. It tells its key through [`Keyed`], and must not change it while
//! inside.

mod iter;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FixedState;
use foldhash::quality::FoldHasher;

use crate::memory::good_size;
use crate::types::random::Rng;
use crate::types::sampled;
use segment::Segment;

pub use iter::Iter;

/// What can be found in a [`Dict`]: it carries its own key.
pub trait Keyed {
    fn key(&self) -> &[u8];
}

/// A segment with more entries than this is split.
const SEGMENT_LEN_MAX: usize = 256;
/// Two halves that together have no more than this become one segment again. Well below the limit,
/// so that a table whose length swings does not split and merge all the time.
const MERGED_LEN_MAX: usize = SEGMENT_LEN_MAX / 2;
/// Segments are not split deeper, whatever the marks: no real hash gets here.
const DEPTH_MAX: u32 = 26;

/// A hash table of entries with a byte string as key.
#[derive(Clone)]
pub struct Dict<T> {
    /// Which segment has the marks that begin with these bits; `1 << bits` slots.
    directory: Vec<u32>,
    #[expect(clippy::vec_box, reason = "when this list grows, only addresses are copied")]
    segments: Vec<Box<Segment<T>>>,
    len: usize,
    /// How many bits of a mark lead through the directory.
    bits: u32,
    /// How many segments are as deep as the directory; at 0 it can be halved.
    deepest: u32,
    seed: SharedSeed,
}

impl<T: Keyed> Dict<T> {
    /// An empty table whose order depends on `seed`, which strangers must not know.
    pub fn new(seed: u64) -> Self {
        Self {
            directory: vec![0],
            segments: vec![Box::new(Segment::new())],
            len: 0,
            bits: 0,
            deepest: 1,
            seed: SharedSeed::from_u64(seed),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated, those that entries have allocated themselves judged by some of them.
    pub fn memory(&self, samples: usize, of_entry: impl Fn(&T) -> usize) -> usize {
        let segments = self.segments.iter().map(|segment| {
            good_size(size_of::<Segment<T>>())
                + good_size(segment.marks.capacity() * size_of::<u32>())
                + good_size(segment.entries.capacity() * size_of::<T>())
        });
        segments.sum::<usize>()
            + good_size(self.segments.capacity() * size_of::<usize>())
            + good_size(self.directory.capacity() * size_of::<u32>())
            + sampled(self.iter().map(of_entry), self.len, samples)
    }

    /// How many entries there is room for without growing.
    pub fn slots(&self) -> usize {
        self.segments.iter().map(|segment| segment.entries.capacity()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, key: &[u8]) -> Option<&T> {
        let mark = self.mark(key);
        let segment = &self.segments[self.segment_of(mark)];
        segment.find(mark, key).ok().map(|at| &segment.entries[at])
    }

    /// The entry with this key, whose key must stay what it is.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut T> {
        let mark = self.mark(key);
        let id = self.segment_of(mark);
        let segment = &mut self.segments[id];
        segment.find(mark, key).ok().map(|at| &mut segment.entries[at])
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Puts `entry` in and returns the one with the same key that it replaced.
    pub fn insert(&mut self, entry: T) -> Option<T> {
        let mark = self.mark(entry.key());
        let mut id = self.segment_of(mark);
        let mut place = self.segments[id].find(mark, entry.key());
        if place.is_err() && self.segments[id].is_full() {
            while self.segments[id].is_full() {
                self.split(id);
                id = self.segment_of(mark);
            }
            place = self.segments[id].find(mark, entry.key());
        }
        let segment = &mut self.segments[id];
        match place {
            Ok(at) => Some(std::mem::replace(&mut segment.entries[at], entry)),
            Err(at) => {
                segment.insert(at, mark, entry);
                self.len += 1;
                None
            }
        }
    }

    /// Takes the entry with this key out.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        let mark = self.mark(key);
        let mut id = self.segment_of(mark);
        let at = self.segments[id].find(mark, key).ok()?;
        let removed = self.segments[id].remove(at);
        self.len -= 1;
        while let Some(merged) = self.merge(id) {
            id = merged;
        }
        Some(removed)
    }

    /// All entries, in the order of their hashes.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// An entry, each equally likely; `None` if there is none.
    ///
    /// All segments are given the same number of seats, and an empty seat is drawn again. About
    /// half of the seats are taken, because sparse segments are merged.
    pub fn random(&self, rng: &mut Rng) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        if let [only] = &self.segments[..] {
            return only.entries.get(rng.below(self.len));
        }
        loop {
            let seat = rng.below(self.segments.len() * SEGMENT_LEN_MAX);
            let segment = &self.segments[seat / SEGMENT_LEN_MAX];
            if let Some(entry) = segment.entries.get(seat % SEGMENT_LEN_MAX) {
                return Some(entry);
            }
        }
    }

    /// Visits `count` different entries, or all if there are no more, each selection equally
    /// likely.
    pub fn sample<'a>(&'a self, count: usize, rng: &mut Rng, mut visit: impl FnMut(&'a T)) {
        // Drawing again what was drawn already costs little only while most is not drawn.
        if count > self.len / 3 {
            return rng.sample(self.iter(), count, visit);
        }
        let mut drawn = HashSet::with_capacity_and_hasher(count, FixedState::default());
        while drawn.len() < count {
            let Some(entry) = self.random(rng) else { return };
            if drawn.insert(std::ptr::from_ref(entry)) {
                visit(entry);
            }
        }
    }

    /// Visits about `count` entries from `cursor` on, and returns the cursor to go on from: 0 when
    /// all were visited. An entry that is there from the first step to the last is visited at least
    /// once.
    ///
    /// A cursor is a mark, thus below 2^32; entries with the same mark are visited together.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a T)) -> u64 {
        let mut visited = 0;
        let mut next = cursor;
        while let Ok(mark) = u32::try_from(next) {
            let segment = &self.segments[self.segment_of(mark)];
            for at in segment.lower_bound(mark)..segment.marks.len() {
                if visited >= count && segment.marks[at] != segment.marks[at.max(1) - 1] {
                    return u64::from(segment.marks[at]);
                }
                visit(&segment.entries[at]);
                visited += 1;
            }
            next = segment.end();
            if visited >= count {
                break;
            }
        }
        if next > u64::from(u32::MAX) { 0 } else { next }
    }

    /// How many blocks of memory are given back when this is dropped.
    pub fn free_cost(&self) -> usize {
        self.len + 3 * self.segments.len()
    }

    fn mark(&self, key: &[u8]) -> u32 {
        let mut hasher = FoldHasher::with_seed(0, &self.seed);
        hasher.write(key);
        (hasher.finish() >> 32) as u32
    }

    fn slot_of(&self, mark: u32) -> usize {
        (u64::from(mark) >> (32 - self.bits)) as usize
    }

    fn segment_of(&self, mark: u32) -> usize {
        self.directory[self.slot_of(mark)] as usize
    }

    /// Splits a segment by the first bit that its marks do not share.
    fn split(&mut self, id: usize) {
        if self.segments[id].depth == self.bits {
            self.double_directory();
        }
        let upper = Box::new(self.segments[id].split());
        if upper.depth == self.bits {
            self.deepest += 2;
        }
        self.segments.push(upper);
        self.point_to(self.segments.len() - 1);
    }

    /// Merges a segment with its other half if both are sparse, and returns what became of it.
    fn merge(&mut self, id: usize) -> Option<usize> {
        let segment = &self.segments[id];
        if segment.depth == 0 || segment.entries.len() > MERGED_LEN_MAX / 2 {
            return None;
        }
        let depth = segment.depth;
        let other = self.segment_of(segment.prefix ^ segment::last_bit(depth));
        let total = segment.entries.len() + self.segments[other].entries.len();
        if self.segments[other].depth != depth || total > MERGED_LEN_MAX {
            return None;
        }
        let first_is_lower = segment.prefix < self.segments[other].prefix;
        let (mut lower, upper) = if first_is_lower { (id, other) } else { (other, id) };
        let last = self.segments.len() - 1;
        let gone = *self.segments.swap_remove(upper);
        if lower == last {
            lower = upper;
        }
        if upper != last {
            self.point_to(upper);
        }
        self.segments[lower].append(gone);
        self.point_to(lower);
        if depth == self.bits {
            self.deepest -= 2;
            self.halve_directory();
        }
        Some(lower)
    }

    /// Writes the segment's number into all of its slots.
    fn point_to(&mut self, id: usize) {
        let segment = &self.segments[id];
        let first = self.slot_of(segment.prefix);
        let count = 1 << (self.bits - segment.depth);
        let number = u32::try_from(id).expect("fewer segments than slots of 26 bits");
        self.directory[first..first + count].fill(number);
    }

    fn double_directory(&mut self) {
        let mut doubled = Vec::with_capacity(self.directory.len() * 2);
        doubled.extend(self.directory.iter().flat_map(|&number| [number, number]));
        self.directory = doubled;
        self.bits += 1;
        self.deepest = 0;
    }

    /// Halves the directory as long as no segment needs its last bit.
    fn halve_directory(&mut self) {
        while self.deepest == 0 && self.bits > 0 {
            self.directory = self.directory.iter().copied().step_by(2).collect();
            self.bits -= 1;
            let depths = self.segments.iter().map(|segment| segment.depth);
            self.deepest = depths.filter(|&depth| depth == self.bits).count() as u32;
        }
    }
}

impl<'a, T: Keyed> IntoIterator for &'a Dict<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
