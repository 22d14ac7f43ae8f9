//! The entries of a stream, and what it knows of their ids.
//!
//! Entries stand in listpacks of some 4 KB, as Redis lays them out (`node`), found through a tree
//! by the id of their first entry. The bounds of nodes can be seen from outside, in what `MAXLEN ~`
//! leaves and in dumps, so they are drawn exactly where Redis draws them.
//!
//! A log without entries is still one: it knows its last id. Deleting leaves a mark in the node,
//! which goes when all its entries are deleted or trimmed.
//!
//! Not here: the clock that ids come from; consumer groups.

use std::collections::BTreeMap;

use super::node::{self, Head, NodeReader};
use super::radix;
use super::range::{self, Entry, Order, Range};
use super::{Counters, StreamId};
use crate::types::listpack::Listpack;

/// An entry, or a node, is never larger than this.
const MAX_BYTES: usize = 1 << 30;

/// The entries of a stream.
#[derive(Clone, Default)]
pub struct Log {
    /// By the id of the entry that the node was made for.
    pub(super) nodes: BTreeMap<StreamId, Listpack>,
    pub(super) length: usize,
    pub(super) last_id: StreamId,
    first_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
}

/// How large nodes may become. Zero: as large as there is no other limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLimits {
    /// `stream-node-max-bytes`
    pub max_bytes: usize,
    /// `stream-node-max-entries`
    pub max_entries: usize,
}

/// Why an entry was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// Its id is not greater than the last one.
    NotGreater,
    /// It has more than a gigabyte of names and values.
    TooLarge,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self { max_bytes: 4096, max_entries: 100 }
    }
}

impl NodeLimits {
    fn max_bytes(self) -> usize {
        if (1..=MAX_BYTES).contains(&self.max_bytes) { self.max_bytes } else { MAX_BYTES }
    }
}

impl Log {
    /// How many entries there are, deleted ones not counted.
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The greatest id that was ever added, or what `XSETID` said.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The id of the first entry, 0-0 if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The greatest id that was deleted by name.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// How many entries were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// The id of the last entry that is still there, 0-0 if there is none.
    pub fn last_valid_id(&self) -> StreamId {
        let last = self.range_back(StreamId::MIN, StreamId::MAX).next();
        last.map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The id that an entry added at `now_ms` gets, unless ids are exhausted.
    pub fn next_id(&self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.last_id().ms {
            Some(StreamId::new(now_ms, 0))
        } else {
            self.last_id().incr()
        }
    }

    /// The id that an entry with the time `ms` gets, unless that time is past or its numbers are
    /// exhausted.
    pub fn next_in(&self, ms: u64) -> Option<StreamId> {
        let last = self.last_id();
        match last.ms.cmp(&ms) {
            std::cmp::Ordering::Less => Some(StreamId::new(ms, 0)),
            std::cmp::Ordering::Equal => Some(StreamId::new(ms, last.seq.checked_add(1)?)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Adds an entry of names and values.
    pub fn append<'a>(
        &mut self,
        id: StreamId,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        limits: NodeLimits,
    ) -> Result<(), AppendError> {
        if id <= self.last_id {
            return Err(AppendError::NotGreater);
        }
        let bytes = pairs.clone().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if bytes > MAX_BYTES {
            return Err(AppendError::TooLarge);
        }
        let names = pairs.clone().map(|(name, _)| name);
        let mut last = self.nodes.last_entry();
        let head = last.as_ref().and_then(|last| {
            let node = NodeReader::new(*last.key(), last.get());
            has_room(&node, last.get().byte_len() + bytes, limits).then(|| node.head(names.clone()))
        });
        if let (Some(last), Some(head)) = (&mut last, head) {
            node::append(last.get_mut(), head, id, pairs);
        } else {
            let mut list = node::create(names);
            node::append(&mut list, Head { id, count: 0, same_fields: true }, id, pairs);
            self.nodes.insert(id, list);
        }
        self.length += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.length == 1 {
            self.first_id = id;
        }
        Ok(())
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::new(&self.nodes, start, end, Order::Ascending)
    }

    /// The same entries, the last first.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> Range<'_> {
        Range::new(&self.nodes, start, end, Order::Descending)
    }

    /// How many entries there are at most from `start` to `end`: those of all nodes in between,
    /// counted no further than to `limit`.
    pub fn count_up_to(&self, start: StreamId, end: StreamId, limit: usize) -> usize {
        let mut count = 0;
        for (id, node) in range::nodes_between(&self.nodes, start, end) {
            if count >= limit {
                break;
            }
            count += NodeReader::new(*id, node).count;
        }
        count.min(limit)
    }

    /// The entry with this id.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// Takes out the entry with this id. False if there is none.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some((&node_id, list)) = self.nodes.range_mut(..=id).next_back() else { return false };
        let mut reader = NodeReader::new(node_id, list);
        let (count, deleted) = (reader.count, reader.deleted);
        let flags = loop {
            match reader.next() {
                Some(entry) if entry.id == id && !entry.flags.deleted() => break entry.flags,
                Some(entry) if entry.id <= id => {}
                _ => return false,
            }
        };
        if count == 1 {
            self.nodes.remove(&node_id);
        } else {
            node::mark_deleted(list, flags);
            node::set_counts(list, count - 1, Some(deleted + 1));
        }
        self.length -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        if self.length == 0 || id == self.first_id {
            self.find_first_id();
        }
        true
    }

    /// What `XSETID` sets, as far as given. The caller has checked that it makes sense.
    pub fn set_id(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) {
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id.unwrap_or(self.max_deleted_id);
    }

    /// The nodes in order with their keys, for a dump.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (StreamId, &Listpack)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    pub(super) fn find_first_id(&mut self) {
        let first = self.range(StreamId::MIN, StreamId::MAX).next();
        let id = first.map_or(StreamId::MIN, |entry| entry.id);
        self.first_id = id;
    }
}

