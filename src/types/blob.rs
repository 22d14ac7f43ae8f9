//! A block of heap memory known by its address alone.
//!
//! The compact types (`listpack`, `intset`) are byte formats that state their own length in their
//! header, so a pointer to the first byte is all a key has to keep: eight bytes, one allocation, no
//! capacity. [`Blob`] is that pointer. It is generic over a [`Frame`], which knows how long a block
//! with a given header is; the header can be changed only by [`Blob::resize`], which moves the
//! allocation along, so length and allocation never disagree.
//!
//! Growing asks the allocator for the exact size each time. Allocators that work in size classes
//! answer most of those calls in place, and there is no slack of ours on top of theirs.
//!
//! Not here: what the bytes after the header mean.

#![expect(unsafe_code, reason = "one raw allocation without a stored length is the point")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

/// A byte format that begins with a header from which its whole length follows.
pub(super) trait Frame {
    /// How many bytes of the start decide the length. Not zero.
    const HEADER: usize;

    /// The length of the whole block, header included.
    fn total(header: &[u8]) -> usize;
}

/// An owned block of bytes in the format `F`. Always at least its header long, and at an even
/// address (see `one_word`).
#[repr(transparent)]
pub(super) struct Blob<F: Frame> {
    start: NonNull<u8>,
    frame: PhantomData<F>,
}

// SAFETY: a blob owns its bytes alone, as a `Box<[u8]>` does.
unsafe impl<F: Frame> Send for Blob<F> {}
// SAFETY: `&Blob` only reads.
unsafe impl<F: Frame> Sync for Blob<F> {}

impl<F: Frame> Blob<F> {
    /// Copies `bytes`, whose header must tell exactly their length.
    pub fn new(bytes: &[u8]) -> Self {
        assert_eq!(
            checked_total::<F>(&bytes[..F::HEADER]),
            bytes.len(),
            "header and length differ"
        );
        let layout = layout(bytes.len());
        // SAFETY: the layout is not empty, since it holds at least the header.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        // SAFETY: the new block has room for all of `bytes` and overlaps nothing.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Self { start, frame: PhantomData }
    }

    /// Length in bytes, header included; also the size of the allocation.
    pub fn len(&self) -> usize {
        // SAFETY: every blob starts with an initialised header.
        let header = unsafe { slice::from_raw_parts(self.start.as_ptr(), F::HEADER) };
        F::total(header)
    }

    /// All bytes, header first.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` is the size of the allocation (kept by `new` and `resize`), all
        // initialised.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }

    /// The bytes after the header, to be written to.
    pub fn body_mut(&mut self) -> &mut [u8] {
        let len = self.len() - F::HEADER;
        // SAFETY: as in `bytes`, and we are borrowed mutably; the header stays out of reach.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr().add(F::HEADER), len) }
    }

    /// Puts `header` in place and makes the block as long as it says: cut off at the end, or longer
    /// by zeros.
    pub fn resize(&mut self, header: &[u8]) {
        assert_eq!(header.len(), F::HEADER);
        let (old, new) = (self.len(), checked_total::<F>(header));
        if old != new {
            // SAFETY: `old` is the size it was allocated with, `new` is not zero and fits a layout.
            let start = unsafe { realloc(self.start.as_ptr(), layout(old), layout(new).size()) };
            let Some(start) = NonNull::new(start) else { handle_alloc_error(layout(new)) };
            self.start = start;
            if new > old {
                // SAFETY: the bytes from `old` to `new` are ours since the call above.
                unsafe { start.add(old).write_bytes(0, new - old) };
            }
        }
        // SAFETY: the block is at least `F::HEADER` long, and `header` is borrowed from elsewhere,
        // since `self` is borrowed mutably.
        unsafe { self.start.copy_from_nonoverlapping(NonNull::from(header).cast(), F::HEADER) };
    }
}

impl<F: Frame> Clone for Blob<F> {
    fn clone(&self) -> Self {
        Self::new(self.bytes())
    }
}

impl<F: Frame> Drop for Blob<F> {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` or `resize` with this very size, and not used afterwards.
        unsafe { dealloc(self.start.as_ptr(), layout(self.len())) };
    }
}

fn layout(len: usize) -> Layout {
    Layout::from_size_align(len, 2).expect("no block is longer than half the address space")
}

/// The length that a header about to be stored tells.
fn checked_total<F: Frame>(header: &[u8]) -> usize {
    let total = F::total(header);
    assert!(total >= F::HEADER && F::HEADER > 0, "a block is at least its header");
    total
}
