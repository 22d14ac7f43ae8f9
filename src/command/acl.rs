//! ACL: the users of the store, made, changed, shown and deleted.
//!
//! Rules and permissions live in `hub::acl`; here is what the commands say of them. What was
//! refused, and whether something would be, is told by `acl_log`.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::access::COMMANDS;
use super::acl_log::{dryrun, log};
use super::help::write_help;
use super::{
    Args, CONTAINER, Context, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, TABLE as ALL, container, spec,
    wrong_usage,
};
use crate::bytes::{lossy, parse_int};
use crate::error::{Error, Result};
use crate::hub::acl::{
    CATEGORIES, Change, DEFAULT, PubSubDefault, Selector, category, has_spaces, hexadecimal,
};
use crate::hub::config::ACL_PUBSUB_DEFAULT;
use crate::hub::{Config, Hub};
use crate::store::Patience;

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name         arity keys        flags        handler
    spec("acl",          -2, Keys::None, CONTAINER,   container),
    spec("acl|cat",      -2, Keys::None, APART,       cat),
    spec("acl|deluser",  -3, Keys::None, APART,       deluser),
    spec("acl|dryrun",   -4, Keys::None, APART,       dryrun),
    spec("acl|genpass",  -2, Keys::None, APART,       genpass),
    spec("acl|getuser",   3, Keys::None, APART,       getuser),
    spec("acl|help",      2, Keys::None, NO_KEYSPACE, help),
    spec("acl|list",      2, Keys::None, APART,       list),
    spec("acl|load",      2, Keys::None, APART,       load),
    spec("acl|log",      -2, Keys::None, APART,       log),
    spec("acl|save",      2, Keys::None, APART,       save),
    spec("acl|setuser",  -3, Keys::None, APART,       setuser),
    spec("acl|users",     2, Keys::None, APART,       users),
    spec("acl|whoami",    2, Keys::None, APART,       whoami),
];

/// Random bits that GENPASS gives when it is not told how many, and at most.
const PASSWORD_BITS: i64 = 256;
const PASSWORD_BITS_MAX: i64 = 4096;

const NO_FILE: Error = Error::Plain(
    "ERR This instance is not configured to use an ACL file. You may want to specify users via \
     the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a configuration \
     file set) in order to store users in the configuration.",
);

const NOT_SAVED: Error = Error::Plain(
    "ERR There was an error trying to save the ACLs. Please check the server logs for more \
     information",
);

fn channels_of_new_users(config: &Config) -> PubSubDefault {
    match config.get(ACL_PUBSUB_DEFAULT) {
        0 => PubSubDefault::AllChannels,
        _ => PubSubDefault::ResetChannels,
    }
}

/// `ACL SETUSER username [rule ...]`: all of the rules or none.
fn setuser(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    define_user(cx.hub, args.next()?, args.rest())
        .map_err(|why| Error::text(format!("ERR {why}")))?;
    cx.out.ok();
    Ok(())
}

/// Makes or changes a user; `Err` says why not.
pub fn define_user(hub: &Hub, name: &[u8], rules: &[&[u8]]) -> Result<(), String> {
    if has_spaces(name) {
        return Err("Usernames can't contain spaces or null characters".to_owned());
    }
    let channels = channels_of_new_users(&hub.config);
    hub.end_clients_of(&hub.acl.set_user(name, rules, channels, &COMMANDS)?);
    Ok(())
}

/// `ACL DELUSER username [username ...]`: how many there were; their clients are closed.
fn deluser(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let names = args.rest();
    if names.contains(&DEFAULT) {
        return Err(Error::Plain("ERR The 'default' user cannot be removed"));
    }
    let gone: Vec<Change> = names.iter().filter_map(|name| cx.hub.acl.delete_user(name)).collect();
    for change in &gone {
        cx.hub.end_clients_of(change);
    }
    cx.out.len(gone.len());
    Ok(())
}

/// `ACL GETUSER username`
fn getuser(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(user) = cx.hub.acl.user(args.next()?) else {
        cx.out.nil();
        return Ok(());
    };
    let rules = user.rules();
    cx.out.map(6);
    cx.out.bulk(b"flags");
    let flags = rules.flags();
    cx.out.set(flags.len());
    for flag in flags {
        cx.out.bulk(flag.as_bytes());
    }
    cx.out.bulk(b"passwords");
    cx.out.array(rules.passwords.len());
    for hash in &rules.passwords {
        cx.out.bulk(hash);
    }
    write_selector(cx, &rules.selectors[0]);
    cx.out.bulk(b"selectors");
    cx.out.array(rules.selectors.len() - 1);
    for selector in &rules.selectors[1..] {
        cx.out.map(3);
        write_selector(cx, selector);
    }
    Ok(())
}

fn write_selector(cx: &mut Context<'_>, selector: &Selector) {
    let fields = [
        ("commands", selector.show_commands()),
        ("keys", selector.show_keys()),
        ("channels", selector.show_channels()),
    ];
    for (name, value) in fields {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(&value);
    }
}

