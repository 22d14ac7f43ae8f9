//! Lists: sequences of strings that grow and shrink at both ends.
//!
//! A small list is one [`Listpack`]. One that outgrows the limit of `list-max-listpack-size`
//! becomes a [`Quicklist`], a deque of listpacks, and goes back when it has shrunk below half of
//! it: the same moments at which Redis changes the encoding, since `OBJECT ENCODING` shows them.
//! The limit can be changed at any time, so every call that may grow or shrink a list is told it
//! ([`Fill`]).
//!
//! Pushing and popping cost no more than moving one node's bytes; an index is found by stepping
//! over nodes from the nearer end; walking costs O(1) a step.
//!
//! Not here: who waits for an element; what an empty list means (its key goes, and the caller does
//! that).

mod fill;
mod iter;
mod load;
mod quicklist;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::memory::good_size;
use crate::types::listpack::{Element, Listpack, Needle, Pos};
use crate::types::one_word::{Form, FormMut, OneWord};
use crate::types::{Collection, Kind};

pub use fill::Fill;
pub use iter::Iter;
pub use load::Builder;
pub use quicklist::{Node, Quicklist};

/// One of the two ends of a list; also the direction in which to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Head,
    Tail,
}

/// On which side of the pivot to insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// A list in one of its encodings, 8 bytes to hold.
#[derive(Debug, Clone)]
pub struct List(OneWord<Listpack, Quicklist>);

