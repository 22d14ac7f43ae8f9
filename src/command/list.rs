//! Lists: pushing, popping, finding and cutting elements of one key.
//!
//! Each handler reads its words, asks the structure for one operation and tells what happened.
//! What goes from key to key is in `list_move`, what waits for a key in `list_block`.

use std::sync::atomic::Ordering;

use super::context::{LARGE, write_element};
use super::list_block::{blmove, blmpop, blpop, brpop, brpoplpush};
use super::list_move::{lmove, lmpop, rpoplpush};
use super::{ALONE, Args, BLOCKING, BRIEF, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::hub::config::LIST_MAX_LISTPACK_SIZE;
use crate::types::list::{End, Fill, List, Side};

const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
const ALL_BUT_LAST: Keys = Keys::Range { first: 1, last: -2, step: 1 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name       arity keys          flags                                handler
    spec("blmove",      6, TWO,          WRITE | DENY_OOM | BLOCKING | ALONE, blmove),
    spec("blmpop",     -5, Keys::Counted { at: 2, also: 0 }, WRITE | BLOCKING | ALONE, blmpop),
    spec("blpop",      -3, ALL_BUT_LAST, WRITE | BLOCKING | ALONE,            blpop),
    spec("brpop",      -3, ALL_BUT_LAST, WRITE | BLOCKING | ALONE,            brpop),
    spec("brpoplpush",  4, TWO,          WRITE | DENY_OOM | BLOCKING | ALONE, brpoplpush),
    spec("lindex",      3, Keys::First,  READ,                                lindex),
    spec("linsert",     5, Keys::First,  WRITE | DENY_OOM,                    linsert),
    spec("llen",        2, Keys::First,  READ | FAST,                         llen),
    spec("lmove",       5, TWO,          WRITE | DENY_OOM,                    lmove),
    spec("lmpop",      -4, Keys::Counted { at: 1, also: 0 }, WRITE,           lmpop),
    spec("lpop",       -2, Keys::First,  WRITE | FAST,                        lpop),
    spec("lpos",       -3, Keys::First,  READ,                                lpos),
    spec("lpush",      -3, Keys::First,  WRITE | DENY_OOM | FAST,             lpush),
    spec("lpushx",     -3, Keys::First,  WRITE | DENY_OOM | FAST,             lpushx),
    spec("lrange",      4, Keys::First,  READ | BRIEF,                        lrange),
    spec("lrem",        4, Keys::First,  WRITE,                               lrem),
    spec("lset",        4, Keys::First,  WRITE | DENY_OOM,                    lset),
    spec("ltrim",       4, Keys::First,  WRITE,                               ltrim),
    spec("rpop",       -2, Keys::First,  WRITE | FAST,                        rpop),
    spec("rpoplpush",   3, TWO,          WRITE | DENY_OOM,                    rpoplpush),
    spec("rpush",      -3, Keys::First,  WRITE | DENY_OOM | FAST,             rpush),
    spec("rpushx",     -3, Keys::First,  WRITE | DENY_OOM | FAST,             rpushx),
];

/// About how many elements a node has when a walk only steps over nodes.
const ELEMENTS_PER_NODE: usize = 64;

/// How full a node of a list may be.
pub fn fill(cx: &Context<'_>) -> Fill {
    let alone_from = cx.hub.debug.packed_threshold_bytes.load(Ordering::Relaxed);
    Fill::new(cx.config().get(LIST_MAX_LISTPACK_SIZE) as i32).alone_from(alone_from)
}

/// The event of a push at one end.
pub fn push_event(end: End) -> &'static str {
    match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    }
}

/// The event of a pop at one end.
pub fn pop_event(end: End) -> &'static str {
    match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    }
}

/// `LPUSH key element [element ...]`: the new length.
fn lpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    push(cx, args, End::Head)
}

/// `RPUSH key element [element ...]`: the new length.
fn rpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    push(cx, args, End::Tail)
}

fn push(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let key = args.key()?;
    let elements = args.rest();
    let fill = fill(cx);
    let list = cx.db.create::<List>(key)?;
    list.push(end, elements.iter().copied(), fill);
    let len = list.len();
    cx.changed(key, push_event(end));
    cx.out.len(len);
    Ok(())
}

