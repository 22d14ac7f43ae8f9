//! A small hash whose fields may die: field, value and deadline by turns in one listpack.
//!
//! The next to die comes first and what lives for ever last, with a deadline of 0; that is how
//! Redis keeps and dumps such a hash, so its order is also what HGETALL shows. Among equal
//! deadlines the newest comes first.

use crate::types::listpack::{self, Element, Listpack, Pos};

/// Elements of one field.
pub(super) const WIDTH: usize = 3;

/// The same fields, none of which dies.
pub(super) fn of_pairs(pairs: &Listpack) -> Listpack {
    let mut triples = Listpack::new();
    let words = pairs.iter().enumerate().flat_map(|(i, (_, word))| {
        let deadline = (i % 2 == 1).then_some(Element::Int(0));
        std::iter::once(word).chain(deadline)
    });
    triples.extend(words);
    triples
}

/// Where a field stands. Not inlined: that would change how searches of pairs are compiled.
#[inline(never)]
pub(super) fn find(list: &Listpack, field: &[u8]) -> Option<Pos> {
    list.find(field, WIDTH - 1)
}

pub(super) fn value<'a>(list: &'a Listpack, field: &[u8]) -> Option<Element<'a>> {
    find(list, field).and_then(|pos| list.next(pos)).map(|pos| list.at(pos))
}

/// Where a field's deadline stands, by where the field does.
fn deadline_pos(list: &Listpack, field: Pos) -> Option<Pos> {
    list.next(field).and_then(|value| list.next(value))
}

pub(super) fn deadline_at(list: &Listpack, field: Pos) -> Option<u64> {
    deadline_of(list.at(deadline_pos(list, field)?))
}

/// What a deadline's element says.
pub(super) fn deadline_of(element: Element<'_>) -> Option<u64> {
    element.as_int().and_then(|at_ms| u64::try_from(at_ms).ok()).filter(|at_ms| *at_ms > 0)
}

/// Puts in a field that is not there yet.
pub(super) fn insert(list: &mut Listpack, field: &[u8], value: &[u8], deadline_ms: Option<u64>) {
    let at_ms = deadline_ms.map_or(0, |at_ms| i64::try_from(at_ms).unwrap_or(i64::MAX));
    let Some(pos) = deadline_ms.and_then(|at_ms| place_of(list, at_ms)) else {
        list.extend([Element::from(field), Element::from(value), at_ms.into()].into_iter());
        return;
    };
    list.insert_before(pos, itoa::Buffer::new().format(at_ms).as_bytes());
    list.insert_before(pos, value);
    list.insert_before(pos, field);
}

/// The first field that dies no sooner than at this time, or never.
fn place_of(list: &Listpack, at_ms: u64) -> Option<Pos> {
    let mut next = list.first();
    while let Some(field) = next {
        let deadline = deadline_pos(list, field)?;
        if deadline_of(list.at(deadline)).is_none_or(|other| other >= at_ms) {
            return Some(field);
        }
        next = list.next(deadline);
    }
    None
}

/// The deadline of the next field to die.
pub(super) fn earliest_ms(list: &Listpack) -> Option<u64> {
    deadline_at(list, list.first()?)
}

/// The deadline of the last field to die; `None` if it never does.
pub(super) fn latest_ms(list: &Listpack) -> Option<u64> {
    deadline_of(list.get(-1)?)
}

/// The next field of a walk with so many `left`.
#[inline(never)]
pub(super) fn next<'a>(
    words: &mut listpack::Iter<'a>,
    left: &mut usize,
) -> Option<(Element<'a>, Element<'a>, Option<u64>)> {
    let (_, field) = words.next()?;
    let (_, value) = words.next()?;
    let (_, deadline) = words.next()?;
    *left -= 1;
    Some((field, value, deadline_of(deadline)))
}