impl List {
    pub fn new() -> Self {
        Self(OneWord::small(Listpack::new()))
    }

    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(elements) => elements.len(),
            Form::Large(elements) => elements.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self.0.form() {
            Form::Small(elements) => elements.is_empty(),
            Form::Large(elements) => elements.len() == 0,
        }
    }

    /// The name that `OBJECT ENCODING` gives.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "quicklist",
        }
    }

    /// Pushes `elements` one after the other, so that at the head the last comes first.
    pub fn push<'a, I>(&mut self, end: End, elements: I, fill: Fill)
    where
        I: IntoIterator<Item = &'a [u8]>,
        I::IntoIter: Clone,
    {
        let elements = elements.into_iter();
        let (count, bytes) =
            elements.clone().fold((0, 0), |(n, sum), next| (n + 1, sum + next.len()));
        self.grow(bytes, count, fill);
        match (self.0.form_mut(), end) {
            (FormMut::Small(list), End::Tail) => list.extend(elements),
            (FormMut::Small(list), End::Head) => elements.for_each(|next| list.push_front(next)),
            (FormMut::Large(list), _) => elements.for_each(|next| list.push(end, next, fill)),
        }
    }

    pub fn push_front(&mut self, element: &[u8], fill: Fill) {
        self.push(End::Head, [element], fill);
    }

    pub fn push_back(&mut self, element: &[u8], fill: Fill) {
        self.push(End::Tail, [element], fill);
    }

    /// Shows the element at `end` to `read` and takes it out.
    pub fn pop_with<R>(
        &mut self,
        end: End,
        fill: Fill,
        read: impl FnOnce(Element<'_>) -> R,
    ) -> Option<R> {
        match self.0.form_mut() {
            FormMut::Small(list) => {
                let pos = at_end(list, end)?;
                let answer = read(list.at(pos));
                list.remove_many(pos, 1);
                Some(answer)
            }
            FormMut::Large(list) => {
                let answer = list.pop_with(end, read);
                self.shrink(fill);
                answer
            }
        }
    }

    pub fn pop(&mut self, end: End, fill: Fill) -> Option<Vec<u8>> {
        self.pop_with(end, fill, |element| element.to_vec())
    }

    pub fn pop_front(&mut self, fill: Fill) -> Option<Vec<u8>> {
        self.pop(End::Head, fill)
    }

    pub fn pop_back(&mut self, fill: Fill) -> Option<Vec<u8>> {
        self.pop(End::Tail, fill)
    }

    /// The element at `index`; negative counts from the tail, -1 being the last.
    pub fn get(&self, index: i64) -> Option<Element<'_>> {
        match self.0.form() {
            Form::Small(list) => list.get(isize::try_from(index).ok()?),
            Form::Large(list) => list.get(absolute(index, list.len())?),
        }
    }

    /// Puts `element` in the place of the one at `index`. False if there is none.
    pub fn set(&mut self, index: i64, element: &[u8], fill: Fill) -> bool {
        // Before looking whether the index exists, as Redis does.
        self.grow(element.len(), 1, fill);
        let Some(index) = absolute(index, self.len()) else { return false };
        match self.0.form_mut() {
            FormMut::Small(list) => match list.seek(index.cast_signed()) {
                Some(pos) => list.replace(pos, element),
                None => return false,
            },
            FormMut::Large(list) => list.replace(index, element, fill),
        }
        self.shrink(fill);
        true
    }

    /// Puts `element` next to the first one equal to `pivot`. False if there is none.
    pub fn insert(&mut self, side: Side, pivot: &[u8], element: &[u8], fill: Fill) -> bool {
        // Before looking for the pivot, as Redis does.
        self.grow(element.len(), 1, fill);
        match self.0.form_mut() {
            FormMut::Small(list) => match (list.find(pivot, 0), side) {
                (Some(pos), Side::Before) => list.insert_before(pos, element),
                (Some(pos), Side::After) => list.insert_after(pos, element),
                (None, _) => return false,
            },
            FormMut::Large(list) => {
                let pivot = Needle::new(pivot);
                let Some(found) = list.iter(0, End::Tail).position(|next| pivot.is(next)) else {
                    return false;
                };
                list.insert(found + usize::from(side == Side::After), element, fill);
                return true;
            }
        };
        true
    }

    /// Takes out elements equal to `element`: the first `count`, or the last `-count`, or all if
    /// `count` is zero. Returns how many.
    pub fn remove(&mut self, count: i64, element: &[u8], fill: Fill) -> usize {
        let end = if count < 0 { End::Tail } else { End::Head };
        let limit = match count {
            0 => usize::MAX,
            _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
        };
        let needle = Needle::new(element);
        match self.0.form_mut() {
            FormMut::Small(list) => remove_equal(list, end, limit, &needle),
            FormMut::Large(list) => {
                let removed = list.remove_equal(end, limit, &needle);
                self.shrink(fill);
                removed
            }
        }
    }

    /// Leaves only the elements from `start` to `stop`, both included and counted from the tail if
    /// negative. Returns how many went.
    pub fn trim(&mut self, start: i64, stop: i64, fill: Fill) -> usize {
        let len = self.len();
        let keep = clip(start, stop, len);
        match self.0.form_mut() {
            FormMut::Small(list) => {
                list.remove_range(keep.end.cast_signed(), usize::MAX);
                list.remove_range(0, keep.start);
            }
            FormMut::Large(list) => {
                list.drop_back(len - keep.end);
                list.drop_front(keep.start);
            }
        }
        self.shrink(fill);
        len - keep.len()
    }

    /// Takes `count` elements off one end, or as many as there are, showing each to `read`.
    pub fn pop_many(
        &mut self,
        end: End,
        count: usize,
        fill: Fill,
        mut read: impl FnMut(Element<'_>),
    ) -> usize {
        let count = count.min(self.len());
        let from = if end == End::Head { 0 } else { self.len().wrapping_sub(1) };
        self.walk(from, opposite(end)).take(count).for_each(&mut read);
        match (self.0.form_mut(), end) {
            (FormMut::Small(list), End::Head) => drop(list.remove_range(0, count)),
            (FormMut::Small(list), End::Tail) => {
                list.remove_range(-count.cast_signed(), count);
            }
            (FormMut::Large(list), End::Head) => list.drop_front(count),
            (FormMut::Large(list), End::Tail) => list.drop_back(count),
        }
        self.shrink(fill);
        count
    }

    /// All elements, from either end.
    pub fn iter(&self) -> Iter<'_> {
        self.walk(0, End::Tail)
    }

    /// The indices from `start` to `stop`, both included and counted from the tail if negative.
    pub fn span(&self, start: i64, stop: i64) -> Range<usize> {
        clip(start, stop, self.len())
    }

    /// The elements from `start` to `stop`, both included and counted from the tail if negative.
    pub fn range(&self, start: i64, stop: i64) -> impl Iterator<Item = Element<'_>> + use<'_> {
        let range = clip(start, stop, self.len());
        self.walk(range.start, End::Tail).take(range.len())
    }

    /// The same elements, the last first.
    pub fn range_back(&self, start: i64, stop: i64) -> impl Iterator<Item = Element<'_>> + use<'_> {
        let range = clip(start, stop, self.len());
        self.walk(range.end.wrapping_sub(1), End::Head).take(range.len())
    }

    /// The element at `from` and those after it `toward` one end. Nothing if there is no such
    /// element.
    pub fn walk(&self, from: usize, toward: End) -> Iter<'_> {
        match self.0.form() {
            Form::Small(list) => Iter::listpack(list, from, toward),
            Form::Large(list) => list.iter(from, toward),
        }
    }

    /// The indices of elements equal to `element`, as `LPOS` wants them: from the `rank`-th match
    /// on (negative: from the tail; never zero), at most `count` (0: all), looking at no more than
    /// `max_len` elements (0: all).
    pub fn positions(&self, element: &[u8], rank: i64, count: usize, max_len: usize) -> Vec<usize> {
        let all = |limit| if limit == 0 { usize::MAX } else { limit };
        let needle = Needle::new(element);
        let skip = usize::try_from(rank.unsigned_abs()).unwrap_or(usize::MAX).saturating_sub(1);
        let last = self.len().wrapping_sub(1);
        let (from, toward) = if rank < 0 { (last, End::Head) } else { (0, End::Tail) };
        self.walk(from, toward)
            .take(all(max_len))
            .enumerate()
            .filter(|(_, next)| needle.is(*next))
            .skip(skip)
            .take(all(count))
            .map(|(steps, _)| if rank < 0 { last - steps } else { steps })
            .collect()
    }

    /// The nodes in order, for a dump: a small list is one.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let (one, many) = match self.0.form() {
            Form::Small(list) => (Some(Node::Packed(list)), None),
            Form::Large(list) => (None, Some(list.nodes())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Changes the encoding ahead of adding `count` elements of `bytes` bytes in all, if together
    /// with what is there they are beyond the limit. Judged by the lengths of the words, not by
    /// what they will take, because Redis does.
    fn grow(&mut self, bytes: usize, count: usize, fill: Fill) {
        if let FormMut::Small(list) = self.0.form_mut()
            && fill.exceeded_by(list.byte_len() + bytes, list.len() + count)
        {
            self.0 = OneWord::large(Quicklist::from(std::mem::take(list)));
        }
    }

    /// Goes back to one listpack when there is one node left, filled to no more than half.
    fn shrink(&mut self, fill: Fill) {
        if let FormMut::Large(list) = self.0.form_mut()
            && let Some(elements) = list.take_only_node(fill)
        {
            self.0 = OneWord::small(elements);
        }
    }
}

