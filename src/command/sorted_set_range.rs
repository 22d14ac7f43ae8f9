//! Runs of a sorted set: by rank, by score, by member. Read, counted, removed, stored.
//!
//! Every request comes down to a run of ranks, found in O(log n), so LIMIT and the direction are
//! arithmetic and the length of the reply is known before it is written.

use super::sorted_set::Shape;
use super::{Args, Context};
use crate::bytes::{is_word, parse_int};
use crate::error::{Error, Result};
use crate::types::listpack::Element;
use crate::types::sorted_set::{LexBound, LexRange, Ranks, ScoreBound, ScoreRange, SortedSet};

/// What the two ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Forward,
    Reverse,
}

/// The two ends.
#[derive(Debug, Clone, Copy)]
enum Bounds<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl<'a> Bounds<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self> {
        Ok(match by {
            By::Rank => {
                let bounds = parse_int(min).zip(parse_int(max));
                let (start, stop) = bounds.ok_or(Error::NotAnInteger)?;
                Self::Rank(start, stop)
            }
            By::Score => {
                let bounds = ScoreBound::parse(min).zip(ScoreBound::parse(max));
                let (min, max) = bounds.ok_or(Error::Plain("ERR min or max is not a float"))?;
                Self::Score(ScoreRange { min, max })
            }
            By::Lex => {
                let bounds = LexBound::parse(min).zip(LexBound::parse(max));
                let (min, max) =
                    bounds.ok_or(Error::Plain("ERR min or max not valid string range item"))?;
                Self::Lex(LexRange { min, max })
            }
        })
    }

    /// The ranks, counted from the first member.
    fn ranks(self, set: &SortedSet) -> Ranks {
        match self {
            Self::Rank(start, stop) => set.rank_range(start, stop),
            Self::Score(range) => set.score_range(range),
            Self::Lex(range) => set.lex_range(range),
        }
    }
}

/// What ZRANGE and its kin ask for.
struct Request<'a> {
    key: &'a [u8],
    bounds: Bounds<'a>,
    order: Order,
    /// How many to pass over and how many to take at most; a negative count takes all.
    limit: Option<(i64, i64)>,
    with_scores: bool,
}

impl<'a> Request<'a> {
    /// Reads the rest of the words. What `by` and `order` leave open are options; so is
    /// WITHSCORES, unless the answer is `stored`.
    fn parse(
        args: &mut Args<'a>,
        by: Option<By>,
        order: Option<Order>,
        scores: Scores,
    ) -> Result<Self> {
        let key = args.key()?;
        let (first, second) = (args.next()?, args.next()?);
        let (mut by, mut order) = (by, order);
        let (mut limit, mut with_scores) = (None, false);
        while let Some(word) = args.peek() {
            if scores == Scores::Asked && args.option("WITHSCORES") {
                with_scores = true;
            } else if args.left() > 2 && args.option("LIMIT") {
                limit = Some((args.int()?, args.int()?));
            } else if order.is_none() && args.option("REV") {
                order = Some(Order::Reverse);
            } else if by.is_none() && is_word(word, "BYLEX") {
                args.next()?;
                by = Some(By::Lex);
            } else if by.is_none() && args.option("BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
        }
        let by = by.unwrap_or(By::Rank);
        let order = order.unwrap_or(Order::Forward);
        if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
            return Err(Error::Plain(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if by == By::Lex && with_scores {
            return Err(Error::Plain(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let swapped = by != By::Rank && order == Order::Reverse;
        let (min, max) = if swapped { (second, first) } else { (first, second) };
        Ok(Self { key, bounds: Bounds::parse(by, min, max)?, order, limit, with_scores })
    }

    /// The ranks, counted from the first member whatever the direction.
    fn ranks(&self, set: &SortedSet) -> Ranks {
        let ranks = self.bounds.ranks(set);
        let (offset, count) = match (self.bounds, self.limit) {
            (Bounds::Rank(..), _) if self.order == Order::Reverse => {
                return set.len() - ranks.end..set.len() - ranks.start;
            }
            (Bounds::Rank(..), _) | (_, None) => return ranks,
            (_, Some(limit)) => limit,
        };
        let skipped = match offset {
            0.. => offset.unsigned_abs() as usize,
            // A real server counts from the far end then, but only in big sorted sets.
            _ if !set.is_compact() => {
                ranks.len().checked_sub(offset.unsigned_abs() as usize).unwrap_or(ranks.len())
            }
            _ => ranks.len(),
        };
        let skipped = skipped.min(ranks.len());
        let taken = usize::try_from(count).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        match self.order {
            Order::Forward => ranks.start + skipped..ranks.start + skipped + taken,
            Order::Reverse => ranks.end - skipped - taken..ranks.end - skipped,
        }
    }
}

/// Whether WITHSCORES may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scores {
    Asked,
    Stored,
}

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub fn zrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, None, None)
}

/// `ZREVRANGE key start stop [WITHSCORES]`
pub fn zrevrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, Some(By::Rank), Some(Order::Reverse))
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`
pub fn zrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, Some(By::Score), Some(Order::Forward))
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`
pub fn zrevrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, Some(By::Score), Some(Order::Reverse))
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`
pub fn zrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, Some(By::Lex), Some(Order::Forward))
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`
pub fn zrevrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_range(cx, args, Some(By::Lex), Some(Order::Reverse))
}

