//! A key with its value: one pointer in the table, one allocation for small values.
//!
//! ```text
//! 0        4          8            [16]        payload           key        small string
//! | meta   | key len  | due?       | by encoding            | key bytes | value bytes |
//!   │                   only when flagged
//!   └ bits 0-2 kind, 3-5 encoding, 6 due, 7 broken, 8-31 access (LRU or LFU)
//!
//! payload   Inline  u32 length, bytes follow the key
//!           Int     i64
//!           Raw     pointer, u32 length, u32 capacity
//!           Shared  Arc<Vec<u8>>
//!           Thin    a collection of one word
//!           Wide    a collection of two words
//!           Mortal  a collection of one word of which elements die, u64 deadline of the key
//! ```
//!
//! *Due* is when something about the entry dies next: the key, or an element. Whoever looks for
//! what is dead looks there, and finds both with one comparison.
//!
//! The layout decides how much memory a key takes. A string goes inline or into a block of its
//! own, whichever falls into the smaller size classes of the allocator.

#![expect(unsafe_code, reason = "a hand-laid header is what keeps a key in one allocation")]
#![expect(clippy::cast_ptr_alignment, reason = "blocks and payloads begin at multiples of eight")]

mod due;
mod facts;
mod text;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::memory::good_size;
use crate::reply::SHARE_FROM;
use crate::types::{Collection, Kind};

pub use text::Str;
use text::lengthen;

const DUE: u32 = 1 << 6;
const BROKEN: u32 = 1 << 7;

/// Servers keep strings up to here in one block with their object.
const EMBEDDED_MAX: usize = 44;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Encoding {
    Inline = 0,
    Int = 1,
    Raw = 2,
    Shared = 3,
    Thin = 4,
    Wide = 5,
    Mortal = 6,
}

impl Encoding {
    /// Bytes of the payload that stand before the key.
    fn payload_size(self) -> usize {
        match self {
            Self::Inline => 4,
            Self::Int | Self::Shared | Self::Thin => 8,
            Self::Raw | Self::Wide | Self::Mortal => 16,
        }
    }
}

#[repr(C)]
struct RawString {
    at: *mut u8,
    len: u32,
    cap: u32,
}

/// A key and its value, owned.
pub struct Entry {
    at: NonNull<u8>,
}

// SAFETY: an entry owns everything it points to, and every kind of value is Send and Sync
// (`Collection` asks for both); the table hands out access under its locks.
unsafe impl Send for Entry {}
// SAFETY: as above; the access bits are written only by who holds the shard alone.
unsafe impl Sync for Entry {}

impl Entry {
    /// A string under `key`. Integers are stored as such.
    pub fn string(key: &[u8], value: &[u8], deadline_ms: Option<u64>) -> Self {
        if let Some(int) = crate::bytes::parse_int(value) {
            return Self::int(key, int, deadline_ms);
        }
        Self::text(key, value, deadline_ms)
    }

    /// A string under `key` that stays one even if it is an integer.
    pub fn text(key: &[u8], value: &[u8], deadline_ms: Option<u64>) -> Self {
        if value.len() >= SHARE_FROM {
            return Self::shared(key, Arc::new(value.to_vec()), deadline_ms);
        }
        let head = 8 + 8 * usize::from(deadline_ms.is_some());
        let one = good_size(head + 4 + key.len() + value.len());
        let two = good_size(head + 16 + key.len()) + good_size(value.len());
        // Short ones stay here whatever their key is, so that a `Raw` one is known to have changed.
        if one <= two || value.len() <= EMBEDDED_MAX {
            let entry = Self::new(Kind::String, Encoding::Inline, key, deadline_ms, value.len());
            // SAFETY: the allocation holds the payload and `value.len()` bytes after the key.
            unsafe {
                entry.payload().cast::<u32>().write(value.len() as u32);
                let to = entry.at.as_ptr().add(entry.key_at() + key.len());
                to.copy_from_nonoverlapping(value.as_ptr(), value.len());
            }
            entry
        } else {
            let mut bytes = Vec::with_capacity(good_size(value.len()));
            bytes.extend_from_slice(value);
            Self::raw(key, bytes, deadline_ms)
        }
    }

    /// An integer under `key`.
    pub fn int(key: &[u8], value: i64, deadline_ms: Option<u64>) -> Self {
        let entry = Self::new(Kind::String, Encoding::Int, key, deadline_ms, 0);
        // SAFETY: the payload of `Int` is eight aligned bytes.
        unsafe { entry.payload().cast::<i64>().write(value) };
        entry
    }

    /// A string kept in the vector it comes in, whatever its bytes say.
    pub fn owned(key: &[u8], bytes: Vec<u8>) -> Self {
        if bytes.len() >= SHARE_FROM {
            Self::shared(key, Arc::new(bytes), None)
        } else {
            Self::raw(key, bytes, None)
        }
    }

