//! Lists: what goes from one key to another, and what takes the first of several keys.

use super::list::{fill, pop_event, pop_many, push_event};
use super::{Args, Context};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::types::list::{End, List};

/// An element on its way from one end of one list to one end of another.
pub struct Move<'a> {
    pub from: &'a [u8],
    pub to: &'a [u8],
    pub take: End,
    pub put: End,
}

impl<'a> Move<'a> {
    /// Reads `source destination LEFT|RIGHT LEFT|RIGHT`.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let (from, to) = (args.key()?, args.key()?);
        Ok(Self { from, to, take: parse_end(args)?, put: parse_end(args)? })
    }

    /// Reads `source destination`, for the commands that go from tail to head.
    pub fn parse_tail_to_head(args: &mut Args<'a>) -> Result<Self> {
        let (from, to) = (args.key()?, args.key()?);
        Ok(Self { from, to, take: End::Tail, put: End::Head })
    }

    /// Moves and writes the element. `false` if there is none.
    pub fn run(&self, cx: &mut Context<'_>) -> Result<bool> {
        let fill = fill(cx);
        if cx.db.write::<List>(self.from)?.is_none() {
            return Ok(false);
        }
        // A target of another type is refused before anything is taken.
        cx.db.write::<List>(self.to)?;
        let list = cx.db.write::<List>(self.from)?;
        let Some(element) = list.and_then(|list| list.pop(self.take, fill)) else {
            return Ok(false);
        };
        cx.db.create::<List>(self.to)?.push(self.put, [&element[..]], fill);
        cx.changed(self.to, push_event(self.put));
        cx.shrunk(self.from, pop_event(self.take));
        cx.out.bulk(&element);
        Ok(true)
    }
}

/// Reads LEFT or RIGHT.
fn parse_end(args: &mut Args<'_>) -> Result<End> {
    if args.option("LEFT") {
        Ok(End::Head)
    } else if args.option("RIGHT") {
        Ok(End::Tail)
    } else {
        Err(Error::Syntax)
    }
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`: the element, or nil.
pub fn lmove(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let step = Move::parse(args)?;
    or_nil(cx, &step)
}

/// `RPOPLPUSH source destination`: the element, or nil.
pub fn rpoplpush(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let step = Move::parse_tail_to_head(args)?;
    or_nil(cx, &step)
}

fn or_nil(cx: &mut Context<'_>, step: &Move<'_>) -> Result {
    if !step.run(cx)? {
        cx.out.nil();
    }
    Ok(())
}

/// What LMPOP and BLMPOP take, and from where.
pub struct PopFirst<'a> {
    pub keys: &'a [&'a [u8]],
    end: End,
    count: usize,
}

impl<'a> PopFirst<'a> {
    /// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]`.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        let numkeys = positive(args.next()?, "ERR numkeys should be greater than 0")?;
        if numkeys >= args.left() {
            return Err(Error::Syntax);
        }
        let keys = args.take(numkeys)?;
        let end = parse_end(args)?;
        let mut count = None;
        while !args.is_done() {
            if count.is_none() && args.left() > 1 && args.option("COUNT") {
                count = Some(positive(args.next()?, "ERR count should be greater than 0")?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Pops from the first key that has a list, and writes the key and the elements. `false`
    /// if none has.
    pub fn run(&self, cx: &mut Context<'_>) -> Result<bool> {
        for key in self.keys {
            let Some(len) = cx.db.write::<List>(key)?.map(|list| list.len()) else { continue };
            cx.cost(self.count.min(len))?;
            cx.out.array(2);
            cx.out.bulk(key);
            pop_many(cx, key, self.end, self.count)?;
            return Ok(true);
        }
        Ok(false)
    }
}

fn positive(word: &[u8], refusal: &'static str) -> Result<usize> {
    parse_int(word)
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or(Error::Plain(refusal))
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`: a key and its elements, or nil.
pub fn lmpop(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let pop = PopFirst::parse(args)?;
    if !pop.run(cx)? {
        cx.out.nil_array();
    }
    Ok(())
}
