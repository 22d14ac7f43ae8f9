//! Hashes as they are written down and read again.

use crate::types::limits::Limits;
use crate::types::listpack::Listpack;
use crate::types::one_word::{Form, OneWord};

use super::{Hash, View};

impl Hash {
    /// The block of a small hash whose fields may die: field, value and deadline by turns, the
    /// next to die first, a deadline of 0 for those that live for ever.
    pub fn as_triples(&self) -> Option<&Listpack> {
        match self.view() {
            View::Triples(list) => Some(list),
            _ => None,
        }
    }

    /// The block of a small hash none of whose fields ever had a deadline.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(list) => Some(list),
            Form::Large(_) => None,
        }
    }

    /// How many fields the table of a big hash has room for.
    pub fn table_slots(&self) -> Option<usize> {
        match self.view() {
            View::Pairs(_) | View::Triples(_) => None,
            View::Table(table) => Some(table.slots()),
        }
    }

    /// A hash of fields and values by turns, which the caller has checked: there are as many of
    /// one as of the other, and all fields differ.
    pub fn from_listpack(list: Listpack, limits: &Limits) -> Self {
        let count = list.len() / 2;
        let mut hash = Self(OneWord::small(list));
        hash.expect(count, 0, limits);
        hash
    }
}
