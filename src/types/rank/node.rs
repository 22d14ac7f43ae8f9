//! The nodes of the tree: how they split when full and are evened out when sparse.

use super::Entry;
use crate::memory::good_size;

/// The most entries in a leaf, and the most children of an inner node.
const LEAF_LEN_MAX: usize = 64;
const INNER_LEN_MAX: usize = 32;
/// A node with less than this fraction of its maximum is merged with a neighbour or filled from it.
/// Lists are allocated to fit, so sparse nodes waste little, and a low mark means little moving.
const SPARSE_PART: usize = 4;
/// A full node to which entries come in order keeps all but this fraction when it is split, since
/// nothing more will come to it.
const TAIL_PART: usize = 8;

#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf(Vec<Entry>),
    Inner(Vec<Child>),
}

/// A node and what its parent knows of it.
#[derive(Debug, Clone)]
pub(super) struct Child {
    /// The first entry below `node`: always one that exists.
    pub first: Entry,
    /// How many entries there are below `node`.
    pub count: usize,
    pub node: Node,
}

impl Node {
    pub fn new() -> Self {
        Self::Leaf(Vec::new())
    }

    /// Bytes of the lists below.
    pub fn memory(&self) -> usize {
        match self {
            Self::Leaf(entries) => good_size(entries.capacity() * size_of::<Entry>()),
            Self::Inner(children) => {
                let below: usize = children.iter().map(|child| child.node.memory()).sum();
                good_size(children.capacity() * size_of::<Child>()) + below
            }
        }
    }

    /// Makes `self` and `right`, which was split off from it, the two children of a new root.
    pub fn grow(&mut self, right: Child) {
        let left = Child::new(std::mem::replace(self, Self::new()));
        *self = Self::Inner(vec![left, right]);
    }

    /// Drops roots that have one child or none.
    pub fn shrink(&mut self) {
        while let Self::Inner(children) = self
            && children.len() < 2
        {
            *self = children.pop().map_or_else(Self::new, |only| only.node);
        }
    }

    /// Puts the entry in; what is split off on the way is returned, to be put right after `self`.
    pub fn insert(&mut self, entry: Entry) -> Option<Child> {
        match self {
            Self::Leaf(entries) => {
                let at = entries.partition_point(|other| other.is_before(&entry));
                let right = insert_or_split(entries, at, entry, LEAF_LEN_MAX)?;
                Some(Child::new(Self::Leaf(right)))
            }
            Self::Inner(children) => {
                let after = children.partition_point(|child| !entry.is_before(&child.first));
                let at = after.max(1) - 1;
                let child = &mut children[at];
                if after == 0 {
                    child.first = entry.clone();
                }
                child.count += 1;
                let right = child.node.insert(entry)?;
                child.count -= right.count;
                let right = insert_or_split(children, at + 1, right, INNER_LEN_MAX)?;
                Some(Child::new(Self::Inner(right)))
            }
        }
    }

    /// Takes out up to `max` entries from `rank` on, as many as are in one leaf, and returns how
    /// many.
    pub fn remove_run(
        &mut self,
        rank: usize,
        max: usize,
        removed: &mut impl FnMut(Entry),
    ) -> usize {
        match self {
            Self::Leaf(entries) => {
                let end = entries.len().min(rank.saturating_add(max));
                entries.drain(rank..end).for_each(removed);
                fit(entries);
                end - rank
            }
            Self::Inner(children) => {
                let (at, rank) = child_at(children, rank);
                let child = &mut children[at];
                let count = child.node.remove_run(rank, max, removed);
                child.count -= count;
                if child.count == 0 {
                    children.remove(at);
                } else {
                    if rank == 0 {
                        child.first = child.node.first().clone();
                    }
                    if child.node.is_sparse() {
                        even_out(children, at);
                    }
                }
                count
            }
        }
    }

    /// How many entries, from the first on, are `before` something.
    pub fn partition_point(&self, before: impl Fn(&Entry) -> bool) -> usize {
        let (mut node, mut rank) = (self, 0);
        loop {
            match node {
                Self::Leaf(entries) => return rank + entries.partition_point(&before),
                Self::Inner(children) => {
                    let after = children.partition_point(|child| before(&child.first));
                    let Some(at) = after.checked_sub(1) else { return rank };
                    rank += total(&children[..at]);
                    node = &children[at].node;
                }
            }
        }
    }

    /// The leaf in which `rank` is, and its place there; there are more than `rank` entries.
    pub fn leaf_at(&self, mut rank: usize) -> (&[Entry], usize) {
        let mut node = self;
        loop {
            match node {
                Self::Leaf(entries) => return (entries, rank),
                Self::Inner(children) => {
                    let (at, rest) = child_at(children, rank);
                    (node, rank) = (&children[at].node, rest);
                }
            }
        }
    }

    /// The first entry below; there is one.
    fn first(&self) -> &Entry {
        match self {
            Self::Leaf(entries) => &entries[0],
            Self::Inner(children) => &children[0].first,
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Leaf(entries) => entries.len(),
            Self::Inner(children) => total(children),
        }
    }

