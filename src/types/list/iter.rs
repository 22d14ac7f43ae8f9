//! Walking a list.

use std::collections::vec_deque;

use super::quicklist::OwnedNode;
use super::{Element, End, Listpack};
use crate::types::listpack;

/// The elements of a list toward one end.
#[derive(Clone)]
pub struct Iter<'a> {
    toward: End,
    current: InNode<'a>,
    /// The nodes still to come.
    rest: Option<vec_deque::Iter<'a, OwnedNode>>,
}

#[derive(Clone)]
pub(super) enum InNode<'a> {
    Packed(listpack::Iter<'a>),
    Plain(Option<&'a [u8]>),
}

impl<'a> Iter<'a> {
    /// The elements of one listpack from the one at `from` on.
    pub(super) fn listpack(list: &'a Listpack, from: usize, toward: End) -> Self {
        Self { toward, current: InNode::packed(list, from, toward), rest: None }
    }

    /// What is left in a node, and the nodes after it.
    pub(super) fn nodes(
        toward: End,
        current: InNode<'a>,
        rest: vec_deque::Iter<'a, OwnedNode>,
    ) -> Self {
        Self { toward, current, rest: Some(rest) }
    }
}

impl<'a> InNode<'a> {
    pub fn packed(list: &'a Listpack, from: usize, toward: End) -> Self {
        match list.seek(from.cast_signed()) {
            Some(pos) if toward == End::Tail => Self::Packed(list.iter_from(pos)),
            Some(pos) => Self::Packed(list.iter_through(pos)),
            None => Self::Plain(None),
        }
    }

    fn next(&mut self, toward: End) -> Option<Element<'a>> {
        match (self, toward) {
            (Self::Packed(left), End::Tail) => left.next().map(|(_, element)| element),
            (Self::Packed(left), End::Head) => left.next_back().map(|(_, element)| element),
            (Self::Plain(left), _) => left.take().map(Element::Bytes),
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some(element) = self.current.next(self.toward) {
                return Some(element);
            }
            let rest = self.rest.as_mut()?;
            let node = match self.toward {
                End::Tail => rest.next()?,
                End::Head => rest.next_back()?,
            };
            self.current = node.walk(self.toward);
        }
    }
}
