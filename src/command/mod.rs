//! What each command means: a file per family, each with its rows of the command table on top.
//!
//! A row is all that is known of a command before it runs. The engine reads it (arity, locks,
//! flags), JavaScript gets its methods from it, and a test compares it with what real servers
//! say. A handler holds only what is peculiar to its command: it parses everything, then touches
//! the store, then writes its reply.

pub mod access;
pub mod acl;
pub mod acl_log;
pub mod args;
mod bitfield;
pub mod bitmap;
pub mod client;
mod client_admin;
mod client_tracking;
mod cluster;
mod compare;
pub mod config;
mod config_rewrite;
pub mod connection;
pub mod context;
mod debug;
mod dump;
pub mod expiry;
pub mod facts;
mod function;
pub mod generic;
pub mod geo;
mod geo_search;
pub mod hash;
mod hash_expiry;
mod help;
pub mod hyperloglog;
mod info;
mod info_stats;
mod introspect;
pub mod keys;
pub mod latency;
mod lcs;
pub mod list;
mod list_block;
mod list_move;
mod lolwut;
mod memory;
mod migrate;
mod module;
mod msetex;
mod object;
mod persistence;
pub mod pubsub;
mod random;
pub mod rate_limit;
mod replication;
pub mod scripting;
pub mod server;
pub mod set;
mod set_algebra;
pub mod slowlog;
pub mod sort;
pub mod sorted_set;
mod sorted_set_pop;
mod sorted_set_range;
mod sorted_set_store;
pub mod stream;
mod stream_delete;
mod stream_group;
mod stream_info;
mod stream_pending;
mod stream_range;
mod stream_read;
mod stream_read_group;
pub mod string;
#[cfg(test)]
mod table_tests;
pub mod transaction;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use args::Args;
pub use context::{Context, FollowUp, Left};
pub use keys::Keys;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::store::Met;

/// Runs a command: the reply goes to the context, a refusal is returned.
pub type Handler = fn(&mut Context<'_>, &mut Args<'_>) -> Result;

/// A command's short form: what it does most times, to a value that is there. `None` if this is
/// another time; then nothing was done, and the handler is called.
pub type Shortcut = fn(&mut Met<'_>, words: &[&[u8]], out: &mut Reply) -> Option<()>;

/// One row of the command table.
pub struct Spec {
    /// Lower case, as `COMMAND INFO` spells it; subcommands as `config|get`.
    pub name: &'static str,
    /// Words including the name; negative means "at least this many".
    pub arity: i8,
    /// Where its keys stand.
    pub keys: Keys,
    pub flags: u32,
    pub run: Handler,
    pub shortcut: Option<Shortcut>,
    /// How many words its name takes: two for a subcommand.
    pub depth: u8,
}

/// Changes the keyspace.
pub const WRITE: u32 = 1;
/// Reads the keyspace.
pub const READ: u32 = 1 << 1;
/// Refused when memory is at its limit.
pub const DENY_OOM: u32 = 1 << 2;
/// Constant or logarithmic time.
pub const FAST: u32 = 1 << 3;
/// May wait for a key.
pub const BLOCKING: u32 = 1 << 4;
/// Needs the store's gate alone although its keys do not tell.
pub const ALONE: u32 = 1 << 5;
/// Runs at once inside MULTI instead of being queued.
pub const NO_QUEUE: u32 = 1 << 6;
/// Refused inside MULTI.
pub const NO_MULTI: u32 = 1 << 7;
/// Has subcommands; the row itself never runs.
pub const CONTAINER: u32 = 1 << 8;
/// Allowed to a RESP2 client that is subscribed.
pub const PUBSUB: u32 = 1 << 9;
/// Not for scripts.
pub const NO_SCRIPT: u32 = 1 << 10;
/// Touches neither keys nor databases: runs without entering the gate.
pub const NO_KEYSPACE: u32 = 1 << 11;
/// Quick as long as its words are short and it asks for little by `cx.cost`, though servers do not
/// call it fast.
pub const BRIEF: u32 = 1 << 12;

/// Allowed to whom has not said yet who it is.
pub const NO_AUTH: u32 = 1 << 16;

/// Answered while a script keeps the store busy.
pub const ALLOW_BUSY: u32 = 1 << 17;
/// Does not wait for a running script, though it is refused when that keeps the store busy: it is
/// about clients alone.
pub const BESIDE: u32 = 1 << 18;

/// Touches exactly the key after its name, and nothing else about it is peculiar. Set by `spec`.
pub const PLAIN: u32 = 1 << 31;

/// Writes a row; a function, so that tables read as tables.
pub const fn spec(name: &'static str, arity: i8, keys: Keys, flags: u32, run: Handler) -> Spec {
    let plain = matches!(keys, Keys::First) && flags & PECULIAR == 0;
    let flags = if plain { flags | PLAIN } else { flags };
    Spec { name, arity, keys, flags, run, shortcut: None, depth: depth(name) }
}

/// What takes a command off the short way through the engine.
const PECULIAR: u32 = BLOCKING | ALONE | NO_QUEUE | NO_MULTI | CONTAINER | PUBSUB | NO_KEYSPACE;

const fn depth(name: &str) -> u8 {
    let name = name.as_bytes();
    let mut at = 0;
    while at < name.len() {
        if name[at] == b'|' {
            return 2;
        }
        at += 1;
    }
    1
}

/// The handler of a container's own row, which is never called: its subcommands are.
pub fn container(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    Err(Error::Arity(cx.spec.name))
}

/// Too many words for a subcommand that takes some more or none.
pub fn wrong_usage(args: &Args<'_>) -> Error {
    let asked = crate::bytes::lossy(args.all()[1]);
    let name = crate::bytes::lossy(args.all()[0]).to_ascii_uppercase();
    Error::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{asked}'. Try {name} HELP."
    ))
}

