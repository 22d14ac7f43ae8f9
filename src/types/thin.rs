//! A string in one allocation, held by its address alone, that several places may share.
//!
//! Big collections keep millions of small strings, so what surrounds the bytes is what they cost:
//!
//! ```text
//!   holders  length        bytes
//!   u8       7 bits a byte ...
//! ```
//!
//! Two bytes for a string below 128, eight for whoever holds it. The bytes never change. A clone is
//! one more holder of the same block (the table and the tree of a sorted set share a member so), or
//! a copy when 255 hold it already. Holders are counted atomically: they may be on different
//! threads.
//!
//! Not here: strings that are the value of a key; those live in the key's own block.

#![expect(unsafe_code, reason = "one raw allocation that states its own length is the point")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering, fence};
use std::{fmt, slice};

use crate::memory::good_size;

/// A shared, immutable byte string; eight bytes to hold.
pub struct Thin(NonNull<u8>);

// SAFETY: the bytes are never written after `new`, and the holders are counted atomically.
unsafe impl Send for Thin {}
// SAFETY: as above; `&Thin` gives reading and counting, no more.
unsafe impl Sync for Thin {}

/// The most bytes that [`write_len`] writes.
pub const LEN_BYTES_MAX: usize = 10;

impl Thin {
    /// Copies `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self::concat(&[bytes])
    }

    /// Copies `parts`, one after the other.
    pub fn concat(parts: &[&[u8]]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut head = [1; 1 + LEN_BYTES_MAX];
        let head_len = 1 + write_len(&mut head[1..], len);
        let layout = layout(head_len + len);
        // SAFETY: the layout holds at least the count and one byte of length.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        let mut at = 0;
        for part in [&head[..head_len]].iter().chain(parts) {
            // SAFETY: the lengths of all parts add up to the size of the block, which is new and
            // so overlaps none of them.
            unsafe {
                start.add(at).copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
            };
            at += part.len();
        }
        Self(start)
    }

    /// Where the block is: the same for all that share it, and for nothing else while they do.
    #[inline]
    pub fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Bytes of the block.
    pub fn memory(&self) -> usize {
        let (start, len) = self.extent();
        good_size(start + len)
    }

    fn holders(&self) -> &AtomicU8 {
        // SAFETY: the first byte lives as long as `self` and is only ever accessed through here.
        unsafe { AtomicU8::from_ptr(self.0.as_ptr()) }
    }

    /// Where the bytes start, and how many there are.
    #[inline]
    fn extent(&self) -> (usize, usize) {
        let (mut at, mut len) = (1, 0);
        loop {
            // SAFETY: `concat` wrote a length that ends with a byte below 0x80.
            let byte = unsafe { self.0.add(at).read() };
            len |= usize::from(byte & 0x7F) << (7 * (at - 1));
            at += 1;
            if byte < 0x80 {
                return (at, len);
            }
        }
    }
}

impl Deref for Thin {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let (start, len) = self.extent();
        // SAFETY: `concat` initialised `len` bytes there, and they do not change while we are held.
        unsafe { slice::from_raw_parts(self.0.as_ptr().add(start), len) }
    }
}

impl Clone for Thin {
    fn clone(&self) -> Self {
        let one_more = |holders: u8| holders.checked_add(1);
        // Relaxed as in `Arc`: who can clone holds the block, so it cannot vanish meanwhile.
        match self.holders().fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Self(self.0),
            Err(_) => Self::new(self),
        }
    }
}

impl Drop for Thin {
    fn drop(&mut self) {
        // A sole holder needs no atomic write: nobody is left who could clone.
        if self.holders().load(Ordering::Acquire) != 1 {
            if self.holders().fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        let (start, len) = self.extent();
        // SAFETY: the last holder goes; `concat` allocated exactly this much.
        unsafe { dealloc(self.0.as_ptr(), layout(start + len)) };
    }
}

impl fmt::Debug for Thin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}

fn layout(len: usize) -> Layout {
    Layout::array::<u8>(len).expect("no string is longer than half the address space")
}

/// Writes `len` in 7 bits a byte, lowest first, all but the last marked by the high bit. Returns
/// how many bytes that took.
pub fn write_len(out: &mut [u8], len: usize) -> usize {
    let (mut rest, mut at) = (len, 0);
    while rest >= 0x80 {
        out[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    out[at] = rest as u8;
    at + 1
}

/// Splits off the string in front of which [`write_len`] wrote its length, and what follows it.
#[inline]
pub fn split_len(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut at, mut len) = (0, 0);
    loop {
        let byte = bytes[at];
        len |= usize::from(byte & 0x7F) << (7 * at);
        at += 1;
        if byte < 0x80 {
            return bytes[at..].split_at(len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back() {
        for len in [0, 1, 127, 128, 129, 16_383, 16_384, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            assert_eq!(*Thin::new(&bytes), bytes[..]);
            let (a, b) = bytes.split_at(len / 3);
            assert_eq!(*Thin::concat(&[a, b, b""]), bytes[..]);
            let mut framed = vec![0; LEN_BYTES_MAX];
            let head = write_len(&mut framed, len);
            framed.truncate(head);
            framed.extend_from_slice(&bytes);
            framed.extend_from_slice(b"rest");
            assert_eq!(split_len(&framed), (&bytes[..], &b"rest"[..]));
        }
    }

    #[test]
    fn clones_share_until_the_count_is_full() {
        let first = Thin::new(b"member");
        let clones: Vec<Thin> = (0..300).map(|_| first.clone()).collect();
        let shared = clones.iter().filter(|c| c.0 == first.0).count();
        assert_eq!(shared, 254);
        drop(first);
        assert!(clones.iter().all(|c| **c == *b"member"));
    }

    #[test]
    fn holders_on_many_threads_free_it_once() {
        let first = Thin::new(&[7; 100]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mine = first.clone();
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        assert_eq!(mine.clone().len(), 100);
                    }
                });
            }
        });
        assert_eq!(first.holders().load(Ordering::SeqCst), 1);
    }
}
