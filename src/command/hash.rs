//! Hashes: fields with values under one key.
//!
//! Not here: deadlines of fields. Whoever sets a field takes its deadline away, and whoever adds to
//! one leaves it.

use super::context::write_element;
use super::generic::{ScanOptions, cursor, write_cursor};
use super::random::RandomCount;
use super::{Args, BRIEF, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::error::{Error, Result};
use crate::long_double;
use crate::types::hash::{Hash, Lifetime};
use crate::types::listpack::Element;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name           arity keys         flags                     handler
    spec("hdel",           -3, Keys::First, WRITE | FAST,            hdel),
    spec("hexists",         3, Keys::First, READ | FAST,             hexists),
    spec("hget",            3, Keys::First, READ | FAST,             hget),
    spec("hgetall",         2, Keys::First, READ | BRIEF,            hgetall),
    spec("hincrby",         4, Keys::First, WRITE | DENY_OOM | FAST, hincrby),
    spec("hincrbyfloat",    4, Keys::First, WRITE | DENY_OOM | FAST, hincrbyfloat),
    spec("hkeys",           2, Keys::First, READ | BRIEF,            hkeys),
    spec("hlen",            2, Keys::First, READ | FAST,             hlen),
    spec("hmget",          -3, Keys::First, READ | FAST,             hmget),
    spec("hmset",          -4, Keys::First, WRITE | DENY_OOM | FAST, hmset),
    spec("hrandfield",     -2, Keys::First, READ,                    hrandfield),
    spec("hscan",          -3, Keys::First, READ,                    hscan),
    spec("hset",           -4, Keys::First, WRITE | DENY_OOM | FAST, hset),
    spec("hsetnx",          4, Keys::First, WRITE | DENY_OOM | FAST, hsetnx),
    spec("hstrlen",         3, Keys::First, READ | FAST,             hstrlen),
    spec("hvals",           2, Keys::First, READ | BRIEF,            hvals),
];

/// `HGET key field`: the value, or nil.
fn hget(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field) = (args.key()?, args.next()?);
    match cx.db.read::<Hash>(key)?.and_then(|hash| hash.get(field)) {
        Some(value) => write_element(cx.out, value),
        None => cx.out.nil(),
    }
    Ok(())
}

/// `HSET key field value [field value ...]`: how many fields are new.
fn hset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let added = set_all(cx, args)?;
    cx.out.len(added);
    Ok(())
}

/// `HMSET key field value [field value ...]`
fn hmset(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    set_all(cx, args)?;
    cx.out.ok();
    Ok(())
}

fn set_all(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result<usize> {
    let (key, words) = (args.key()?, args.rest());
    if !words.len().is_multiple_of(2) {
        return Err(Error::Arity(cx.spec.name));
    }
    cx.cost(words.len())?;
    let limits = cx.limits();
    let hash = cx.db.create::<Hash>(key)?;
    if words.len() > 2 {
        let longest = words.iter().map(|word| word.len()).max().unwrap_or(0);
        hash.expect(words.len() / 2, longest, &limits);
    }
    let mut added = 0;
    for pair in words.chunks_exact(2) {
        added += usize::from(hash.set(pair[0], pair[1], &limits));
    }
    cx.changed(key, "hset");
    Ok(added)
}

/// `HSETNX key field value`: 1 if the field was set, 0 if there was one already.
fn hsetnx(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field, value) = (args.key()?, args.next()?, args.next()?);
    let limits = cx.limits();
    let hash = cx.db.create::<Hash>(key)?;
    let is_new = !hash.contains(field);
    if is_new {
        hash.set(field, value, &limits);
        cx.changed(key, "hset");
    }
    cx.out.yes_no(is_new);
    Ok(())
}

/// `HMGET key field [field ...]`: values; nil for a field that is not there.
fn hmget(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, fields) = (args.key()?, args.rest());
    cx.cost(fields.len())?;
    let hash = cx.db.read::<Hash>(key)?;
    cx.out.array(fields.len());
    for field in fields {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => write_element(cx.out, value),
            None => cx.out.nil(),
        }
    }
    Ok(())
}

/// `HGETALL key`: all fields with their values.
fn hgetall(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(hash) = cx.db.read::<Hash>(args.key()?)? else {
        cx.out.map(0);
        return Ok(());
    };
    cx.cost(hash.len())?;
    cx.out.map(hash.len());
    for (field, value) in hash {
        write_element(cx.out, field);
        write_element(cx.out, value);
    }
    Ok(())
}

/// `HKEYS key`: all fields.
fn hkeys(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_each(cx, args, |(field, _)| field)
}

/// `HVALS key`: all values.
fn hvals(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    write_each(cx, args, |(_, value)| value)
}

/// Writes one half of every pair.
fn write_each(
    cx: &mut Context<'_>,
    args: &mut Args<'_>,
    half: for<'e> fn((Element<'e>, Element<'e>)) -> Element<'e>,
) -> Result {
    let Some(hash) = cx.db.read::<Hash>(args.key()?)? else {
        cx.out.array(0);
        return Ok(());
    };
    cx.cost(hash.len())?;
    cx.out.array(hash.len());
    for pair in hash {
        write_element(cx.out, half(pair));
    }
    Ok(())
}