impl Collection for List {
    const KIND: Kind = Kind::List;

    fn empty() -> Self {
        Self::new()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn free_cost(&self) -> usize {
        match self.0.form() {
            Form::Small(_) => 1,
            Form::Large(elements) => elements.nodes().len() + 2,
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.0.form() {
            Form::Small(list) => good_size(list.byte_len()),
            Form::Large(list) => good_size(size_of::<Quicklist>()) + list.memory(samples),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The index that a possibly negative `index` means, if a list of `len` elements has it.
fn absolute(index: i64, len: usize) -> Option<usize> {
    let from_tail = usize::try_from(index.unsigned_abs()).ok()?;
    let index = if index < 0 { len.checked_sub(from_tail)? } else { from_tail };
    (index < len).then_some(index)
}

/// The part of a list of `len` elements from `start` to `stop`, as `LRANGE` and `LTRIM` read them.
fn clip(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = i64::try_from(len).expect("a length fits 63 bits");
    let from_head = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = from_head(start).max(0);
    let end = from_head(stop).min(len - 1) + 1;
    if start >= end {
        return 0..0;
    }
    let clipped = |index: i64| usize::try_from(index).expect("between 0 and the length");
    clipped(start)..clipped(end)
}

fn opposite(end: End) -> End {
    match end {
        End::Head => End::Tail,
        End::Tail => End::Head,
    }
}

/// The first or last element of `list`.
fn at_end(list: &Listpack, end: End) -> Option<Pos> {
    match end {
        End::Head => list.first(),
        End::Tail => list.last(),
    }
}

/// Takes up to `limit` elements equal to `needle` out of `list`, looking from `end` on.
fn remove_equal(list: &mut Listpack, end: End, limit: usize, needle: &Needle<'_>) -> usize {
    let equal = |(pos, element)| needle.is(element).then_some(pos);
    let found: Vec<Pos> = match end {
        End::Head => list.iter().filter_map(equal).take(limit).collect(),
        End::Tail => {
            let mut found: Vec<Pos> = list.iter().rev().filter_map(equal).take(limit).collect();
            found.reverse();
            found
        }
    };
    list.remove_each(&found);
    found.len()
}
