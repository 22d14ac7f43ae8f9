//! Reading a stream between two ids.

use std::collections::{BTreeMap, btree_map};

use super::StreamId;
use super::node::{Fields, NodeReader};
use crate::types::listpack::Listpack;

/// An entry of a stream.
#[derive(Clone)]
pub struct Entry<'a> {
    pub id: StreamId,
    pub fields: Fields<'a>,
}

/// The order in which to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// The nodes that may have entries between two ids.
pub(super) fn nodes_between(
    nodes: &BTreeMap<StreamId, Listpack>,
    start: StreamId,
    end: StreamId,
) -> btree_map::Range<'_, StreamId, Listpack> {
    // The node before may reach into the range.
    let first = nodes.range(..=start).next_back().map_or(start, |(id, _)| *id);
    nodes.range(first..=end.max(first))
}

/// The entries between two ids, both included.
pub struct Range<'a> {
    nodes: btree_map::Range<'a, StreamId, Listpack>,
    current: Option<NodeReader<'a>>,
    start: StreamId,
    end: StreamId,
    order: Order,
}

impl<'a> Range<'a> {
    pub(super) fn new(
        nodes: &'a BTreeMap<StreamId, Listpack>,
        start: StreamId,
        end: StreamId,
        order: Order,
    ) -> Self {
        Self { nodes: nodes_between(nodes, start, end), current: None, start, end, order }
    }

    /// Ends the walk: ids only lead further away.
    fn stop(&mut self) {
        (self.start, self.end) = (StreamId::MAX, StreamId::MIN);
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        while self.start <= self.end {
            let raw = match (&mut self.current, self.order) {
                (Some(node), Order::Ascending) => node.next(),
                (Some(node), Order::Descending) => node.next_back(),
                (None, _) => None,
            };
            let Some(raw) = raw else {
                let node = match self.order {
                    Order::Ascending => self.nodes.next(),
                    Order::Descending => self.nodes.next_back(),
                };
                self.current = node.map(|(id, node)| NodeReader::new(*id, node));
                if self.current.is_none() {
                    self.stop();
                }
                continue;
            };
            let (before, after) = (raw.id < self.start, raw.id > self.end);
            match self.order {
                Order::Ascending if after => self.stop(),
                Order::Descending if before => self.stop(),
                _ if before || after || raw.flags.deleted() => {}
                _ => return Some(Entry { id: raw.id, fields: raw.fields }),
            }
        }
        None
    }
}
