//! DUMP and RESTORE: values as servers write them down.

use std::sync::atomic::Ordering;

use super::{Args, Context, DENY_OOM, Keys, READ, Spec, WRITE, spec};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::persist::rdb::{self, Checksums, Refusal, Settings};
use crate::store::evict;
use crate::store::{BYTES_PER_ELEMENT, work};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name     arity keys         flags             handler
    spec("dump",      2, Keys::First, READ,             dump),
    spec("restore",  -4, Keys::First, WRITE | DENY_OOM, restore),
];

/// `DUMP key`: nil if there is no key.
fn dump(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let Some(entry) = cx.db.entry(key) else {
        cx.out.nil();
        return Ok(());
    };
    if entry.is_broken() {
        return Err(Error::Broken);
    }
    cx.cost(work(entry))?;
    cx.out.bulk(&rdb::dump(entry));
    Ok(())
}

/// What stands behind the payload of RESTORE.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: &mut Args<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !args.is_done() {
            if args.option("REPLACE") {
                options.replace = true;
            } else if args.option("ABSTTL") {
                options.absolute = true;
            } else if args.left() > 1 && options.frequency.is_none() && args.option("IDLETIME") {
                let seconds = args.int()?;
                if seconds < 0 {
                    return Err(Error::Plain("ERR Invalid IDLETIME value, must be >= 0"));
                }
                options.idle_seconds = Some(seconds);
            } else if args.left() > 1 && options.idle_seconds.is_none() && args.option("FREQ") {
                let frequency = u8::try_from(args.int()?)
                    .map_err(|_| Error::Plain("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
                options.frequency = Some(frequency);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

/// `RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`
fn restore(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, ttl, payload) = (args.key()?, args.next()?, args.next()?);
    let options = Options::parse(args)?;
    if !options.replace && cx.db.peek(key).is_some() {
        return Err(Error::Plain("BUSYKEY Target key name already exists."));
    }
    let ttl_ms = parse_int(ttl).ok_or(Error::NotAnInteger)?;
    if ttl_ms < 0 {
        return Err(Error::Plain("ERR Invalid TTL value, must be >= 0"));
    }
    cx.cost(payload.len() / BYTES_PER_ELEMENT)?;
    let value = rdb::restore(payload, &settings(cx)).map_err(|refusal| match refusal {
        Refusal::Footer => Error::Plain("ERR DUMP payload version or checksum are wrong"),
        Refusal::Value => Error::Plain("ERR Bad data format"),
    })?;
    let now_ms = cx.db.now_ms();
    let deadline_ms = match (ttl_ms as u64, options.absolute) {
        (0, _) => None,
        (at_ms, true) => Some(at_ms),
        (after_ms, false) => Some(now_ms.saturating_add(after_ms)),
    };
    let replaced = options.replace && cx.db.remove(key);
    cx.out.ok();
    if deadline_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        if replaced {
            cx.changed(key, "del");
        }
        return Ok(());
    }
    cx.db.put(value.into_entry(key, deadline_ms));
    set_access(cx, key, &options);
    cx.changed(key, "restore");
    Ok(())
}

/// What a reader of values must know.
pub fn settings(cx: &Context<'_>) -> Settings {
    Settings { limits: cx.limits(), fill: super::list::fill(cx), checksums: checksums(cx) }
}

/// Whether checksums count.
pub fn checksums(cx: &Context<'_>) -> Checksums {
    let ignored = cx.hub.debug.ignores_checksums.load(Ordering::Relaxed);
    if ignored { Checksums::Ignored } else { Checksums::Heeded }
}

/// Notes how long ago, or how often, the value was used where it came from; the option that is not
/// about what the eviction policy looks at is left alone, as by servers.
fn set_access(cx: &Context<'_>, key: &[u8], options: &Options) {
    let Some(entry) = cx.db.peek(key) else { return };
    if cx.config().policy().counts_uses() {
        if let Some(frequency) = options.frequency {
            evict::set_frequency(cx.space, entry, frequency);
        }
    } else if let Some(seconds) = options.idle_seconds {
        evict::set_idle(cx.space, entry, seconds as u64);
    }
}
