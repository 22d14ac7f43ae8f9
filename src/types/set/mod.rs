//! Sets of strings.
//!
//! Small ones are compact, as in Redis: integers alone in an intset, anything else in a listpack in
//! the order in which it came. Bigger ones are a table. The rules by which one becomes the other
//! are those of Redis 7.2:
//!
//! ```text
//!   intset ── a string comes, and both fit a listpack ──► listpack ── too many, too long ──► table
//!      └───── too many, or a string comes that does not fit ───────────────────────────────────▲
//! ```
//!
//! Not here: what commands do with several sets.

mod iter;
#[cfg(test)]
mod tests;

use crate::bytes::parse_int;
use crate::memory::good_size;
use crate::types::dict::{Dict, Keyed};
use crate::types::intset::Intset;
use crate::types::limits::{Limits, is_safe_to_add};
use crate::types::listpack::{Element, Listpack};
use crate::types::random::Rng;
use crate::types::thin::Thin;
use crate::types::{Collection, Kind};

pub use iter::Iter;

/// Redis's intsets hold no more, whatever the parameters say.
const INTSET_LEN_MAX: usize = 1 << 30;

impl Keyed for Thin {
    fn key(&self) -> &[u8] {
        self
    }
}

/// A set in one of its encodings.
#[derive(Clone)]
pub enum Set {
    Intset(Intset),
    Listpack(Listpack),
    Table(Box<Dict<Thin>>),
}

const _: () = assert!(size_of::<Set>() <= 16);

impl Set {
    pub fn new() -> Self {
        Self::Intset(Intset::new())
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Intset(_) => "intset",
            Self::Listpack(_) => "listpack",
            Self::Table(_) => "hashtable",
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Intset(ints) => ints.len(),
            Self::Listpack(list) => list.len(),
            Self::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, member: &[u8]) -> bool {
        match self {
            Self::Intset(ints) => parse_int(member).is_some_and(|value| ints.contains(value)),
            Self::Listpack(list) => list.find(member, 0).is_some(),
            Self::Table(table) => table.contains(member),
        }
    }

    /// Prepares for `count` members to come, the first of them being `first`: Redis decides the
    /// encoding of a new set so, and converts at once what will not be compact anyway.
    pub fn expect(&mut self, first: &[u8], count: usize, limits: &Limits) {
        let few_ints = count <= limits.set_max_intset_entries;
        let few = count <= limits.set_max_listpack_entries;
        match self {
            Self::Intset(ints) if ints.is_empty() => {
                if parse_int(first).is_some() && few_ints {
                    return;
                }
                if few {
                    *self = Self::Listpack(Listpack::new());
                } else {
                    self.convert(limits);
                }
            }
            Self::Intset(_) if !few_ints => self.convert(limits),
            Self::Listpack(_) if !few => self.convert(limits),
            _ => {}
        }
    }

    /// Adds a member; false if it was there.
    pub fn add(&mut self, member: &[u8], limits: &Limits) -> bool {
        match self {
            Self::Intset(ints) => {
                if let Some(value) = parse_int(member) {
                    let added = ints.add(value);
                    if added && ints.len() > limits.set_max_intset_entries.min(INTSET_LEN_MAX) {
                        self.convert(limits);
                    }
                    return added;
                }
                if fits_listpack(ints, member, limits) {
                    *self = Self::Listpack(listpack_of(ints));
                } else {
                    self.convert(limits);
                }
                self.add_unchecked(member);
                true
            }
            Self::Listpack(list) => {
                if list.find(member, 0).is_some() {
                    return false;
                }
                if list.len() >= limits.set_max_listpack_entries
                    || member.len() > limits.set_max_listpack_value
                    || !is_safe_to_add(list, member.len())
                {
                    self.convert(limits);
                }
                self.add_unchecked(member);
                true
            }
            Self::Table(table) => {
                let is_new = !table.contains(member);
                if is_new {
                    table.insert(Thin::new(member));
                }
                is_new
            }
        }
    }

