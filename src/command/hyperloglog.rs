//! HyperLogLog: strings that estimate how many different elements they have seen.

use super::{Args, Context, DENY_OOM, FAST, Keys, NO_KEYSPACE, READ, Spec, WRITE, spec};
use crate::bytes::lossy;
use crate::error::{Error, Result};
use crate::hub::config::HLL_SPARSE_MAX_BYTES;
use crate::store::{Entry, Str};
use crate::types::hyperloglog::{self, Corrupt, Registers};

const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name         arity keys         flags                     handler
    spec("pfadd",        -2, Keys::First,  WRITE | DENY_OOM | FAST, pfadd),
    spec("pfcount",      -2, ALL,          READ,                    pfcount),
    spec("pfdebug",       3, Keys::Second, WRITE | DENY_OOM,        pfdebug),
    spec("pfmerge",      -2, ALL,          WRITE | DENY_OOM,        pfmerge),
    spec("pfselftest",    1, Keys::None,   NO_KEYSPACE,             pfselftest),
];

const NOT_ONE: Error = Error::Plain("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Error = Error::Plain("INVALIDOBJ Corrupted HLL object detected");

/// Going through all registers takes about as long as visiting so many elements.
const COST_OF_REGISTERS: usize = 100;

fn corrupt(_: Corrupt) -> Error {
    CORRUPT
}

fn sparse_max_bytes(cx: &Context<'_>) -> usize {
    usize::try_from(cx.config().get(HLL_SPARSE_MAX_BYTES)).unwrap_or(0)
}

/// The bytes, if they are a HyperLogLog's.
fn bytes_of(text: Str<'_>) -> Result<&[u8]> {
    let bytes = match text {
        Str::Int(_) => return Err(NOT_ONE),
        Str::Bytes(bytes) => bytes,
        Str::Shared(bytes) => bytes,
    };
    if hyperloglog::is_valid(bytes) { Ok(bytes) } else { Err(NOT_ONE) }
}

/// A HyperLogLog for reading.
fn read<'c>(cx: &'c Context<'_>, key: &[u8]) -> Result<Option<&'c [u8]>> {
    cx.db.string(key)?.map(bytes_of).transpose()
}

/// The entry of a HyperLogLog that exists, to change it.
fn write<'c>(cx: &'c mut Context<'_>, key: &[u8]) -> Result<Option<&'c mut Entry>> {
    let Some(entry) = cx.db.string_mut(key)? else { return Ok(None) };
    entry.as_str().map(bytes_of).transpose()?;
    Ok(Some(entry))
}

/// `PFADD key [element ...]`: 1 if the estimate may have changed.
fn pfadd(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let elements = args.rest();
    cx.cost(elements.len())?;
    let max_bytes = sparse_max_bytes(cx);
    let add = |bytes: &mut Vec<u8>| -> (bool, Result) {
        let mut changed = false;
        for element in elements {
            match hyperloglog::add(bytes, element, max_bytes) {
                Ok(raised) => changed |= raised,
                Err(Corrupt) => return (changed, Err(CORRUPT)),
            }
        }
        if changed {
            hyperloglog::forget_cached(bytes);
        }
        (changed, Ok(()))
    };
    let (changed, result) = if let Some(entry) = write(cx, key)? {
        entry.with_string_mut(0, add)
    } else {
        let mut bytes = hyperloglog::empty();
        hyperloglog::forget_cached(&mut bytes);
        let (_, result) = add(&mut bytes);
        cx.db.put(Entry::owned(key, bytes));
        (true, result)
    };
    if changed {
        cx.changed(key, "pfadd");
    }
    result?;
    cx.out.yes_no(changed);
    Ok(())
}

/// `PFCOUNT key [key ...]`: the estimate for one value, or for all of them together.
fn pfcount(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let keys = args.rest();
    if let [key] = keys {
        return count_one(cx, key);
    }
    cx.cost(keys.len() * COST_OF_REGISTERS)?;
    let mut registers = hyperloglog::no_registers();
    for key in keys {
        if let Some(bytes) = read(cx, key)? {
            hyperloglog::highest(bytes, &mut registers).map_err(corrupt)?;
        }
    }
    cx.out.int(hyperloglog::count_registers(&registers) as i64);
    Ok(())
}

/// The estimate is kept in the value, as servers do, so that it is made once.
fn count_one(cx: &mut Context<'_>, key: &[u8]) -> Result {
    let Some(bytes) = read(cx, key)? else {
        cx.out.int(0);
        return Ok(());
    };
    if let Some(kept) = hyperloglog::cached(bytes) {
        cx.out.int(kept as i64);
        return Ok(());
    }
    let estimate = hyperloglog::count(bytes).map_err(corrupt)?;
    if let Some(entry) = write(cx, key)? {
        entry.with_string_mut(0, |bytes| hyperloglog::set_cached(bytes, estimate));
    }
    cx.changed(key, "");
    cx.out.int(estimate as i64);
    Ok(())
}

/// `PFMERGE destkey [sourcekey ...]`: all values into the first.
fn pfmerge(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let keys = args.rest();
    cx.cost(keys.len() * COST_OF_REGISTERS)?;
    let mut registers = hyperloglog::no_registers();
    let mut any_dense = false;
    for key in keys {
        if let Some(bytes) = read(cx, key)? {
            hyperloglog::highest(bytes, &mut registers).map_err(corrupt)?;
            any_dense |= hyperloglog::is_dense(bytes);
        }
    }
    let max_bytes = sparse_max_bytes(cx);
    let merge = |bytes: &mut Vec<u8>| merge(bytes, &registers, any_dense, max_bytes);
    let target = keys[0];
    if let Some(entry) = write(cx, target)? {
        entry.with_string_mut(0, merge)?;
    } else {
        let mut bytes = hyperloglog::empty();
        merge(&mut bytes)?;
        cx.db.put(Entry::owned(target, bytes));
    }
    cx.changed(target, "pfadd");
    cx.out.ok();
    Ok(())
}

fn merge(bytes: &mut Vec<u8>, registers: &Registers, any_dense: bool, max_bytes: usize) -> Result {
    if any_dense {
        hyperloglog::make_dense(bytes).map_err(corrupt)?;
    }
    hyperloglog::raise_all(bytes, registers, max_bytes).map_err(corrupt)
}

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`: looks inside.
fn pfdebug(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let subcommand = args.next()?;
    let key = args.key()?;
    let Some(bytes) = read(cx, key)? else {
        return Err(Error::Plain("ERR The specified key does not exist"));
    };
    let is_dense = hyperloglog::is_dense(bytes);
    match &*subcommand.to_ascii_lowercase() {
        b"getreg" => {
            let mut registers = hyperloglog::no_registers();
            hyperloglog::highest(bytes, &mut registers).map_err(corrupt)?;
            make_dense(cx, key, is_dense)?;
            cx.out.array(registers.len());
            registers.iter().for_each(|value| cx.out.int(i64::from(*value)));
        }
        b"decode" if is_dense => return Err(Error::Plain("ERR HLL encoding is not sparse")),
        b"decode" => {
            let text = hyperloglog::decode(bytes);
            cx.out.bulk(text.as_bytes());
        }
        b"encoding" => cx.out.status(if is_dense { "dense" } else { "sparse" }),
        b"todense" => {
            make_dense(cx, key, is_dense)?;
            cx.out.yes_no(!is_dense);
        }
        _ => {
            return Err(Error::text(format!(
                "ERR Unknown PFDEBUG subcommand '{}'",
                lossy(subcommand)
            )));
        }
    }
    Ok(())
}

fn make_dense(cx: &mut Context<'_>, key: &[u8], is_dense: bool) -> Result {
    if is_dense {
        return Ok(());
    }
    if let Some(entry) = write(cx, key)? {
        entry.with_string_mut(0, hyperloglog::make_dense).map_err(corrupt)?;
    }
    cx.changed(key, "");
    Ok(())
}

/// `PFSELFTEST`: adds a few thousand elements and looks at what comes of it. A server takes a
/// second for more of them, which an event loop would miss.
fn pfselftest(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    hyperloglog::self_test(5000).map_err(|fault| Error::text(format!("TESTFAILED {fault}")))?;
    cx.out.ok();
    Ok(())
}
