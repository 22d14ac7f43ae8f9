//! CLIENT: who is connected, under what name.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::client_admin::{capa, kill, pause, reply, unblock, unpause};
use super::client_tracking::{caching, getredir, tracking, trackinginfo};
use super::connection::on_or_off;
use super::help::write_help;
use super::{
    Args, BESIDE, CONTAINER, Context, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, TABLE as ALL, container,
    spec,
};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};
use crate::hub::tracking::{Mode, Tracker};
use crate::hub::{Handle, Socket};
use crate::store::Keyspace;

const APART: u32 = NO_KEYSPACE | NO_SCRIPT | BESIDE;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                arity keys        flags        handler
    spec("client",              -2, Keys::None, CONTAINER,   container),
    spec("client|caching",       3, Keys::None, APART,       caching),
    spec("client|capa",         -3, Keys::None, APART,       capa),
    spec("client|getname",       2, Keys::None, APART,       getname),
    spec("client|getredir",      2, Keys::None, APART,       getredir),
    spec("client|help",          2, Keys::None, NO_KEYSPACE, help),
    spec("client|id",            2, Keys::None, APART,       id),
    spec("client|info",          2, Keys::None, APART,       info),
    spec("client|kill",         -3, Keys::None, APART,       kill),
    spec("client|list",         -2, Keys::None, APART,       list),
    spec("client|no-evict",      3, Keys::None, APART,       no_evict),
    spec("client|no-touch",      3, Keys::None, APART,       no_touch),
    spec("client|pause",        -3, Keys::None, APART,       pause),
    spec("client|reply",         3, Keys::None, APART,       reply),
    spec("client|setinfo",       4, Keys::None, APART,       setinfo),
    spec("client|setname",       3, Keys::None, APART,       setname),
    spec("client|tracking",     -3, Keys::None, APART,       tracking),
    spec("client|trackinginfo",  2, Keys::None, APART,       trackinginfo),
    spec("client|unblock",      -3, Keys::None, APART,       unblock),
    spec("client|unpause",       2, Keys::None, APART,       unpause),
];

/// `CLIENT ID`
fn id(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.int(cx.client.id() as i64);
    Ok(())
}

/// `CLIENT SETNAME name`: an empty one takes the name away.
fn setname(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let name = args.next()?;
    check_label(name, "Client names")?;
    set_name(cx, name);
    cx.out.ok();
    Ok(())
}

/// Names the running client.
pub fn set_name(cx: &mut Context<'_>, name: &[u8]) {
    cx.client.handle.labels.lock().name = name.to_vec();
}

/// Names and the like are of visible ASCII, so that CLIENT LIST stays readable.
pub fn check_label(label: &[u8], what: &str) -> Result {
    if label.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Error::text(format!("ERR {what} cannot contain spaces, newlines or special characters.")))
}

/// `CLIENT GETNAME`
fn getname(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let name = cx.client.handle.labels.lock().name.clone();
    cx.out.bulk_or_nil(Some(&*name).filter(|name| !name.is_empty()));
    Ok(())
}

/// `CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>`
fn setinfo(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let (option, value) = (args.next()?, args.next()?);
    let is_name = is_word(option, "LIB-NAME");
    if !is_name && !is_word(option, "LIB-VER") {
        return Err(Error::text(format!("ERR Unrecognized option '{}'", lossy(option))));
    }
    check_label(value, &lossy(option))?;
    let mut labels = cx.client.handle.labels.lock();
    if is_name {
        labels.lib_name = value.to_vec();
    } else {
        labels.lib_version = value.to_vec();
    }
    drop(labels);
    cx.out.ok();
    Ok(())
}

/// `CLIENT NO-EVICT ON | OFF`: clients are never evicted here; it is remembered and shown.
fn no_evict(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.client.set_no_evict(on_or_off(args.next()?)?);
    cx.out.ok();
    Ok(())
}

/// `CLIENT NO-TOUCH ON | OFF`: whether this client's reads count as uses of a key.
fn no_touch(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    cx.client.set_no_touch(on_or_off(args.next()?)?);
    cx.out.ok();
    Ok(())
}

/// `CLIENT INFO`
fn info(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let line = line_of(cx.space, cx.client.id(), &cx.client.handle);
    cx.out.verbatim(line.as_bytes());
    Ok(())
}

/// `CLIENT LIST [TYPE type] [ID client-id ...]`
fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let chosen = match args.rest() {
        [] => cx.hub.clients.all(),
        [word, sort] if is_word(word, "TYPE") => of_type(cx, sort)?,
        [word, ids @ ..] if is_word(word, "ID") && !ids.is_empty() => {
            let mut found = Vec::new();
            for id in ids {
                let id = parse_int(id).ok_or(Error::Plain("ERR Invalid client ID"))?;
                found.extend(u64::try_from(id).ok().and_then(|id| cx.hub.clients.get(id)));
            }
            found
        }
        _ => return Err(Error::Syntax),
    };
    let lines: String =
        chosen.iter().map(|handle| line_of(cx.space, cx.client.id(), handle)).collect();
    cx.out.verbatim(lines.as_bytes());
    Ok(())
}

/// There are no replicas and no primary in a process of one's own.
pub fn of_type(cx: &Context<'_>, sort: &[u8]) -> Result<Vec<Arc<Handle>>> {
    let listens = match sort.to_ascii_lowercase().as_slice() {
        b"normal" => false,
        b"pubsub" => true,
        b"master" | b"primary" | b"slave" | b"replica" => return Ok(Vec::new()),
        _ => {
            return Err(Error::text(format!("ERR Unknown client type '{}'", lossy(sort))));
        }
    };
    let mut all = cx.hub.clients.all();
    all.retain(|handle| (handle.subscriptions() > 0) == listens);
    Ok(all)
}

