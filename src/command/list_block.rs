//! Lists: the commands that wait until a key has an element.
//!
//! Each tries at once and otherwise asks the context to wait; the engine runs the whole command
//! again when one of its keys holds a list, so nothing here knows whether it has waited.

use super::context::parse_timeout;
use super::context::write_element;
use super::list::{fill, pop_event};
use super::list_move::{Move, PopFirst};
use super::{Args, Context};
use crate::error::{Error, Result};
use crate::hub::waiting::Empty;
use crate::types::list::{End, List};

/// `BLPOP key [key ...] timeout`: the first key that has elements, and its first one.
pub fn blpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    pop_or_wait(cx, args, End::Head)
}

/// `BRPOP key [key ...] timeout`: the first key that has elements, and its last one.
pub fn brpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    pop_or_wait(cx, args, End::Tail)
}

fn pop_or_wait(cx: &mut Context<'_>, args: &mut Args<'_>, end: End) -> Result {
    let (timeout, keys) = args.rest().split_last().ok_or(Error::Syntax)?;
    let timeout_ms = parse_timeout(timeout)?;
    let fill = fill(cx);
    for key in keys {
        let Some(list) = cx.db.write::<List>(key)? else { continue };
        cx.out.array(2);
        cx.out.bulk(key);
        list.pop_with(end, fill, |element| write_element(cx.out, element));
        cx.shrunk(key, pop_event(end));
        return Ok(());
    }
    cx.block::<List>(keys, timeout_ms, Empty::NilArray)
}

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`
pub fn blmove(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let step = Move::parse(args)?;
    move_or_wait(cx, &step, args)
}

/// `BRPOPLPUSH source destination timeout`
pub fn brpoplpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let step = Move::parse_tail_to_head(args)?;
    move_or_wait(cx, &step, args)
}

fn move_or_wait(cx: &mut Context<'_>, step: &Move<'_>, args: &mut Args<'_>) -> Result {
    let timeout_ms = parse_timeout(args.next()?)?;
    if step.run(cx)? {
        return Ok(());
    }
    cx.block::<List>(&[step.from], timeout_ms, Empty::Nil)
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub fn blmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let timeout = args.next()?;
    let pop = PopFirst::parse(args)?;
    let timeout_ms = parse_timeout(timeout)?;
    if pop.run(cx)? {
        return Ok(());
    }
    cx.block::<List>(pop.keys, timeout_ms, Empty::NilArray)
}
