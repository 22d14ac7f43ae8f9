//! Commands that do not care what a key holds.

use super::{ALONE, Args, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::bytes::{lossy, parse_int, parse_unsigned};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::store::{DATABASES, Db, Entry, work};
use crate::types::glob::{self, Case};

const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };
const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name       arity keys         flags                 handler
    spec("copy",       -3, TWO,         WRITE | DENY_OOM,     copy),
    spec("del",        -2, ALL,         WRITE,                del),
    spec("exists",     -2, ALL,         READ | FAST,          exists),
    spec("keys",        2, Keys::None,  READ,                 keys),
    spec("move",        3, Keys::First, WRITE | FAST | ALONE, move_),
    spec("randomkey",   1, Keys::None,  READ,                 randomkey),
    spec("rename",      3, TWO,         WRITE,                rename),
    spec("renamenx",    3, TWO,         WRITE | FAST,         renamenx),
    spec("scan",       -2, Keys::None,  READ,                 scan),
    spec("touch",      -2, ALL,         READ | FAST,          touch),
    spec("type",        2, Keys::First, READ | FAST,          type_),
    spec("unlink",     -2, ALL,         WRITE | FAST,         del),
];

/// `DEL key [key ...]` and `UNLINK`: how many there were. Large values are dropped on another
/// thread in both.
fn del(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut removed = 0;
    for key in args.rest() {
        if cx.db.remove(key) {
            cx.changed(key, "del");
            removed += 1;
        }
    }
    cx.out.len(removed);
    Ok(())
}

/// `EXISTS key [key ...]`: a key named twice counts twice.
fn exists(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    // To look whether a key is there is not to use it.
    cx.db.quiet = true;
    count_existing(cx, args)
}

fn count_existing(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let count = args.rest().iter().filter(|key| cx.db.exists(key)).count();
    cx.out.len(count);
    Ok(())
}

/// `TOUCH key [key ...]`: notes a use of each that exists.
fn touch(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.db.quiet = false;
    count_existing(cx, args)
}

/// `TYPE key`
fn type_(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = cx.db.glance(args.key()?).map_or("none", |entry| entry.kind().name());
    cx.out.status(name);
    Ok(())
}

/// `KEYS pattern`: holds one shard at a time, so it is no snapshot.
fn keys(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let pattern = args.next()?;
    cx.cost(cx.db.len())?;
    let at = cx.out.array_later();
    let mut count = 0;
    let all = pattern == b"*";
    let Context { db, out, .. } = cx;
    db.each(|entry| {
        if all || glob::matches(pattern, entry.key(), Case::Sensitive) {
            out.bulk(entry.key());
            count += 1;
        }
    })?;
    cx.out.close(at, count);
    Ok(())
}

/// `RANDOMKEY`: nil if there is no key.
fn randomkey(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let key = cx.db.random_key()?;
    cx.out.bulk_or_nil(key.as_deref());
    Ok(())
}

