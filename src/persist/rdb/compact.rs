//! Values that are one block: listpacks and intsets of strangers, checked to the last element.

use std::collections::HashSet;

use foldhash::quality::RandomState;

use super::source::{Malformed, Read};
use super::{Settings, Value};
use crate::types::dict::Dict;
use crate::types::hash::Hash;
use crate::types::intset::Intset;
use crate::types::list::{Builder, List};
use crate::types::listpack::{Element, Listpack};
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;

/// Beyond this, a block of strangers is refused: what becomes of it must fit a listpack.
pub(super) const BYTES_MAX: usize = 1 << 31;

/// A listpack, its elements in their shortest forms whatever they were in: a string that is an
/// integer would not be found, and flags in streams are written in place.
pub(super) fn listpack(bytes: &[u8]) -> Read<Listpack> {
    if bytes.len() > BYTES_MAX {
        return Err(Malformed);
    }
    let list = Listpack::from_bytes(bytes).ok_or(Malformed)?;
    if list.is_shortest() {
        return Ok(list);
    }
    Ok(pack(list.iter().map(|(_, element)| element)))
}

/// A listpack of these elements.
pub(super) fn pack<'a>(elements: impl Iterator<Item = Element<'a>> + Clone) -> Listpack {
    let mut list = Listpack::new();
    list.extend(elements);
    list
}

/// Servers leave the lists of old dumps in the encoding of long ones.
pub(super) fn old_list(elements: Listpack) -> Read<Value> {
    if elements.is_empty() {
        return Err(Malformed);
    }
    let mut builder = Builder::new();
    builder.packed(elements);
    Ok(Value::List(builder.finish_long()))
}

pub(super) fn finish_list(builder: Builder, settings: &Settings) -> Read<Value> {
    let list: List = builder.finish(settings.fill);
    if list.is_empty() { Err(Malformed) } else { Ok(Value::List(list)) }
}

pub(super) fn intset(bytes: &[u8], settings: &Settings) -> Read<Value> {
    let ints = Intset::from_bytes(bytes).filter(|ints| !ints.is_empty()).ok_or(Malformed)?;
    if ints.len() <= settings.limits.set_max_intset_entries {
        return Ok(Value::Set(Set::Intset(ints)));
    }
    table_of(ints.iter().map(Element::Int), settings)
}

pub(super) fn set(list: Listpack, settings: &Settings) -> Read<Value> {
    let elements = list.iter().map(|(_, element)| element);
    let len = list.len();
    if len == 0 {
        return Err(Malformed);
    }
    if len > settings.limits.set_max_listpack_entries {
        return table_of(elements, settings);
    }
    all_differ(elements)?;
    Ok(Value::Set(Set::Listpack(list)))
}

/// A set of these members, which must all differ, in its largest encoding.
fn table_of<'a>(members: impl Iterator<Item = Element<'a>>, settings: &Settings) -> Read<Value> {
    let mut set = Set::Table(Box::new(Dict::new(settings.limits.seed)));
    for member in members {
        if !set.add(member.as_bytes(&mut [0; 20]), &settings.limits) {
            return Err(Malformed);
        }
    }
    Ok(Value::Set(set))
}

pub(super) fn sorted_set(list: Listpack, settings: &Settings) -> Read<Value> {
    if list.is_empty() || !list.len().is_multiple_of(2) {
        return Err(Malformed);
    }
    all_differ(list.iter().map(|(_, element)| element).step_by(2))?;
    let set = SortedSet::from_listpack(list, &settings.limits).ok_or(Malformed)?;
    Ok(Value::SortedSet(set))
}

pub(super) fn hash(list: Listpack, settings: &Settings) -> Read<Value> {
    if list.is_empty() || !list.len().is_multiple_of(2) {
        return Err(Malformed);
    }
    all_differ(list.iter().map(|(_, element)| element).step_by(2))?;
    Ok(Value::Hash(Hash::from_listpack(list, &settings.limits)))
}

/// As `hash`; but a zipmap never knew a limit on the length of words.
pub(super) fn zipmap(list: Listpack, settings: &Settings) -> Read<Value> {
    let longest = list.iter().map(|(_, element)| element.len()).max().unwrap_or(0);
    let Value::Hash(mut hash) = self::hash(list, settings)? else { return Err(Malformed) };
    hash.expect(0, longest, &settings.limits);
    Ok(Value::Hash(hash))
}

fn all_differ<'a>(mut elements: impl Iterator<Item = Element<'a>>) -> Read {
    let mut seen = HashSet::with_hasher(RandomState::default());
    if elements.all(|element| seen.insert(element)) { Ok(()) } else { Err(Malformed) }
}
