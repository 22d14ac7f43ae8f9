//! MEMORY: what keys take, and where the rest went.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::help::write_help;
use super::info::proc_kilobytes;
use super::{ALONE, Args, CONTAINER, Context, Keys, NO_KEYSPACE, READ, Spec, container, spec};
use crate::error::{Error, Result};
use crate::hub::config::{MAXMEMORY, MAXMEMORY_POLICY};
use crate::memory;
use crate::store::evict::Policy;
use crate::store::{self, DATABASES, Table};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                 arity keys          flags        handler
    spec("memory",              -2, Keys::None,   CONTAINER,   container),
    spec("memory|doctor",        2, Keys::None,   ALONE,       doctor),
    spec("memory|help",          2, Keys::None,   NO_KEYSPACE, help),
    spec("memory|malloc-stats",  2, Keys::None,   NO_KEYSPACE, malloc_stats),
    spec("memory|purge",         2, Keys::None,   NO_KEYSPACE, purge),
    spec("memory|stats",         2, Keys::None,   ALONE,       stats),
    spec("memory|usage",        -3, Keys::Second, READ,        usage),
];

/// How many parts of a value are looked at if nobody says.
const SAMPLES: usize = 5;

/// With less than this nothing can be told from proportions.
const SMALL_BYTES: usize = 5 << 20;

/// `MEMORY USAGE key [SAMPLES count]`: nil if there is no key.
fn usage(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let mut samples = SAMPLES;
    while !args.is_done() {
        if args.left() < 2 || !args.option("SAMPLES") {
            return Err(Error::Syntax);
        }
        samples = usize::try_from(args.int()?).map_err(|_| Error::Syntax)?;
    }
    let Some(entry) = cx.db.peek(key) else {
        cx.out.nil();
        return Ok(());
    };
    let parts = store::work(entry);
    // The lists of parts are short beside the parts themselves.
    cx.cost(if samples == 0 { parts } else { samples.min(parts) + parts / 64 })?;
    let bytes = store::memory(entry, samples);
    cx.out.len(bytes);
    Ok(())
}

/// `MEMORY PURGE`
fn purge(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.cost(usize::MAX)?;
    memory::purge();
    cx.out.ok();
    Ok(())
}

/// `MEMORY MALLOC-STATS`: in the allocator's words.
fn malloc_stats(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let text = memory::statistics();
    cx.out.verbatim(&text);
    Ok(())
}

/// Bytes of the whole process that are in memory, where the system tells.
fn resident_bytes() -> Option<usize> {
    proc_kilobytes("/proc/self/status", "VmRSS:").map(|bytes| bytes as usize)
}

fn ratio(of: usize, to: usize) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}

/// What is known of where memory is.
struct Picture {
    used: usize,
    peak: usize,
    /// Of each database that is not empty: its number, its table, and what of that is deadlines.
    tables: Vec<(usize, usize, usize)>,
    keys: usize,
    committed: usize,
    resident: usize,
    scripts: usize,
    functions: usize,
}

impl Picture {
    fn take(cx: &Context<'_>) -> Result<Self> {
        let entered = cx.entered.ok_or(Error::Alone)?;
        let table = |index| cx.space.table(entered, index).filter(|table| !table.is_empty());
        let used = (0..DATABASES).filter_map(|index| Some((index, table(index)?)));
        let tables: Vec<(usize, &Table)> = used.collect();
        let (scripts, functions) = cx.scripts.figures();
        Ok(Self {
            scripts: scripts.bytes(),
            functions: functions.bytes(),
            used: cx.space.used_bytes(),
            peak: cx.space.peak_bytes(),
            keys: tables.iter().map(|(_, table)| table.len()).sum(),
            tables: tables
                .into_iter()
                .map(|(index, table)| (index, table.memory(), table.deadline_memory()))
                .collect(),
            committed: memory::committed_bytes(),
            resident: resident_bytes().unwrap_or_else(memory::committed_bytes),
        })
    }

    fn overhead(&self) -> usize {
        self.tables.iter().map(|(_, bytes, _)| bytes).sum()
    }
}

