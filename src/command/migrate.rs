//! MIGRATE, as far as it goes: a key that is not there needs no moving, and any other stays, since
//! latchkey does not call other servers yet.

use super::{Args, Context, Keys, Spec, WRITE, spec};
use crate::error::{Error, Result};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name     arity keys           flags  handler
    spec("migrate",  -6, Keys::Migrate, WRITE, migrate),
];

/// `MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2
/// username password] [KEYS key [key ...]]`
fn migrate(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    args.take(2)?;
    let key = args.take(1)?;
    let [db, timeout] = *args.take(2)? else { return Err(Error::Syntax) };
    let mut keys = key;
    while !args.is_done() {
        let more = args.left() - 1;
        match () {
            () if args.option("COPY") || args.option("REPLACE") => {}
            () if more > 0 && args.option("AUTH") => drop(args.take(1)?),
            () if more > 1 && args.option("AUTH2") => drop(args.take(2)?),
            () if args.option("KEYS") => {
                if !key[0].is_empty() {
                    return Err(Error::Plain(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the \
                         empty string",
                    ));
                }
                keys = args.rest();
            }
            () => return Err(Error::Syntax),
        }
    }
    for number in [timeout, db] {
        crate::bytes::parse_int(number).ok_or(Error::NotAnInteger)?;
    }
    if keys.iter().any(|key| cx.db.exists(key)) {
        return Err(Error::Plain("ERR latchkey does not move keys to other servers yet"));
    }
    cx.out.status("NOKEY");
    Ok(())
}
