//! Hashes as they are written down and read again.

use crate::types::limits::Limits;
use crate::types::listpack::Listpack;
use crate::types::one_word::{Form, OneWord};

use super::Hash;

impl Hash {
    /// The block of a small hash.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(list) => Some(list),
            Form::Large(_) => None,
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
