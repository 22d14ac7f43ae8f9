//! Streams: adding, deleting and trimming entries, and what a stream knows of its ids.
//!
//! What reads entries is in `stream_range`, what waits for them in `stream_read`; groups of
//! consumers are in `stream_group`, `stream_read_group` and `stream_pending`, XINFO in
//! `stream_info`.

use super::context::LARGE;
use super::stream_range::{xrange, xrevrange};
use super::stream_read::xread;
use super::stream_read_group::xreadgroup;
use super::{
    ALONE, Args, BLOCKING, BRIEF, CONTAINER, Context, DENY_OOM, FAST, Keys, NO_KEYSPACE, READ,
    Spec, WRITE, container, spec, stream_delete as delete, stream_group as group,
    stream_info as info, stream_pending as pending,
};
use crate::error::{Error, Result};
use crate::hub::config::{STREAM_NODE_MAX_BYTES, STREAM_NODE_MAX_ENTRIES};
use crate::types::stream::{AppendError, NodeLimits, Precision, Stream, StreamId, Trim};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                   arity keys           flags                     handler
    spec("xack",                  -4, Keys::First,   WRITE | FAST,             group::xack),
    spec("xackdel",               -6, Keys::First,   WRITE | FAST,             delete::xackdel),
    spec("xadd",                  -5, Keys::First,   WRITE | DENY_OOM | FAST,  xadd),
    spec("xautoclaim",            -6, Keys::First,   WRITE | FAST,             pending::xautoclaim),
    spec("xclaim",                -6, Keys::First,   WRITE | FAST,             pending::xclaim),
    spec("xdel",                  -3, Keys::First,   WRITE | FAST,             xdel),
    spec("xdelex",                -5, Keys::First,   WRITE | FAST,             delete::xdelex),
    spec("xgroup",                -2, Keys::None,    CONTAINER,                container),
    spec("xgroup|create",         -5, Keys::Second,  WRITE | DENY_OOM,         group::create),
    spec("xgroup|createconsumer",  5, Keys::Second,  WRITE | DENY_OOM,         group::new_consumer),
    spec("xgroup|delconsumer",     5, Keys::Second,  WRITE,                    group::del_consumer),
    spec("xgroup|destroy",         4, Keys::Second,  WRITE,                    group::destroy),
    spec("xgroup|help",            2, Keys::None,    NO_KEYSPACE,              group::help),
    spec("xgroup|setid",          -5, Keys::Second,  WRITE,                    group::setid),
    spec("xinfo",                 -2, Keys::None,    CONTAINER,                container),
    spec("xinfo|consumers",        4, Keys::Second,  READ,                     info::consumers),
    spec("xinfo|groups",           3, Keys::Second,  READ,                     info::groups),
    spec("xinfo|help",             2, Keys::None,    NO_KEYSPACE,              info::help),
    spec("xinfo|stream",          -3, Keys::Second,  READ,                     info::info),
    spec("xlen",                   2, Keys::First,   READ | FAST,              xlen),
    spec("xpending",              -3, Keys::First,   READ,                     pending::xpending),
    spec("xrange",                -4, Keys::First,   READ | BRIEF,             xrange),
    spec("xread",                 -4, Keys::Streams, READ | BLOCKING | ALONE,  xread),
    spec("xreadgroup",            -7, Keys::Streams, WRITE | BLOCKING | ALONE, xreadgroup),
    spec("xrevrange",             -4, Keys::First,   READ | BRIEF,             xrevrange),
    spec("xsetid",                -3, Keys::First,   WRITE | DENY_OOM | FAST,  xsetid),
    spec("xtrim",                 -4, Keys::First,   WRITE,                    xtrim),
];

/// Ids are not longer than this, however many zeros they begin with.
const ID_LEN_MAX: usize = 127;
/// The entries that `~` looks at unless LIMIT is given: those of so many nodes.
const NODES_AT_ONCE: i64 = 100;
/// The same where the entries of a node are not limited, and where their limit is huge.
const ENTRIES_AT_ONCE: (i64, i64) = (10_000, 1_000_000);
/// Dropping a node is one step for about so many entries.
const ENTRIES_PER_STEP: usize = 64;

pub const INVALID_ID: Error =
    Error::Plain("ERR Invalid stream ID specified as stream command argument");

/// Reads an id; without a sequence number it gets `missing_seq`.
pub fn parse_id(word: &[u8], missing_seq: u64) -> Result<StreamId> {
    let id = (word.len() <= ID_LEN_MAX).then(|| StreamId::parse(word, missing_seq));
    id.flatten().ok_or(INVALID_ID)
}

/// The id that XADD is asked to give.
#[derive(Clone, Copy)]
enum NewId {
    /// `*`: by the clock.
    Auto,
    /// `ms-*`
    In(u64),
    Exactly(StreamId),
}

