//! Long lists: a deque of listpacks.
//!
//! Each node is a listpack within the limit, or one element too large for that, alone. Nodes know
//! how many elements they hold, so an index is found without touching the nodes passed over. No
//! node is empty.

use std::collections::VecDeque;

use super::iter::InNode;
use super::{Element, End, Fill, Iter, Listpack, Needle, at_end, remove_equal};
use crate::memory::good_size;
use crate::types::sampled;

/// A deque of listpacks and of elements too large for one.
#[derive(Debug, Clone)]
pub struct Quicklist {
    nodes: VecDeque<OwnedNode>,
    len: usize,
}

/// What a node holds, as a dump sees it.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    Packed(&'a Listpack),
    /// One element.
    Plain(&'a [u8]),
}

#[derive(Debug, Clone)]
pub(super) struct OwnedNode {
    body: Body,
    count: u32,
}

#[derive(Debug, Clone)]
enum Body {
    Packed(Listpack),
    Plain(Box<[u8]>),
}

impl From<Listpack> for Quicklist {
    fn from(elements: Listpack) -> Self {
        let len = elements.len();
        let node = (len > 0).then(|| OwnedNode::packed(elements));
        Self { nodes: node.into_iter().collect(), len }
    }
}

impl Quicklist {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        self.nodes.iter().map(|node| match &node.body {
            Body::Packed(elements) => Node::Packed(elements),
            Body::Plain(element) => Node::Plain(element),
        })
    }

    pub fn push(&mut self, end: End, element: &[u8], fill: Fill) {
        let node = match end {
            End::Head => self.nodes.front_mut(),
            End::Tail => self.nodes.back_mut(),
        };
        let joined = node.is_some_and(|node| node.join(end, element, fill));
        if !joined {
            let node = OwnedNode::of(element, fill);
            match end {
                End::Head => self.nodes.push_front(node),
                End::Tail => self.nodes.push_back(node),
            }
        }
        self.len += 1;
    }

    /// Bytes of the nodes and of the list of them.
    pub(super) fn memory(&self, samples: usize) -> usize {
        let nodes = self.nodes().map(|node| match node {
            Node::Packed(elements) => good_size(elements.byte_len()),
            Node::Plain(element) => good_size(element.len()),
        });
        good_size(self.nodes.capacity() * size_of::<OwnedNode>())
            + sampled(nodes, self.nodes.len(), samples)
    }

    /// Adds a node, which is not empty, at the tail.
    pub(super) fn push_packed(&mut self, elements: Listpack) {
        let node = OwnedNode::packed(elements);
        self.len += node.len();
        self.nodes.push_back(node);
    }

    /// Adds a node of one element at the tail.
    pub(super) fn push_plain(&mut self, element: &[u8]) {
        self.nodes.push_back(OwnedNode { body: Body::Plain(element.into()), count: 1 });
        self.len += 1;
    }

    pub fn pop_with<R>(&mut self, end: End, read: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        let node = match end {
            End::Head => self.nodes.front_mut()?,
            End::Tail => self.nodes.back_mut()?,
        };
        let answer = match &mut node.body {
            Body::Plain(element) => read(Element::Bytes(element)),
            Body::Packed(elements) => {
                let pos = at_end(elements, end).expect("no node is empty");
                let answer = read(elements.at(pos));
                if node.count > 1 {
                    elements.remove_many(pos, 1);
                }
                answer
            }
        };
        node.count -= 1;
        self.len -= 1;
        if node.count == 0 {
            match end {
                End::Head => self.nodes.pop_front(),
                End::Tail => self.nodes.pop_back(),
            };
        }
        Some(answer)
    }

    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        self.iter(index, End::Tail).next()
    }

    /// The element at `from` and those after it `toward` one end.
    pub fn iter(&self, from: usize, toward: End) -> Iter<'_> {
        if from >= self.len {
            return Iter::nodes(toward, InNode::Plain(None), self.nodes.range(0..0));
        }
        let (at, inside) = self.locate(from);
        let rest = match toward {
            End::Tail => self.nodes.range(at + 1..),
            End::Head => self.nodes.range(..at),
        };
        Iter::nodes(toward, self.nodes[at].walk_from(inside, toward), rest)
    }

    /// Puts `element` in the place of the one at `index`, which exists.
    pub fn replace(&mut self, index: usize, element: &[u8], fill: Fill) {
        let (at, inside) = self.locate(index);
        let node = &mut self.nodes[at];
        match &mut node.body {
            Body::Packed(elements) if !fill.is_large(element.len()) => {
                let pos = elements.seek(inside.cast_signed()).expect("located there");
                let bytes =
                    (elements.byte_len() + element.len()).saturating_sub(elements.at(pos).len());
                if !fill.exceeded_by(bytes, 0) {
                    elements.replace(pos, element);
                    return;
                }
            }
            Body::Plain(old) if fill.is_large(element.len()) => {
                *old = element.into();
                return;
            }
            _ => {}
        }
        self.take_out(at, inside, 1);
        self.insert(index, element, fill);
    }

    /// Puts `element` in, to be the one at `index`, which is at most the length.
    pub fn insert(&mut self, index: usize, element: &[u8], fill: Fill) {
        if index == 0 || index == self.len {
            let end = if index == 0 { End::Head } else { End::Tail };
            return self.push(end, element, fill);
        }
        let (at, inside) = self.locate(index);
        self.len += 1;
        if self.nodes[at].join_at(inside, element, fill) {
            return;
        }
        if inside == 0 {
            if !self.nodes[at - 1].join(End::Tail, element, fill) {
                self.nodes.insert(at, OwnedNode::of(element, fill));
            }
            return;
        }
        let right = self.nodes[at].split_off(inside);
        self.nodes.insert(at + 1, right);
        if !self.nodes[at].join(End::Tail, element, fill) {
            self.nodes.insert(at + 1, OwnedNode::of(element, fill));
            self.merge(at + 2, fill);
        }
        self.merge(at + 1, fill);
        self.merge(at, fill);
    }

    /// Takes out up to `limit` elements equal to `needle`, looking from `end` on.
    pub fn remove_equal(&mut self, end: End, limit: usize, needle: &Needle<'_>) -> usize {
        let mut removed = 0;
        for i in 0..self.nodes.len() {
            if removed == limit {
                break;
            }
            let at = if end == End::Head { i } else { self.nodes.len() - 1 - i };
            removed += self.nodes[at].remove_equal(end, limit - removed, needle);
        }
        self.nodes.retain(|node| node.count > 0);
        self.len -= removed;
        removed
    }

    /// Takes out the first `count` elements; there are as many.
    pub fn drop_front(&mut self, mut count: usize) {
        while let Some(node) = self.nodes.front().filter(|_| count > 0) {
            let here = node.len().min(count);
            self.take_out(0, 0, here);
            count -= here;
        }
    }

    /// Takes out the last `count` elements; there are as many.
    pub fn drop_back(&mut self, mut count: usize) {
        while let Some(node) = self.nodes.back().filter(|_| count > 0) {
            let here = node.len().min(count);
            let inside = node.len() - here;
            self.take_out(self.nodes.len() - 1, inside, here);
            count -= here;
        }
    }

    /// The elements, if they are all in one listpack that is at most half full.
    pub fn take_only_node(&mut self, fill: Fill) -> Option<Listpack> {
        self.take_node_if(|bytes, count| fill.is_half(bytes, count))
    }

    /// The elements, if they are all in one listpack that is within the limit.
    pub(super) fn take_node_within(&mut self, fill: Fill) -> Option<Listpack> {
        self.take_node_if(|bytes, count| !fill.exceeded_by(bytes, count))
    }

    fn take_node_if(&mut self, fits: impl Fn(usize, usize) -> bool) -> Option<Listpack> {
        if self.nodes.is_empty() {
            return Some(Listpack::new());
        }
        let [OwnedNode { body: Body::Packed(elements), count }] = self.nodes.make_contiguous()
        else {
            return None;
        };
        fits(elements.byte_len(), *count as usize).then(|| {
            self.len = 0;
            std::mem::take(elements)
        })
    }

    /// In which node the element at `index` is, and the how-manieth there. The index exists.
    fn locate(&self, index: usize) -> (usize, usize) {
        if index < self.len / 2 {
            let mut left = index;
            for (at, node) in self.nodes.iter().enumerate() {
                match left.checked_sub(node.len()) {
                    Some(less) => left = less,
                    None => return (at, left),
                }
            }
        } else {
            let mut before = self.len;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                before -= node.len();
                if before <= index {
                    return (at, index - before);
                }
            }
        }
        unreachable!("the counts of the nodes add up to the length")
    }

    /// Takes `count` elements out of the node `at`, from the one `inside` on.
    fn take_out(&mut self, at: usize, inside: usize, count: usize) {
        let node = &mut self.nodes[at];
        self.len -= count;
        if count == node.len() {
            self.nodes.remove(at);
        } else if let Body::Packed(elements) = &mut node.body {
            elements.remove_range(inside.cast_signed(), count);
            node.count = length(elements);
        }
    }

    /// Joins the node `at` to the one before it, if both fit one.
    fn merge(&mut self, at: usize, fill: Fill) {
        if at == 0 || at >= self.nodes.len() {
            return;
        }
        if let (Body::Packed(left), Body::Packed(right)) =
            (&self.nodes[at - 1].body, &self.nodes[at].body)
            && !fill.exceeded_by(left.byte_len() + right.byte_len(), left.len() + right.len())
            && let Some(OwnedNode { body: Body::Packed(right), count }) = self.nodes.remove(at)
            && let OwnedNode { body: Body::Packed(left), count: sum } = &mut self.nodes[at - 1]
        {
            left.append(&right);
            *sum += count;
        }
    }
}