/// `LPUSHX key element [element ...]`: the new length, 0 if there is no list.
fn lpushx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    push_if_there(cx, args, End::Head)
}

/// `RPUSHX key element [element ...]`: the new length, 0 if there is no list.
fn rpushx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    push_if_there(cx, args, End::Tail)
}

fn push_if_there(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let key = args.key()?;
    let elements = args.rest();
    let fill = fill(cx);
    let Some(list) = cx.db.write::<List>(key)? else {
        cx.out.int(0);
        return Ok(());
    };
    list.push(end, elements.iter().copied(), fill);
    let len = list.len();
    cx.changed(key, push_event(end));
    cx.out.len(len);
    Ok(())
}

/// `LPOP key [count]`
fn lpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    pop(cx, args, End::Head)
}

/// `RPOP key [count]`
fn rpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    pop(cx, args, End::Tail)
}

/// One element, or an array of up to so many.
fn pop(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let key = args.key()?;
    if args.left() > 1 {
        return Err(Error::Arity(cx.spec.name));
    }
    let count = match args.peek() {
        Some(word) => Some(parse_count(word).ok_or(Error::MustBePositive)?),
        None => None,
    };
    let fill = fill(cx);
    match (cx.db.write::<List>(key)?, count) {
        (None, None) => cx.out.nil(),
        (None, Some(_)) => cx.out.nil_array(),
        (Some(_), Some(0)) => cx.out.array(0),
        (Some(list), Some(count)) => {
            let count = count.min(list.len());
            if count > LARGE {
                cx.cost(count)?;
            }
            pop_many(cx, key, end, count)?;
        }
        (Some(list), None) => {
            list.pop_with(end, fill, |element| write_element(cx.out, element));
            cx.shrunk(key, pop_event(end));
        }
    }
    Ok(())
}

/// Pops up to `count` elements of a list that is there into an array.
pub fn pop_many(cx: &mut Context<'_>, key: &[u8], end: End, count: usize) -> Result {
    let fill = fill(cx);
    let Some(list) = cx.db.write::<List>(key)? else { return Ok(()) };
    cx.out.array(count.min(list.len()));
    list.pop_many(end, count, fill, |element| write_element(cx.out, element));
    cx.shrunk(key, pop_event(end));
    Ok(())
}

/// Reads a number that must not be negative.
fn parse_count(word: &[u8]) -> Option<usize> {
    usize::try_from(parse_int(word)?).ok()
}

/// `LLEN key`
fn llen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.read::<List>(args.key()?)?.map_or(0, List::len);
    cx.out.len(len);
    Ok(())
}

/// `LINDEX key index`: the element there, or nil.
fn lindex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(list) = cx.db.read::<List>(args.key()?)? else {
        cx.out.nil();
        return Ok(());
    };
    match list.get(args.int()?) {
        Some(element) => write_element(cx.out, element),
        None => cx.out.nil(),
    }
    Ok(())
}

/// `LSET key index element`
fn lset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let index = args.next()?;
    let element = args.next()?;
    let fill = fill(cx);
    let list = cx.db.write::<List>(key)?.ok_or(Error::NoSuchKey)?;
    let index = parse_int(index).ok_or(Error::NotAnInteger)?;
    if !list.set(index, element, fill) {
        return Err(Error::IndexOutOfRange);
    }
    cx.changed(key, "lset");
    cx.out.ok();
    Ok(())
}

/// `LINSERT key BEFORE | AFTER pivot element`: the new length; -1 if there is no such pivot,
/// 0 if there is no list.
fn linsert(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let side = if args.option("BEFORE") {
        Side::Before
    } else if args.option("AFTER") {
        Side::After
    } else {
        return Err(Error::Syntax);
    };
    let pivot = args.next()?;
    let element = args.next()?;
    cost_of_walk(cx, key)?;
    let fill = fill(cx);
    let Some(list) = cx.db.write::<List>(key)? else {
        cx.out.int(0);
        return Ok(());
    };
    if !list.insert(side, pivot, element, fill) {
        cx.out.int(-1);
        return Ok(());
    }
    let len = list.len();
    cx.changed(key, "linsert");
    cx.out.len(len);
    Ok(())
}