impl NewId {
    fn parse(word: &[u8]) -> Result<Self> {
        match StreamId::parse_auto_seq(word) {
            Some(ms) if word.len() <= ID_LEN_MAX => Ok(Self::In(ms)),
            _ => Ok(Self::Exactly(parse_id(word, 0)?)),
        }
    }

    /// The id in this stream.
    fn choose(self, stream: &Stream, now_ms: u64) -> Result<StreamId> {
        if stream.last_id() == StreamId::MAX {
            return Err(Error::Plain(
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ));
        }
        let id = match self {
            Self::Auto => stream.next_id(now_ms),
            Self::In(ms) => stream.next_in(ms),
            Self::Exactly(id) => Some(id),
        };
        id.filter(|id| *id > stream.last_id()).ok_or(NOT_GREATER)
    }
}

const NOT_GREATER: Error = Error::Plain(
    "ERR The ID specified in XADD is equal or smaller than the target stream top item",
);

/// What stands before the entry in XADD, and behind the key in XTRIM.
struct Options {
    trim: Option<Trim>,
    approximate: bool,
    limit: Option<usize>,
    make: bool,
}

impl Options {
    const NONE: Self = Self { trim: None, approximate: false, limit: None, make: true };

    /// Takes the next option. `false` if what comes next is none.
    fn take(&mut self, args: &mut Args<'_>) -> Result<bool> {
        if args.left() < 2 {
            return Ok(false);
        }
        let by_len = args.option("MAXLEN");
        if by_len || args.option("MINID") {
            if self.trim.is_some() {
                return Err(Error::Plain(
                    "ERR syntax error, MAXLEN and MINID options at the same time are not \
                     compatible",
                ));
            }
            self.approximate = args.left() > 1 && args.option("~");
            if !self.approximate && args.left() > 1 {
                args.option("=");
            }
            self.trim = Some(if by_len {
                Trim::MaxLen(not_negative(args, "ERR The MAXLEN argument must be >= 0.")?)
            } else {
                Trim::MinId(parse_id(args.next()?, 0)?)
            });
            return Ok(true);
        }
        if args.option("LIMIT") {
            self.limit = Some(not_negative(args, "ERR The LIMIT argument must be >= 0.")?);
            return Ok(true);
        }
        Ok(false)
    }