    fn raw(key: &[u8], bytes: Vec<u8>, deadline_ms: Option<u64>) -> Self {
        let entry = Self::new(Kind::String, Encoding::Raw, key, deadline_ms, 0);
        entry.write_raw(bytes);
        entry
    }

    /// Stores a vector's parts; what was there must have been taken or never written.
    fn write_raw(&self, bytes: Vec<u8>) {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        let raw = RawString {
            at: bytes.as_mut_ptr(),
            len: bytes.len() as u32,
            cap: bytes.capacity() as u32,
        };
        // SAFETY: the payload of `Raw` is sixteen aligned bytes.
        unsafe { self.payload().cast::<RawString>().write(raw) };
    }

    /// A big string, kept by reference count.
    pub fn shared(key: &[u8], bytes: Arc<Vec<u8>>, deadline_ms: Option<u64>) -> Self {
        let entry = Self::new(Kind::String, Encoding::Shared, key, deadline_ms, 0);
        // SAFETY: the payload of `Shared` is one aligned pointer.
        unsafe { entry.payload().cast::<Arc<Vec<u8>>>().write(bytes) };
        entry
    }

    /// A collection under `key`.
    pub fn collection<T: Collection>(key: &[u8], value: T, deadline_ms: Option<u64>) -> Self {
        const { assert!(size_of::<T>() <= 16 && align_of::<T>() <= 8) };
        let encoding = if size_of::<T>() <= 8 { Encoding::Thin } else { Encoding::Wide };
        let mut entry = Self::new(T::KIND, encoding, key, deadline_ms, 0);
        // SAFETY: the payload is eight or sixteen aligned bytes, enough for T.
        unsafe { entry.payload().cast::<T>().write(value) };
        entry.settle();
        entry
    }

    fn new(kind: Kind, encoding: Encoding, key: &[u8], due_ms: Option<u64>, tail: usize) -> Self {
        assert!(u32::try_from(key.len() + tail).is_ok(), "the engine refuses longer words");
        let mut meta = kind as u32 | (encoding as u32) << 3;
        if due_ms.is_some() {
            meta |= DUE;
        }
        let head = 8 + 8 * usize::from(due_ms.is_some()) + encoding.payload_size();
        let layout = layout(head + key.len() + tail);
        // SAFETY: the layout is never empty; every write lies inside it and is aligned, since
        // the header's parts are multiples of eight before the payload.
        unsafe {
            let Some(at) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            at.cast::<u32>().write(meta);
            at.add(4).cast::<u32>().write(key.len() as u32);
            if let Some(due_ms) = due_ms {
                at.add(8).cast::<u64>().write(due_ms);
            }
            at.add(head).as_ptr().copy_from_nonoverlapping(key.as_ptr(), key.len());
            Self { at }
        }
    }

    #[inline]
    fn meta(&self) -> u32 {
        // SAFETY: every entry begins with its meta word.
        unsafe { self.at.cast::<u32>().read() }
    }

    #[inline]
    fn set_meta(&self, meta: u32) {
        // SAFETY: every entry begins with its meta word.
        unsafe { self.at.cast::<u32>().write(meta) }
    }

    #[inline]
    fn encoding(&self) -> Encoding {
        match self.meta() >> 3 & 7 {
            0 => Encoding::Inline,
            1 => Encoding::Int,
            2 => Encoding::Raw,
            3 => Encoding::Shared,
            4 => Encoding::Thin,
            5 => Encoding::Wide,
            _ => Encoding::Mortal,
        }
    }

    #[inline]
    fn payload_at(&self) -> usize {
        if self.meta() & DUE == 0 { 8 } else { 16 }
    }

    #[inline]
    fn payload(&self) -> *mut u8 {
        // SAFETY: the payload lies inside the allocation.
        unsafe { self.at.as_ptr().add(self.payload_at()) }
    }

    #[inline]
    fn key_at(&self) -> usize {
        self.payload_at() + self.encoding().payload_size()
    }

    #[inline]
    fn key_len(&self) -> usize {
        // SAFETY: the second word of every entry is its key's length.
        unsafe { self.at.add(4).cast::<u32>().read() as usize }
    }

    fn inline_len(&self) -> usize {
        // SAFETY: called for `Inline` only, whose payload is a u32.
        unsafe { self.payload().cast::<u32>().read() as usize }
    }