/// `ACL LIST`: a line for each user, with the rules that make it again.
fn list(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let users = cx.hub.acl.users();
    cx.out.array(users.len());
    for user in users {
        cx.out.bulk(&user.show());
    }
    Ok(())
}

/// `ACL USERS`
fn users(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let users = cx.hub.acl.users();
    cx.out.array(users.len());
    for user in users {
        cx.out.bulk(&user.name);
    }
    Ok(())
}

/// `ACL WHOAMI`
fn whoami(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.bulk(cx.client.standing.name());
    Ok(())
}

/// `ACL CAT [category]`: the categories, or the commands of one.
fn cat(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let Some(asked) = args.rest().first().filter(|_| args.all().len() == 3) else {
        if args.all().len() > 2 {
            return Err(wrong_usage(args));
        }
        cx.out.array(CATEGORIES.len());
        for name in CATEGORIES {
            cx.out.bulk(name.as_bytes());
        }
        return Ok(());
    };
    let bit = category(asked);
    if bit == 0 {
        let asked = lossy(&asked[..asked.len().min(128)]);
        return Err(Error::text(format!("ERR Unknown category '{asked}'")));
    }
    let found: Vec<usize> = COMMANDS.of_category(bit).filter(|id| *id < ALL.len()).collect();
    cx.out.array(found.len());
    for id in found {
        cx.out.bulk(COMMANDS.get(id).name.as_bytes());
    }
    Ok(())
}

/// `ACL GENPASS [bits]`: as many random bits, in hexadecimal digits.
fn genpass(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let bits = match args.rest() {
        [] => PASSWORD_BITS,
        [bits] => parse_int(bits).ok_or(Error::NotAnInteger)?,
        _ => return Err(wrong_usage(args)),
    };
    if !(1..=PASSWORD_BITS_MAX).contains(&bits) {
        return Err(Error::Plain(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a \
             positive number up to 4096",
        ));
    }
    let digits = usize::try_from(bits + 3).unwrap_or(0) / 4;
    // Not the store's own chance: that one can be foretold from its seed.
    let mut bytes = [0; PASSWORD_BITS_MAX as usize / 8];
    getrandom::fill(&mut bytes).map_err(|why| Error::Internal(why.to_string().into()))?;
    cx.out.bulk(&hexadecimal(&bytes[..digits.div_ceil(2)])[..digits]);
    Ok(())
}

/// `ACL LOAD`: the users of the file take the place of those there are.
fn load(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    if cx.hub.acl.file_path.lock().is_empty() {
        return Err(NO_FILE);
    }
    may_wait(cx)?;
    load_file(cx.hub).map_err(|why| Error::text(format!("ERR {why}")))?;
    cx.out.ok();
    Ok(())
}

/// Loads the users of the file that is configured; `Err` says what is wrong with it.
pub fn load_file(hub: &Hub) -> Result<(), String> {
    let path = hub.acl.file_path.lock().clone();
    let text = fs::read(&path)
        .map_err(|why| format!("Error loading ACLs, opening file '{path}': {}", reason_of(&why)))?;
    let channels = channels_of_new_users(&hub.config);
    let changes = hub.acl.load(&text, &path, channels, &COMMANDS)?;
    for change in &changes {
        hub.end_clients_of(change);
    }
    Ok(())
}

/// The words of the system alone.
fn reason_of(why: &std::io::Error) -> String {
    let text = why.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// `ACL SAVE`: the file is replaced as a whole, or not at all.
fn save(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let path = cx.hub.acl.file_path.lock().clone();
    if path.is_empty() {
        return Err(NO_FILE);
    }
    may_wait(cx)?;
    replace_file(Path::new(&path), &cx.hub.acl.show()).map_err(|_| NOT_SAVED)?;
    cx.out.ok();
    Ok(())
}

/// Files take their time; an event loop is spared that.
fn may_wait(cx: &Context<'_>) -> Result {
    if cx.patience == Patience::Waits { Ok(()) } else { Err(Error::Away) }
}

/// Writes beside the file and moves into its place, so that no reader sees half of it.
fn replace_file(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".tmp-{}", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may never have come to be.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// `ACL HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CAT [<category>]", "The categories, or the commands of one."),
            ("DELUSER <username> [<username> ...]", "Deletes users and closes their clients."),
            ("DRYRUN <username> <command> [<arg> ...]", "Whether a user may run a command."),
            ("GENPASS [<bits>]", "A random password, of 256 bits if not told otherwise."),
            ("GETUSER <username>", "What there is to know of a user."),
            ("LIST", "The rules of every user, as an ACL file has them."),
            ("LOAD", "Takes the users from the ACL file."),
            ("LOG [<count> | RESET]", "What was refused lately."),
            ("SAVE", "Writes the users into the ACL file."),
            ("SETUSER <username> <rule> [<rule> ...]", "Makes or changes a user."),
            ("USERS", "The names of all users."),
            ("WHOAMI", "The user that this client is."),
        ],
    );
    Ok(())
}
