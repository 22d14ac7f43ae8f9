//! Streams: entries of named values, in the order of their ids, and the groups that read them.
//!
//! The entries are a [`Log`], which a [`Stream`] passes itself off as; the groups stand beside it,
//! so that one may be read while the other is changed (`log_and_group`).
//!
//! Who writes a stream out walks `nodes`, the ids and counters of the log, and `groups`: of each
//! its last id and `entries_read`, `pending` (id, time, deliveries), and `consumers` with name,
//! times, and the ids of `pending`. Reading it in goes the same way: [`Stream::restore`], then
//! `create_group` and the `restore_*` of [`Group`] in the order in which dumps tell these things.
//!
//! Not here: the clock that ids come from; who waits for entries.

mod group;
mod id;
mod log;
mod node;
mod radix;
mod range;
mod shelf;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_groups;
mod trim;

use std::collections::{BTreeMap, btree_map};
use std::ops::{Deref, DerefMut};

use crate::memory::good_size;
use crate::types::listpack::Listpack;
use crate::types::{Collection, Kind, sampled, tree_memory};

pub use group::{Consumer, ConsumerId, Group, Pending};
pub use id::StreamId;
pub use log::{AppendError, Log, NodeLimits};
pub use node::Fields;
pub use range::{Entry, Range};
pub use trim::{Precision, Trim};

/// A stream, 8 bytes to hold.
#[derive(Clone, Default)]
pub struct Stream(Box<Body>);

#[derive(Clone, Default)]
struct Body {
    log: Log,
    groups: BTreeMap<Box<[u8]>, Group>,
}

/// What a dump tells of a stream besides its nodes and groups.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    pub length: usize,
    pub last_id: StreamId,
    pub max_deleted_id: StreamId,
    pub entries_added: u64,
}

impl Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// The groups with their names, in the order of these.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.0.groups.iter().map(|(name, group)| (&**name, group))
    }

    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.0.groups.get(name)
    }

    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.0.groups.get_mut(name)
    }

    /// The entries to read while a group is changed.
    pub fn log_and_group(&mut self, name: &[u8]) -> Option<(&Log, &mut Group)> {
        let group = self.0.groups.get_mut(name)?;
        Some((&self.0.log, group))
    }

    /// Makes a group. `None` if there is one of this name.
    pub fn create_group(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> Option<&mut Group> {
        match self.0.groups.entry(name.into()) {
            btree_map::Entry::Vacant(vacant) => {
                Some(vacant.insert(Group::new(last_id, entries_read)))
            }
            btree_map::Entry::Occupied(_) => None,
        }
    }

    /// Takes a group out.
    pub fn delete_group(&mut self, name: &[u8]) -> Option<Group> {
        self.0.groups.remove(name)
    }

    /// Has a group not done with an entry: is it pending there, or not read yet?
    pub fn is_wanted(&self, id: StreamId) -> bool {
        self.0.groups.values().any(|group| id > group.last_id || group.find(id).is_some())
    }

    /// Takes an entry off what is pending in any group.
    pub fn acknowledge_everywhere(&mut self, id: StreamId) {
        for group in self.0.groups.values_mut() {
            group.acknowledge(id);
        }
    }

    /// How many entries there are, and how many are pending: what a copy has to go through.
    pub fn parts(&self) -> usize {
        self.len() + self.0.groups.values().map(Group::pending_len).sum::<usize>()
    }

    /// A stream without groups from the nodes of a dump. `None` if these are not what Redis writes,
    /// or hold other ids or more or fewer entries than told.
    pub fn restore(
        nodes: impl Iterator<Item = (StreamId, Listpack)>,
        counters: Counters,
    ) -> Option<Self> {
        let log = Log::restore(nodes, counters)?;
        Some(Self(Box::new(Body { log, groups: BTreeMap::new() })))
    }
}

impl Deref for Stream {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.0.log
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Log {
        &mut self.0.log
    }
}

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;

    fn empty() -> Self {
        Self::new()
    }

    fn is_empty(&self) -> bool {
        Log::is_empty(self)
    }

    fn free_cost(&self) -> usize {
        let groups: usize = self.0.groups.values().map(Group::free_cost).sum();
        let nodes = self.nodes().len();
        groups + nodes + nodes / 6 + 1
    }

    fn memory(&self, samples: usize) -> usize {
        let nodes = self.nodes().map(|(_, node)| good_size(node.byte_len()));
        let groups = self.groups().map(|(name, group)| good_size(name.len()) + group.memory());
        good_size(size_of::<Body>())
            + sampled(nodes, self.nodes().len(), samples)
            + tree_memory::<StreamId, Listpack>(self.nodes().len())
            + groups.sum::<usize>()
            + tree_memory::<Box<[u8]>, Group>(self.groups().len())
    }
}
