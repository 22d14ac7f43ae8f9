//! Going through a set in any encoding.

use crate::types::listpack::{self, Element};
use crate::types::thin::Thin;
use crate::types::{dict, intset};

use super::Set;

/// The members of a set.
pub struct Iter<'a> {
    members: Members<'a>,
    left: usize,
}

enum Members<'a> {
    Intset(intset::Iter<'a>),
    Listpack(listpack::Iter<'a>),
    Table(dict::Iter<'a, Thin>),
}

impl<'a> Iter<'a> {
    pub(super) fn new(set: &'a Set) -> Self {
        let members = match set {
            Set::Intset(ints) => Members::Intset(ints.iter()),
            Set::Listpack(list) => Members::Listpack(list.iter()),
            Set::Table(table) => Members::Table(table.iter()),
        };
        Self { members, left: set.len() }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let member = match &mut self.members {
            Members::Intset(ints) => Element::Int(ints.next()?),
            Members::Listpack(elements) => elements.next()?.1,
            Members::Table(members) => Element::Bytes(members.next()?),
        };
        self.left -= 1;
        Some(member)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