    /// Refuses what contradicts itself.
    fn check(&self) -> Result {
        if self.trim.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(Error::Plain(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        Ok(())
    }

    /// How exactly to trim, once it is known that the options agree.
    fn precision(&self, cx: &Context<'_>) -> Result<Precision> {
        match (self.approximate, self.limit) {
            (false, None) => Ok(Precision::Exact),
            (false, Some(_)) => Err(Error::Plain(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            )),
            (true, Some(limit)) => Ok(Precision::Approximate { limit }),
            (true, None) => {
                let entries = cx.config().get(STREAM_NODE_MAX_ENTRIES);
                let limit = match entries.saturating_mul(NODES_AT_ONCE) {
                    ..=0 => ENTRIES_AT_ONCE.0,
                    limit => limit.min(ENTRIES_AT_ONCE.1),
                };
                Ok(Precision::Approximate { limit: limit as usize })
            }
        }
    }
}

fn not_negative(args: &mut Args<'_>, refusal: &'static str) -> Result<usize> {
    usize::try_from(args.int()?).map_err(|_| Error::Plain(refusal))
}

/// Spares an event loop's thread the trimming of very many entries.
fn cost_of_trim(cx: &Context<'_>, stream: &Stream, trim: Trim, precision: Precision) -> Result {
    let most = match trim {
        Trim::MaxLen(len) => stream.len().saturating_sub(len),
        Trim::MinId(id) => match id.decr() {
            Some(last) => stream.count_up_to(StreamId::MIN, last, (LARGE + 1) * ENTRIES_PER_STEP),
            None => 0,
        },
    };
    let most = match precision {
        Precision::Approximate { limit: limit @ 1.. } => most.min(limit),
        _ => most,
    };
    cx.cost(most / ENTRIES_PER_STEP)
}

/// `XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id
/// field value [field value ...]`: the id.
fn xadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let mut options = Options::NONE;
    let mut id = None;
    while id.is_none() && !args.is_done() {
        if args.option("*") {
            id = Some(NewId::Auto);
        } else if args.option("NOMKSTREAM") {
            options.make = false;
        } else if !options.take(args)? {
            id = Some(NewId::parse(args.next()?)?);
        }
    }
    options.check()?;
    let precision = options.precision(cx)?;
    let words = args.rest();
    let Some(id) = id.filter(|_| words.len() >= 2 && words.len().is_multiple_of(2)) else {
        return Err(Error::Arity(cx.spec.name));
    };
    if matches!(id, NewId::Exactly(StreamId::MIN)) {
        return Err(Error::Plain("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let id = append(cx, key, id, words, options.make, options.trim.map(|by| (by, precision)))?;
    let Some(id) = id else {
        cx.out.nil();
        return Ok(());
    };
    cx.changed(key, "xadd");
    if let Some(by) = options.trim
        && let Some(stream) = cx.db.write::<Stream>(key)?
        && stream.trim(by, precision) > 0
    {
        cx.changed(key, "xtrim");
    }
    cx.out.bulk(id.as_bytes(&mut [0; 41]));
    Ok(())
}

/// Adds an entry and answers its id; `None` if there is no stream and none is to be made.
fn append(
    cx: &mut Context<'_>,
    key: &[u8],
    id: NewId,
    words: &[&[u8]],
    make: bool,
    trim: Option<(Trim, Precision)>,
) -> Result<Option<StreamId>> {
    let now_ms = cx.db.now_ms();
    let limits = NodeLimits {
        max_bytes: cx.config().get(STREAM_NODE_MAX_BYTES) as usize,
        max_entries: cx.config().get(STREAM_NODE_MAX_ENTRIES) as usize,
    };
    let pairs = words.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let is_new = cx.db.write::<Stream>(key)?.is_none();
    if is_new && !make {
        return Ok(None);
    }
    if let Some((by, precision)) = trim
        && let Some(stream) = cx.db.peek(key).and_then(|entry| entry.as_collection::<Stream>())
    {
        cost_of_trim(cx, stream, by, precision)?;
    }
    let stream = cx.db.create::<Stream>(key)?;
    let added = id.choose(stream, now_ms).and_then(|id| {
        stream.append(id, pairs, limits).map(|()| id).map_err(|refusal| match refusal {
            AppendError::NotGreater => NOT_GREATER,
            AppendError::TooLarge => Error::Plain("ERR Elements are too large to be stored"),
        })
    });
    if added.is_err() && is_new {
        cx.db.remove(key);
    }
    added.map(Some)
}

/// `XLEN key`
fn xlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.read::<Stream>(args.key()?)?.map_or(0, |stream| stream.len());
    cx.out.len(len);
    Ok(())
}

/// `XDEL key id [id ...]`: how many were there.
fn xdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let Some(stream) = cx.db.write::<Stream>(key)? else {
        cx.out.int(0);
        return Ok(());
    };
    let ids: Vec<_> = args.rest().iter().map(|word| parse_id(word, 0)).collect::<Result<_>>()?;
    let removed = ids.into_iter().filter(|id| stream.delete(*id)).count();
    if removed > 0 {
        cx.changed(key, "xdel");
    }
    cx.out.len(removed);
    Ok(())
}

/// `XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]`: how many entries went.
fn xtrim(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let mut options = Options::NONE;
    while !args.is_done() {
        if !options.take(args)? {
            return Err(Error::Syntax);
        }
    }
    options.check()?;
    let Some(by) = options.trim else {
        return Err(Error::Plain(
            "ERR syntax error, XTRIM must be called with a trimming strategy",
        ));
    };
    let precision = options.precision(cx)?;
    if let Some(stream) = cx.db.peek(key).and_then(|entry| entry.as_collection::<Stream>()) {
        cost_of_trim(cx, stream, by, precision)?;
    }
    let removed = cx.db.write::<Stream>(key)?.map_or(0, |stream| stream.trim(by, precision));
    if removed > 0 {
        cx.changed(key, "xtrim");
    }
    cx.out.len(removed);
    Ok(())
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`
fn xsetid(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let id = parse_id(args.next()?, 0)?;
    let (mut entries_added, mut max_deleted_id) = (None, None);
    while !args.is_done() {
        if args.left() > 1 && args.option("ENTRIESADDED") {
            let count = u64::try_from(args.int()?);
            entries_added =
                Some(count.map_err(|_| Error::Plain("ERR entries_added must be positive"))?);
        } else if args.left() > 1 && args.option("MAXDELETEDID") {
            let deleted = parse_id(args.next()?, 0)?;
            if id < deleted {
                return Err(Error::Plain(
                    "ERR The ID specified in XSETID is smaller than the provided \
                     max_deleted_entry_id",
                ));
            }
            max_deleted_id = (deleted != StreamId::MIN).then_some(deleted);
        } else {
            return Err(Error::Syntax);
        }
    }
    let stream = cx.db.write::<Stream>(key)?.ok_or(Error::NoSuchKey)?;
    if id < stream.max_deleted_id() {
        return Err(Error::Plain(
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ));
    }
    if id < stream.last_valid_id() {
        return Err(Error::Plain(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if entries_added.is_some_and(|added| added < stream.len() as u64) {
        return Err(Error::Plain(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    stream.set_id(id, entries_added, max_deleted_id);
    cx.changed_beside(key, Some("xsetid"));
    cx.out.ok();
    Ok(())
}
