//! Sorted sets: members with scores under one key. Ranges are in `sorted_set_range`, what is made
//! of several in `sorted_set_store`, taking from the ends in `sorted_set_pop`.

use smallvec::SmallVec;

use super::context::write_element;
use super::generic::{ScanOptions, cursor, write_cursor};
use super::random::RandomCount;
use super::sorted_set_range as range;
use super::{ALONE, BLOCKING};
use super::{Args, BRIEF, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use super::{sorted_set_pop as pop, sorted_set_store as store};
use crate::bytes::{parse_double, parse_int, write_double_long};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::listpack::Element;
use crate::types::sorted_set::{AddOptions, AddOutcome, Compare, Existing, Mode, SortedSet};

const ONE: Keys = Keys::First;
const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
const TIMED: Keys = Keys::Range { first: 1, last: -2, step: 1 };
const COUNTED: Keys = Keys::Counted { at: 1, also: 0 };
const TIMED_COUNTED: Keys = Keys::Counted { at: 2, also: 0 };
const STORED: Keys = Keys::Counted { at: 2, also: 1 };
const GROW: u32 = WRITE | DENY_OOM;
const WAIT: u32 = WRITE | BLOCKING | ALONE;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name               arity keys           flags        handler
    spec("bzmpop",             -5, TIMED_COUNTED, WAIT,         pop::bzmpop),
    spec("bzpopmax",           -3, TIMED,         WAIT | FAST,  pop::bzpopmax),
    spec("bzpopmin",           -3, TIMED,         WAIT | FAST,  pop::bzpopmin),
    spec("zadd",               -4, ONE,           GROW | FAST,  zadd),
    spec("zcard",               2, ONE,           READ | FAST,  zcard),
    spec("zcount",              4, ONE,           READ | FAST,  range::zcount),
    spec("zdiff",              -3, COUNTED,       READ,         store::zdiff),
    spec("zdiffstore",         -4, STORED,        GROW,         store::zdiffstore),
    spec("zincrby",             4, ONE,           GROW | FAST,  zincrby),
    spec("zinter",             -3, COUNTED,       READ,         store::zinter),
    spec("zintercard",         -3, COUNTED,       READ,         store::zintercard),
    spec("zinterstore",        -4, STORED,        GROW,         store::zinterstore),
    spec("zlexcount",           4, ONE,           READ | FAST,  range::zlexcount),
    spec("zmpop",              -4, COUNTED,       WRITE,        pop::zmpop),
    spec("zmscore",            -3, ONE,           READ | FAST,  zmscore),
    spec("zpopmax",            -2, ONE,           WRITE | FAST, pop::zpopmax),
    spec("zpopmin",            -2, ONE,           WRITE | FAST, pop::zpopmin),
    spec("zrandmember",        -2, ONE,           READ,         zrandmember),
    spec("zrange",             -4, ONE,           READ | BRIEF, range::zrange),
    spec("zrangebylex",        -4, ONE,           READ | BRIEF, range::zrangebylex),
    spec("zrangebyscore",      -4, ONE,           READ | BRIEF, range::zrangebyscore),
    spec("zrangestore",        -5, TWO,           GROW,         range::zrangestore),
    spec("zrank",              -3, ONE,           READ | FAST,  zrank),
    spec("zrem",               -3, ONE,           WRITE | FAST, zrem),
    spec("zremrangebylex",      4, ONE,           WRITE,        range::zremrangebylex),
    spec("zremrangebyrank",     4, ONE,           WRITE,        range::zremrangebyrank),
    spec("zremrangebyscore",    4, ONE,           WRITE,        range::zremrangebyscore),
    spec("zrevrange",          -4, ONE,           READ | BRIEF, range::zrevrange),
    spec("zrevrangebylex",     -4, ONE,           READ | BRIEF, range::zrevrangebylex),
    spec("zrevrangebyscore",   -4, ONE,           READ | BRIEF, range::zrevrangebyscore),
    spec("zrevrank",           -3, ONE,           READ | FAST,  zrevrank),
    spec("zscan",              -3, ONE,           READ,         zscan),
    spec("zscore",              3, ONE,           READ | FAST,  zscore),
    spec("zunion",             -3, COUNTED,       READ,         store::zunion),
    spec("zunionstore",        -4, STORED,        GROW,         store::zunionstore),
];

/// How members and scores lie in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Members alone.
    Members,
    /// Member, score, member, score.
    Flat,
    /// An array of a member and its score for each.
    Pairs,
}

impl Shape {
    /// The shape in which a client hears members with their scores.
    pub fn with_scores(cx: &Context<'_>) -> Self {
        if cx.client.is_resp3() { Self::Pairs } else { Self::Flat }
    }

    /// Begins the array that `count` members are written into.
    pub fn begin(self, out: &mut Reply, count: usize) {
        out.array(if self == Self::Flat { 2 * count } else { count });
    }

