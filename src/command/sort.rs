//! SORT: the elements of a list, set or sorted set in another order, by themselves or by what other
//! keys say of them, and what other keys say in their place.
//!
//! Without patterns one key is enough; with them any key may be meant, so the command starts over
//! with the gate alone.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use super::acl_log::may_read_all_keys;
use super::context::write_element;
use super::list::fill;
use super::{Args, Context, DENY_OOM, Keys, READ, Spec, WRITE, spec};
use crate::bytes::parse_double;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::store::{Db, Str};
use crate::types::hash::Hash;
use crate::types::list::List;
use crate::types::listpack::Element;
use crate::types::part_sort::sort_part;
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name     arity keys         flags             handler
    spec("sort",     -2, Keys::Sort,  WRITE | DENY_OOM, sort),
    spec("sort_ro",  -2, Keys::First, READ,             sort_ro),
];

/// How elements become a key, or their place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Without a `*`: there is no such key, whatever the element.
    Nothing,
    /// The element stands between these; the field is one of a hash, or empty for a string.
    Key { before: &'a [u8], after: &'a [u8], field: &'a [u8] },
}

impl<'a> Pattern<'a> {
    fn parse(word: &'a [u8]) -> Self {
        if word == b"#" {
            return Self::Element;
        }
        // A server looks for the star as C does: up to the first zero.
        let end = memchr::memchr(0, word).unwrap_or(word.len());
        let Some(star) = memchr::memchr(b'*', &word[..end]) else { return Self::Nothing };
        let (before, after) = (&word[..star], &word[star + 1..]);
        let arrow = memchr::memmem::find(&word[star + 1..end], b"->");
        let arrow = arrow.filter(|at| !matches!(after.get(at + 2), None | Some(0)));
        match arrow {
            Some(at) => Self::Key { before, after: &after[..at], field: &after[at + 2..] },
            None => Self::Key { before, after, field: b"" },
        }
    }

    /// What stands under the key that the element makes; nothing if it is of another type.
    fn look<'v>(
        self,
        db: &'v Db<'_>,
        element: Element<'v>,
        key: &mut Vec<u8>,
    ) -> Result<Option<Str<'v>>> {
        let (before, after, field) = match self {
            Self::Element => return Ok(Some(text_of(element))),
            Self::Nothing => return Ok(None),
            Self::Key { before, after, field } => (before, after, field),
        };
        key.clear();
        for part in [before, element.as_bytes(&mut [0; 20]), after] {
            key.extend_from_slice(part);
        }
        let found = if field.is_empty() {
            db.string(key)
        } else {
            let hash = db.read::<Hash>(key);
            hash.map(|hash| hash.and_then(|hash| hash.get(field)).map(text_of))
        };
        match found {
            Err(Error::WrongType) => Ok(None),
            found => found,
        }
    }
}

