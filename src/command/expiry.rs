//! When keys die: EXPIRE and its kin.

use super::{Args, Context, FAST, Keys, READ, Spec, WRITE, spec};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name         arity keys         flags         handler
    spec("expire",       -3, Keys::First, WRITE | FAST, expire),
    spec("expireat",     -3, Keys::First, WRITE | FAST, expireat),
    spec("expiretime",    2, Keys::First, READ | FAST,  expiretime),
    spec("persist",       2, Keys::First, WRITE | FAST, persist),
    spec("pexpire",      -3, Keys::First, WRITE | FAST, pexpire),
    spec("pexpireat",    -3, Keys::First, WRITE | FAST, pexpireat),
    spec("pexpiretime",   2, Keys::First, READ | FAST,  pexpiretime),
    spec("pttl",          2, Keys::First, READ | FAST,  pttl),
    spec("ttl",           2, Keys::First, READ | FAST,  ttl),
];

/// How a point in time is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

impl Unit {
    /// The unit of an option of SET and GETEX.
    pub fn of_option(word: &[u8]) -> Option<Self> {
        [
            ("EX", Self::Seconds),
            ("PX", Self::Milliseconds),
            ("EXAT", Self::UnixSeconds),
            ("PXAT", Self::UnixMilliseconds),
        ]
        .into_iter()
        .find(|(name, _)| is_word(word, name))
        .map(|(_, unit)| unit)
    }

    /// Milliseconds since the epoch, if they fit.
    pub fn absolute_ms(self, now_ms: u64, amount: i64) -> Option<i64> {
        let ms = self.in_ms(amount)?;
        if self.is_relative() { ms.checked_add(now_ms as i64) } else { Some(ms) }
    }

    /// The deadline that a word asks for; must be positive.
    pub fn deadline(
        self,
        word: &[u8],
        now_ms: impl FnOnce() -> u64,
        command: &'static str,
    ) -> Result<u64> {
        let amount = parse_int(word).ok_or(Error::NotAnInteger)?;
        let refused = Error::InvalidExpire(command);
        if amount <= 0 {
            return Err(refused);
        }
        let now_ms = if self.is_relative() { now_ms() } else { 0 };
        let at = self.absolute_ms(now_ms, amount).ok_or(refused)?;
        Ok(at.max(0) as u64)
    }

    fn is_relative(self) -> bool {
        matches!(self, Self::Seconds | Self::Milliseconds)
    }

    fn in_ms(self, amount: i64) -> Option<i64> {
        match self {
            Self::Seconds | Self::UnixSeconds => amount.checked_mul(1000),
            Self::Milliseconds | Self::UnixMilliseconds => Some(amount),
        }
    }
}

/// The deadline that an option or argument asks for; must be positive.
pub fn deadline_of(
    cx: &Context<'_>,
    unit: Unit,
    word: &[u8],
    command: &'static str,
) -> Result<u64> {
    unit.deadline(word, || cx.db.now_ms(), command)
}

/// Which deadlines EXPIRE may replace.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each option")]
struct Only {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Only {
    fn parse(args: &mut Args<'_>) -> Result<Self> {
        let mut only = Self::default();
        while let Some(word) = args.peek() {
            if args.option("NX") {
                only.nx = true;
            } else if args.option("XX") {
                only.xx = true;
            } else if args.option("GT") {
                only.gt = true;
            } else if args.option("LT") {
                only.lt = true;
            } else {
                return Err(Error::text(format!("ERR Unsupported option {}", lossy(word))));
            }
        }
        if only.nx && (only.xx || only.gt || only.lt) {
            return Err(Error::Plain(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if only.gt && only.lt {
            return Err(Error::Plain("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(only)
    }

    /// A key without a deadline counts as one that dies never.
    fn allows(&self, old_ms: Option<u64>, new_ms: i64) -> bool {
        let later = old_ms.is_some_and(|old| new_ms > old as i64);
        let sooner = old_ms.is_none_or(|old| new_ms < old as i64);
        !(self.nx && old_ms.is_some()
            || self.xx && old_ms.is_none()
            || self.gt && !later
            || self.lt && !sooner)
    }
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`
fn expire(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadline(cx, args, Unit::Seconds)
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`
fn pexpire(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadline(cx, args, Unit::Milliseconds)
}

/// `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]`
fn expireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadline(cx, args, Unit::UnixSeconds)
}

/// `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]`
fn pexpireat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    give_deadline(cx, args, Unit::UnixMilliseconds)
}

fn give_deadline(cx: &mut Context<'_>, args: &mut Args<'_>, unit: Unit) -> Result {
    let key = args.key()?;
    let word = args.next()?;
    let only = Only::parse(args)?;
    let amount = parse_int(word).ok_or(Error::NotAnInteger)?;
    let at_ms =
        unit.absolute_ms(cx.db.now_ms(), amount).ok_or(Error::InvalidExpire(cx.spec.name))?;
    let old_ms = match cx.db.peek(key) {
        None => {
            cx.out.int(0);
            return Ok(());
        }
        Some(entry) => entry.deadline_ms(),
    };
    if !only.allows(old_ms, at_ms) {
        cx.out.int(0);
        return Ok(());
    }
    if at_ms <= cx.db.now_ms() as i64 {
        cx.db.remove(key);
        cx.changed(key, "del");
    } else {
        cx.db.set_deadline(key, Some(at_ms as u64));
        cx.changed(key, "expire");
    }
    cx.out.int(1);
    Ok(())
}

/// `PERSIST key`: 1 if the key had a deadline.
fn persist(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let mortal = cx.db.peek(key).is_some_and(|entry| entry.deadline_ms().is_some());
    if mortal {
        cx.db.set_deadline(key, None);
        cx.changed(key, "persist");
    }
    cx.out.yes_no(mortal);
    Ok(())
}

/// `TTL key`: seconds left, rounded; -1 if it lives for ever, -2 if there is no such key.
fn ttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadline(cx, args, |at_ms, now_ms| (at_ms.saturating_sub(now_ms) + 500) / 1000)
}

/// `PTTL key`: as TTL, in milliseconds.
fn pttl(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadline(cx, args, u64::saturating_sub)
}

/// `EXPIRETIME key`: the deadline in seconds since the epoch; -1 and -2 as for TTL.
fn expiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadline(cx, args, |at_ms, _| (at_ms + 500) / 1000)
}

/// `PEXPIRETIME key`: as EXPIRETIME, in milliseconds.
fn pexpiretime(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_deadline(cx, args, |at_ms, _| at_ms)
}

fn write_deadline(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    show: impl FnOnce(u64, u64) -> u64,
) -> Result {
    let now_ms = cx.db.now_ms();
    let shown = match cx.db.glance(args.key()?) {
        None => -2,
        Some(entry) => entry.deadline_ms().map_or(-1, |at_ms| show(at_ms, now_ms) as i64),
    };
    cx.out.int(shown);
    Ok(())
}