/// A client as CLIENT LIST shows it. What only sockets have (buffers, descriptors) stands at its
/// neutral value for others, because tools look fields up by name.
pub fn line_of(space: &Keyspace, asker: u64, handle: &Handle) -> String {
    let now_ms = space.now_ms();
    let labels = handle.labels.lock().clone();
    let [channels, patterns, shards] = &handle.subscribed;
    let command = ALL.get(handle.last_command.load(Relaxed)).map_or("NULL", |spec| spec.name);
    let socket = handle.mailbox.socket();
    let socket = socket.unwrap_or_else(|| Socket { descriptor: -1, ..Socket::default() });
    // The clock that commands note may stand still between two looks at the time.
    let is_asker = handle.id == asker;
    let idle_seconds = if is_asker { 0 } else { handle.idle_seconds(space.access_clock()) };
    let redirect = handle.tracker.lock().as_ref().map(|known| known.redirect as i64);
    let mut line = format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}",
        handle.id,
        shown_address(handle),
        shown_local_address(handle),
        socket.descriptor,
        lossy(&labels.name),
        now_ms.saturating_sub(handle.created_ms) / 1000,
        idle_seconds,
        flags_of(handle),
        handle.db.load(Relaxed),
    );
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        " sub={} psub={} ssub={} multi={} watch={} qbuf={} qbuf-free={} argv-mem={} multi-mem=0 \
         rbs={} rbp={} obl={} oll={} omem={} tot-mem={} events=r cmd={command}",
        channels.load(Relaxed),
        patterns.load(Relaxed),
        shards.load(Relaxed),
        handle.queued.load(Relaxed) as i32,
        handle.watching.load(Relaxed),
        socket.query,
        socket.query_free,
        socket.words,
        socket.reply_buffer,
        socket.reply_buffer,
        socket.output,
        socket.output_beyond.div_ceil(socket.reply_buffer.max(1)),
        socket.output_beyond,
        socket.total,
    );
    let _ = writeln!(
        line,
        " user={} redir={} resp={} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} \
         tot-cmds={}",
        lossy(labels.standing.name()),
        redirect.unwrap_or(-1),
        handle.resp.load(Relaxed),
        lossy(&labels.lib_name),
        lossy(&labels.lib_version),
        socket.bytes_in,
        socket.bytes_out,
        socket.commands,
    );
    line
}

/// What a client of the process itself has for an address.
const NO_ADDRESS: &str = "?:0";

/// The address of a client as CLIENT LIST shows it and CLIENT KILL takes it.
pub fn shown_address(handle: &Handle) -> String {
    Some(handle.mailbox.address()).filter(|text| !text.is_empty()).unwrap_or(NO_ADDRESS.into())
}

/// The address it came to.
pub fn shown_local_address(handle: &Handle) -> String {
    let address = handle.mailbox.local_address();
    Some(address).filter(|text| !text.is_empty()).unwrap_or(NO_ADDRESS.into())
}

fn flags_of(handle: &Handle) -> String {
    let tracker = handle.tracker.lock().clone();
    let tracks = |is_so: fn(&Tracker) -> bool| tracker.as_deref().is_some_and(is_so);
    let flags: String = [
        ('O', handle.monitors.load(Relaxed)),
        ('P', handle.subscriptions() > 0),
        ('x', handle.queued.load(Relaxed) != u32::MAX),
        ('b', handle.blocked.load(Relaxed)),
        ('t', tracker.is_some()),
        ('R', tracks(|known| known.is_broken.load(Relaxed))),
        ('B', tracks(|known| known.mode == Mode::Broadcast)),
        ('d', handle.dirty.load(Relaxed)),
        ('U', handle.mailbox.address().starts_with('/')),
        ('e', handle.no_evict.load(Relaxed)),
        ('T', handle.no_touch.load(Relaxed)),
    ]
    .into_iter()
    .filter_map(|(letter, is_set)| is_set.then_some(letter))
    .collect();
    if flags.is_empty() { "N".into() } else { flags }
}

/// `CLIENT HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("CACHING (YES|NO)", "Whether what the next command reads is remembered."),
            ("CAPA <option> [<option> ...]", "Tells what the client can do."),
            ("GETNAME", "The name of this client."),
            ("GETREDIR", "The client that hears of stale keys in this one's place."),
            ("ID", "The id of this client."),
            ("INFO", "One line about this client."),
            ("KILL <ip:port>", "Ends the client at this address."),
            (
                "KILL <option> <value> [<option> <value> ...]",
                "Ends who fits: ADDR, LADDR, TYPE, USER, ID, MAXAGE; SKIPME (YES|NO) for oneself.",
            ),
            ("LIST [TYPE <type>] [ID <id> ...]", "One line about each client."),
            ("NO-EVICT (ON|OFF)", "Whether this client is spared when memory is short."),
            ("NO-TOUCH (ON|OFF)", "Whether reading keys leaves no trace of their use."),
            ("PAUSE <timeout> [WRITE|ALL]", "Holds commands back for so many milliseconds."),
            ("REPLY (ON|OFF|SKIP)", "Whether this client is answered."),
            ("SETINFO <option> <value>", "Tells the client's library: LIB-NAME or LIB-VER."),
            ("SETNAME <name>", "Names this client."),
            (
                "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> ...] [OPTIN] [OPTOUT] \
                 [NOLOOP]",
                "Whether this client hears when copies of what it has read are stale.",
            ),
            ("TRACKINGINFO", "How this client's copies are tracked."),
            ("UNBLOCK <id> [TIMEOUT|ERROR]", "Ends the wait of a client."),
            ("UNPAUSE", "Ends the pause."),
        ],
    );
    Ok(())
}