/// `HDEL key field [field ...]`: how many there were.
fn hdel(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, fields) = (args.key()?, args.rest());
    cx.cost(fields.len())?;
    let removed = match cx.db.write::<Hash>(key)? {
        Some(hash) => fields.iter().filter(|field| hash.remove(field)).count(),
        None => 0,
    };
    if removed > 0 {
        cx.shrunk(key, "hdel");
    }
    cx.out.len(removed);
    Ok(())
}

/// `HLEN key`: how many fields there are.
fn hlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.read::<Hash>(args.key()?)?.map_or(0, Hash::len);
    cx.out.len(len);
    Ok(())
}

/// `HEXISTS key field`
fn hexists(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field) = (args.key()?, args.next()?);
    let found = cx.db.read::<Hash>(key)?.is_some_and(|hash| hash.contains(field));
    cx.out.yes_no(found);
    Ok(())
}

/// `HSTRLEN key field`: bytes of the value.
fn hstrlen(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field) = (args.key()?, args.next()?);
    let value = cx.db.read::<Hash>(key)?.and_then(|hash| hash.get(field));
    cx.out.len(value.map_or(0, |value| value.len()));
    Ok(())
}

/// `HINCRBY key field increment`: the sum.
fn hincrby(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field, by) = (args.key()?, args.next()?, args.int()?);
    let limits = cx.limits();
    let hash = cx.db.create::<Hash>(key)?;
    let old = match hash.get(field) {
        Some(value) => value.as_int().ok_or(Error::Plain("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = old.checked_add(by).ok_or(Error::Overflow)?;
    let mut digits = itoa::Buffer::new();
    hash.set_as(field, digits.format(sum).as_bytes(), Lifetime::Keep, &limits);
    cx.changed(key, "hincrby");
    cx.out.int(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`: the sum, printed without an exponent.
fn hincrbyfloat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, field, by) = (args.key()?, args.next()?, args.next()?);
    if let Err(error) = long_double::add(b"0", by) {
        return Err(match error {
            Error::NanOrInfinity => Error::Plain("ERR value is NaN or Infinity"),
            other => other,
        });
    }
    let limits = cx.limits();
    let hash = cx.db.create::<Hash>(key)?;
    let sum = {
        let mut scratch = [0; 20];
        let old = hash.get(field);
        let old = old.as_ref().map_or(&b"0"[..], |old| old.as_bytes(&mut scratch));
        long_double::add(old, by).map_err(|error| match error {
            Error::NotAFloat => Error::Plain("ERR hash value is not a float"),
            other => other,
        })?
    };
    hash.set_as(field, sum.as_bytes(), Lifetime::Keep, &limits);
    cx.changed(key, "hincrbyfloat");
    cx.out.bulk(sum.as_bytes());
    Ok(())
}

/// `HRANDFIELD key [count [WITHVALUES]]`: fields by chance, different ones; with a negative count
/// each may come again.
fn hrandfield(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    if args.is_done() {
        let hash = cx.db.read::<Hash>(key)?;
        match hash.and_then(|hash| hash.random(&mut cx.space.dice())) {
            Some((field, _)) => write_element(cx.out, field),
            None => cx.out.nil(),
        }
        return Ok(());
    }
    let (count, with_values) = RandomCount::parse(args, "WITHVALUES")?;
    let Some(hash) = cx.db.read::<Hash>(key)? else {
        cx.out.array(0);
        return Ok(());
    };
    let total = count.of(hash.len());
    cx.cost(total)?;
    let nested = cx.client.is_resp3();
    cx.out.array(if with_values && !nested { 2 * total } else { total });
    let out = &mut *cx.out;
    let mut write = |field: Element<'_>, value: Element<'_>| {
        if with_values && nested {
            out.array(2);
        }
        write_element(out, field);
        if with_values {
            write_element(out, value);
        }
    };
    let mut rng = cx.space.dice();
    if count.repeats {
        for _ in 0..total {
            if let Some((field, value)) = hash.random(&mut rng) {
                write(field, value);
            }
        }
    } else {
        hash.sample(total, &mut rng, write);
    }
    Ok(())
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`: the next cursor and some pairs.
fn hscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, from) = (args.key()?, cursor(args.next()?)?);
    let Some(hash) = cx.db.read::<Hash>(key)? else {
        write_cursor(cx.out, 0);
        cx.out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args, "hscan")?;
    cx.cost(options.count.min(hash.len()))?;
    let mut found = Vec::new();
    let next = hash.scan(from, options.count, |field, value| {
        if options.wants(field.as_bytes(&mut [0; 20])) {
            found.push((field, value));
        }
    });
    write_cursor(cx.out, next);
    cx.out.array(if options.names_only { found.len() } else { 2 * found.len() });
    for (field, value) in found {
        write_element(cx.out, field);
        if !options.names_only {
            write_element(cx.out, value);
        }
    }
    Ok(())
}