fn text_of(element: Element<'_>) -> Str<'_> {
    match element {
        Element::Bytes(bytes) => Str::Bytes(bytes),
        Element::Int(value) => Str::Int(value),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// BY without a `*`: as they lie.
    None,
    Number,
    /// ALPHA.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// May keys be read that the words do not name?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roaming {
    Allowed,
    Denied,
}

impl Roaming {
    fn of(cx: &Context<'_>, words: &[&[u8]]) -> Self {
        if may_read_all_keys(cx, words) { Self::Allowed } else { Self::Denied }
    }
}

struct Request<'a> {
    key: &'a [u8],
    by: Option<Pattern<'a>>,
    get: SmallVec<[Pattern<'a>; 4]>,
    order: Order,
    direction: Direction,
    offset: i64,
    /// How many at most; a negative one takes all.
    count: i64,
    target: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// `roaming` says if it may read any key; without that only the order of BY is left.
    fn parse(args: &mut Args<'a>, may_store: bool, roaming: Roaming) -> Result<Self> {
        let mut request = Self {
            key: args.key()?,
            by: None,
            get: SmallVec::new(),
            order: Order::Number,
            direction: Direction::Up,
            offset: 0,
            count: -1,
            target: None,
        };
        let (mut alpha, mut as_they_lie) = (false, false);
        while !args.is_done() {
            let more = args.left() - 1;
            match () {
                () if args.option("ASC") => request.direction = Direction::Up,
                () if args.option("DESC") => request.direction = Direction::Down,
                () if args.option("ALPHA") => alpha = true,
                () if more > 1 && args.option("LIMIT") => {
                    (request.offset, request.count) = (args.int()?, args.int()?);
                }
                () if may_store && more > 0 && args.option("STORE") => {
                    request.target = Some(args.key()?);
                }
                () if more > 0 && args.option("BY") => {
                    let pattern = Pattern::parse(args.next()?);
                    let is_key = matches!(pattern, Pattern::Key { .. });
                    if is_key && roaming == Roaming::Denied {
                        return Err(Error::Plain(
                            "ERR BY option of SORT denied due to insufficient ACL permissions.",
                        ));
                    }
                    as_they_lie |= !is_key;
                    request.by = Some(pattern);
                }
                () if more > 0 && args.option("GET") => {
                    if roaming == Roaming::Denied {
                        return Err(Error::Plain(
                            "ERR GET option of SORT denied due to insufficient ACL permissions.",
                        ));
                    }
                    request.get.push(Pattern::parse(args.next()?));
                }
                () => return Err(Error::Syntax),
            }
        }
        request.order = match (as_they_lie, alpha) {
            (true, _) => Order::None,
            (false, true) => Order::Text,
            (false, false) => Order::Number,
        };
        Ok(request)
    }

    /// May it read any key?
    fn roams(&self) -> bool {
        let by = self.by.filter(|_| self.order != Order::None);
        by.iter().chain(&self.get).any(|pattern| matches!(pattern, Pattern::Key { .. }))
    }

    /// Which of so many elements are wanted.
    fn limit(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset).unwrap_or(0).min(len);
        let count = usize::try_from(self.count).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }
}

/// What is sorted.
#[derive(Clone, Copy)]
enum Source<'a> {
    Missing,
    List(&'a List),
    Set(&'a Set),
    SortedSet(&'a SortedSet),
}

impl<'a> Source<'a> {
    fn read(db: &'a Db<'_>, key: &[u8]) -> Result<Self> {
        match db.read::<List>(key) {
            Err(Error::WrongType) => {}
            found => return Ok(found?.map_or(Self::Missing, Self::List)),
        }
        match db.read::<Set>(key) {
            Err(Error::WrongType) => {}
            found => return Ok(found?.map_or(Self::Missing, Self::Set)),
        }
        Ok(db.read::<SortedSet>(key)?.map_or(Self::Missing, Self::SortedSet))
    }

    fn len(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    fn all(self) -> Vec<Element<'a>> {
        match self {
            Self::Missing => Vec::new(),
            Self::List(list) => list.iter().collect(),
            Self::Set(set) => set.iter().collect(),
            Self::SortedSet(set) => set.iter().map(|(member, _)| member).collect(),
        }
    }

    /// Some of the elements as they lie, from either end; a set has no ends.
    fn some(self, wanted: Range<usize>, direction: Direction) -> Vec<Element<'a>> {
        let (start, stop) = (wanted.start as i64, wanted.end as i64 - 1);
        let len = self.len();
        match self {
            _ if wanted.is_empty() => Vec::new(),
            Self::Missing => Vec::new(),
            Self::Set(set) => set.iter().skip(wanted.start).take(wanted.len()).collect(),
            Self::List(list) if direction == Direction::Up => list.range(start, stop).collect(),
            Self::List(list) => list.range_back(-1 - stop, -1 - start).collect(),
            Self::SortedSet(set) if direction == Direction::Up => {
                set.range(wanted).map(|(member, _)| member).collect()
            }
            Self::SortedSet(set) => {
                let ranks = len - wanted.end..len - wanted.start;
                set.range(ranks).rev().map(|(member, _)| member).collect()
            }
        }
    }
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
/// [STORE destination]`
fn sort(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let request = Request::parse(args, true, Roaming::of(cx, args.all()))?;
    run(cx, &request)
}

/// `SORT_RO key ...`: the same without STORE.
fn sort_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let request = Request::parse(args, false, Roaming::of(cx, args.all()))?;
    run(cx, &request)
}

fn run(cx: &mut Context<'_>, request: &Request<'_>) -> Result {
    if request.roams() {
        cx.alone()?;
    }
    let source = Source::read(&cx.db, request.key)?;
    let wanted = request.limit(source.len());
    let looked_at = if request.order == Order::None { wanted.len() } else { source.len() };
    cx.cost(looked_at.saturating_mul(1 + request.get.len()))?;
    let elements = match (request.order, source) {
        // The order of a set is nobody's business, so what is kept is put in one.
        (Order::None, Source::Set(set)) if request.target.is_some() => {
            let all = set.iter().collect();
            let by_text =
                Request { by: None, order: Order::Text, get: SmallVec::new(), ..*request };
            sorted(&cx.db, &by_text, all, wanted)?
        }
        (Order::None, _) => source.some(wanted, request.direction),
        _ => sorted(&cx.db, request, source.all(), wanted)?,
    };
    match request.target {
        None => write(&cx.db, cx.out, request, &elements),
        Some(target) => {
            let result = list_of(cx, request, &elements)?;
            cx.out.len(result.len());
            cx.put_result(target, result, "sortstore");
            Ok(())
        }
    }
}

/// By what an element is put in its place.
enum Weight<'a> {
    Number(f64),
    /// Nothing comes before everything.
    Text(Option<Cow<'a, [u8]>>),
}

/// An element on its way to its place.
struct Weighed<'a> {
    element: Element<'a>,
    weight: Weight<'a>,
}

fn sorted<'a>(
    db: &'a Db<'_>,
    request: &Request<'_>,
    elements: Vec<Element<'a>>,
    wanted: Range<usize>,
) -> Result<Vec<Element<'a>>> {
    let mut key = Vec::new();
    let mut failed = false;
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let value = request.by.unwrap_or(Pattern::Element).look(db, element, &mut key)?;
        let weight = match request.order {
            Order::Text => Weight::Text(value.map(|value| text(value, request.target.is_some()))),
            _ => Weight::Number(value.map_or(Some(0.0), number).unwrap_or_else(|| {
                failed = true;
                0.0
            })),
        };
        weighed.push(Weighed { element, weight });
    }
    if failed {
        return Err(Error::Plain("ERR One or more scores can't be converted into double"));
    }
    let compare = |a: &Weighed<'_>, b: &Weighed<'_>| {
        let order = a.compare(b);
        if request.direction == Direction::Down { order.reverse() } else { order }
    };
    if request.by.is_some() && wanted != (0..weighed.len()) {
        if !wanted.is_empty() {
            sort_part(&mut weighed, wanted.clone(), &compare);
        }
    } else {
        weighed.sort_by(compare);
    }
    Ok(weighed.drain(wanted).map(|one| one.element).collect())
}

