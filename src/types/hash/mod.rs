//! Hashes: fields and their values.
//!
//! Small ones are fields and values by turns in one listpack, in the order in which they came, as
//! in Redis; bigger ones a table whose entries are one block of memory each, field and value
//! together. A field may have a deadline: with its first one a hash takes a third form, `mortal`,
//! so that those without pay for none.
//!
//! What a dump and whoever restores one need: [`Hash::iter`]`().with_deadlines()` goes through
//! (field, value, deadline in milliseconds), and [`Hash::set_as`] with [`Lifetime::At`] builds.
//!
//! Not here: the time. The owner asks when a field dies next and has the dead ones taken out
//! before anybody looks.

mod deadlines;
mod field;
mod iter;
mod load;
mod mortal;
#[cfg(test)]
mod tests;
mod triples;

use crate::memory::good_size;
use crate::types::dict::Dict;
use crate::types::limits::{Limits, is_safe_to_add};
use crate::types::listpack::{Element, Listpack, Pos};
use crate::types::one_word::{Form, FormMut, OneWord};
use crate::types::random::Rng;
use crate::types::{Collection, Kind};
use mortal::Mortal;

pub use field::Field;
pub use iter::Iter;

/// A hash in one of its encodings, 8 bytes to hold.
#[derive(Clone)]
pub struct Hash(OneWord<Listpack, Large>);

/// What a small hash grows into.
#[derive(Clone)]
enum Large {
    Table(Dict<Field>),
    Mortal(Box<Mortal>),
}

const _: () = assert!(size_of::<Large>() == size_of::<Dict<Field>>());

/// What becomes of a field's deadline when it is given a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    Keep,
    Clear,
    /// The millisecond from which on the field is dead; not 0.
    At(u64),
}

impl Lifetime {
    fn after(self, old_ms: Option<u64>) -> Option<u64> {
        match self {
            Self::Keep => old_ms,
            Self::Clear => None,
            Self::At(at_ms) => Some(at_ms),
        }
    }
}

