//! What is looked at before a command runs, in Redis' order: does it exist, has it enough words,
//! is there memory for it, does it belong into the open transaction.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Engine;
use crate::bytes::lossy;
use crate::command::acl_log::{self, Stood, refusal};
use crate::command::context::{self, LARGE};
use crate::command::{
    self, ALLOW_BUSY, DENY_OOM, NO_AUTH, NO_MULTI, NO_QUEUE, PUBSUB, READ, Spec, TABLE, WRITE,
};
use crate::error::{Error, Result};
use crate::hub::acl::Denial;
use crate::hub::client::Protocol;
use crate::hub::config::{MAXMEMORY, MAXMEMORY_SAMPLES, PROTO_MAX_BULK_LEN};
use crate::hub::pause::Hold;
use crate::hub::{Client, Queued};
use crate::store::{Entry, Patience, free_cost};

/// Bytes of an unknown command's arguments that its error shows.
const SHOWN: usize = 128;

/// On an event loop's thread, one command evicts no more keys than this. A command that needs more
/// room is run on a helper thread: letting it pass would let big values fill memory without limit
/// while small ones make room for them.
const EVICT_INLINE: usize = 64;

pub enum Verdict {
    /// Run the command with this id.
    Run(usize),
    /// Commands are held back: keep the client until the pause is over.
    Held,
    /// It was queued for EXEC.
    Queued,
    Refused(Error),
}

pub fn check(
    engine: &Engine,
    client: &mut Client,
    id: Option<usize>,
    words: &[&[u8]],
    patience: Patience,
) -> Verdict {
    let found = match id {
        Some(id) => command::resolve(id, words),
        None => command::find(words),
    };
    let checked = match found {
        Ok(id) => allowed(engine, client, id, words, patience).map(|()| id),
        Err(container) => Err(unknown(container, words)),
    };
    if let (Ok(id), Err(why)) = (found, &checked)
        && *why != Error::Away
        && TABLE[id].name == "exec"
    {
        engine.hub.abandon(client);
        return Verdict::Refused(exec_abort(why));
    }
    if let Ok(id) = checked
        && engine.hub.pause.any()
        && is_held_back(engine, client, TABLE[id])
    {
        return Verdict::Held;
    }
    let Some(transaction) = &mut client.transaction else {
        return checked.map_or_else(Verdict::Refused, Verdict::Run);
    };
    match checked {
        Ok(id) if TABLE[id].is(NO_QUEUE) => Verdict::Run(id),
        Ok(id) => {
            let words = words.iter().map(|word| Box::from(*word)).collect();
            transaction.queue.push(Queued { id, words });
            client.handle.queued.store(transaction.queue.len() as u32, Ordering::Relaxed);
            Verdict::Queued
        }
        // Nothing was refused: the check itself is to be done where it may take long.
        Err(Error::Away) => Verdict::Refused(Error::Away),
        Err(error) => {
            transaction.failed = true;
            Verdict::Refused(error)
        }
    }
}

/// Does a pause keep this command from running?
#[cold]
fn is_held_back(engine: &Engine, client: &Client, spec: &'static Spec) -> bool {
    match engine.hub.pause.now(engine.space.now_ms()) {
        None => false,
        Some(Hold::Everything) => true,
        Some(Hold::Writes) => {
            let queue = client.transaction.as_ref().filter(|_| spec.name == "exec");
            may_write(spec)
                || queue.is_some_and(|open| open.queue.iter().any(|q| may_write(TABLE[q.id])))
        }
    }
}

/// Does a command change something, here or for who listens elsewhere?
pub(super) fn may_write(spec: &Spec) -> bool {
    let spreads = ["publish", "spublish", "pfcount", "eval", "evalsha", "fcall"];
    spec.is(WRITE) || spreads.contains(&spec.name)
}

fn allowed(
    engine: &Engine,
    client: &Client,
    id: usize,
    words: &[&[u8]],
    patience: Patience,
) -> Result {
    let spec = TABLE[id];
    if !spec.takes(words.len()) {
        return Err(Error::Arity(spec.name));
    }
    // A socket would refuse the word before there is a command.
    let longest = engine.hub.config.get(PROTO_MAX_BULK_LEN) as u64;
    if words.iter().any(|word| word.len() as u64 > longest) {
        return Err(Error::StringTooLong);
    }
    if !spec.is(NO_AUTH) && engine.must_authenticate(client) {
        return Err(Error::Plain("NOAUTH Authentication required."));
    }
    if spec.is(NO_MULTI) && client.transaction.is_some() {
        return Err(Error::Plain("ERR Command not allowed inside a transaction"));
    }
    if let Err(denial) = engine.permitted(client, id, words, Stood::of(client)) {
        return Err(refusal(denial, client.standing.name(), id));
    }
    let busy = context::busy(&engine.hub, &engine.scripts);
    if engine.hub.config.get(MAXMEMORY) != 0 && busy.is_none() && needs_memory(client, spec) {
        match engine.make_room(patience) {
            // Whether a script does without is looked at when it is known which.
            Err(Error::OutOfMemory) if calls_script(spec) => {}
            made => made?,
        }
    }
    if client.protocol == Protocol::Resp2
        && !spec.is(PUBSUB)
        && client.subscriber_mode
        && client.handle.subscriptions() > 0
    {
        return Err(Error::text(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context",
            spec.name
        )));
    }
    if let Some(busy) = busy
        && !spec.is(ALLOW_BUSY)
    {
        return Err(busy);
    }
    let touches_keys = spec.is(READ | WRITE) || spec.name == "publish" || spec.name == "spublish";
    if touches_keys && client.handle.monitors.load(Ordering::Relaxed) {
        return Err(Error::Plain("ERR Replica can't interact with the keyspace"));
    }
    Ok(())
}

