//! MODULE, as a server answers that loads none.

use super::help::write_help;
use super::{Args, CONTAINER, Context, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, container, spec};
use crate::error::{Error, Result};

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name           arity keys        flags        handler
    spec("module",         -2, Keys::None, CONTAINER,   container),
    spec("module|help",     2, Keys::None, NO_KEYSPACE, help),
    spec("module|list",     2, Keys::None, APART,       list),
    spec("module|load",    -3, Keys::None, APART,       disabled),
    spec("module|loadex",  -3, Keys::None, APART,       disabled),
    spec("module|unload",   3, Keys::None, APART,       disabled),
];

/// `MODULE LIST`
fn list(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.array(0);
    Ok(())
}

fn disabled(_cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    Err(Error::Plain(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", \
         you can run it from a local connection, otherwise you need to set this option in the \
         configuration file, and then restart the server.",
    ))
}

/// `MODULE HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(cx, &[("LIST", "The modules that are loaded: always none.")]);
    Ok(())
}
