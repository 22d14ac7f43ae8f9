//! Which Rust type stands behind each kind of collection.

#![expect(unsafe_code, reason = "drops a value whose type only the entry's header tells")]
#![expect(clippy::cast_ptr_alignment, reason = "payloads begin at multiples of eight")]

use super::entry::Entry;
use crate::types::hash::Hash;
use crate::types::list::List;
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;
use crate::types::stream::Stream;
use crate::types::{Collection, Kind};

/// Bytes that are copied in the time an element of a collection takes.
pub const BYTES_PER_ELEMENT: usize = 256;

/// Drops the collection of this kind that stands at `at`.
///
/// # Safety
/// `at` must point to a live value of that kind, which is not used afterwards.
pub unsafe fn drop_collection(kind: Kind, at: *mut u8) {
    // SAFETY: the caller says what stands there.
    unsafe {
        match kind {
            Kind::String => {}
            Kind::List => at.cast::<List>().drop_in_place(),
            Kind::Set => at.cast::<Set>().drop_in_place(),
            Kind::SortedSet => at.cast::<SortedSet>().drop_in_place(),
            Kind::Hash => at.cast::<Hash>().drop_in_place(),
            Kind::Stream => at.cast::<Stream>().drop_in_place(),
        }
    }
}

/// About how many allocations dropping this entry releases.
pub fn free_cost(entry: &Entry) -> usize {
    fn cost<T: Collection>(entry: &Entry) -> usize {
        entry.as_collection::<T>().map_or(0, T::free_cost)
    }
    entry.free_cost(|entry| match entry.kind() {
        Kind::String => 0,
        Kind::List => cost::<List>(entry),
        Kind::Set => cost::<Set>(entry),
        Kind::SortedSet => cost::<SortedSet>(entry),
        Kind::Hash => cost::<Hash>(entry),
        Kind::Stream => cost::<Stream>(entry),
    })
}

/// About how much it is to go through all of a value: its elements, or pieces of a string that
/// are copied in the time an element takes.
pub fn work(entry: &Entry) -> usize {
    fn len<T: Collection>(entry: &Entry, len: fn(&T) -> usize) -> usize {
        entry.as_collection::<T>().map_or(0, len)
    }
    match entry.kind() {
        Kind::String => entry.as_str().map_or(0, |text| text.len() / BYTES_PER_ELEMENT),
        Kind::List => len(entry, List::len),
        Kind::Set => len(entry, Set::len),
        Kind::SortedSet => len(entry, SortedSet::len),
        Kind::Hash => len(entry, Hash::len),
        Kind::Stream => len(entry, Stream::parts),
    }
}

/// A key's share of the table: its slot, one byte of hash, and room to grow.
const SLOT_BYTES: usize = 12;

/// Bytes that a key takes with its value, whose parts are judged by so many samples; 0 is all.
pub fn memory(entry: &Entry, samples: usize) -> usize {
    fn inside<T: Collection>(entry: &Entry, samples: usize) -> usize {
        entry.as_collection::<T>().map_or(0, |value| value.memory(samples))
    }
    let value = match entry.kind() {
        Kind::String => 0,
        Kind::List => inside::<List>(entry, samples),
        Kind::Set => inside::<Set>(entry, samples),
        Kind::SortedSet => inside::<SortedSet>(entry, samples),
        Kind::Hash => inside::<Hash>(entry, samples),
        Kind::Stream => inside::<Stream>(entry, samples),
    };
    SLOT_BYTES + entry.own_memory() + value
}

/// How the value is kept, as OBJECT ENCODING says.
pub fn encoding(entry: &Entry) -> &'static str {
    fn name<T: Collection>(entry: &Entry, name: fn(&T) -> &'static str) -> &'static str {
        entry.as_collection::<T>().map_or("unknown", name)
    }
    match entry.kind() {
        Kind::String => entry.string_encoding(),
        Kind::List => name(entry, List::encoding),
        Kind::Set => name(entry, Set::encoding),
        Kind::SortedSet => name(entry, SortedSet::encoding),
        Kind::Hash => name(entry, Hash::encoding),
        Kind::Stream => "stream",
    }
}

/// Has the collection lost its last element? Strings and streams stay when they are empty.
pub fn is_empty(entry: &Entry) -> bool {
    fn empty<T: Collection>(entry: &Entry) -> bool {
        entry.as_collection::<T>().is_some_and(T::is_empty)
    }
    match entry.kind() {
        Kind::String | Kind::Stream => false,
        Kind::List => empty::<List>(entry),
        Kind::Set => empty::<Set>(entry),
        Kind::SortedSet => empty::<SortedSet>(entry),
        Kind::Hash => empty::<Hash>(entry),
    }
}

/// When the next of a collection's elements dies by itself, if any does.
#[inline]
pub fn first_death_ms(entry: &Entry) -> Option<u64> {
    entry.as_collection::<Hash>().and_then(Hash::earliest_ms)
}

/// When the last of them does; `None` if one lives for ever.
pub fn last_death_ms(entry: &Entry) -> Option<u64> {
    entry.as_collection::<Hash>().and_then(Hash::latest_ms)
}

/// Takes up to `most` elements out that are dead by `now_ms`, and answers how many.
pub fn reap(entry: &mut Entry, now_ms: u64, most: usize) -> usize {
    let reaped = entry.as_collection_mut::<Hash>().map_or(0, |hash| hash.reap(now_ms, most));
    entry.settle();
    reaped
}

/// The same value and deadline under another key.
pub fn copy(entry: &Entry, key: &[u8]) -> Entry {
    fn clone<T: Collection>(entry: &Entry, key: &[u8]) -> Option<Entry> {
        let value = entry.as_collection::<T>()?.clone();
        Some(Entry::collection(key, value, entry.deadline_ms()))
    }
    let copy = match entry.kind() {
        Kind::String => entry.as_str().map(|text| match text {
            super::Str::Shared(bytes) => {
                // The copy may be changed on its own, so it does not share.
                Entry::shared(key, std::sync::Arc::new(bytes.to_vec()), entry.deadline_ms())
            }
            text => {
                let mut scratch = itoa::Buffer::new();
                let text = text.as_bytes(&mut scratch);
                match entry.string_encoding() {
                    "int" => Entry::string(key, text, entry.deadline_ms()),
                    "embstr" => Entry::text(key, text, entry.deadline_ms()),
                    _ => {
                        // It stays what OBJECT ENCODING calls raw.
                        let mut copy = Entry::text(key, text, entry.deadline_ms());
                        if copy.string_encoding() != "raw" {
                            copy.with_string_mut(0, |_| ());
                        }
                        copy
                    }
                }
            }
        }),
        Kind::List => clone::<List>(entry, key),
        Kind::Set => clone::<Set>(entry, key),
        Kind::SortedSet => clone::<SortedSet>(entry, key),
        Kind::Hash => clone::<Hash>(entry, key),
        Kind::Stream => clone::<Stream>(entry, key),
    };
    copy.expect("the kind tells the type that was written")
}
