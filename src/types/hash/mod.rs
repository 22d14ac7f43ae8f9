//! Hashes: fields and their values.
//!
//! Small ones are fields and values by turns in one listpack, in the order in which they came, as
//! in Redis; bigger ones a table whose entries are one block of memory each, field and value
//! together.
//!
//! Not here: deadlines of fields.

mod field;
mod iter;
#[cfg(test)]
mod tests;

use crate::types::dict::Dict;
use crate::types::limits::{Limits, is_safe_to_add};
use crate::types::listpack::{Element, Listpack, Pos};
use crate::types::one_word::{Form, FormMut, OneWord};
use crate::types::random::Rng;
use crate::types::{Collection, Kind};

pub use field::Field;
pub use iter::Iter;

/// A hash in one of its encodings, 8 bytes to hold.
#[derive(Clone)]
pub struct Hash(OneWord<Listpack, Dict<Field>>);

impl Hash {
    pub fn new() -> Self {
        Self(OneWord::small(Listpack::new()))
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(list) => list.len() / 2,
            Form::Large(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self.0.form() {
            Form::Small(list) => list.is_empty(),
            Form::Large(table) => table.is_empty(),
        }
    }

    /// The value of a field. Its length is what HSTRLEN answers.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        match self.0.form() {
            Form::Small(list) => value_pos(list, field).map(|pos| list.at(pos)),
            Form::Large(table) => table.get(field).map(|found| Element::Bytes(found.value())),
        }
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        match self.0.form() {
            Form::Small(list) => list.find(field, 1).is_some(),
            Form::Large(table) => table.contains(field),
        }
    }

    /// Prepares for `count` pairs to come of which the longest word is `len_bytes` long: what will
    /// not be compact anyway is converted at once.
    pub fn expect(&mut self, count: usize, len_bytes: usize, limits: &Limits) {
        if count > limits.hash_max_listpack_entries || len_bytes > limits.hash_max_listpack_value {
            self.convert(limits);
        }
    }

    /// Gives a field a value; true if the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let FormMut::Small(list) = self.0.form_mut()
            && (field.len().max(value.len()) > limits.hash_max_listpack_value
                || !is_safe_to_add(list, field.len().saturating_add(value.len())))
        {
            self.convert(limits);
        }
        match self.0.form_mut() {
            FormMut::Small(list) => {
                if let Some(pos) = value_pos(list, field) {
                    list.replace(pos, value);
                    return false;
                }
                if list.len() / 2 < limits.hash_max_listpack_entries {
                    list.extend([field, value].into_iter());
                    return true;
                }
                self.convert(limits);
                self.set(field, value, limits)
            }
            FormMut::Large(table) => table.insert(Field::new(field, value)).is_none(),
        }
    }

    /// Takes a field out; false if it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self.0.form_mut() {
            FormMut::Small(list) => {
                let found = list.find(field, 1);
                found.is_some_and(|pos| list.remove_many(pos, 2) == 2)
            }
            FormMut::Large(table) => table.remove(field).is_some(),
        }
    }

    /// All fields with their values: a small hash in the order in which they came.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self)
    }

    /// A field with its value, each equally likely; `None` if there is none.
    pub fn random(&self, rng: &mut Rng) -> Option<(Element<'_>, Element<'_>)> {
        match self.0.form() {
            Form::Small(list) => {
                let pos = list.seek(2 * rng.below(self.len()) as isize)?;
                Some((list.at(pos), list.at(list.next(pos)?)))
            }
            Form::Large(table) => table.random(rng).map(Field::elements),
        }
    }

    /// `count` different fields, or all if there are no more, each selection equally likely.
    pub fn sample<'a>(
        &'a self,
        count: usize,
        rng: &mut Rng,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) {
        let mut visit = |(field, value)| visit(field, value);
        match self.0.form() {
            Form::Small(_) => rng.sample(self.iter(), count, visit),
            Form::Large(table) => table.sample(count, rng, |found| visit(found.elements())),
        }
    }

    /// Visits about `count` fields from `cursor` on, and returns the cursor to go on from, 0 at the
    /// end. A small hash is visited whole.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) -> u64 {
        let mut visit = |(field, value)| visit(field, value);
        match self.0.form() {
            Form::Small(_) => {
                self.iter().for_each(visit);
                0
            }
            Form::Large(table) => table.scan(cursor, count, |found| visit(found.elements())),
        }
    }

    fn convert(&mut self, limits: &Limits) {
        if let FormMut::Small(_) = self.0.form_mut() {
            let mut table = Dict::new(limits.seed);
            for (field, value) in &*self {
                let (mut a, mut b) = ([0; 20], [0; 20]);
                table.insert(Field::new(field.as_bytes(&mut a), value.as_bytes(&mut b)));
            }
            self.0 = OneWord::large(table);
        }
    }
}

/// Where the field's value stands.
fn value_pos(list: &Listpack, field: &[u8]) -> Option<Pos> {
    list.find(field, 1).and_then(|pos| list.next(pos))
}

impl Collection for Hash {
    const KIND: Kind = Kind::Hash;

    fn empty() -> Self {
        Self::new()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn free_cost(&self) -> usize {
        match self.0.form() {
            Form::Small(_) => 1,
            Form::Large(table) => table.free_cost(),
        }
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a Hash {
    type Item = (Element<'a>, Element<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
