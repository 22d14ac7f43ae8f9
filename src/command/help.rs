//! What `HELP` answers for commands that have subcommands.

use super::Context;

/// Writes the subcommands of the running command's container, each with a line about it.
pub fn write_help(cx: &mut Context<'_>, subcommands: &[(&str, &str)]) {
    let name = cx.spec.container().unwrap_or(cx.spec.name).to_ascii_uppercase();
    cx.out.array(subcommands.len() * 2 + 3);
    cx.out.status(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (usage, about) in subcommands {
        cx.out.status(usage);
        cx.out.status(&format!("    {about}"));
    }
    cx.out.status("HELP");
    cx.out.status("    Print this help.");
}
