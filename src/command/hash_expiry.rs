//! Deadlines of a hash's fields: HEXPIRE and its kin of Redis 7.4, HGETEX, HSETEX and HGETDEL of
//! Redis 8.0.
//!
//! They refuse in the words and the order of Redis 8.0, where the type of the key comes before what
//! is wrong with the arguments. Who gives a field a deadline has the store take note of it
//! (`cx.db.settle`); that fields die is the store's own business.

use super::context::write_element;
use super::expiry::Unit;
use super::{Args, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::bytes::{lossy, parse_int};
use crate::error::{Error, Result};
use crate::types::hash::{Hash, Lifetime};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name          arity keys         flags                    handler
    spec("hexpire",       -6, Keys::First, WRITE | FAST,            hexpire),
    spec("hexpireat",     -6, Keys::First, WRITE | FAST,            hexpireat),
    spec("hexpiretime",   -5, Keys::First, READ | FAST,             hexpiretime),
    spec("hgetdel",       -5, Keys::First, WRITE | FAST,            hgetdel),
    spec("hgetex",        -5, Keys::First, WRITE | FAST,            hgetex),
    spec("hpersist",      -5, Keys::First, WRITE | FAST,            hpersist),
    spec("hpexpire",      -6, Keys::First, WRITE | FAST,            hpexpire),
    spec("hpexpireat",    -6, Keys::First, WRITE | FAST,            hpexpireat),
    spec("hpexpiretime",  -5, Keys::First, READ | FAST,             hpexpiretime),
    spec("hpttl",         -5, Keys::First, READ | FAST,             hpttl),
    spec("hsetex",        -6, Keys::First, WRITE | DENY_OOM | FAST, hsetex),
    spec("httl",          -5, Keys::First, READ | FAST,             httl),
];

/// No field dies later: a server keeps deadlines in 46 bits.
const LATEST_MS: i64 = (1 << 46) - 1;