/// May the command, or what EXEC is about to run, need more memory?
fn needs_memory(client: &Client, spec: &Spec) -> bool {
    let queue = client.transaction.as_ref().filter(|_| spec.name == "exec");
    spec.is(DENY_OOM)
        || calls_script(spec)
        || queue.is_some_and(|open| open.queue.iter().any(|q| TABLE[q.id].is(DENY_OOM)))
}

fn calls_script(spec: &Spec) -> bool {
    matches!(spec.name, "eval" | "eval_ro" | "evalsha" | "evalsha_ro" | "fcall" | "fcall_ro")
}

/// A refused EXEC ends the transaction and says why in its own words.
fn exec_abort(why: &Error) -> Error {
    let why = why.to_string();
    let why = why.strip_prefix("ERR ").unwrap_or(&why);
    Error::text(format!("EXECABORT Transaction discarded because of: {why}"))
}

fn unknown(container: Option<&'static Spec>, words: &[&[u8]]) -> Error {
    match (container, words.get(1)) {
        (Some(spec), None) => Error::Arity(spec.name),
        (Some(spec), Some(sub)) => {
            let sub = lossy(&sub[..sub.len().min(SHOWN)]);
            let name = spec.name.to_ascii_uppercase();
            Error::UnknownSubcommand(
                format!("ERR unknown subcommand '{sub}'. Try {name} HELP.").into(),
            )
        }
        (None, _) => {
            let name = words.first().copied().unwrap_or_default();
            let name = lossy(&name[..name.len().min(SHOWN)]);
            let mut shown = String::new();
            for word in words.iter().skip(1) {
                if shown.len() >= SHOWN {
                    break;
                }
                let room = SHOWN - shown.len();
                let word = lossy(&word[..word.len().min(room)]);
                shown.extend(["'", &word, "' "]);
            }
            Error::UnknownCommand(
                format!("ERR unknown command '{name}', with args beginning with: {shown}").into(),
            )
        }
    }
}

impl Engine {
    /// May the client call this command with these words? A denial is noted.
    pub(super) fn permitted(
        &self,
        client: &Client,
        id: usize,
        words: &[&[u8]],
        stood: Stood,
    ) -> Result<(), Denial> {
        let Some(user) = self.hub.acl.limits(&client.standing) else { return Ok(()) };
        let checked = acl_log::check(&user.rules(), id, words);
        if let Err(denial) = checked {
            client.handle.last_command.store(id, Ordering::Relaxed);
            acl_log::note_denial(&self.hub, &self.space, client, stood, denial, id, words);
        }
        checked
    }

    /// Evicts until memory is below its limit, or says that it cannot be had.
    fn make_room(&self, patience: Patience) -> Result {
        let mut gone = Vec::new();
        let result = self.evict(patience, &mut gone);
        if !gone.is_empty() {
            self.serve_bound_elsewhere(gone);
        }
        result
    }

    /// As `make_room`; notes those keys that somebody is bound to.
    fn evict(&self, patience: Patience, gone: &mut Vec<(usize, Box<[u8]>)>) -> Result {
        let limit = self.hub.config.get(MAXMEMORY) as usize;
        if self.space.used_bytes() <= limit {
            return Ok(());
        }
        let policy = self.hub.config.policy();
        let samples = self.hub.config.get(MAXMEMORY_SAMPLES) as usize;
        let worth = || self.worth_of_waiting(patience);
        let mut pool = loop {
            let most = worth().filter(|_| patience != Patience::Inline);
            match most.map_or_else(|| self.pool.try_lock(), |most| self.pool.try_lock_for(most)) {
                Some(pool) => break pool,
                None if most.is_none() => return Err(Error::Away),
                None => {}
            }
        };
        if patience != Patience::Inline {
            // What somebody is about to free need not be evicted once more.
            self.space.empty_trash();
        }
        let mut evicted = 0;
        let since = Instant::now();
        while self.space.used_bytes() > limit {
            if patience == Patience::Inline && evicted >= EVICT_INLINE {
                return Err(Error::Away);
            }
            let told = |db: usize, entry: &Entry| {
                self.hub.gone(db, entry.key(), "evicted");
                self.note_gone(gone, db, entry.key());
            };
            let found = self.space.evict(policy, samples, &mut pool, patience, &worth, told)?;
            let entry = found.ok_or(Error::OutOfMemory)?;
            if patience == Patience::Inline && free_cost(&entry) > LARGE {
                // Room is made where dropping it may take long.
                self.space.charged(|| self.space.throw_away(entry));
                return Err(Error::Away);
            }
            self.space.charged(|| drop(entry));
            evicted += 1;
        }
        self.note_latency("eviction-cycle", since.elapsed());
        Ok(())
    }
}
