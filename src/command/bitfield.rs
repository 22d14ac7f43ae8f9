//! BITFIELD: a string as an array of small integers.

use super::bitmap::{OFFSET, check_offset};
use super::string::cost_of_change;
use super::{Args, Context};
use crate::bytes::parse_int;
use crate::error::{Error, Result};
use crate::store::db_string::Deadline;
use crate::types::bits;

/// What happens to a number that its field cannot hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

/// One operation on one field.
#[derive(Clone, Copy)]
struct Operation {
    action: Action,
    is_signed: bool,
    width: u32,
    at: u64,
    overflow: Overflow,
}

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value |
/// INCRBY type offset increment ...]`: what each operation answers.
pub fn bitfield(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let operations = parse(cx, args)?;
    match bytes_needed(&operations) {
        None => read(cx, key, &operations),
        Some(needed) => change(cx, key, &operations, needed),
    }
}

/// `BITFIELD_RO key [GET type offset ...]`
pub fn bitfield_ro(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let key = args.key()?;
    let operations = parse(cx, args)?;
    if bytes_needed(&operations).is_some() {
        return Err(Error::Plain("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(cx, key, &operations)
}

fn parse(cx: &Context<'_>, args: &mut Args<'_>) -> Result<Vec<Operation>> {
    let mut operations = Vec::with_capacity(args.left() / 3);
    let mut overflow = Overflow::Wrap;
    while !args.is_done() {
        let left = args.left();
        if left > 2 && args.option("GET") {
            operations.push(place(cx, args, overflow)?);
        } else if left > 3 && args.option("SET") {
            let field = place(cx, args, overflow)?;
            operations.push(Operation { action: Action::Set(args.int()?), ..field });
        } else if left > 3 && args.option("INCRBY") {
            let field = place(cx, args, overflow)?;
            operations.push(Operation { action: Action::IncrBy(args.int()?), ..field });
        } else if left > 1 && args.option("OVERFLOW") {
            overflow = if args.option("WRAP") {
                Overflow::Wrap
            } else if args.option("SAT") {
                Overflow::Saturate
            } else if args.option("FAIL") {
                Overflow::Fail
            } else {
                return Err(Error::Plain("ERR Invalid OVERFLOW type specified"));
            };
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(operations)
}

/// `type offset`: where a field is, and what it can hold.
fn place(cx: &Context<'_>, args: &mut Args<'_>, overflow: Overflow) -> Result<Operation> {
    let (is_signed, width) = parse_type(args.next()?).ok_or(Error::Plain(
        "ERR Invalid bitfield type. Use something like i16 u8. \
         Note that u64 is not supported but i64 is.",
    ))?;
    let word = args.next()?;
    let at = match word.strip_prefix(b"#") {
        Some(index) => parse_int(index).and_then(|index| index.checked_mul(i64::from(width))),
        None => parse_int(word),
    };
    let at = check_offset(cx, at.ok_or(OFFSET)?)?;
    Ok(Operation { action: Action::Get, is_signed, width, at, overflow })
}

fn parse_type(word: &[u8]) -> Option<(bool, u32)> {
    let (kind, width) = word.split_first()?;
    let (is_signed, widest) = match kind {
        b'i' => (true, 64),
        b'u' => (false, 63),
        _ => return None,
    };
    let width = u32::try_from(parse_int(width)?).ok()?;
    (1..=widest).contains(&width).then_some((is_signed, width))
}

/// How long the string must be to be written to; `None` if everything is only read.
fn bytes_needed(operations: &[Operation]) -> Option<usize> {
    let writes = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    writes.map(|field| (field.at + u64::from(field.width)).div_ceil(8) as usize).max()
}

fn read(cx: &mut Context<'_>, key: &[u8], operations: &[Operation]) -> Result {
    let mut scratch = itoa::Buffer::new();
    let text = cx.db.string(key)?;
    let bytes = text.as_ref().map_or(&b""[..], |text| text.as_bytes(&mut scratch));
    cx.out.array(operations.len());
    for operation in operations {
        cx.out.int(operation.read(bytes));
    }
    Ok(())
}

fn change(cx: &mut Context<'_>, key: &[u8], operations: &[Operation], needed: usize) -> Result {
    cost_of_change(cx, key, needed)?;
    if cx.db.string_mut(key)?.is_none() {
        cx.db.set_string(key, b"", Deadline::Clear);
    }
    let entry = cx.db.string_mut(key)?.expect("it was there or has just been made");
    let grows = entry.as_str().is_some_and(|text| text.len() < needed);
    let out = &mut *cx.out;
    let changes = entry.with_string_mut(needed, |bytes| {
        out.array(operations.len());
        operations.iter().filter(|operation| operation.run(bytes, out)).count()
    });
    if changes > 0 || grows {
        cx.changed(key, "setbit");
    }
    Ok(())
}

impl Operation {
    fn read(&self, bytes: &[u8]) -> i64 {
        self.as_number(bits::field(bytes, self.at, self.width))
    }

    /// What the low bits of `raw` say.
    fn as_number(&self, raw: u64) -> i64 {
        let shift = 64 - self.width;
        if self.is_signed {
            (raw << shift).cast_signed() >> shift
        } else {
            (raw << shift >> shift).cast_signed()
        }
    }

    /// Runs on bytes that are long enough and answers. Tells whether something changed.
    fn run(&self, bytes: &mut [u8], out: &mut crate::reply::Reply) -> bool {
        let old = self.read(bytes);
        let (wanted, answers_old) = match self.action {
            Action::Get => {
                out.int(old);
                return false;
            }
            // An unsigned field takes a negative number for what its bits say.
            Action::Set(value) if self.is_signed => (i128::from(value), true),
            Action::Set(value) => (i128::from(value.cast_unsigned()), true),
            Action::IncrBy(by) => (i128::from(old) + i128::from(by), false),
        };
        let Some(new) = self.fit(wanted) else {
            out.nil();
            return false;
        };
        bits::set_field(bytes, self.at, self.width, new.cast_unsigned());
        out.int(if answers_old { old } else { new });
        new != old
    }

    /// The number as the field holds it; `None` if it fails to.
    fn fit(&self, wanted: i128) -> Option<i64> {
        let top = 1i128 << (self.width - u32::from(self.is_signed));
        let (min, max) = (if self.is_signed { -top } else { 0 }, top - 1);
        if (min..=max).contains(&wanted) {
            return Some(wanted as i64);
        }
        match self.overflow {
            Overflow::Wrap => Some(self.as_number(wanted as u64)),
            Overflow::Saturate => Some(wanted.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }
}
