//! Replication, as a primary answers that has no replicas. There is no replicating yet: what would
//! begin it is refused.

use super::{
    ALLOW_BUSY, Args, BLOCKING, Context, FAST, Keys, NO_KEYSPACE, NO_MULTI, NO_SCRIPT, Spec, spec,
};
use crate::bytes::{is_word, parse_int};
use crate::error::{Error, Result};

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;
const WAIT: u32 = NO_KEYSPACE | BLOCKING;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name       arity keys        flags             handler
    spec("failover",   -1, Keys::None, APART,            failover),
    spec("psync",      -3, Keys::None, APART | NO_MULTI, absent),
    spec("replconf",   -1, Keys::None, APART | ALLOW_BUSY, absent),
    spec("replicaof",   3, Keys::None, APART,            replicaof),
    spec("role",        1, Keys::None, APART | FAST,     role),
    spec("slaveof",     3, Keys::None, APART,            replicaof),
    spec("sync",        1, Keys::None, APART | NO_MULTI, absent),
    spec("wait",        3, Keys::None, WAIT,             wait),
    spec("waitaof",     4, Keys::None, WAIT,             waitaof),
];

const ABSENT: Error = Error::Plain("ERR latchkey does not replicate yet: it is always a primary");

/// `PSYNC`, `REPLCONF` and `SYNC`: how a replica begins.
fn absent(_cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    Err(ABSENT)
}

/// `ROLE`
fn role(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.array(3);
    cx.out.bulk(b"master");
    cx.out.int(0);
    cx.out.array(0);
    Ok(())
}

/// `REPLICAOF <host port | NO ONE>`
fn replicaof(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (host, port) = (args.next()?, args.next()?);
    if is_word(host, "NO") && is_word(port, "ONE") {
        cx.out.ok();
        return Ok(());
    }
    match parse_int(port) {
        Some(0..=65_535) => Err(ABSENT),
        _ => Err(Error::Plain("ERR Invalid master port")),
    }
}

/// `FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]`: there is nobody to take over.
fn failover(_cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.left() == 1 && args.option("ABORT") {
        return Err(Error::Plain("ERR No failover in progress."));
    }
    let (mut to, mut timeout, mut force) = (false, false, false);
    while !args.is_done() {
        let more = args.left() - 1;
        if more > 0 && !timeout && args.option("TIMEOUT") {
            if args.int()? <= 0 {
                return Err(Error::Plain("ERR FAILOVER timeout must be greater than 0"));
            }
            timeout = true;
        } else if more > 1 && !to && args.option("TO") {
            args.next()?;
            args.int()?;
            to = true;
        } else if !force && args.option("FORCE") {
            force = true;
        } else {
            return Err(Error::Syntax);
        }
    }
    Err(Error::Plain("ERR FAILOVER requires connected replicas."))
}

/// `WAIT numreplicas timeout`: no replica will ever answer, so nobody is kept waiting for one.
fn wait(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    args.int()?;
    check_timeout(args.next()?)?;
    cx.out.int(0);
    Ok(())
}

/// `WAITAOF numlocal numreplicas timeout`: the same, for files.
fn waitaof(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let range = Error::Plain("ERR value is out of range, value must between 0 and 1");
    let local @ 0..=1 = args.int()? else { return Err(range) };
    args.positive(Error::MustBePositive)?;
    check_timeout(args.next()?)?;
    if local > 0 {
        return Err(Error::Plain(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    cx.out.array(2);
    cx.out.int(0);
    cx.out.int(0);
    Ok(())
}

fn check_timeout(word: &[u8]) -> Result {
    super::context::parse_timeout_ms(word).map(|_| ())
}
