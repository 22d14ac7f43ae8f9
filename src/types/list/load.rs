//! Lists read again, node by node.

use crate::types::listpack::Listpack;
use crate::types::one_word::OneWord;

use super::{Fill, List, Quicklist};

/// A list whose nodes come one after the other, as somebody else has drawn their bounds.
pub struct Builder(Quicklist);

impl Builder {
    pub fn new() -> Self {
        Self(Quicklist::from(Listpack::new()))
    }

    /// Adds a node, unless it is empty.
    pub fn packed(&mut self, elements: Listpack) {
        if !elements.is_empty() {
            self.0.push_packed(elements);
        }
    }

    /// Adds a node of one element.
    pub fn plain(&mut self, element: &[u8]) {
        self.0.push_plain(element);
    }

    /// The list as it is.
    pub fn finish_long(self) -> List {
        List(OneWord::large(self.0))
    }

    /// The list, small if it is one node within the limit.
    pub fn finish(mut self, fill: Fill) -> List {
        List(match self.0.take_node_within(fill) {
            Some(elements) => OneWord::small(elements),
            None => OneWord::large(self.0),
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}
