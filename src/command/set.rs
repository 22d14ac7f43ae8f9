//! Sets: members under one key. What is made of several sets is in `set_algebra`.

use super::context::write_element;
use super::generic::{ScanOptions, cursor, write_cursor};
use super::random::RandomCount;
use super::set_algebra as algebra;
use super::{Args, BRIEF, Context, DENY_OOM, FAST, Keys, READ, Spec, WRITE, spec};
use crate::error::{Error, Result};
use crate::types::set::Set;

const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };
const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
const COUNTED: Keys = Keys::Counted { at: 1, also: 0 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name           arity keys         flags                     handler
    spec("sadd",           -3, Keys::First, WRITE | DENY_OOM | FAST, sadd),
    spec("scard",           2, Keys::First, READ | FAST,             scard),
    spec("sdiff",          -2, ALL,         READ,                    algebra::sdiff),
    spec("sdiffstore",     -3, ALL,         WRITE | DENY_OOM,        algebra::sdiffstore),
    spec("sinter",         -2, ALL,         READ,                    algebra::sinter),
    spec("sintercard",     -3, COUNTED,     READ,                    algebra::sintercard),
    spec("sinterstore",    -3, ALL,         WRITE | DENY_OOM,        algebra::sinterstore),
    spec("sismember",       3, Keys::First, READ | FAST,             sismember),
    spec("smembers",        2, Keys::First, READ | BRIEF,            smembers),
    spec("smismember",     -3, Keys::First, READ | FAST,             smismember),
    spec("smove",           4, TWO,         WRITE | FAST,            smove),
    spec("spop",           -2, Keys::First, WRITE | FAST,            spop),
    spec("srandmember",    -2, Keys::First, READ,                    srandmember),
    spec("srem",           -3, Keys::First, WRITE | FAST,            srem),
    spec("sscan",          -3, Keys::First, READ,                    sscan),
    spec("sunion",         -2, ALL,         READ,                    algebra::sunion),
    spec("sunionstore",    -3, ALL,         WRITE | DENY_OOM,        algebra::sunionstore),
];

/// `SADD key member [member ...]`: how many are new.
fn sadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let limits = cx.limits();
    let set = cx.db.create::<Set>(key)?;
    set.expect(members[0], members.len(), &limits);
    let added = members.iter().filter(|member| set.add(member, &limits)).count();
    if added > 0 {
        cx.changed(key, "sadd");
    }
    cx.out.len(added);
    Ok(())
}

/// `SREM key member [member ...]`: how many there were.
fn srem(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let removed = match cx.db.write::<Set>(key)? {
        Some(set) => members.iter().filter(|member| set.remove(member)).count(),
        None => 0,
    };
    if removed > 0 {
        cx.shrunk(key, "srem");
    }
    cx.out.len(removed);
    Ok(())
}

/// `SCARD key`: how many members there are.
fn scard(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let len = cx.db.read::<Set>(args.key()?)?.map_or(0, Set::len);
    cx.out.len(len);
    Ok(())
}

/// `SISMEMBER key member`
fn sismember(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, member) = (args.key()?, args.next()?);
    let found = cx.db.read::<Set>(key)?.is_some_and(|set| set.contains(member));
    cx.out.yes_no(found);
    Ok(())
}

/// `SMISMEMBER key member [member ...]`: 1 or 0 for each.
fn smismember(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, members) = (args.key()?, args.rest());
    cx.cost(members.len())?;
    let set = cx.db.read::<Set>(key)?;
    cx.out.array(members.len());
    for member in members {
        cx.out.yes_no(set.is_some_and(|set| set.contains(member)));
    }
    Ok(())
}

/// `SMEMBERS key`: all members.
fn smembers(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(set) = cx.db.read::<Set>(args.key()?)? else {
        cx.out.set(0);
        return Ok(());
    };
    cx.cost(set.len())?;
    cx.out.set(set.len());
    for member in set {
        write_element(cx.out, member);
    }
    Ok(())
}

