//! What is made of several sets: intersections, unions, differences.
//!
//! All sets are read first, so one of another type refuses the command before anything is
//! written. Members go from the sets straight into the reply, or into a new set that takes the
//! destination's place.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::context::write_element;
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::store::Db;
use crate::types::limits::Limits;
use crate::types::listpack::Element;
use crate::types::set::Set;

/// The sets that a command reads; `None` for a key that is missing.
type Sets<'a> = SmallVec<[Option<&'a Set>; 8]>;

fn sets<'a>(db: &'a Db<'_>, keys: &[&[u8]]) -> Result<Sets<'a>> {
    keys.iter().map(|key| db.read::<Set>(key)).collect()
}

fn total_len(sets: &[Option<&Set>]) -> usize {
    sets.iter().flatten().map(|set| set.len()).sum()
}

/// `SINTER key [key ...]`: the members that are in all of the sets.
pub fn sinter(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let sets = sets(&cx.db, args.rest())?;
    let Some((smallest, others)) = by_size(&sets) else {
        cx.out.set(0);
        return Ok(());
    };
    cx.cost(smallest.len())?;
    let (at, mut count) = (cx.out.set_later(), 0);
    for member in smallest.iter().filter(|member| in_all(&others, *member)) {
        write_element(cx.out, member);
        count += 1;
    }
    cx.out.close(at, count);
    Ok(())
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`: how many members are in all of the sets.
pub fn sintercard(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let more_than_words = Error::Plain("ERR Number of keys can't be greater than number of args");
    let key_count = args.key_count(more_than_words)?;
    let keys = args.take(key_count)?;
    let limit = parse_limit(args)?;
    let sets = sets(&cx.db, keys)?;
    let count = match by_size(&sets) {
        None => 0,
        Some((smallest, others)) => {
            cx.cost(smallest.len())?;
            smallest.iter().filter(|member| in_all(&others, *member)).take(limit).count()
        }
    };
    cx.out.len(count);
    Ok(())
}

/// Reads `[LIMIT limit]`, which may come again and whose 0 means no limit.
pub fn parse_limit(args: &mut Args<'_>) -> Result<usize> {
    let mut limit = 0;
    while !args.is_done() {
        if args.left() < 2 || !args.option("LIMIT") {
            return Err(Error::Syntax);
        }
        limit = args.positive(Error::Plain("ERR LIMIT can't be negative"))?;
    }
    Ok(if limit == 0 { usize::MAX } else { limit })
}

/// `SINTERSTORE destination key [key ...]`: how many members the new set has.
pub fn sinterstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let target = args.key()?;
    let common = intersection(cx, args.rest())?;
    cx.out.len(common.len());
    cx.put_result(target, common, "sinterstore");
    Ok(())
}

fn intersection(cx: &Context<'_>, keys: &[&[u8]]) -> Result<Set> {
    let sets = sets(&cx.db, keys)?;
    let Some((smallest, others)) = by_size(&sets) else { return Ok(Set::new()) };
    cx.cost(smallest.len())?;
    let common: Vec<_> = smallest.iter().filter(|member| in_all(&others, *member)).collect();
    Ok(set_of(&common, &cx.limits()))
}

/// The smallest set and the others, by their size; `None` if one of them is missing.
fn by_size<'a>(sets: &[Option<&'a Set>]) -> Option<(&'a Set, SmallVec<[&'a Set; 8]>)> {
    let mut sets: SmallVec<[&Set; 8]> = sets.iter().copied().collect::<Option<_>>()?;
    sets.sort_by_key(|set| set.len());
    let smallest = sets.remove(0);
    Some((smallest, sets))
}

fn in_all(sets: &[&Set], member: Element<'_>) -> bool {
    let mut scratch = [0; 20];
    let member = member.as_bytes(&mut scratch);
    sets.iter().all(|set| set.contains(member))
}

/// A set of these members, encoded as Redis does it: an intset if all are integers and not too
/// many, else in their order as long as they fit a listpack.
fn set_of(members: &[Element<'_>], limits: &Limits) -> Set {
    let mut set = Set::new();
    let all_ints = members.iter().all(|member| member.as_int().is_some());
    if !all_ints || members.len() > limits.set_max_intset_entries {
        set.expect(b"no integer", 1, limits);
    }
    for member in members {
        set.add(member.as_bytes(&mut [0; 20]), limits);
    }
    set
}

/// `SUNION key [key ...]`: the members that are in one of the sets.
pub fn sunion(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let sets = sets(&cx.db, args.rest())?;
    cx.cost(total_len(&sets))?;
    if sets.iter().flatten().all(|set| matches!(set, Set::Intset(_))) {
        // A real server answers these in order.
        let union = union_of(&sets, &cx.limits());
        cx.out.set(union.len());
        for member in &union {
            write_element(cx.out, member);
        }
        return Ok(());
    }
    let mut seen = HashSet::with_capacity_and_hasher(total_len(&sets), RandomState::default());
    let at = cx.out.set_later();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        if seen.insert(Name::of(member)) {
            write_element(cx.out, member);
        }
    }
    cx.out.close(at, seen.len());
    Ok(())
}

/// A member, the same whatever encoding it comes from.
#[derive(PartialEq, Eq, Hash)]
pub enum Name<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Name<'a> {
    pub fn of(member: Element<'a>) -> Self {
        // Tables keep integers as text, intsets and listpacks as numbers.
        match (member.as_int(), member) {
            (Some(value), _) | (None, Element::Int(value)) => Self::Int(value),
            (None, Element::Bytes(bytes)) => Self::Bytes(bytes),
        }
    }
}

/// `SUNIONSTORE destination key [key ...]`: how many members the new set has.
pub fn sunionstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let target = args.key()?;
    let union = union(cx, args.rest())?;
    cx.out.len(union.len());
    cx.put_result(target, union, "sunionstore");
    Ok(())
}

fn union(cx: &Context<'_>, keys: &[&[u8]]) -> Result<Set> {
    let sets = sets(&cx.db, keys)?;
    cx.cost(total_len(&sets))?;
    Ok(union_of(&sets, &cx.limits()))
}

fn union_of(sets: &[Option<&Set>], limits: &Limits) -> Set {
    let mut union = Set::new();
    for member in sets.iter().flatten().flat_map(|set| set.iter()) {
        union.add(member.as_bytes(&mut [0; 20]), limits);
    }
    union
}

/// `SDIFF key [key ...]`: the members of the first set that are in none of the others.
pub fn sdiff(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let sets = sets(&cx.db, args.rest())?;
    let Some(first) = sets[0] else {
        cx.out.set(0);
        return Ok(());
    };
    cx.cost(first.len())?;
    let (at, mut count) = (cx.out.set_later(), 0);
    for member in first.iter().filter(|member| in_none(&sets[1..], *member)) {
        write_element(cx.out, member);
        count += 1;
    }
    cx.out.close(at, count);
    Ok(())
}

/// `SDIFFSTORE destination key [key ...]`: how many members the new set has.
pub fn sdiffstore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let target = args.key()?;
    let difference = difference(cx, args.rest())?;
    cx.out.len(difference.len());
    cx.put_result(target, difference, "sdiffstore");
    Ok(())
}

fn difference(cx: &Context<'_>, keys: &[&[u8]]) -> Result<Set> {
    let sets = sets(&cx.db, keys)?;
    let mut result = Set::new();
    if let Some(first) = sets[0] {
        cx.cost(first.len())?;
        let limits = cx.limits();
        for member in first.iter().filter(|member| in_none(&sets[1..], *member)) {
            result.add(member.as_bytes(&mut [0; 20]), &limits);
        }
    }
    Ok(result)
}

fn in_none(sets: &[Option<&Set>], member: Element<'_>) -> bool {
    let mut scratch = [0; 20];
    let member = member.as_bytes(&mut scratch);
    !sets.iter().flatten().any(|set| set.contains(member))
}
