//! Saving to files, which does not exist yet: what would save is refused.

use super::{Args, Context, FAST, Keys, NO_KEYSPACE, NO_MULTI, NO_SCRIPT, Spec, spec};
use crate::bytes::is_word;
use crate::error::{Error, Result};

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name          arity keys        flags               handler
    spec("bgrewriteaof",   1, Keys::None, APART,              absent),
    spec("bgsave",        -1, Keys::None, APART,              bgsave),
    spec("lastsave",       1, Keys::None, NO_KEYSPACE | FAST, lastsave),
    spec("save",           1, Keys::None, APART | NO_MULTI,   absent),
];

const ABSENT: Error = Error::Plain("ERR latchkey does not save to files yet");

/// `BGREWRITEAOF` and `SAVE`
fn absent(_cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    Err(ABSENT)
}

/// `BGSAVE [SCHEDULE]`
fn bgsave(_cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    match args.rest() {
        [] => Err(ABSENT),
        [word] if is_word(word, "SCHEDULE") => Err(ABSENT),
        _ => Err(Error::Syntax),
    }
}

/// `LASTSAVE`: when the store was opened, in seconds; a server that never saved says the same.
fn lastsave(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.int((cx.hub.started_ms() / 1000) as i64);
    Ok(())
}