impl OwnedNode {
    fn packed(elements: Listpack) -> Self {
        Self { count: length(&elements), body: Body::Packed(elements) }
    }

    /// A node for one element.
    fn of(element: &[u8], fill: Fill) -> Self {
        if fill.is_large(element.len()) {
            return Self { body: Body::Plain(element.into()), count: 1 };
        }
        let mut elements = Listpack::new();
        elements.push_back(element);
        Self::packed(elements)
    }

    fn len(&self) -> usize {
        self.count as usize
    }

    /// Adds an element at one end, if there is room.
    fn join(&mut self, end: End, element: &[u8], fill: Fill) -> bool {
        match &mut self.body {
            Body::Packed(elements)
                if fill.has_room(elements.byte_len(), self.count as usize, element.len()) =>
            {
                match end {
                    End::Head => elements.push_front(element),
                    End::Tail => elements.push_back(element),
                }
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// Adds an element before the one `inside`, if there is room.
    fn join_at(&mut self, inside: usize, element: &[u8], fill: Fill) -> bool {
        match &mut self.body {
            Body::Packed(elements)
                if fill.has_room(elements.byte_len(), self.count as usize, element.len()) =>
            {
                let pos = elements.seek(inside.cast_signed()).expect("located there");
                elements.insert_before(pos, element);
                self.count += 1;
                true
            }
            _ => false,
        }
    }

    /// Leaves the elements before the one `inside`, which is not the first, and returns the rest.
    fn split_off(&mut self, inside: usize) -> Self {
        let Body::Packed(elements) = &mut self.body else {
            unreachable!("a single element is not split")
        };
        let pos = elements.seek(inside.cast_signed()).expect("located there");
        let rest = elements.split_off(pos);
        self.count = length(elements);
        Self::packed(rest)
    }

    fn remove_equal(&mut self, end: End, limit: usize, needle: &Needle<'_>) -> usize {
        let removed = match &mut self.body {
            Body::Packed(elements) => remove_equal(elements, end, limit, needle),
            Body::Plain(element) => usize::from(limit > 0 && needle.is(Element::Bytes(element))),
        };
        self.count -= u32::try_from(removed).expect("no more than there were");
        removed
    }

    /// All elements, toward one end.
    pub fn walk(&self, toward: End) -> InNode<'_> {
        match toward {
            End::Tail => self.walk_from(0, toward),
            End::Head => self.walk_from(self.len() - 1, toward),
        }
    }

    /// The element `inside` and those after it, toward one end.
    fn walk_from(&self, inside: usize, toward: End) -> InNode<'_> {
        match &self.body {
            Body::Packed(elements) => InNode::packed(elements, inside, toward),
            Body::Plain(element) => InNode::Plain(Some(element)),
        }
    }
}

fn length(elements: &Listpack) -> u32 {
    u32::try_from(elements.len()).expect("a node is shorter than 4 GiB")
}
