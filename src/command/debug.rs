//! DEBUG, for tests of latchkey itself: faults on demand.
//!
//! These rows are in the table only in debug builds, or when `LATCHKEY_FAULT_INJECTION` was set
//! before the first store was opened.

use super::{Args, CONTAINER, Context, Keys, NO_SCRIPT, Spec, WRITE, container, spec};
use crate::error::Result;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name        arity keys         flags                  handler
    spec("debug",       -2, Keys::None,   CONTAINER | NO_SCRIPT, container),
    spec("debug|panic",  3, Keys::Second, WRITE | NO_SCRIPT,     panic),
];

/// May faults be asked for in this process?
pub fn is_enabled() -> bool {
    cfg!(debug_assertions) || std::env::var_os("LATCHKEY_FAULT_INJECTION").is_some()
}

/// `DEBUG PANIC key`: fails while it changes the key.
fn panic(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.db.entry_mut(args.key()?);
    panic!("asked to by DEBUG PANIC");
}