    fn size(&self) -> usize {
        let tail = if self.encoding() == Encoding::Inline { self.inline_len() } else { 0 };
        self.key_at() + self.key_len() + tail
    }

    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: `key_len` bytes stand at `key_at`.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(self.key_at()), self.key_len()) }
    }

    /// Has the processor fetch what stands behind the header, while the key is compared.
    #[inline]
    pub fn prefetch_value(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch reads nothing, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.at.as_ptr().wrapping_add(64).cast()) };
        }
    }

    #[inline]
    pub fn kind(&self) -> Kind {
        match self.meta() & 7 {
            0 => Kind::String,
            1 => Kind::List,
            2 => Kind::Set,
            3 => Kind::SortedSet,
            4 => Kind::Hash,
            _ => Kind::Stream,
        }
    }

    /// Was a change of this value interrupted by a fault?
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.meta() & BROKEN != 0
    }

    /// Marks the value as damaged: only removing the key is allowed from now on.
    pub fn mark_broken(&self) {
        self.set_meta(self.meta() | BROKEN);
    }

    /// The 24 bits of access history (LRU clock, or LFU time and counter).
    #[inline]
    pub fn access(&self) -> u32 {
        self.meta() >> 8
    }

    #[inline]
    pub fn set_access(&self, access: u32) {
        self.set_meta(self.meta() & 0xFF | access << 8);
    }

    /// The string value; `None` if this is a collection.
    #[inline]
    pub fn as_str(&self) -> Option<Str<'_>> {
        // SAFETY: each arm reads the payload its encoding wrote.
        unsafe {
            Some(match self.encoding() {
                Encoding::Inline => {
                    let at = self.at.as_ptr().add(self.key_at() + self.key_len());
                    Str::Bytes(std::slice::from_raw_parts(at, self.inline_len()))
                }
                Encoding::Int => Str::Int(self.payload().cast::<i64>().read()),
                Encoding::Raw => {
                    let raw = &*self.payload().cast::<RawString>();
                    Str::Bytes(std::slice::from_raw_parts(raw.at, raw.len as usize))
                }
                Encoding::Shared => Str::Shared(&*self.payload().cast::<Arc<Vec<u8>>>()),
                Encoding::Thin | Encoding::Wide | Encoding::Mortal => return None,
            })
        }
    }

    /// The integer in place, if the value is stored as one.
    #[inline]
    pub fn int_mut(&mut self) -> Option<&mut i64> {
        if self.encoding() != Encoding::Int {
            return None;
        }
        // SAFETY: the payload of `Int` is an aligned i64.
        Some(unsafe { &mut *self.payload().cast::<i64>() })
    }

    /// The collection, if it is a `T`.
    #[inline]
    pub fn as_collection<T: Collection>(&self) -> Option<&T> {
        // SAFETY: the kind tells the type that was written.
        (self.kind() == T::KIND).then(|| unsafe { &*self.payload().cast::<T>() })
    }

    #[inline]
    pub fn as_collection_mut<T: Collection>(&mut self) -> Option<&mut T> {
        // SAFETY: the kind tells the type that was written.
        (self.kind() == T::KIND).then(|| unsafe { &mut *self.payload().cast::<T>() })
    }

    /// Writes a new string over an old one where both have the same shape: no allocation.
    #[inline]
    pub fn overwrite(&mut self, value: &[u8], deadline_ms: Option<u64>) -> bool {
        if self.encoding() != Encoding::Inline
            || self.inline_len() != value.len()
            || self.due_ms().is_some() != deadline_ms.is_some()
            || self.is_broken()
            || crate::bytes::parse_int(value).is_some()
        {
            return false;
        }
        // SAFETY: the new value is exactly as long as the one it replaces.
        unsafe {
            let to = self.at.as_ptr().add(self.key_at() + self.key_len());
            to.copy_from_nonoverlapping(value.as_ptr(), value.len());
            if let Some(deadline_ms) = deadline_ms {
                self.at.add(8).cast::<u64>().write(deadline_ms);
            }
        }
        true
    }

    /// Gives the entry another key (RENAME), keeping value and deadline.
    pub fn set_key(&mut self, key: &[u8]) {
        self.rebuild(self.encoding(), self.due_ms(), Some(key));
    }

    /// Moves the payload as it is into a new allocation with another header. A collection may
    /// become mortal or cease to be; in the first case the caller writes its key's deadline.
    fn rebuild(&mut self, encoding: Encoding, due_ms: Option<u64>, key: Option<&[u8]>) {
        let tail = if encoding == Encoding::Inline { self.inline_len() } else { 0 };
        let new = Self::new(self.kind(), encoding, key.unwrap_or(self.key()), due_ms, tail);
        new.set_meta(new.meta() | self.meta() & !(0x7F));
        let payload_size = encoding.payload_size().min(self.encoding().payload_size());
        // SAFETY: both payloads are at least that long, and both tails are `tail` long. The
        // old allocation is released without dropping what it points to: that has moved.
        unsafe {
            new.payload().copy_from_nonoverlapping(self.payload(), payload_size);
            let from = self.at.as_ptr().add(self.key_at() + self.key_len());
            let to = new.at.as_ptr().add(new.key_at() + new.key_len());
            to.copy_from_nonoverlapping(from, tail);
            dealloc(self.at.as_ptr(), layout(self.size()));
            std::ptr::write(self, new);
        }
    }

    /// The string as a growable vector of at least `min_len` bytes (filled with zeros), changed
    /// by `change` and stored again. Doubles its room when it must grow, as Redis does.
    pub fn with_string_mut<R>(
        &mut self,
        min_len: usize,
        change: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if self.encoding() == Encoding::Shared {
            // SAFETY: the payload of `Shared` is an Arc.
            let slot = unsafe { &mut *self.payload().cast::<Arc<Vec<u8>>>() };
            if let Some(bytes) = Arc::get_mut(slot) {
                lengthen(bytes, min_len);
                return change(bytes);
            }
        }
        let mut bytes = self.take_string(min_len);
        lengthen(&mut bytes, min_len);
        let result = change(&mut bytes);
        self.put_string(bytes);
        result
    }

    /// Takes the bytes out; the entry is a `Raw` one with nothing in it until they come back.
    fn take_string(&mut self, min_len: usize) -> Vec<u8> {
        // SAFETY: each arm takes what its encoding wrote, and leaves an empty `Raw` behind.
        let bytes = unsafe {
            match self.encoding() {
                Encoding::Raw => {
                    let raw = self.payload().cast::<RawString>().read();
                    let bytes = Vec::from_raw_parts(raw.at, raw.len as usize, raw.cap as usize);
                    self.write_raw(Vec::new());
                    return bytes;
                }
                Encoding::Shared => {
                    let slot = &mut *self.payload().cast::<Arc<Vec<u8>>>();
                    let bytes = std::mem::take(slot);
                    // Someone still reads the old bytes: they keep them, we change a copy.
                    return Arc::try_unwrap(bytes).unwrap_or_else(|held| {
                        let copy = held.to_vec();
                        let_go(held);
                        copy
                    });
                }
                _ => {
                    let mut scratch = itoa::Buffer::new();
                    let old = self.as_str().map_or(&b""[..], |text| text.as_bytes(&mut scratch));
                    let mut bytes = Vec::with_capacity(good_size(min_len.max(old.len())));
                    bytes.extend_from_slice(old);
                    bytes
                }
            }
        };
        let new = Self::raw(self.key(), Vec::new(), self.deadline_ms());
        new.set_access(self.access());
        *self = new;
        bytes
    }

    fn put_string(&mut self, bytes: Vec<u8>) {
        if bytes.len() < SHARE_FROM && self.encoding() == Encoding::Raw {
            self.write_raw(bytes);
            return;
        }
        if self.encoding() == Encoding::Shared {
            // SAFETY: the payload of `Shared` is an Arc.
            unsafe { *self.payload().cast::<Arc<Vec<u8>>>() = Arc::new(bytes) };
            return;
        }
        let new = Self::shared(self.key(), Arc::new(bytes), self.deadline_ms());
        new.set_access(self.access());
        *self = new;
    }

    /// About how many allocations dropping this releases (64 KB of one counts as one more).
    pub fn free_cost(&self, collection_cost: impl FnOnce(&Self) -> usize) -> usize {
        match self.as_str() {
            Some(text) => 1 + text.len() / (64 * 1024),
            None => 1 + collection_cost(self),
        }
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("keys and small values are far below the limit")
}

/// Gives up the store's hold on a big string. A reply may hold it longer: then it has left the
/// store's books all the same, since replies are not in them.
fn let_go(bytes: Arc<Vec<u8>>) {
    let size = facts::shared_bytes(&bytes);
    if Arc::into_inner(bytes).is_none() {
        crate::memory::disown(size);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let layout = layout(self.size());
        // SAFETY: each arm drops what its encoding and kind wrote, once; then the block goes.
        unsafe {
            match self.encoding() {
                Encoding::Inline | Encoding::Int => {}
                Encoding::Raw => {
                    let raw = self.payload().cast::<RawString>().read();
                    drop(Vec::from_raw_parts(raw.at, raw.len as usize, raw.cap as usize));
                }
                Encoding::Shared => let_go(self.payload().cast::<Arc<Vec<u8>>>().read()),
                Encoding::Thin | Encoding::Wide | Encoding::Mortal => {
                    super::kinds::drop_collection(self.kind(), self.payload());
                }
            }
            dealloc(self.at.as_ptr(), layout);
        }
    }
}

#[cfg(test)]
mod tests;
