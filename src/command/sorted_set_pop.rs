//! Taking members from either end of a sorted set, at once or when there are some.

use super::context::parse_timeout;
use super::sorted_set::Shape;
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::hub::waiting::Empty;
use crate::types::sorted_set::{Ranks, SortedSet};

/// The end from which members are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }

    /// The ranks of the `count` outermost members.
    fn ranks(self, len: usize, count: usize) -> Ranks {
        let count = count.min(len);
        match self {
            Self::Min => 0..count,
            Self::Max => len - count..len,
        }
    }
}

/// `ZPOPMIN key [count]`: the members with the lowest scores.
pub fn zpopmin(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    zpop(cx, args, End::Min)
}

/// `ZPOPMAX key [count]`: the members with the highest scores.
pub fn zpopmax(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    zpop(cx, args, End::Max)
}

fn zpop(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let key = args.key()?;
    let (mut count, mut shape) = (1, Shape::Flat);
    if !args.is_done() {
        if args.left() > 1 {
            return Err(Error::Syntax);
        }
        count = args.positive(Error::MustBePositive)?;
        shape = Shape::with_scores(cx);
    }
    let len = cx.db.write::<SortedSet>(key)?.map_or(0, |set| set.len());
    let count = count.min(len);
    cx.cost(count)?;
    if count == 0 {
        cx.out.array(0);
    } else {
        pop(cx, key, end, count, shape)?;
    }
    Ok(())
}

/// Takes `count` members out, which are there, and writes them.
fn pop(cx: &mut Context<'_>, key: &[u8], end: End, count: usize, shape: Shape) -> Result {
    let Some(set) = cx.db.write::<SortedSet>(key)? else { return Ok(()) };
    let ranks = end.ranks(set.len(), count);
    shape.begin(cx.out, ranks.len());
    let members = set.range(ranks.clone());
    let write = |(member, score)| shape.write(cx.out, member, score);
    match end {
        End::Min => members.for_each(write),
        End::Max => members.rev().for_each(write),
    }
    set.remove_range(ranks);
    cx.shrunk(key, end.event());
    Ok(())
}

/// `BZPOPMIN key [key ...] timeout`: the first key that has members, and its lowest.
pub fn bzpopmin(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    bzpop(cx, args, End::Min)
}

/// `BZPOPMAX key [key ...] timeout`: the first key that has members, and its highest.
pub fn bzpopmax(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    bzpop(cx, args, End::Max)
}

fn bzpop(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let keys = args.take(args.left() - 1)?;
    let timeout_ms = parse_timeout(args.next()?)?;
    let Some((key, _)) = first_with_members(cx, keys)? else {
        return cx.block::<SortedSet>(keys, timeout_ms, Empty::NilArray);
    };
    let Some(set) = cx.db.write::<SortedSet>(key)? else { return Ok(()) };
    let ranks = end.ranks(set.len(), 1);
    cx.out.array(3);
    cx.out.bulk(key);
    for (member, score) in set.range(ranks.clone()) {
        Shape::Flat.write(cx.out, member, score);
    }
    set.remove_range(ranks);
    cx.shrunk(key, end.event());
    Ok(())
}

/// The first of the keys that has members, and how many.
fn first_with_members<'a>(
    cx: &mut Context<'_>,
    keys: &[&'a [u8]],
) -> Result<Option<(&'a [u8], usize)>> {
    for key in keys {
        if let Some(set) = cx.db.write::<SortedSet>(key)? {
            return Ok(Some((key, set.len())));
        }
    }
    Ok(None)
}

/// What ZMPOP and BZMPOP ask for.
struct Request<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    count: usize,
}

impl<'a> Request<'a> {
    /// Reads `numkeys key [key ...] <MIN | MAX> [COUNT count]`.
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        let key_count = args.key_count(Error::Syntax)?;
        let keys = args.take(key_count)?;
        let end = match () {
            () if args.option("MIN") => End::Min,
            () if args.option("MAX") => End::Max,
            () => return Err(Error::Syntax),
        };
        let mut count = None;
        while !args.is_done() {
            if count.is_some() || args.left() < 2 || !args.option("COUNT") {
                return Err(Error::Syntax);
            }
            let error = Error::Plain("ERR count should be greater than 0");
            let wanted = args.positive(error.clone())?;
            if wanted == 0 {
                return Err(error);
            }
            count = Some(wanted);
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Takes members from the first key that has some. `false` if there is none.
    fn pop(&self, cx: &mut Context<'_>) -> Result<bool> {
        let Some((key, len)) = first_with_members(cx, self.keys)? else { return Ok(false) };
        cx.cost(self.count.min(len))?;
        cx.out.array(2);
        cx.out.bulk(key);
        pop(cx, key, self.end, self.count, Shape::Pairs)?;
        Ok(true)
    }
}

/// `ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]`: the first key that has members, and
/// its outermost.
pub fn zmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let request = Request::parse(args)?;
    if !request.pop(cx)? {
        cx.out.nil_array();
    }
    Ok(())
}

/// `BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]`: as ZMPOP, when there are some.
pub fn bzmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let timeout = args.next()?;
    let request = Request::parse(args)?;
    let timeout_ms = parse_timeout(timeout)?;
    if !request.pop(cx)? {
        cx.block::<SortedSet>(request.keys, timeout_ms, Empty::NilArray)?;
    }
    Ok(())
}