/// What there is to look at: words of so many a field, or a table.
#[derive(Clone, Copy)]
enum View<'a> {
    Pairs(&'a Listpack),
    Triples(&'a Listpack),
    Table(&'a Dict<Field>),
}

impl<'a> View<'a> {
    fn iter(self) -> Iter<'a> {
        Iter::new(self)
    }
}

impl Hash {
    pub fn new() -> Self {
        Self(OneWord::small(Listpack::new()))
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.view() {
            View::Pairs(_) => "listpack",
            View::Triples(_) => "listpackex",
            View::Table(_) => "hashtable",
        }
    }

    #[inline]
    fn view(&self) -> View<'_> {
        match self.0.form() {
            Form::Small(list) => View::Pairs(list),
            Form::Large(Large::Table(table)) => View::Table(table),
            Form::Large(Large::Mortal(mortal)) => mortal.view(),
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        match self.view() {
            View::Pairs(list) => list.len() / 2,
            View::Triples(list) => list.len() / triples::WIDTH,
            View::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self.view() {
            View::Pairs(list) | View::Triples(list) => list.is_empty(),
            View::Table(table) => table.is_empty(),
        }
    }

    /// The value of a field. Its length is what HSTRLEN answers.
    pub fn get(&self, field: &[u8]) -> Option<Element<'_>> {
        match self.view() {
            View::Pairs(list) => value_pos(list, field).map(|pos| list.at(pos)),
            View::Triples(list) => triples::value(list, field),
            View::Table(table) => table.get(field).map(|found| Element::Bytes(found.value())),
        }
    }

    pub fn contains(&self, field: &[u8]) -> bool {
        match self.view() {
            View::Pairs(list) => list.find(field, 1).is_some(),
            View::Triples(list) => triples::find(list, field).is_some(),
            View::Table(table) => table.contains(field),
        }
    }

    /// Prepares for `count` pairs to come of which the longest word is `len_bytes` long: what will
    /// not be compact anyway is converted at once.
    pub fn expect(&mut self, count: usize, len_bytes: usize, limits: &Limits) {
        if count > limits.hash_max_listpack_entries || len_bytes > limits.hash_max_listpack_value {
            self.convert(limits);
        }
    }

    /// Gives a field a value, and no deadline; true if the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], limits: &Limits) -> bool {
        if let FormMut::Small(list) = self.0.form_mut()
            && !fits(list, field, value, limits)
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
            FormMut::Large(Large::Table(table)) => {
                table.insert(Field::new(field, value, None)).is_none()
            }
            FormMut::Large(Large::Mortal(mortal)) => {
                mortal.set(field, value, Lifetime::Clear, limits)
            }
        }
    }

    /// Gives a field a value, and tells what becomes of its deadline; true if the field is new.
    pub fn set_as(
        &mut self,
        field: &[u8],
        value: &[u8],
        lifetime: Lifetime,
        limits: &Limits,
    ) -> bool {
        if let Lifetime::At(_) = lifetime {
            return self.mortal(limits).set(field, value, lifetime, limits);
        }
        match self.0.form_mut() {
            FormMut::Large(Large::Mortal(mortal)) => mortal.set(field, value, lifetime, limits),
            _ => self.set(field, value, limits),
        }
    }

    /// A field's deadline: the millisecond from which on it is dead. The outer `None` is that there
    /// is no such field.
    pub fn deadline_ms(&self, field: &[u8]) -> Option<Option<u64>> {
        match self.view() {
            View::Pairs(_) => self.contains(field).then_some(None),
            View::Triples(list) => {
                triples::find(list, field).map(|pos| triples::deadline_at(list, pos))
            }
            View::Table(table) => table.get(field).map(Field::deadline_ms),
        }
    }

    /// Gives a field, if it is there, a deadline, another one, or none.
    pub fn set_deadline(&mut self, field: &[u8], deadline_ms: Option<u64>, limits: &Limits) {
        if deadline_ms.is_some() {
            self.mortal(limits);
        }
        if let FormMut::Large(Large::Mortal(mortal)) = self.0.form_mut() {
            mortal.set_deadline(field, deadline_ms);
        }
    }

    /// Takes the form in which fields have deadlines, as servers do before they look for the field.
    pub fn expect_deadlines(&mut self, limits: &Limits) {
        self.mortal(limits);
    }

    /// When the next field dies, if any does.
    pub fn earliest_ms(&self) -> Option<u64> {
        match self.0.form() {
            Form::Large(Large::Mortal(mortal)) => mortal.earliest_ms(),
            _ => None,
        }
    }

    /// When the last field dies; `None` if one lives for ever.
    pub fn latest_ms(&self) -> Option<u64> {
        match self.0.form() {
            Form::Large(Large::Mortal(mortal)) => mortal.latest_ms(),
            _ => None,
        }
    }

    /// Takes out fields that are dead by `now_ms`, the longest dead first, up to `most` of them.
    /// Answers how many.
    pub fn reap(&mut self, now_ms: u64, most: usize) -> usize {
        match self.0.form_mut() {
            FormMut::Large(Large::Mortal(mortal)) => mortal.reap(now_ms, most),
            _ => 0,
        }
    }

    /// Takes a field out; false if it was not there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match self.0.form_mut() {
            FormMut::Small(list) => {
                let found = list.find(field, 1);
                found.is_some_and(|pos| list.remove_many(pos, 2) == 2)
            }
            FormMut::Large(Large::Table(table)) => table.remove(field).is_some(),
            FormMut::Large(Large::Mortal(mortal)) => mortal.remove(field),
        }
    }

    /// All fields with their values: a small hash in the order in which they came.
    pub fn iter(&self) -> Iter<'_> {
        self.view().iter()
    }

    /// A field with its value, each equally likely; `None` if there is none.
    pub fn random(&self, rng: &mut Rng) -> Option<(Element<'_>, Element<'_>)> {
        let (list, width) = match self.view() {
            View::Pairs(list) => (list, 2),
            View::Triples(list) => (list, triples::WIDTH),
            View::Table(table) => return table.random(rng).map(Field::elements),
        };
        let pos = list.seek((width * rng.below(self.len())) as isize)?;
        Some((list.at(pos), list.at(list.next(pos)?)))
    }

    /// `count` different fields, or all if there are no more, each selection equally likely.
    pub fn sample<'a>(
        &'a self,
        count: usize,
        rng: &mut Rng,
        mut visit: impl FnMut(Element<'a>, Element<'a>),
    ) {
        let mut visit = |(field, value)| visit(field, value);
        match self.view() {
            View::Pairs(_) | View::Triples(_) => rng.sample(self.iter(), count, visit),
            View::Table(table) => table.sample(count, rng, |found| visit(found.elements())),
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
        match self.view() {
            View::Pairs(_) | View::Triples(_) => {
                self.iter().for_each(visit);
                0
            }
            View::Table(table) => table.scan(cursor, count, |found| visit(found.elements())),
        }
    }

    fn convert(&mut self, limits: &Limits) {
        match self.0.form_mut() {
            FormMut::Small(_) => {
                let mut table = Dict::new(limits.seed);
                for (field, value) in &*self {
                    let (mut a, mut b) = ([0; 20], [0; 20]);
                    let (field, value) = (field.as_bytes(&mut a), value.as_bytes(&mut b));
                    table.insert(Field::new(field, value, None));
                }
                self.0 = OneWord::large(Large::Table(table));
            }
            FormMut::Large(Large::Table(_)) => {}
            FormMut::Large(Large::Mortal(mortal)) => mortal.grow(limits),
        }
    }

    /// The form in which fields have deadlines, taken now if it was not before. A table goes over
    /// as it is.
    fn mortal(&mut self, limits: &Limits) -> &mut Mortal {
        match self.0.form_mut() {
            FormMut::Small(list) => {
                let mortal = Mortal::of_pairs(list);
                self.0 = OneWord::large(Large::Mortal(Box::new(mortal)));
            }
            FormMut::Large(large) => {
                if let Large::Table(table) = large {
                    let table = std::mem::replace(table, Dict::new(limits.seed));
                    *large = Large::Mortal(Box::new(Mortal::of_table(table)));
                }
            }
        }
        match self.0.form_mut() {
            FormMut::Large(Large::Mortal(mortal)) => mortal,
            _ => unreachable!("it has just taken this form"),
        }
    }
}

/// Whether a small hash may stay small with this in it.
fn fits(list: &Listpack, field: &[u8], value: &[u8], limits: &Limits) -> bool {
    field.len().max(value.len()) <= limits.hash_max_listpack_value
        && is_safe_to_add(list, field.len().saturating_add(value.len()))
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
            Form::Large(Large::Table(table)) => table.free_cost(),
            Form::Large(Large::Mortal(mortal)) => mortal.free_cost(),
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self.0.form() {
            Form::Small(list) => good_size(list.byte_len()),
            Form::Large(large) => {
                let inside = match large {
                    Large::Table(table) => table.memory(samples, Field::memory),
                    Large::Mortal(mortal) => mortal.memory(samples),
                };
                good_size(size_of::<Large>()) + inside
            }
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
