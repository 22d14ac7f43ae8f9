//! Small items in the order of their entry ids, packed.
//!
//! Chunks of up to 64 items, found through a tree by a bound below their ids. Entries are delivered
//! in order and mostly acknowledged in order, so chunks fill up to the brim and empty from the
//! front: a million items take little more than their own size.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::StreamId;
use crate::memory::good_size;
use crate::types::tree_memory;

/// Something that belongs to one entry.
pub(super) trait Item: Copy {
    fn id(&self) -> StreamId;
}

impl Item for StreamId {
    fn id(&self) -> StreamId {
        *self
    }
}

const CHUNK_LEN_MAX: usize = 64;
/// A chunk of no more items looks for a neighbour to go to.
const CHUNK_LEN_LOW: usize = CHUNK_LEN_MAX / 4;

/// An ordered set of items, one for each id at most.
#[derive(Clone)]
pub(super) struct Shelf<T> {
    /// No chunk is empty; its key is not above its first id, and above all ids before.
    chunks: BTreeMap<StreamId, Vec<T>>,
    len: usize,
}

impl<T: Item> Shelf<T> {
    pub fn new() -> Self {
        Self { chunks: BTreeMap::new(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the chunks and of the tree above them.
    pub fn memory(&self) -> usize {
        let chunks = self.chunks.values().map(|chunk| good_size(chunk.capacity() * size_of::<T>()));
        chunks.sum::<usize>() + tree_memory::<StreamId, Vec<T>>(self.chunks.len())
    }

    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    pub fn first(&self) -> Option<&T> {
        self.chunks.first_key_value().and_then(|(_, chunk)| chunk.first())
    }

    pub fn last(&self) -> Option<&T> {
        self.chunks.last_key_value().and_then(|(_, chunk)| chunk.last())
    }

    pub fn get(&self, id: StreamId) -> Option<&T> {
        let (_, chunk) = self.chunks.range(..=id).next_back()?;
        chunk.binary_search_by_key(&id, T::id).ok().map(|at| &chunk[at])
    }

    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        let (_, chunk) = self.chunks.range_mut(..=id).next_back()?;
        chunk.binary_search_by_key(&id, T::id).ok().map(|at| &mut chunk[at])
    }

    /// The items with this id and greater ones.
    pub fn since(&self, start: StreamId) -> impl Iterator<Item = &T> {
        let first = self.chunks.range(..=start).next_back().map_or(start, |(key, _)| *key);
        self.chunks.range(first..).flat_map(move |(_, chunk)| {
            let at = chunk.partition_point(|item| item.id() < start);
            &chunk[at..]
        })
    }

    /// Adds an item. `false`, and nothing is changed, if there is one with its id.
    pub fn insert(&mut self, item: T) -> bool {
        let id = item.id();
        let Some((_, chunk)) = self.chunks.range_mut(..=id).next_back() else {
            self.insert_first(item);
            return true;
        };
        let Err(at) = chunk.binary_search_by_key(&id, T::id) else { return false };
        self.len += 1;
        if chunk.len() < CHUNK_LEN_MAX {
            chunk.insert(at, item);
        } else if at == chunk.len() {
            self.chunks.insert(id, vec![item]);
        } else {
            let upper = chunk.split_off(CHUNK_LEN_MAX / 2);
            let key = upper[0].id();
            self.chunks.insert(key, upper);
            // There is room on either side now.
            self.len -= 1;
            return self.insert(item);
        }
        true
    }

    /// Adds an item before all others.
    fn insert_first(&mut self, item: T) {
        self.len += 1;
        let mut chunk = match self.chunks.first_entry() {
            Some(first) if first.get().len() < CHUNK_LEN_MAX => first.remove(),
            _ => Vec::new(),
        };
        chunk.insert(0, item);
        self.chunks.insert(item.id(), chunk);
    }

    /// Takes the item with this id out.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let (&key, chunk) = self.chunks.range_mut(..=id).next_back()?;
        let at = chunk.binary_search_by_key(&id, T::id).ok()?;
        let item = chunk.remove(at);
        self.len -= 1;
        let len = chunk.len();
        if len == 0 {
            self.chunks.remove(&key);
        } else if len <= CHUNK_LEN_LOW {
            if chunk.capacity() > 4 * len {
                chunk.shrink_to(2 * len);
            }
            self.merge(key, len);
        }
        Some(item)
    }

    /// Puts a chunk together with one beside it, if both are small.
    fn merge(&mut self, key: StreamId, len: usize) {
        let fits = |chunk: &Vec<T>| chunk.len() + len <= CHUNK_LEN_MAX / 2;
        let after = self.chunks.range((Excluded(key), Unbounded)).next();
        let after = after.filter(|(_, chunk)| fits(chunk)).map(|(key, _)| *key);
        let before = self.chunks.range(..key).next_back();
        let before = before.filter(|(_, chunk)| fits(chunk)).map(|(key, _)| *key);
        let (low, high) = match (before, after) {
            (_, Some(after)) => (key, after),
            (Some(before), None) => (before, key),
            (None, None) => return,
        };
        if let Some(items) = self.chunks.remove(&high)
            && let Some(chunk) = self.chunks.get_mut(&low)
        {
            chunk.extend(items);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::dice::Dice;

    #[test]
    fn random_changes_agree_with_a_tree() {
        for seed in 0..20 {
            let mut dice = Dice::new(seed);
            let (mut shelf, mut model) = (Shelf::new(), std::collections::BTreeSet::new());
            let span = [50, 400, 5000][dice.below(3)];
            for step in 0..4000 {
                // Grows, then shrinks again.
                let id = StreamId::new(dice.below(span) as u64, dice.below(2) as u64);
                if dice.below(10) < if step < 2000 { 7 } else { 2 } {
                    assert_eq!(shelf.insert(id), model.insert(id));
                } else {
                    assert_eq!(shelf.remove(id).is_some(), model.remove(&id));
                }
                assert_eq!(shelf.len(), model.len());
                assert_eq!(shelf.get(id).is_some(), model.contains(&id));
                if step % 50 == 0 {
                    assert!(shelf.since(id).eq(model.range(id..)));
                    assert_eq!((shelf.first(), shelf.last()), (model.first(), model.last()));
                    assert!(shelf.chunks.iter().all(|(key, chunk)| *key <= chunk[0]));
                }
            }
            for id in model {
                assert!(shelf.remove(id).is_some());
            }
            assert_eq!((shelf.len(), shelf.chunk_count()), (0, 0));
        }
    }

    #[test]
    fn what_comes_in_order_is_packed() {
        let mut shelf = Shelf::new();
        for ms in 0..10_000 {
            assert!(shelf.insert(StreamId::new(ms, 0)));
        }
        assert_eq!(shelf.chunk_count(), 10_000_usize.div_ceil(CHUNK_LEN_MAX));
        // Every tenth is left.
        for ms in (0..10_000).filter(|ms| ms % 10 != 0) {
            assert!(shelf.remove(StreamId::new(ms, 0)).is_some());
        }
        assert!(shelf.chunk_count() <= 1000 / CHUNK_LEN_LOW);
    }
}