    /// Adds a member that is not there to a listpack or a table, without regard to the limits.
    fn add_unchecked(&mut self, member: &[u8]) {
        match self {
            Self::Intset(_) => unreachable!("the caller has made it something else"),
            Self::Listpack(list) => list.push_back(member),
            Self::Table(table) => {
                table.insert(Thin::new(member));
            }
        }
    }

    /// Takes a member out; false if it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Intset(ints) => parse_int(member).is_some_and(|value| ints.remove(value)),
            Self::Listpack(list) => {
                let found = list.find(member, 0);
                found.is_some_and(|pos| list.remove_many(pos, 1) == 1)
            }
            Self::Table(table) => table.remove(member).is_some(),
        }
    }

    /// Takes a member out, each equally likely.
    pub fn pop(&mut self, rng: &mut Rng) -> Option<Vec<u8>> {
        let popped = self.random(rng)?.to_vec();
        self.remove(&popped);
        Some(popped)
    }

    /// All members: integers of an intset in order, those of a listpack in the order in which they
    /// came.
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self)
    }

    /// A member, each equally likely; `None` if there is none.
    pub fn random(&self, rng: &mut Rng) -> Option<Element<'_>> {
        match self {
            Self::Intset(ints) => ints.get(rng.below(ints.len())).map(Element::Int),
            Self::Listpack(list) => list.get(rng.below(list.len()) as isize),
            Self::Table(table) => table.random(rng).map(|member| Element::Bytes(member)),
        }
    }

    /// `count` different members, or all if there are no more, each selection equally likely.
    pub fn sample<'a>(&'a self, count: usize, rng: &mut Rng, mut visit: impl FnMut(Element<'a>)) {
        match self {
            Self::Table(table) => {
                table.sample(count, rng, |member| visit(Element::Bytes(member)));
            }
            _ => rng.sample(self.iter(), count, visit),
        }
    }

    /// Visits about `count` members from `cursor` on, and returns the cursor to go on from, 0 at
    /// the end. A small set is visited whole.
    pub fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'a>),
    ) -> u64 {
        if let Self::Table(table) = self {
            return table.scan(cursor, count, |member| visit(Element::Bytes(member)));
        }
        self.iter().for_each(visit);
        0
    }

    /// Makes it a table.
    fn convert(&mut self, limits: &Limits) {
        if let Self::Table(_) = self {
            return;
        }
        let mut table = Dict::new(limits.seed);
        for member in &*self {
            table.insert(Thin::new(member.as_bytes(&mut [0; 20])));
        }
        *self = Self::Table(Box::new(table));
    }
}

/// Whether all the integers and one string may be one listpack.
fn fits_listpack(ints: &Intset, member: &[u8], limits: &Limits) -> bool {
    // They are in order, so the longest is the first or the last.
    let ends = [ints.get(0), ints.get(ints.len().saturating_sub(1))];
    let longest = ends.into_iter().flatten().map(|value| Element::Int(value).len()).max();
    ints.len() < limits.set_max_listpack_entries
        && member.len().max(longest.unwrap_or(0)) <= limits.set_max_listpack_value
}

fn listpack_of(ints: &Intset) -> Listpack {
    let mut list = Listpack::new();
    ints.iter().for_each(|value| list.push_back_int(value));
    list
}

impl Collection for Set {
    const KIND: Kind = Kind::Set;

    fn empty() -> Self {
        Self::new()
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn free_cost(&self) -> usize {
        match self {
            Self::Intset(_) | Self::Listpack(_) => 1,
            Self::Table(table) => table.free_cost(),
        }
    }

    fn memory(&self, samples: usize) -> usize {
        match self {
            Self::Intset(ints) => good_size(ints.byte_len()),
            Self::Listpack(list) => good_size(list.byte_len()),
            Self::Table(table) => {
                good_size(size_of::<Dict<Thin>>()) + table.memory(samples, Thin::memory)
            }
        }
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = Element<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}
