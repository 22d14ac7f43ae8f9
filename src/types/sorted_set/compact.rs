//! The compact encoding: members and scores by turns in one listpack, in order, as in Redis.
//!
//! A whole score is kept as an integer, any other as the shortest text that reads back the same.

use std::cmp::Ordering;

use crate::bytes::{parse_double, write_double};
use crate::types::listpack::{self, Element, Listpack, Pos};

/// Members with their scores and positions, from either side.
#[derive(Clone)]
pub(super) struct Pairs<'a>(listpack::Iter<'a>);

pub(super) fn pairs(list: &Listpack) -> Pairs<'_> {
    Pairs(list.iter())
}

/// The pairs from rank `start` up to, not including, `end`; there is at least one.
pub(super) fn pairs_between(list: &Listpack, start: usize, end: usize) -> Option<Pairs<'_>> {
    let end = list.seek(2 * end as isize);
    list.seek(2 * start as isize).map(|start| Pairs(list.iter_between(start, end)))
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Pos, Element<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        let (pos, member) = self.0.next()?;
        let (_, score) = self.0.next()?;
        Some((pos, member, score_of(score)))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (_, score) = self.0.next_back()?;
        let (pos, member) = self.0.next_back()?;
        Some((pos, member, score_of(score)))
    }
}

/// Where the member is, and its score.
pub(super) fn find(list: &Listpack, member: &[u8]) -> Option<(Pos, f64)> {
    let pos = list.find(member, 1)?;
    let score = list.next(pos).map(|pos| list.at(pos))?;
    Some((pos, score_of(score)))
}

/// Puts in a member that is not there yet.
pub(super) fn insert(list: &mut Listpack, member: &[u8], score: f64) {
    let text = score_text(score);
    let is_after = |(_, other, other_score): &(Pos, Element<'_>, f64)| {
        *other_score > score
            || *other_score == score && other.cmp_bytes(member) == Ordering::Greater
    };
    if let Some((pos, ..)) = pairs(list).find(is_after) {
        let pos = list.insert_before(pos, &text);
        list.insert_before(pos, member);
    } else {
        list.extend([member, &text].into_iter());
    }
}

/// Gives the member at `pos` another score. Where it keeps its place, only the score is written.
pub(super) fn update(list: &mut Listpack, pos: Pos, member: &[u8], score: f64) {
    let is_after = |other: Element<'_>, other_score: f64| {
        other_score > score || other_score == score && other.cmp_bytes(member) == Ordering::Greater
    };
    let before = list.prev(pos).and_then(|at| Some((list.at(list.prev(at)?), list.at(at))));
    let behind = list.next(pos).and_then(|at| {
        let next = list.next(at)?;
        Some((list.at(next), list.at(list.next(next)?)))
    });
    let keeps_place = before.is_none_or(|(other, old)| !is_after(other, score_of(old)))
        && behind.is_none_or(|(other, old)| is_after(other, score_of(old)));
    if let Some(at) = list.next(pos).filter(|_| keeps_place) {
        list.replace(at, &score_text(score));
    } else {
        remove(list, pos);
        insert(list, member, score);
    }
}

/// Takes out the member at `pos` with its score.
pub(super) fn remove(list: &mut Listpack, pos: Pos) {
    list.remove_many(pos, 2);
}

fn score_of(element: Element<'_>) -> f64 {
    match element {
        Element::Int(score) => score as f64,
        Element::Bytes(text) => {
            parse_double(text).expect("scores are written by `score_text` or checked when loaded")
        }
    }
}

/// Redis turns the score into an integer where that changes nothing, so minus zero becomes zero.
fn score_text(score: f64) -> smallvec::SmallVec<[u8; 32]> {
    let mut text = smallvec::SmallVec::new();
    write_double(&mut text, if score == 0.0 { 0.0 } else { score });
    text
}