/// Every family, in the order of the documentation. A command's id is its place in this list.
#[rustfmt::skip]
static FAMILIES: &[&[Spec]] = &[
    string::TABLE,
    compare::TABLE,
    generic::TABLE,
    dump::TABLE,
    object::TABLE,
    sort::TABLE,
    migrate::TABLE,
    expiry::TABLE,
    list::TABLE,
    hash::TABLE,
    hash_expiry::TABLE,
    set::TABLE,
    sorted_set::TABLE,
    geo::TABLE,
    stream::TABLE,
    bitmap::TABLE,
    hyperloglog::TABLE,
    pubsub::TABLE,
    transaction::TABLE,
    scripting::TABLE,
    function::TABLE,
    connection::TABLE,
    client::TABLE,
    server::TABLE,
    slowlog::TABLE,
    latency::TABLE,
    config::TABLE,
    introspect::TABLE,
    memory::TABLE,
    debug::TABLE,
    acl::TABLE,
    module::TABLE,
    persistence::TABLE,
    replication::TABLE,
    cluster::TABLE,
    rate_limit::TABLE,
];

/// All rows, by id.
pub static TABLE: LazyLock<Vec<&'static Spec>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|family| family.iter()).collect());

/// Every request of a socket, and every call of a script, is looked up here.
static BY_NAME: LazyLock<HashMap<&'static str, usize, foldhash::fast::RandomState>> =
    LazyLock::new(|| TABLE.iter().enumerate().map(|(id, spec)| (spec.name, id)).collect());

/// The id of a command by its full lower-case name.
pub fn id_of(name: &str) -> Option<usize> {
    BY_NAME.get(name).copied()
}

/// The id of the command or container of this name, in any case.
pub fn named(name: &[u8]) -> Option<usize> {
    let mut name = smallvec::SmallVec::<[u8; 32]>::from_slice(name);
    name.make_ascii_lowercase();
    if name.contains(&b'|') {
        return None;
    }
    std::str::from_utf8(&name).ok().and_then(id_of)
}

/// The id of the command that these words call: the subcommand's, if it has one. `Err` holds the
/// container whose subcommand is unknown or missing.
pub fn find(words: &[&[u8]]) -> std::result::Result<usize, Option<&'static Spec>> {
    let name = words.first().ok_or(None)?;
    resolve(named(name).ok_or(None)?, words)
}

/// Goes from a container to the subcommand that the second word names.
pub fn resolve(id: usize, words: &[&[u8]]) -> std::result::Result<usize, Option<&'static Spec>> {
    let spec = TABLE[id];
    if spec.flags & CONTAINER == 0 {
        return Ok(id);
    }
    let Some(sub) = words.get(1) else {
        return if spec.takes(1) { Ok(id) } else { Err(Some(spec)) };
    };
    let mut name = format!("{}|", spec.name).into_bytes();
    name.extend(sub.iter().map(u8::to_ascii_lowercase));
    std::str::from_utf8(&name).ok().and_then(id_of).ok_or(Some(spec))
}

impl Spec {
    /// The row of a plain command, with a shortcut.
    #[must_use]
    pub const fn shortcut(mut self, shortcut: Shortcut) -> Self {
        assert!(self.flags & PLAIN != 0, "the engine takes shortcuts on the short way alone");
        self.shortcut = Some(shortcut);
        self
    }

    #[inline]
    pub fn is(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// May the command be called with this many words?
    #[inline]
    pub fn takes(&self, words: usize) -> bool {
        let arity = isize::from(self.arity);
        if arity >= 0 { words as isize == arity } else { words as isize >= -arity }
    }

    /// The container's name of a subcommand.
    pub fn container(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(container, _)| container)
    }
}

/// The flags that are told by name, in the words of a server.
static FLAG_NAMES: [(u32, &str); 9] = [
    (WRITE, "write"),
    (READ, "readonly"),
    (DENY_OOM, "denyoom"),
    (FAST, "fast"),
    (BLOCKING, "blocking"),
    (NO_SCRIPT, "noscript"),
    (NO_MULTI, "no_multi"),
    (NO_AUTH, "no_auth"),
    (ALLOW_BUSY, "allow_busy"),
];

/// The table as JavaScript reads it when it is loaded: what the rows know. What is told beyond
/// that (groups, summaries) stands in facts.json, which would take a hundred times as long.
pub fn table_json() -> String {
    let rows: Vec<_> = TABLE
        .iter()
        .enumerate()
        .map(|(id, spec)| {
            let names = FLAG_NAMES.iter().filter(|(flag, _)| spec.is(*flag));
            let flags: Vec<_> = names.map(|(_, name)| *name).collect();
            let (first_key, last_key, step) = spec.keys.first_last_step();
            serde_json::json!({
                "id": id,
                "name": spec.name,
                "arity": spec.arity,
                "container": spec.container(),
                "flags": flags,
                "firstKey": first_key,
                "lastKey": last_key,
                "step": step,
            })
        })
        .collect();
    serde_json::Value::from(rows).to_string()
}