    #[inline]
    pub fn write(self, out: &mut Reply, member: Element<'_>, score: f64) {
        if self == Self::Pairs {
            out.array(2);
        }
        write_element(out, member);
        if self != Self::Members {
            out.double(score);
        }
    }
}

/// What ZADD answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Added,
    /// CH.
    Changed,
    /// INCR.
    Score,
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]`
fn zadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (options, answer) = add_options(args)?;
    add(cx, key, args.rest(), options, answer)
}

/// `ZINCRBY key increment member`: the new score.
fn zincrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let options = ["NX", "XX", "GT", "LT", "CH", "INCR"];
    // A server reads them here too, and then misses the score.
    if options.into_iter().any(|name| args.option(name)) {
        return Err(Error::Syntax);
    }
    add(cx, key, args.rest(), AddOptions::INCREMENT, Answer::Score)
}

fn add_options(args: &mut Args<'_>) -> Result<(AddOptions, Answer)> {
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    let (mut ch, mut incr) = (false, false);
    // Most scores begin with a digit, and no option does.
    while args.peek().is_some_and(|word| !word.first().is_some_and(u8::is_ascii_digit)) {
        let options =
            [("NX", &mut nx), ("XX", &mut xx), ("GT", &mut gt), ("LT", &mut lt), ("CH", &mut ch)];
        let mut options = options.into_iter().chain([("INCR", &mut incr)]);
        match options.find(|(name, _)| args.option(name)) {
            Some((_, chosen)) => *chosen = true,
            None => break,
        }
    }
    if args.is_done() || !args.left().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    if nx && xx {
        return Err(Error::Plain("ERR XX and NX options at the same time are not compatible"));
    }
    if usize::from(nx) + usize::from(gt) + usize::from(lt) > 1 {
        return Err(Error::Plain(
            "ERR GT, LT, and/or NX options at the same time are not compatible",
        ));
    }
    if incr && args.left() > 2 {
        return Err(Error::Plain("ERR INCR option supports a single increment-element pair"));
    }
    let existing = match (nx, xx) {
        (true, _) => Existing::New,
        (_, true) => Existing::Old,
        _ => Existing::Either,
    };
    let compare = match (gt, lt) {
        (true, _) => Compare::Greater,
        (_, true) => Compare::Less,
        _ => Compare::Any,
    };
    let mode = if incr { Mode::Increment } else { Mode::Set };
    let answer = match (incr, ch) {
        (true, _) => Answer::Score,
        (_, true) => Answer::Changed,
        _ => Answer::Added,
    };
    Ok((AddOptions { existing, compare, mode }, answer))
}

/// Reads a score. Most are whole numbers.
#[inline]
fn parse_score(word: &[u8]) -> Result<f64> {
    match parse_int(word) {
        Some(value) => Ok(value as f64),
        None => parse_double(word).ok_or(Error::NotAFloat),
    }
}

fn add(
    cx: &mut Context<'_>,
    key: &[u8],
    pairs: &[&[u8]],
    options: AddOptions,
    answer: Answer,
) -> Result {
    let scores = pairs.iter().step_by(2).map(|word| parse_score(word));
    let scores: SmallVec<[f64; 8]> = scores.collect::<Result<_>>()?;
    cx.cost(scores.len())?;
    let members = pairs.iter().skip(1).step_by(2).copied();
    add_members(cx, key, scores.iter().copied().zip(members), options, answer)
}

/// Adds members with their scores to the sorted set under a key, and answers.
#[inline]
pub fn add_members<'m>(
    cx: &mut Context<'_>,
    key: &[u8],
    members: impl ExactSizeIterator<Item = (f64, &'m [u8])> + Clone,
    options: AddOptions,
    answer: Answer,
) -> Result {
    let limits = cx.limits();
    let found = if options.existing == Existing::Old {
        cx.db.write::<SortedSet>(key)?
    } else {
        Some(cx.db.create::<SortedSet>(key)?)
    };
    let (mut added, mut updated, mut last) = (0, 0, None);
    if let Some(set) = found {
        let longest = members.clone().map(|(_, member)| member.len()).max().unwrap_or(0);
        set.expect(members.len(), longest, &limits);
        for (score, member) in members {
            last = match set.add(member, score, options, &limits) {
                AddOutcome::Added(score) => {
                    added += 1;
                    Some(score)
                }
                AddOutcome::Updated(score) => {
                    updated += 1;
                    Some(score)
                }
                AddOutcome::Unchanged(score) => Some(score),
                AddOutcome::Refused => None,
                AddOutcome::NotANumber => {
                    return Err(Error::Plain("ERR resulting score is not a number (NaN)"));
                }
            };
        }
    }
    if added + updated > 0 {
        cx.changed(key, if answer == Answer::Score { "zincr" } else { "zadd" });
    }
    match answer {
        Answer::Added => cx.out.len(added),
        Answer::Changed => cx.out.len(added + updated),
        Answer::Score => write_score(cx.out, last),
    }
    Ok(())
}

fn write_score(out: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => out.double(score),
        None => out.nil(),
    }
}

/// `ZREM key member [member ...]`: how many there were.
fn zrem(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let removed = match cx.db.write::<SortedSet>(key)? {
        Some(set) => members.iter().filter(|member| set.remove(member).is_some()).count(),
        None => 0,
    };
    if removed > 0 {
        cx.shrunk(key, "zrem");
    }
    cx.out.len(removed);
    Ok(())
}

/// `ZCARD key`: how many members there are.
fn zcard(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.read::<SortedSet>(args.key()?)?.map_or(0, SortedSet::len);
    cx.out.len(len);
    Ok(())
}

/// `ZSCORE key member`: the score, or nil.
fn zscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, member) = (args.key()?, args.next()?);
    let score = cx.db.read::<SortedSet>(key)?.and_then(|set| set.score(member));
    write_score(cx.out, score);
    Ok(())
}

/// `ZMSCORE key member [member ...]`: scores; nil for a member that is not there.
fn zmscore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let set = cx.db.read::<SortedSet>(key)?;
    cx.out.array(members.len());
    for member in members {
        write_score(cx.out, set.and_then(|set| set.score(member)));
    }
    Ok(())
}

/// `ZRANK key member [WITHSCORE]`: how many members are before this one.
fn zrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_rank(cx, args, |_, rank| rank)
}

/// `ZREVRANK key member [WITHSCORE]`: how many members are behind this one.
fn zrevrank(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_rank(cx, args, |len, rank| len - 1 - rank)
}

fn write_rank(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    count: fn(usize, usize) -> usize,
) -> Result {
    let (key, member) = (args.key()?, args.next()?);
    if args.left() > 1 {
        return Err(Error::Arity(cx.spec.name));
    }
    let with_score = args.option("WITHSCORE");
    args.finish()?;
    let set = cx.db.read::<SortedSet>(key)?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(member)?;
        Some((count(set.len(), rank), score))
    });
    match found {
        Some((rank, score)) if with_score => {
            cx.out.array(2);
            cx.out.len(rank);
            cx.out.double(score);
        }
        Some((rank, _)) => cx.out.len(rank),
        None if with_score => cx.out.nil_array(),
        None => cx.out.nil(),
    }
    Ok(())
}

/// `ZRANDMEMBER key [count [WITHSCORES]]`: members by chance, different ones; with a negative count
/// each may come again.
fn zrandmember(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    if args.is_done() {
        let set = cx.db.read::<SortedSet>(key)?;
        match set.and_then(|set| set.random(&mut cx.space.dice())) {
            Some((member, _)) => write_element(cx.out, member),
            None => cx.out.nil(),
        }
        return Ok(());
    }
    let (count, with_scores) = RandomCount::parse(args, "WITHSCORES")?;
    let shape = if with_scores { Shape::with_scores(cx) } else { Shape::Members };
    let Some(set) = cx.db.read::<SortedSet>(key)? else {
        cx.out.array(0);
        return Ok(());
    };
    let total = count.of(set.len());
    cx.cost(total)?;
    shape.begin(cx.out, total);
    let mut rng = cx.space.dice();
    if count.repeats {
        for _ in 0..total {
            if let Some((member, score)) = set.random(&mut rng) {
                shape.write(cx.out, member, score);
            }
        }
    } else {
        set.sample(total, &mut rng, |member, score| shape.write(cx.out, member, score));
    }
    Ok(())
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count] [NOSCORES]`: the next cursor and some members
/// with their scores, which are strings here whatever the protocol, and longer ones in a big
/// sorted set, as a real server spells them.
fn zscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, from) = (args.key()?, cursor(args.next()?)?);
    let Some(set) = cx.db.read::<SortedSet>(key)? else {
        write_cursor(cx.out, 0);
        cx.out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args, "zscan")?;
    cx.cost(options.count.min(set.len()))?;
    let is_compact = set.is_compact();
    let mut found = Vec::new();
    let next = set.scan(from, options.count, |member, score| {
        if options.wants(member.as_bytes(&mut [0; 20])) {
            found.push((member, score));
        }
    });
    write_cursor(cx.out, next);
    cx.out.array(if options.names_only { found.len() } else { 2 * found.len() });
    for (member, score) in found {
        write_element(cx.out, member);
        if !options.names_only && is_compact {
            cx.out.bulk_double(score);
        } else if !options.names_only {
            let mut text = SmallVec::<[u8; 32]>::new();
            write_double_long(&mut text, score);
            cx.out.bulk(&text);
        }
    }
    Ok(())
}
