//! Sorted sets as they are written down and read again.

use std::cmp::Ordering;

use crate::bytes::parse_double;
use crate::types::limits::Limits;
use crate::types::listpack::{Element, Listpack};
use crate::types::one_word::{Form, OneWord};

use super::{SortedSet, compact};

impl SortedSet {
    /// The block of a small sorted set.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(list) => Some(list),
            Form::Large(_) => None,
        }
    }

    /// How many members the table of a big sorted set has room for.
    pub fn table_slots(&self) -> Option<usize> {
        match self.0.form() {
            Form::Small(_) => None,
            Form::Large(tree) => Some(tree.table.slots()),
        }
    }

    /// A sorted set of members and scores by turns, if they are in order. The caller has checked
    /// that there are as many of one as of the other, and that all members differ.
    pub fn from_listpack(list: Listpack, limits: &Limits) -> Option<Self> {
        let is_score = |score: Element<'_>| match score {
            Element::Int(_) => true,
            Element::Bytes(text) => parse_double(text).is_some(),
        };
        if !list.iter().skip(1).step_by(2).all(|(_, score)| is_score(score)) {
            return None;
        }
        let pairs = compact::pairs(&list);
        let in_order = pairs.clone().zip(pairs.skip(1)).all(|((_, a, low), (_, b, high))| {
            low < high || low == high && a.cmp_bytes(b.as_bytes(&mut [0; 20])) == Ordering::Less
        });
        in_order.then(|| {
            let count = list.len() / 2;
            let mut set = Self(OneWord::small(list));
            set.expect(count, 0, limits);
            set
        })
    }
}
