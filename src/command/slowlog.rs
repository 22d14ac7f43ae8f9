//! SLOWLOG: the last commands that took long (`slowlog-log-slower-than`).

use super::help::write_help;
use super::{Args, CONTAINER, Context, Keys, NO_KEYSPACE, Spec, container, spec, wrong_usage};
use crate::bytes::parse_int;
use crate::error::{Error, Result};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name          arity keys        flags        handler
    spec("slowlog",       -2, Keys::None, CONTAINER,   container),
    spec("slowlog|get",   -2, Keys::None, NO_KEYSPACE, get),
    spec("slowlog|help",   2, Keys::None, NO_KEYSPACE, help),
    spec("slowlog|len",    2, Keys::None, NO_KEYSPACE, len),
    spec("slowlog|reset",  2, Keys::None, NO_KEYSPACE, reset),
];

/// How many are told of where none is asked for.
const TOLD: usize = 10;

/// `SLOWLOG GET [count]`: the newest first; -1 tells all.
fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut count = TOLD;
    if args.left() > 1 {
        return Err(wrong_usage(args));
    }
    if !args.is_done() {
        let asked = parse_int(args.next()?).filter(|asked| *asked >= -1);
        let refusal = Error::Plain("ERR count should be greater than or equal to -1");
        count = usize::try_from(asked.ok_or(refusal)?).unwrap_or(usize::MAX);
    }
    let entries = cx.hub.slow_log.newest(count);
    cx.out.array(entries.len());
    for entry in entries {
        cx.out.array(6);
        cx.out.int(entry.id as i64);
        cx.out.int(entry.at_s as i64);
        cx.out.int(entry.micros as i64);
        cx.out.array(entry.words.len());
        for word in &entry.words {
            cx.out.bulk(word);
        }
        cx.out.bulk(entry.address.as_bytes());
        cx.out.bulk(&entry.name);
    }
    Ok(())
}

/// `SLOWLOG LEN`
fn len(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.len(cx.hub.slow_log.len());
    Ok(())
}

/// `SLOWLOG RESET`
fn reset(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.hub.slow_log.clear();
    cx.out.ok();
    Ok(())
}

/// `SLOWLOG HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("GET [<count>]", "The newest entries: 10, or so many; -1 for all."),
            ("LEN", "How many entries there are."),
            ("RESET", "Forgets all entries."),
        ],
    );
    Ok(())
}