impl Log {
    /// The entries of a dump; see [`Stream::restore`](super::Stream::restore).
    pub(super) fn restore(
        nodes: impl Iterator<Item = (StreamId, Listpack)>,
        counters: Counters,
    ) -> Option<Self> {
        let Counters { length, last_id, max_deleted_id, entries_added } = counters;
        let first_id = StreamId::MIN;
        let mut log = Self {
            nodes: BTreeMap::new(),
            length,
            last_id,
            first_id,
            max_deleted_id,
            entries_added,
        };
        let (mut count, mut last) = (0, None);
        for (id, node) in nodes {
            // Nodes follow each other as their entries do.
            if last.is_some_and(|last| last >= id) {
                return None;
            }
            node::inspect(id, &node, |entry| {
                last = Some(entry);
                count += 1;
            })?;
            log.nodes.insert(id, node);
        }
        if count != length || last.is_some_and(|last| last > last_id) {
            return None;
        }
        log.find_first_id();
        Some(log)
    }
}

/// What can be told of how many entries were added up to an id.
impl Log {
    /// How many entries had been added when the one with this id was, if that can be told from
    /// what is left. A group's `entries-read` is this, of its last id.
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        let length = self.length as u64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if id == self.last_id || (length == 0 && id < self.last_id) {
            return Some(self.entries_added);
        }
        if id > self.last_id || !self.is_whole() {
            return None;
        }
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(self.entries_added.wrapping_sub(length)),
            std::cmp::Ordering::Equal => Some(self.entries_added.wrapping_sub(length) + 1),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// May an entry with this id or a later one have been deleted by name? Then counting from here
    /// on does not tell how many are left. What went before the first one does not matter.
    pub fn is_torn_from(&self, id: StreamId) -> bool {
        self.length > 0 && !self.is_whole() && id <= self.max_deleted_id
    }

    /// Was nothing deleted by name among the entries that are left?
    fn is_whole(&self) -> bool {
        self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id
    }

    /// How many nodes Redis' radix tree would have for the nodes here: what XINFO tells.
    pub fn radix_nodes(&self) -> usize {
        radix::count_nodes(self.nodes.keys().map(|id| id.to_be_bytes()))
    }
}

/// Whether the next entry goes to this node, which would have so many bytes. Entries count as long
/// as they take room, deleted or not.
fn has_room(node: &NodeReader<'_>, bytes: usize, limits: NodeLimits) -> bool {
    bytes < limits.max_bytes()
        && (limits.max_entries == 0 || node.count + node.deleted < limits.max_entries)
}
