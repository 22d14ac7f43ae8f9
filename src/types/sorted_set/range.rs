//! Going through a run of ranks in either encoding.

use crate::types::listpack::Element;
use crate::types::rank;

use super::compact::Pairs;

/// Members with their scores, in order, from either side.
#[derive(Clone)]
pub struct Range<'a>(pub(super) Inner<'a>);

#[derive(Clone)]
pub(super) enum Inner<'a> {
    /// The pairs, and how many are left of them.
    Listpack(Option<Pairs<'a>>, usize),
    Tree(rank::Range<'a>),
}

impl<'a> Iterator for Range<'a> {
    type Item = (Element<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Listpack(pairs, left) => {
                *left = left.checked_sub(1)?;
                pairs.as_mut()?.next().map(|(_, member, score)| (member, score))
            }
            Inner::Tree(entries) => {
                entries.next().map(|entry| (Element::Bytes(&entry.member), entry.score))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Inner::Listpack(_, left) => *left,
            Inner::Tree(entries) => entries.len(),
        };
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Listpack(pairs, left) => {
                *left = left.checked_sub(1)?;
                pairs.as_mut()?.next_back().map(|(_, member, score)| (member, score))
            }
            Inner::Tree(entries) => {
                entries.next_back().map(|entry| (Element::Bytes(&entry.member), entry.score))
            }
        }
    }
}

impl ExactSizeIterator for Range<'_> {}
