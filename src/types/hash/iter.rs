//! Going through a hash in any encoding.

use crate::types::dict;
use crate::types::listpack::{self, Element};

use super::{Field, View, triples};

/// Fields with their values.
pub struct Iter<'a>(Inner<'a>);

enum Inner<'a> {
    /// The words, and how many fields of them are left.
    Pairs(listpack::Iter<'a>, usize),
    Triples(listpack::Iter<'a>, usize),
    Table(dict::Iter<'a, Field>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self(match view {
            View::Pairs(list) => Inner::Pairs(list.iter(), list.len() / 2),
            View::Triples(list) => Inner::Triples(list.iter(), list.len() / triples::WIDTH),
            View::Table(table) => Inner::Table(table.iter()),
        })
    }

    /// The same with the millisecond from which on each field is dead.
    pub fn with_deadlines(
        mut self,
    ) -> impl Iterator<Item = (Element<'a>, Element<'a>, Option<u64>)> {
        std::iter::from_fn(move || match &mut self.0 {
            Inner::Pairs(..) => self.next().map(|(field, value)| (field, value, None)),
            Inner::Triples(words, left) => triples::next(words, left),
            Inner::Table(fields) => fields.next().map(|found| {
                let (field, value) = found.elements();
                (field, value, found.deadline_ms())
            }),
        })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Pairs(words, left) => {
                let (_, field) = words.next()?;
                let (_, value) = words.next()?;
                *left -= 1;
                Some((field, value))
            }
            Inner::Triples(words, left) => {
                triples::next(words, left).map(|(field, value, _)| (field, value))
            }
            Inner::Table(fields) => fields.next().map(Field::elements),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Inner::Pairs(_, left) | Inner::Triples(_, left) => *left,
            Inner::Table(fields) => fields.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