/// `MEMORY STATS`: in the fields of a server. What a store does not have is 0.
fn stats(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let picture = Picture::take(cx)?;
    let mut fields: Vec<(Cow<'static, str>, Value)> = Vec::new();
    let mut field = |name: &'static str, value| fields.push((name.into(), value));
    contents(&picture, &mut field);
    field("peak.percentage", Value::Ratio(ratio(picture.used, picture.peak) * 100.0));
    allocator(&picture, &mut field);
    // Databases come after what the server itself takes.
    let at = fields.iter().position(|(name, _)| name == "overhead.db.hashtable.lut");
    let dbs = picture.tables.iter().map(|(index, bytes, deadlines)| {
        (format!("db.{index}").into(), Value::Tables(bytes - deadlines, *deadlines))
    });
    let at = at.unwrap_or(fields.len());
    fields.splice(at..at, dbs);
    cx.out.map(fields.len());
    for (name, value) in fields {
        cx.out.bulk(name.as_bytes());
        value.write(cx);
    }
    Ok(())
}

fn contents(picture: &Picture, field: &mut impl FnMut(&'static str, Value)) {
    let (used, keys, overhead) = (picture.used, picture.keys, picture.overhead());
    let dataset = used.saturating_sub(overhead);
    field("peak.allocated", Value::Bytes(picture.peak));
    field("total.allocated", Value::Bytes(used));
    for name in [
        "startup.allocated",
        "replication.backlog",
        "clients.slaves",
        "clients.normal",
        "cluster.links",
        "aof.buffer",
    ] {
        field(name, Value::Bytes(0));
    }
    field("lua.caches", Value::Bytes(picture.scripts));
    field("functions.caches", Value::Bytes(picture.functions));
    field("overhead.db.hashtable.lut", Value::Bytes(overhead));
    field("overhead.db.hashtable.rehashing", Value::Bytes(0));
    field("overhead.total", Value::Bytes(overhead));
    field("db.dict.rehashing.count", Value::Bytes(0));
    field("keys.count", Value::Bytes(keys));
    field("keys.bytes-per-key", Value::Bytes(used.checked_div(keys).unwrap_or(0)));
    field("dataset.bytes", Value::Bytes(dataset));
    field("dataset.percentage", Value::Ratio(ratio(dataset, used) * 100.0));
}

/// One allocator serves all stores of the process: it may hold much more than this one uses.
fn allocator(picture: &Picture, field: &mut impl FnMut(&'static str, Value)) {
    let Picture { used, committed, resident, .. } = *picture;
    let less = |a: usize, b: usize| Value::Difference(a as i64 - b as i64);
    field("allocator.allocated", Value::Bytes(used));
    field("allocator.active", Value::Bytes(committed));
    field("allocator.resident", Value::Bytes(committed));
    field("allocator.muzzy", Value::Bytes(0));
    field("allocator-fragmentation.ratio", Value::Ratio(ratio(committed, used)));
    field("allocator-fragmentation.bytes", less(committed, used));
    field("allocator-rss.ratio", Value::Ratio(1.0));
    field("allocator-rss.bytes", Value::Difference(0));
    field("rss-overhead.ratio", Value::Ratio(ratio(resident, committed)));
    field("rss-overhead.bytes", less(resident, committed));
    field("fragmentation", Value::Ratio(ratio(resident, used)));
    field("fragmentation.bytes", less(resident, used));
}

enum Value {
    Bytes(usize),
    Difference(i64),
    Ratio(f64),
    Tables(usize, usize),
}

impl Value {
    fn write(self, cx: &mut Context<'_>) {
        match self {
            Self::Bytes(bytes) => cx.out.len(bytes),
            Self::Difference(bytes) => cx.out.int(bytes),
            Self::Ratio(ratio) => cx.out.double(ratio),
            Self::Tables(main, deadlines) => {
                cx.out.map(2);
                cx.out.bulk(b"overhead.hashtable.main");
                cx.out.len(main);
                cx.out.bulk(b"overhead.hashtable.expires");
                cx.out.len(deadlines);
            }
        }
    }
}

/// `MEMORY DOCTOR`: what looks odd, in words.
fn doctor(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let picture = Picture::take(cx)?;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut add = |found: String| {
        let _ = writeln!(text, "* {found}");
    };
    let Picture { used, peak, .. } = picture;
    if used < SMALL_BYTES {
        add(format!("The store holds {used} bytes: too few to say anything about."));
    } else {
        if ratio(peak, used) > 1.5 {
            add(format!("It held {peak} bytes once and holds {used} now; MEMORY PURGE may help."));
        }
        if ratio(picture.overhead(), used) > 0.5 {
            let overhead = picture.overhead();
            add(format!("Of {used} bytes {overhead} are tables: keys were deleted, or are tiny."));
        }
        let limit = cx.config().get(MAXMEMORY);
        let policy = Policy::from_index(cx.config().get(MAXMEMORY_POLICY) as usize);
        if limit > 0 && used as f64 > limit as f64 * 0.9 && policy == Policy::NoEviction {
            add(format!("Writes will be refused at {limit} bytes: no key may be evicted."));
        }
    }
    if text.is_empty() {
        text.push_str("Nothing looks odd.\n");
    }
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

/// `MEMORY HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("DOCTOR", "What looks odd, in words."),
            ("MALLOC-STATS", "What the allocator tells of itself."),
            ("PURGE", "Gives pages back that nobody uses any more."),
            ("STATS", "Where memory is."),
            (
                "USAGE <key> [SAMPLES <count>]",
                "Bytes that a key takes; values are judged by 5 of their parts, 0 looks at all.",
            ),
        ],
    );
    Ok(())
}