fn write_range(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    by: Option<By>,
    order: Option<Order>,
) -> Result {
    let request = Request::parse(args, by, order, Scores::Asked)?;
    let shape = if request.with_scores { Shape::with_scores(cx) } else { Shape::Members };
    let Some(set) = cx.db.read::<SortedSet>(request.key)? else {
        cx.out.array(0);
        return Ok(());
    };
    let ranks = request.ranks(set);
    cx.cost(ranks.len())?;
    shape.begin(cx.out, ranks.len());
    let members = set.range(ranks);
    let write = |(member, score)| shape.write(cx.out, member, score);
    match request.order {
        Order::Forward => members.for_each(write),
        Order::Reverse => members.rev().for_each(write),
    }
    Ok(())
}

/// `ZRANGESTORE destination source start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]`: how
/// many members the new sorted set has.
pub fn zrangestore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let target = args.key()?;
    let request = Request::parse(args, None, None, Scores::Stored)?;
    let mut result = SortedSet::new();
    if let Some(set) = cx.db.read::<SortedSet>(request.key)? {
        let ranks = request.ranks(set);
        cx.cost(ranks.len())?;
        let limits = cx.limits();
        if matches!(request.bounds, Bounds::Rank(..)) {
            result.expect(ranks.len(), 0, &limits);
        }
        let members = set.range(ranks);
        let mut insert = |(member, score): (Element<'_>, f64)| {
            result.insert(member.as_bytes(&mut [0; 20]), score, &limits);
        };
        // In a real server's order: minus zero stays one only in a big sorted set.
        match request.order {
            Order::Forward => members.for_each(&mut insert),
            Order::Reverse => members.rev().for_each(&mut insert),
        }
    }
    cx.out.len(result.len());
    cx.put_result(target, result, "zrangestore");
    Ok(())
}

/// `ZCOUNT key min max`: how many scores are in the range.
pub fn zcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    count(cx, args, By::Score)
}

/// `ZLEXCOUNT key min max`: how many members are in the range.
pub fn zlexcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    count(cx, args, By::Lex)
}

fn count(cx: &mut Context<'_>, args: &mut Args<'_>, by: By) -> Result {
    let key = args.key()?;
    let bounds = Bounds::parse(by, args.next()?, args.next()?)?;
    let count = cx.db.read::<SortedSet>(key)?.map_or(0, |set| bounds.ranks(set).len());
    cx.out.len(count);
    Ok(())
}

/// `ZREMRANGEBYRANK key start stop`: how many were removed.
pub fn zremrangebyrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    remove(cx, args, By::Rank, "zremrangebyrank")
}

/// `ZREMRANGEBYSCORE key min max`: how many were removed.
pub fn zremrangebyscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    remove(cx, args, By::Score, "zremrangebyscore")
}

/// `ZREMRANGEBYLEX key min max`: how many were removed.
pub fn zremrangebylex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    remove(cx, args, By::Lex, "zremrangebylex")
}

fn remove(cx: &mut Context<'_>, args: &mut Args<'_>, by: By, event: &'static str) -> Result {
    let key = args.key()?;
    let bounds = Bounds::parse(by, args.next()?, args.next()?)?;
    let ranks = cx.db.write::<SortedSet>(key)?.map_or(0..0, |set| bounds.ranks(set));
    cx.cost(ranks.len())?;
    let mut removed = 0;
    if !ranks.is_empty()
        && let Some(set) = cx.db.write::<SortedSet>(key)?
    {
        removed = set.remove_range(ranks);
        cx.shrunk(key, event);
    }
    cx.out.len(removed);
    Ok(())
}
