//! Going through a hash in any encoding.

use crate::types::dict;
use crate::types::listpack::{self, Element};

use super::{Field, View, triples};

/// Fields with their values.
pub struct Iter<'a>(Inner<'a>);

enum Inner<'a> {
    /// The words, and how many fields of how many words each are left.
    List(listpack::Iter<'a>, usize, usize),
    Table(dict::Iter<'a, Field>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self(match view {
            View::List(list, width) => Inner::List(list.iter(), list.len() / width, width),
            View::Table(table) => Inner::Table(table.iter()),
        })
    }

    /// The same with the millisecond from which on each field is dead.
    pub fn with_deadlines(
        mut self,
    ) -> impl Iterator<Item = (Element<'a>, Element<'a>, Option<u64>)> {
        std::iter::from_fn(move || self.step())
    }

    #[inline]
    fn step(&mut self) -> Option<(Element<'a>, Element<'a>, Option<u64>)> {
        match &mut self.0 {
            Inner::List(words, left, width) => {
                let (_, field) = words.next()?;
                let (_, value) = words.next()?;
                let mut deadline_ms = None;
                if *width == triples::WIDTH {
                    deadline_ms = triples::deadline_of(words.next()?.1);
                }
                *left -= 1;
                Some((field, value, deadline_ms))
            }
            Inner::Table(fields) => {
                let found = fields.next()?;
                let (field, value) = found.elements();
                Some((field, value, found.deadline_ms()))
            }
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.step().map(|(field, value, _)| (field, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Inner::List(_, left, _) => *left,
            Inner::Table(fields) => fields.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