/// `RENAME key newkey`
fn rename(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (from, to) = (args.key()?, args.key()?);
    if cx.db.peek(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    move_to(cx, from, to)?;
    cx.out.ok();
    Ok(())
}

/// `RENAMENX key newkey`: 0 if the new key exists.
fn renamenx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (from, to) = (args.key()?, args.key()?);
    if cx.db.peek(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    let free = from != to && cx.db.peek(to).is_none();
    if free {
        move_to(cx, from, to)?;
    }
    cx.out.yes_no(free);
    Ok(())
}

fn move_to(cx: &mut Context<'_>, from: &[u8], to: &[u8]) -> Result {
    if from != to {
        cx.db.rename(from, to)?;
        cx.changed(from, "rename_from");
        cx.changed(to, "rename_to");
    }
    Ok(())
}

/// Reads a database number.
pub fn db_index(word: &[u8]) -> Result<usize> {
    let index = parse_int(word).ok_or(Error::NotAnInteger)?;
    if i32::try_from(index).is_err() {
        return Err(Error::Plain(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    usize::try_from(index).ok().filter(|at| *at < DATABASES).ok_or(Error::DbIndexOutOfRange)
}

/// `COPY source destination [DB destination-db] [REPLACE]`: 1 if it was copied.
fn copy(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (from, to) = (args.key()?, args.key()?);
    let mut index = cx.db.index();
    let mut replace = false;
    while !args.is_done() {
        if args.option("REPLACE") {
            replace = true;
        } else if args.left() > 1 && args.option("DB") {
            index = db_index(args.next()?)?;
        } else {
            return Err(Error::Syntax);
        }
    }
    if index == cx.db.index() && from == to {
        return Err(Error::Plain("ERR source and destination objects are the same"));
    }
    if let Some(entry) = cx.db.peek(from) {
        cx.cost(work(entry))?;
    }
    let Some(copy) = cx.db.copy_of(from, to)? else {
        cx.out.int(0);
        return Ok(());
    };
    let placed = place(cx, index, copy, replace)?;
    if placed {
        cx.changed_in(index, to, "copy_to");
    }
    cx.out.yes_no(placed);
    Ok(())
}

/// Puts an entry into a database unless its key is taken there.
fn place(cx: &mut Context<'_>, index: usize, entry: Entry, replace: bool) -> Result<bool> {
    if index == cx.db.index() {
        return Ok(settle(&mut cx.db, entry, replace));
    }
    cx.look(index, |db| settle(db, entry, replace))
}

/// What was there is gone before the copy comes: who hears of new keys hears of it.
fn settle(db: &mut Db<'_>, entry: Entry, replace: bool) -> bool {
    if replace {
        db.remove(entry.key());
    } else if db.peek(entry.key()).is_some() {
        return false;
    }
    db.put(entry);
    true
}

/// `MOVE key db`: 1 if it was moved; 0 if it is missing here or taken there.
fn move_(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let index = db_index(args.next()?)?;
    if index == cx.db.index() {
        return Err(Error::Plain("ERR source and destination objects are the same"));
    }
    let taken = cx.look(index, |db| db.peek(key).is_some())?;
    if taken || cx.db.peek(key).is_none() {
        cx.out.int(0);
        return Ok(());
    }
    if let Some(entry) = cx.db.take(key) {
        cx.look(index, |db| db.put(entry))?;
    }
    cx.changed(key, "move_from");
    cx.changed_in(index, key, "move_to");
    cx.out.int(1);
    Ok(())
}

/// Reads a cursor of the SCAN family.
pub fn cursor(word: &[u8]) -> Result<u64> {
    parse_unsigned(word).or_else(|| loose_unsigned(word)).ok_or(Error::Plain("ERR invalid cursor"))
}

/// What C's `strtoull` makes of a word that is no plain number: space and a sign may lead it,
/// zeros too, and what is below nothing counts from the top. A plain negative number is none.
fn loose_unsigned(word: &[u8]) -> Option<u64> {
    if parse_int(word).is_some() {
        return None;
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = word.iter().position(|byte| !is_space(byte))?;
    let (negative, digits) = match &word[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = std::str::from_utf8(digits).ok()?.parse::<u64>().ok()?;
    Some(if negative { value.wrapping_neg() } else { value })
}

/// The options that SCAN and its kin share.
pub struct ScanOptions<'a> {
    pub pattern: Option<&'a [u8]>,
    pub count: usize,
    /// Only SCAN takes it.
    pub kind: Option<&'a [u8]>,
    /// NOVALUES, which only HSCAN takes, or NOSCORES, which only ZSCAN takes.
    pub names_only: bool,
}

impl<'a> ScanOptions<'a> {
    pub fn parse(args: &mut Args<'a>, command: &str) -> Result<Self> {
        let mut options = Self { pattern: None, count: 10, kind: None, names_only: false };
        while !args.is_done() {
            if args.left() > 1 && args.option("COUNT") {
                let count = args.int()?;
                options.count =
                    usize::try_from(count).ok().filter(|c| *c > 0).ok_or(Error::Syntax)?;
            } else if args.left() > 1 && args.option("MATCH") {
                options.pattern = Some(args.next()?);
            } else if args.left() > 1 && command == "scan" && args.option("TYPE") {
                options.kind = Some(type_name(args.next()?)?);
            } else if command == "hscan" && args.option("NOVALUES") {
                options.names_only = true;
            } else if args.option("NOVALUES") {
                return Err(Error::Plain("ERR NOVALUES option can only be used in HSCAN"));
            } else if command == "zscan" && args.option("NOSCORES") {
                options.names_only = true;
            } else if args.option("NOSCORES") {
                return Err(Error::Plain("ERR NOSCORES option can only be used in ZSCAN"));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// Does an element's name match the pattern, if there is one?
    pub fn wants(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| pattern == b"*" || glob::matches(pattern, name, Case::Sensitive))
    }
}

/// The name of a type, as SCAN's TYPE takes it.
fn type_name(name: &[u8]) -> Result<&[u8]> {
    let known = ["string", "list", "set", "zset", "hash", "stream"];
    if known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
        return Ok(name);
    }
    Err(Error::text(format!("ERR unknown type name '{}'", lossy(name))))
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`: the next cursor and some keys.
fn scan(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let from = cursor(args.next()?)?;
    let options = ScanOptions::parse(args, "scan")?;
    cx.cost(options.count.min(cx.db.len()))?;
    let mut found = Vec::new();
    let next = cx.db.scan(from, options.count, |entry| {
        let right_kind = options
            .kind
            .is_none_or(|name| name.eq_ignore_ascii_case(entry.kind().name().as_bytes()));
        if right_kind && options.wants(entry.key()) {
            found.push(entry.key().to_vec());
        }
    })?;
    write_scan(cx, next, &found);
    Ok(())
}

/// A cursor and a flat list, as every command of the SCAN family answers.
pub fn write_scan(cx: &mut Context<'_>, next: u64, found: &[Vec<u8>]) {
    write_cursor(cx.out, next);
    cx.out.array(found.len());
    for item in found {
        cx.out.bulk(item);
    }
}

/// Begins such an answer: what is found follows, as one array.
pub fn write_cursor(out: &mut Reply, next: u64) {
    out.array(2);
    let mut digits = itoa::Buffer::new();
    out.bulk(digits.format(next).as_bytes());
}