/// `SMOVE source destination member`: 1 if it was in the source.
fn smove(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (from, to, member) = (args.key()?, args.key()?, args.next()?);
    let Some(source) = cx.db.write::<Set>(from)? else {
        cx.out.int(0);
        return Ok(());
    };
    let found = source.contains(member);
    cx.db.write::<Set>(to)?;
    cx.out.yes_no(found);
    if !found || from == to {
        return Ok(());
    }
    if let Some(source) = cx.db.write::<Set>(from)? {
        source.remove(member);
    }
    cx.shrunk(from, "srem");
    let limits = cx.limits();
    let target = cx.db.create::<Set>(to)?;
    target.expect(member, 1, &limits);
    if target.add(member, &limits) {
        cx.changed(to, "sadd");
    }
    Ok(())
}

/// `SPOP key [count]`: takes members out by chance; nil if there is none.
fn spop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    if !args.is_done() {
        return spop_many(cx, args, key);
    }
    let Some(set) = cx.db.write::<Set>(key)? else {
        cx.out.nil();
        return Ok(());
    };
    let popped = set.pop(&mut cx.space.dice());
    cx.out.bulk_or_nil(popped.as_deref());
    cx.shrunk(key, "spop");
    Ok(())
}

fn spop_many(cx: &mut Context<'_>, args: &mut Args<'_>, key: &[u8]) -> Result {
    if args.left() > 1 {
        return Err(Error::Syntax);
    }
    let count = args.positive(Error::MustBePositive)?;
    let len = cx.db.write::<Set>(key)?.map_or(0, |set| set.len());
    let count = count.min(len);
    cx.cost(count)?;
    cx.out.set(count);
    if count == 0 {
        return Ok(());
    }
    let Some(set) = cx.db.write::<Set>(key)? else { return Ok(()) };
    if count == len {
        for member in &*set {
            write_element(cx.out, member);
        }
        cx.db.remove(key);
        cx.changed(key, "spop");
        cx.changed(key, "del");
        return Ok(());
    }
    let mut popped = Vec::with_capacity(count);
    set.sample(count, &mut cx.space.dice(), |member| popped.push(member.to_vec()));
    for member in popped {
        set.remove(&member);
        cx.out.bulk(&member);
    }
    cx.changed(key, "spop");
    Ok(())
}

/// `SRANDMEMBER key [count]`: members by chance, different ones; with a negative count each may
/// come again.
fn srandmember(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    if args.is_done() {
        let set = cx.db.read::<Set>(key)?;
        match set.and_then(|set| set.random(&mut cx.space.dice())) {
            Some(member) => write_element(cx.out, member),
            None => cx.out.nil(),
        }
        return Ok(());
    }
    let count = RandomCount::parse_alone(args)?;
    let Some(set) = cx.db.read::<Set>(key)? else {
        cx.out.array(0);
        return Ok(());
    };
    let total = count.of(set.len());
    cx.cost(total)?;
    cx.out.array(total);
    let mut rng = cx.space.dice();
    if count.repeats {
        for _ in 0..total {
            if let Some(member) = set.random(&mut rng) {
                write_element(cx.out, member);
            }
        }
    } else {
        set.sample(total, &mut rng, |member| write_element(cx.out, member));
    }
    Ok(())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`: the next cursor and some members.
fn sscan(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (key, from) = (args.key()?, cursor(args.next()?)?);
    let Some(set) = cx.db.read::<Set>(key)? else {
        write_cursor(cx.out, 0);
        cx.out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args, "sscan")?;
    cx.cost(options.count.min(set.len()))?;
    let mut found = Vec::new();
    let next = set.scan(from, options.count, |member| {
        if options.wants(member.as_bytes(&mut [0; 20])) {
            found.push(member);
        }
    });
    write_cursor(cx.out, next);
    cx.out.array(found.len());
    for member in found {
        write_element(cx.out, member);
    }
    Ok(())
}