const COUNT_BELOW_ONE: &str = "ERR Parameter `numFields` should be greater than 0";
const COUNT_NOT_POSITIVE: &str = "ERR Number of fields must be a positive integer";
const TWO_DEADLINES: Error =
    Error::Plain("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
const TWO_CONDITIONS: Error = Error::Plain("ERR Only one of FXX or FNX arguments can be specified");

/// Answers of these commands for one field.
const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;
const REFUSED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// Is there such a key? Refuses one that holds something else.
fn is_there(cx: &mut Context<'_>, key: &[u8]) -> Result<bool> {
    Ok(cx.db.write::<Hash>(key)?.is_some())
}

/// `FIELDS count field [field ...]`, to the end.
fn fields<'a>(args: &mut Args<'a>, bad_count: &'static str) -> Result<&'a [&'a [u8]]> {
    if !args.option("FIELDS") {
        return Err(Error::Plain(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count = args.next().ok().and_then(parse_int).filter(|count| *count > 0);
    let count = count.ok_or(Error::Plain(bad_count))?;
    let fields = args.rest();
    if usize::try_from(count).is_ok_and(|count| count == fields.len()) {
        Ok(fields)
    } else {
        Err(Error::Plain("ERR The `numfields` parameter must match the number of arguments"))
    }
}

/// The deadline that an amount asks for; it may be past.
fn deadline(cx: &Context<'_>, unit: Unit, word: &[u8]) -> Result<u64> {
    let amount = parse_int(word).ok_or(Error::NotAnInteger)?;
    if amount < 0 {
        return Err(Error::Plain("ERR invalid expire time, must be >= 0"));
    }
    let at_ms = unit.absolute_ms(cx.db.now_ms(), amount).filter(|at_ms| *at_ms <= LATEST_MS);
    let at_ms = at_ms.and_then(|at_ms| u64::try_from(at_ms).ok());
    at_ms.ok_or(Error::InvalidExpire(cx.spec.name))
}

/// Which deadlines may be replaced.
#[derive(Clone, Copy)]
enum Only {
    All,
    Missing,
    Present,
    Earlier,
    Later,
}

impl Only {
    fn parse(args: &mut Args<'_>) -> Self {
        let known = [
            ("NX", Self::Missing),
            ("XX", Self::Present),
            ("GT", Self::Earlier),
            ("LT", Self::Later),
        ];
        let given = known.into_iter().find(|(name, _)| args.option(name));
        given.map_or(Self::All, |(_, only)| only)
    }

    /// A field without a deadline counts as one that dies never.
    fn allows(self, old_ms: Option<u64>, new_ms: u64) -> bool {
        match self {
            Self::All => true,
            Self::Missing => old_ms.is_none(),
            Self::Present => old_ms.is_some(),
            Self::Earlier => old_ms.is_some_and(|old_ms| old_ms < new_ms),
            Self::Later => old_ms.is_none_or(|old_ms| old_ms > new_ms),
        }
    }
}

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`: for each field 1
/// if it has the deadline now, 2 if that is past and the field gone, 0 if the condition forbids it,
/// -2 if there is no such field.
fn hexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadlines(cx, args, Unit::Seconds)
}

/// `HPEXPIRE key milliseconds ...`
fn hpexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadlines(cx, args, Unit::Milliseconds)
}

/// `HEXPIREAT key unix-time-seconds ...`
fn hexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadlines(cx, args, Unit::UnixSeconds)
}

/// `HPEXPIREAT key unix-time-milliseconds ...`
fn hpexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadlines(cx, args, Unit::UnixMilliseconds)
}

fn give_deadlines(cx: &mut Context<'_>, args: &mut Args<'_>, unit: Unit) -> Result {
    let key = args.key()?;
    is_there(cx, key)?;
    let at_ms = deadline(cx, unit, args.next()?)?;
    let only = Only::parse(args);
    let fields = fields(args, COUNT_BELOW_ONE)?;
    cx.cost(fields.len())?;
    let limits = cx.limits();
    let is_past = at_ms <= cx.db.now_ms();
    cx.out.array(fields.len());
    let (mut given, mut deleted) = (false, false);
    let mut hash = cx.db.write::<Hash>(key)?;
    if let Some(hash) = &mut hash {
        hash.expect_deadlines(&limits);
    }
    for field in fields {
        let old_ms = hash.as_ref().and_then(|hash| hash.deadline_ms(field));
        let (Some(hash), Some(old_ms)) = (hash.as_mut(), old_ms) else {
            cx.out.int(NO_FIELD);
            continue;
        };
        cx.out.int(if !only.allows(old_ms, at_ms) {
            REFUSED
        } else if is_past {
            deleted = hash.remove(field);
            DELETED
        } else {
            hash.set_deadline(field, Some(at_ms), &limits);
            given = true;
            DONE
        });
    }
    if given {
        cx.db.settle(key);
        cx.changed(key, "hexpire");
    } else if deleted {
        cx.shrunk(key, "hdel");
    }
    Ok(())
}

/// `HTTL key FIELDS numfields field [field ...]`: seconds left of each, rounded up; -1 if it lives
/// for ever, -2 if there is no such field.
fn httl(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadlines(cx, args, |at_ms, now_ms| at_ms.saturating_sub(now_ms).div_ceil(1000))
}

/// `HPTTL key FIELDS ...`: as HTTL, in milliseconds.
fn hpttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadlines(cx, args, u64::saturating_sub)
}

/// `HEXPIRETIME key FIELDS ...`: the deadlines in seconds since the epoch, rounded up.
fn hexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadlines(cx, args, |at_ms, _| at_ms.div_ceil(1000))
}

/// `HPEXPIRETIME key FIELDS ...`: as HEXPIRETIME, in milliseconds.
fn hpexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadlines(cx, args, |at_ms, _| at_ms)
}

fn write_deadlines(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    show: impl Fn(u64, u64) -> u64,
) -> Result {
    let hash = cx.db.read::<Hash>(args.key()?)?;
    let fields = fields(args, COUNT_NOT_POSITIVE)?;
    cx.cost(fields.len())?;
    let now_ms = cx.db.now_ms();
    cx.out.array(fields.len());
    for field in fields {
        cx.out.int(match hash.and_then(|hash| hash.deadline_ms(field)) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(at_ms)) => show(at_ms, now_ms) as i64,
        });
    }
    Ok(())
}

/// `HPERSIST key FIELDS numfields field [field ...]`: for each field 1 if it lost its deadline, -1
/// if it had none, -2 if there is no such field.
fn hpersist(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    is_there(cx, key)?;
    let fields = fields(args, COUNT_NOT_POSITIVE)?;
    cx.cost(fields.len())?;
    let limits = cx.limits();
    cx.out.array(fields.len());
    let mut hash = cx.db.write::<Hash>(key)?;
    let mut persisted = false;
    for field in fields {
        let old_ms = hash.as_ref().and_then(|hash| hash.deadline_ms(field));
        cx.out.int(match (hash.as_mut(), old_ms) {
            (Some(hash), Some(Some(_))) => {
                hash.set_deadline(field, None, &limits);
                persisted = true;
                DONE
            }
            (_, Some(None)) => NO_DEADLINE,
            _ => NO_FIELD,
        });
    }
    if persisted {
        cx.db.settle(key);
        cx.changed(key, "hpersist");
    }
    Ok(())
}

/// `HGETDEL key FIELDS numfields field [field ...]`: the values, and the fields are gone.
fn hgetdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    is_there(cx, key)?;
    let fields = fields(args, COUNT_NOT_POSITIVE)?;
    cx.cost(fields.len())?;
    cx.out.array(fields.len());
    let mut hash = cx.db.write::<Hash>(key)?;
    let mut deleted = false;
    for field in fields {
        match hash.as_ref().and_then(|hash| hash.get(field)) {
            Some(value) => write_element(cx.out, value),
            None => cx.out.nil(),
        }
        deleted |= hash.as_mut().is_some_and(|hash| hash.remove(field));
    }
    if deleted {
        cx.shrunk(key, "hdel");
    }
    Ok(())
}

/// `HGETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds
/// | PERSIST] FIELDS numfields field [field ...]`: the values, and the fields' deadlines change.
fn hgetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    is_there(cx, key)?;
    let mut lifetime = Lifetime::Keep;
    if let Some(unit) = args.peek().and_then(Unit::of_option) {
        args.next()?;
        lifetime = Lifetime::At(deadline(cx, unit, args.next()?)?);
    } else if args.option("PERSIST") {
        lifetime = Lifetime::Clear;
    }
    let fields = fields(args, COUNT_NOT_POSITIVE)?;
    cx.cost(fields.len())?;
    let (limits, now_ms) = (cx.limits(), cx.db.now_ms());
    cx.out.array(fields.len());
    let mut event = None;
    let mut hash = cx.db.write::<Hash>(key)?;
    if lifetime != Lifetime::Keep
        && let Some(hash) = &mut hash
    {
        hash.expect_deadlines(&limits);
    }
    for field in fields {
        let old_ms = hash.as_ref().and_then(|hash| hash.deadline_ms(field));
        let (Some(hash), Some(old_ms)) = (hash.as_mut(), old_ms) else {
            cx.out.nil();
            continue;
        };
        if let Some(value) = hash.get(field) {
            write_element(cx.out, value);
        }
        match lifetime {
            Lifetime::At(at_ms) if at_ms <= now_ms => {
                hash.remove(field);
                event = Some("hdel");
            }
            Lifetime::At(at_ms) => {
                hash.set_deadline(field, Some(at_ms), &limits);
                event = Some("hexpire");
            }
            Lifetime::Clear if old_ms.is_some() => {
                hash.set_deadline(field, None, &limits);
                event = Some("hpersist");
            }
            _ => {}
        }
    }
    if let Some(event) = event {
        cx.db.settle(key);
        cx.shrunk(key, event);
    }
    Ok(())
}

/// What HSETEX is told.
struct SetEx<'a> {
    lifetime: Lifetime,
    /// Set nothing unless all of the fields are there, or none of them.
    all_there: Option<bool>,
    /// Fields and values by turns.
    pairs: &'a [&'a [u8]],
}

impl<'a> SetEx<'a> {
    fn parse(cx: &Context<'_>, args: &mut Args<'a>) -> Result<Self> {
        let mut told = Self { lifetime: Lifetime::Clear, all_there: None, pairs: &[] };
        while let Some(word) = args.peek() {
            let there = args.option("FXX");
            if there || args.option("FNX") {
                if told.all_there.replace(there).is_some() {
                    return Err(TWO_CONDITIONS);
                }
            } else if args.option("KEEPTTL") {
                told.set_lifetime(Lifetime::Keep)?;
            } else if let Some(unit) = Unit::of_option(word) {
                args.next()?;
                told.set_lifetime(Lifetime::At(0))?;
                let amount = args.next().map_err(|_| Error::Arity(cx.spec.name))?;
                told.lifetime = Lifetime::At(deadline(cx, unit, amount)?);
            } else if args.option("FIELDS") {
                told.pairs = pairs(cx, args)?;
            } else {
                return Err(Error::text(format!("ERR unknown argument: {}", lossy(word))));
            }
        }
        if told.pairs.is_empty() { Err(Error::Arity(cx.spec.name)) } else { Ok(told) }
    }

    fn set_lifetime(&mut self, lifetime: Lifetime) -> Result {
        if self.lifetime != Lifetime::Clear {
            return Err(TWO_DEADLINES);
        }
        self.lifetime = lifetime;
        Ok(())
    }
}

/// `count field value [field value ...]`, to the end.
fn pairs<'a>(cx: &Context<'_>, args: &mut Args<'a>) -> Result<&'a [&'a [u8]]> {
    if args.left() < 3 {
        return Err(Error::Arity(cx.spec.name));
    }
    let count = parse_int(args.next()?).and_then(|count| u32::try_from(count).ok());
    let count = count.filter(|count| (1..1 << 31).contains(count));
    let count = count.ok_or(Error::Plain("ERR invalid number of fields"))? as usize;
    let pairs = args.rest();
    if pairs.len() == 2 * count { Ok(pairs) } else { Err(Error::Arity(cx.spec.name)) }
}

/// `HSETEX key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT
/// unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]`: 1 if the
/// fields were set, 0 if the condition forbids it.
fn hsetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let SetEx { lifetime, all_there, pairs } = SetEx::parse(cx, args)?;
    cx.cost(pairs.len())?;
    let hash = cx.db.write::<Hash>(key)?;
    let is_set = |pair: &[&[u8]]| hash.as_ref().is_some_and(|hash| hash.contains(pair[0]));
    if let Some(wanted) = all_there
        && !pairs.chunks_exact(2).all(|pair| is_set(pair) == wanted)
    {
        cx.out.int(0);
        return Ok(());
    }
    let (limits, now_ms) = (cx.limits(), cx.db.now_ms());
    let hash = cx.db.create::<Hash>(key)?;
    if let Lifetime::At(at_ms) = lifetime
        && at_ms <= now_ms
    {
        hash.expect_deadlines(&limits);
        for pair in pairs.chunks_exact(2) {
            hash.remove(pair[0]);
        }
        cx.changed(key, "hset");
        cx.shrunk(key, "hdel");
    } else {
        if pairs.len() > 2 {
            let longest = pairs.iter().map(|word| word.len()).max().unwrap_or(0);
            hash.expect(pairs.len() / 2, longest, &limits);
        }
        for pair in pairs.chunks_exact(2) {
            hash.set_as(pair[0], pair[1], lifetime, &limits);
        }
        cx.db.settle(key);
        cx.changed(key, "hset");
        if let Lifetime::At(_) = lifetime {
            cx.changed(key, "hexpire");
        }
    }
    cx.out.int(1);
    Ok(())
}
