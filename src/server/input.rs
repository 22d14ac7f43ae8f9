//! What was read from a peer and not yet understood.

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// A buffer that grew beyond this is given back when it is empty.
const KEPT: usize = 64 * 1024;

/// A buffer that is filled at one end and emptied at the other.
#[derive(Default)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// How many bytes are filled, and for how many more there is room.
    pub fn sizes(&self) -> (usize, usize) {
        (self.end - self.start, self.bytes.len() - self.end)
    }

    pub fn memory(&self) -> usize {
        self.bytes.len()
    }

    /// The first bytes are done with.
    #[inline]
    pub fn drop_first(&mut self, count: usize) {
        self.start += count;
    }

    /// Begins anew if all is done with. `true` if so.
    #[inline]
    pub fn rewind(&mut self) -> bool {
        if self.start < self.end {
            return false;
        }
        (self.start, self.end) = (0, 0);
        if self.bytes.len() > KEPT {
            self.bytes = Vec::new();
        }
        true
    }

    /// A request needs so many bytes more: they get a place behind the others.
    pub fn expect(&mut self, missing: usize) {
        if self.start > 0 && self.bytes.len() - self.end < missing.max(READ / 4) {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Where to read to.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.end < READ / 4 {
            let len = (self.bytes.len() * 2).max(READ);
            self.bytes.resize(len, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes were read into that room.
    #[inline]
    pub fn add(&mut self, count: usize) {
        self.end += count;
    }
}
