//! A run of entries whose marks begin with the same bits, sorted by mark.

use super::{DEPTH_MAX, Keyed, SEGMENT_LEN_MAX};

/// Two lists in step: the mark of entry `i` is `marks[i]`.
#[derive(Clone)]
pub(super) struct Segment<T> {
    pub marks: Vec<u32>,
    pub entries: Vec<T>,
    /// The bits that all marks begin with, followed by zeros: the least mark that belongs here.
    pub prefix: u32,
    /// How many bits that are.
    pub depth: u32,
}

/// The bit by which the two segments that came from one at `depth - 1` differ; `depth` is not 0.
pub(super) fn last_bit(depth: u32) -> u32 {
    1 << (32 - depth)
}

impl<T> Segment<T> {
    /// The segment of all marks.
    pub fn new() -> Self {
        Self { marks: Vec::new(), entries: Vec::new(), prefix: 0, depth: 0 }
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() >= SEGMENT_LEN_MAX && self.depth < DEPTH_MAX
    }

    /// The first mark that belongs to the next segment.
    pub fn end(&self) -> u64 {
        u64::from(self.prefix) + (1 << (32 - self.depth))
    }

    /// How many marks are smaller than `mark`, which belongs here.
    ///
    /// The marks are spread evenly, so the answer is near the same fraction of the list as the mark
    /// is of the segment's range; two cache lines are read where bisection would read five.
    #[inline]
    pub fn lower_bound(&self, mark: u32) -> usize {
        let offset = u64::from(mark - self.prefix);
        let guess = ((offset * self.marks.len() as u64) >> (32 - self.depth)) as usize;
        let (before, after) = self.marks.split_at(guess);
        match after.iter().position(|&other| other >= mark) {
            Some(0) => before.iter().rposition(|&other| other < mark).map_or(0, |at| at + 1),
            Some(steps) => guess + steps,
            None if after.is_empty() => 0,
            None => self.marks.len(),
        }
    }

    pub fn insert(&mut self, at: usize, mark: u32, entry: T) {
        if self.entries.len() == self.entries.capacity() {
            // In small steps: what is allocated ahead is what a big table wastes.
            let more = (self.entries.len() / 8).max(4);
            self.entries.reserve_exact(more);
            self.marks.reserve_exact(self.entries.capacity() - self.marks.len());
        }
        self.marks.insert(at, mark);
        self.entries.insert(at, entry);
    }

    pub fn remove(&mut self, at: usize) -> T {
        self.marks.remove(at);
        let removed = self.entries.remove(at);
        if self.entries.capacity() > 8 + 2 * self.entries.len() {
            self.fit();
        }
        removed
    }

    /// Keeps the lower half of the range and returns the upper one.
    pub fn split(&mut self) -> Self {
        let depth = self.depth + 1;
        let prefix = self.prefix | last_bit(depth);
        let cut = self.lower_bound(prefix);
        let (marks, entries) = (self.marks.split_off(cut), self.entries.split_off(cut));
        self.depth = depth;
        self.fit();
        Self { marks, entries, prefix, depth }
    }

    /// Takes in the upper half of the range that both came from.
    pub fn append(&mut self, mut upper: Self) {
        self.depth -= 1;
        self.marks.append(&mut upper.marks);
        self.entries.append(&mut upper.entries);
        self.fit();
    }

    fn fit(&mut self) {
        let wanted = self.entries.len() + self.entries.len() / 8;
        self.marks.shrink_to(wanted);
        self.entries.shrink_to(wanted);
    }
}

impl<T: Keyed> Segment<T> {
    /// Where the key is, or where to put it.
    #[inline]
    pub fn find(&self, mark: u32, key: &[u8]) -> Result<usize, usize> {
        let mut at = self.lower_bound(mark);
        while self.marks.get(at) == Some(&mark) {
            if self.entries[at].key() == key {
                return Ok(at);
            }
            at += 1;
        }
        Err(at)
    }
}