/// Spares an event loop's thread a walk over a long list.
fn cost_of_walk(cx: &mut Context<'_>, key: &[u8]) -> Result {
    let len = cx.db.write::<List>(key)?.map_or(0, |list| list.len());
    cx.cost(len)
}

/// `LRANGE key start stop`: both included, negative ones counted from the tail.
fn lrange(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (start, stop) = (args.int()?, args.int()?);
    let Some(list) = cx.db.read::<List>(key)? else {
        cx.out.array(0);
        return Ok(());
    };
    let span = list.span(start, stop);
    cx.cost(span.len())?;
    cx.out.array(span.len());
    for element in list.walk(span.start, End::Tail).take(span.len()) {
        write_element(cx.out, element);
    }
    Ok(())
}

/// `LREM key count element`: how many were removed.
fn lrem(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let count = parse_symmetric(args.next()?)?;
    let element = args.next()?;
    cost_of_walk(cx, key)?;
    let fill = fill(cx);
    let removed = cx.db.write::<List>(key)?.map_or(0, |list| list.remove(count, element, fill));
    if removed > 0 {
        cx.shrunk(key, "lrem");
    }
    cx.out.len(removed);
    Ok(())
}

/// Reads an integer whose opposite is one too.
fn parse_symmetric(word: &[u8]) -> Result<i64> {
    match parse_int(word) {
        None => Err(Error::NotAnInteger),
        Some(i64::MIN) => Err(Error::Plain(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        )),
        Some(value) => Ok(value),
    }
}

/// `LTRIM key start stop`: leaves only what LRANGE would answer.
fn ltrim(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let (start, stop) = (args.int()?, args.int()?);
    let fill = fill(cx);
    if let Some(list) = cx.db.write::<List>(key)? {
        let removed = list.len() - list.span(start, stop).len();
        if removed > LARGE {
            cx.cost(removed / ELEMENTS_PER_NODE)?;
        }
    }
    if let Some(list) = cx.db.write::<List>(key)? {
        list.trim(start, stop, fill);
        cx.shrunk(key, "ltrim");
    }
    cx.out.ok();
    Ok(())
}

/// What LPOS looks for besides the element.
struct Search {
    rank: i64,
    /// 0: all of them. `None`: one, and answer it alone.
    count: Option<usize>,
    max_len: usize,
}

impl Search {
    fn parse(args: &mut Args<'_>) -> Result<Self> {
        let mut search = Self { rank: 1, count: None, max_len: 0 };
        while !args.is_done() {
            let has_value = args.left() > 1;
            if has_value && args.option("RANK") {
                search.rank = parse_symmetric(args.next()?)?;
                if search.rank == 0 {
                    return Err(Error::Plain(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the \
                         second ... or use negative to start from the end of the list",
                    ));
                }
            } else if has_value && args.option("COUNT") {
                let count = parse_count(args.next()?);
                search.count = Some(count.ok_or(Error::Plain("ERR COUNT can't be negative"))?);
            } else if has_value && args.option("MAXLEN") {
                let max_len = parse_count(args.next()?);
                search.max_len = max_len.ok_or(Error::Plain("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(search)
    }
}

/// `LPOS key element [RANK rank] [COUNT count] [MAXLEN len]`: the index of a match or nil, or
/// with COUNT an array of indices.
fn lpos(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let element = args.next()?;
    let search = Search::parse(args)?;
    let found = match cx.db.read::<List>(key)? {
        None => Vec::new(),
        Some(list) => {
            let len = if search.max_len == 0 { usize::MAX } else { search.max_len };
            cx.cost(len.min(list.len()))?;
            list.positions(element, search.rank, search.count.unwrap_or(1), search.max_len)
        }
    };
    match (search.count, found.first()) {
        (None, None) => cx.out.nil(),
        (None, Some(at)) => cx.out.len(*at),
        (Some(_), _) => {
            cx.out.array(found.len());
            for at in found {
                cx.out.len(at);
            }
        }
    }
    Ok(())
}