/// The bytes that texts are compared by. What is not stored is compared as C does, up to a zero.
fn text(value: Str<'_>, stored: bool) -> Cow<'_, [u8]> {
    let bytes = match value {
        Str::Int(value) => return Cow::Owned(value.to_string().into_bytes()),
        Str::Bytes(bytes) => bytes,
        Str::Shared(bytes) => bytes,
    };
    let end = if stored { None } else { memchr::memchr(0, bytes) };
    Cow::Borrowed(&bytes[..end.unwrap_or(bytes.len())])
}

/// The number that C's `strtod` reads: behind leading space, up to a zero; an empty text is 0.
fn number(value: Str<'_>) -> Option<f64> {
    let bytes = match value {
        Str::Int(value) => return Some(value as f64),
        Str::Bytes(bytes) => bytes,
        Str::Shared(bytes) => bytes,
    };
    let bytes = &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())];
    if bytes.is_empty() {
        return Some(0.0);
    }
    let spaces = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    parse_double(&bytes[spaces..])
}

impl Weighed<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        match (&self.weight, &other.weight) {
            (Weight::Number(a), Weight::Number(b)) => {
                let by_number = a.partial_cmp(b).unwrap_or(Ordering::Equal);
                by_number.then_with(|| self.element.cmp_bytes(other.element.as_bytes(&mut [0; 20])))
            }
            (Weight::Text(a), Weight::Text(b)) => a.cmp(b),
            (Weight::Number(_), Weight::Text(_)) => Ordering::Less,
            (Weight::Text(_), Weight::Number(_)) => Ordering::Greater,
        }
    }
}

fn write(db: &Db<'_>, out: &mut Reply, request: &Request<'_>, elements: &[Element<'_>]) -> Result {
    if request.get.is_empty() {
        out.array(elements.len());
        for element in elements {
            write_element(out, *element);
        }
        return Ok(());
    }
    out.array(elements.len() * request.get.len());
    let mut key = Vec::new();
    for element in elements {
        for pattern in &request.get {
            match pattern.look(db, *element, &mut key)? {
                Some(Str::Int(value)) => out.bulk_int(value),
                Some(Str::Bytes(bytes)) => out.bulk(bytes),
                Some(Str::Shared(bytes)) => out.shared(bytes),
                None => out.nil(),
            }
        }
    }
    Ok(())
}

/// A list of what SORT would answer; what is not there is an empty string in it.
fn list_of(cx: &Context<'_>, request: &Request<'_>, elements: &[Element<'_>]) -> Result<List> {
    let (fill, mut list, mut key) = (fill(cx), List::new(), Vec::new());
    for element in elements {
        if request.get.is_empty() {
            list.push_back(element.as_bytes(&mut [0; 20]), fill);
        }
        for pattern in &request.get {
            match pattern.look(&cx.db, *element, &mut key)? {
                Some(value) => list.push_back(value.as_bytes(&mut itoa::Buffer::new()), fill),
                None => list.push_back(b"", fill),
            }
        }
    }
    Ok(list)
}
