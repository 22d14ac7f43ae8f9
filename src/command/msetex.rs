//! MSETEX: MSET with SET's options, which hold for all keys together.

use super::expiry::{Unit, deadline_of};
use super::string::store;
use super::{Args, Context};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::store::db_string::Deadline;

/// `MSETEX numkeys key value [key value ...] [NX | XX]
/// [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`: 1 if all keys were set, 0 if none was.
pub fn msetex(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let count = parse_int(args.next()?)
        .filter(|count| (1..=i64::from(i32::MAX)).contains(count))
        .ok_or(Error::Plain("ERR invalid numkeys value or out of range"))?;
    let pairs = args.take(count as usize * 2)?;
    // Whether all keys must be there, or none.
    let mut present = None;
    let mut expiry = None;
    let mut keep = false;
    while let Some(word) = args.peek() {
        if present != Some(true) && args.option("NX") {
            present = Some(false);
        } else if present != Some(false) && args.option("XX") {
            present = Some(true);
        } else if expiry.is_none() && args.option("KEEPTTL") {
            keep = true;
        } else if let Some(unit) = Unit::of_option(word)
            && expiry.is_none_or(|(other, _)| other == unit)
            && !keep
        {
            args.next()?;
            expiry = Some((unit, args.next()?));
        } else {
            return Err(Error::Syntax);
        }
    }
    let deadline = match expiry {
        Some((unit, word)) => Deadline::At(deadline_of(cx, unit, word, "msetex")?),
        None if keep => Deadline::Keep,
        None => Deadline::Clear,
    };
    let mut keys = pairs.iter().step_by(2);
    let allowed = present.is_none_or(|wanted| keys.all(|key| cx.db.peek(key).is_some() == wanted));
    if allowed {
        for pair in pairs.chunks_exact(2) {
            store(cx, pair[0], pair[1], deadline);
        }
    }
    cx.out.yes_no(allowed);
    Ok(())
}