    fn is_sparse(&self) -> bool {
        match self {
            Self::Leaf(entries) => entries.len() < LEAF_LEN_MAX / SPARSE_PART,
            Self::Inner(children) => children.len() < INNER_LEN_MAX / SPARSE_PART,
        }
    }
}

impl Child {
    /// A child with at least one entry below it.
    fn new(node: Node) -> Self {
        Self { first: node.first().clone(), count: node.count(), node }
    }
}

fn total(children: &[Child]) -> usize {
    children.iter().map(|child| child.count).sum()
}

/// Which child has the entry at `rank`, and the entry's rank there; there is one.
fn child_at(children: &[Child], mut rank: usize) -> (usize, usize) {
    for (at, child) in children.iter().enumerate() {
        if rank < child.count {
            return (at, rank);
        }
        rank -= child.count;
    }
    unreachable!("a rank beyond the count of the node")
}

/// Puts `item` into a list that may not become longer than `max`; if it would, returns its upper
/// part.
fn insert_or_split<T>(list: &mut Vec<T>, at: usize, item: T, max: usize) -> Option<Vec<T>> {
    if list.len() < max {
        insert(list, at, item);
        return None;
    }
    let cut = match at {
        0 => max / TAIL_PART,
        _ if at == max => max - max / TAIL_PART,
        _ => max / 2,
    };
    let mut right = list.split_off(cut);
    if at > cut {
        insert(&mut right, at - cut, item);
    } else {
        insert(list, at, item);
    }
    fit(list);
    Some(right)
}

fn insert<T>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() == list.capacity() {
        // In small steps: what is allocated ahead is what a big tree wastes.
        list.reserve_exact((list.len() / 8).max(4));
    }
    list.insert(at, item);
}

/// Gives back what a list of this length will not need soon.
fn fit<T>(list: &mut Vec<T>) {
    if list.capacity() > 8 + list.len() + list.len() / 2 {
        list.shrink_to(list.len() + 4);
    }
}

/// Merges a sparse child with a neighbour, or shares the neighbour's wealth with it.
fn even_out(children: &mut Vec<Child>, at: usize) {
    if children.len() < 2 {
        return;
    }
    let at = at.max(1) - 1;
    let (head, tail) = children.split_at_mut(at + 1);
    let (left, right) = (&mut head[at], &mut tail[0]);
    let merged = match (&mut left.node, &mut right.node) {
        (Node::Leaf(a), Node::Leaf(b)) => join_or_share(a, b, LEAF_LEN_MAX),
        (Node::Inner(a), Node::Inner(b)) => join_or_share(a, b, INNER_LEN_MAX),
        _ => unreachable!("all leaves are equally deep"),
    };
    if merged {
        left.count += right.count;
        children.remove(at + 1);
    } else {
        let both = left.count + right.count;
        left.count = left.node.count();
        right.count = both - left.count;
        right.first = right.node.first().clone();
    }
}

/// Moves all of `right` to `left` if there is room (true), else makes them equally long.
fn join_or_share<T>(left: &mut Vec<T>, right: &mut Vec<T>, max: usize) -> bool {
    let len = left.len() + right.len();
    // Not filled to the brim, or the next insertion would split them again.
    let merged = len <= max - max / TAIL_PART;
    let half = if merged { len } else { len / 2 };
    if left.len() < half {
        let moved = half - left.len();
        left.reserve_exact(moved);
        left.extend(right.drain(..moved));
    } else {
        let moved = left.split_off(half);
        right.reserve_exact(moved.len());
        right.splice(..0, moved);
    }
    fit(left);
    fit(right);
    merged
}

#[cfg(test)]
impl Node {
    pub fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Inner(children) => children.iter().map(|child| child.node.leaves()).sum(),
        }
    }

    /// Panics unless everything holds that must hold between two calls; returns the depth.
    pub fn check(&self, is_root: bool) -> usize {
        match self {
            Self::Leaf(entries) => {
                assert!(entries.len() <= LEAF_LEN_MAX);
                assert!(is_root || !entries.is_empty());
                assert!(entries.is_sorted_by(Entry::is_before));
                0
            }
            Self::Inner(children) => {
                assert!(children.len() <= INNER_LEN_MAX);
                assert!(children.len() >= if is_root { 2 } else { 1 });
                assert!(children.is_sorted_by(|a, b| a.first.is_before(&b.first)));
                let depths: Vec<usize> = children.iter().map(|c| c.node.check(false)).collect();
                assert!(depths.iter().all(|&depth| depth == depths[0]));
                for child in children {
                    assert_eq!(child.count, child.node.count());
                    let first = child.node.first();
                    assert!(child.first.compare(first.score, &first.member).is_eq());
                    // The same block, so that nothing removed is kept alive.
                    assert_eq!(child.first.member.as_ptr(), first.member.as_ptr());
                }
                1 + depths[0]
            }
        }
    }
}
