//! Going through a hash in either encoding.

use crate::types::dict;
use crate::types::listpack::{self, Element};
use crate::types::one_word::Form;

use super::{Field, Hash};

/// Fields with their values.
pub struct Iter<'a>(Inner<'a>);

enum Inner<'a> {
    /// The words, and how many pairs of them are left.
    Listpack(listpack::Iter<'a>, usize),
    Table(dict::Iter<'a, Field>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(hash: &'a Hash) -> Self {
        Self(match hash.0.form() {
            Form::Small(list) => Inner::Listpack(list.iter(), list.len() / 2),
            Form::Large(table) => Inner::Table(table.iter()),
        })
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::Listpack(words, left) => {
                let (_, field) = words.next()?;
                let (_, value) = words.next()?;
                *left -= 1;
                Some((field, value))
            }
            Inner::Table(fields) => fields.next().map(Field::elements),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Inner::Listpack(_, left) => *left,
            Inner::Table(fields) => fields.len(),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
