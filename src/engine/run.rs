//! Runs one command under the locks its row asks for.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::script::Ready;
use super::wake::{deliver, mail};
use super::{Answer, Engine};
use crate::command::acl_log::{Stood, refusal_in_exec};
use crate::command::{
    ALLOW_BUSY, ALONE, Args, BESIDE, Context, FollowUp, Keys, Left, NO_KEYSPACE, READ, Spec, TABLE,
    WRITE,
};
use crate::error::Error;
use crate::hub::config::TRACKING_TABLE_MAX_KEYS;
use crate::hub::tally::Stands;
use crate::hub::waiting::{Parked, Wait};
use crate::hub::{Client, Queued};
use crate::memory;
use crate::reply::Reply;
use crate::script::Ended;
use crate::store::{Db, Entered, Patience, Scope, Table, shard_of};

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// To be called again where waiting is allowed.
    Away,
    /// To be called again with the gate alone.
    Alone,
}

/// What became of a command.
pub enum Ran {
    Done,
    Away,
    Waits,
}

impl Engine {
    /// Notes for CLIENT LIST what the client does, and when.
    #[inline]
    pub(super) fn note_call(&self, client: &Client, id: usize) {
        client.handle.last_command.store(id, Ordering::Relaxed);
        client.handle.last_active.store(self.space.access_clock(), Ordering::Relaxed);
    }

    pub(super) fn run(
        &self,
        client: &mut Option<Box<Client>>,
        id: usize,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
        answer: Answer,
    ) -> Ran {
        let spec = TABLE[id];
        if let Some(who) = client.as_deref_mut() {
            self.note_call(who, id);
            if spec.is(ALLOW_BUSY | BESIDE) && self.is_kept_busy(spec) {
                self.run_apart(who, id, words, out, patience);
                return Ran::Done;
            }
            let result = match one_key(spec, words) {
                Some(key) => {
                    let hash = self.space.hash(key);
                    self.run_on_one_key(who, id, words, key, hash, out, patience)
                }
                None if needs_all(spec) => Err(Retry::Alone),
                None => self.run_without_keys(who, id, words, out, patience),
            };
            match result {
                Ok(()) => return Ran::Done,
                Err(Retry::Away) => return Ran::Away,
                Err(Retry::Alone) => {}
            }
        }
        self.run_alone(client, id, words, out, patience, answer)
    }

    /// The common case: the gate shared, one shard locked.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the parts of one call")]
    pub(super) fn run_on_one_key(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        key: &[u8],
        hash: u64,
        out: &mut Reply,
        patience: Patience,
    ) -> Result<(), Retry> {
        let spec = TABLE[id];
        let shard = shard_of(hash);
        let gate = self.space.gate();
        let owned = gate.own(patience);
        let worth = || self.worth_of_waiting(patience);
        let entered = match &owned {
            Some(_) => None,
            None => Some(gate.shared_while(patience, &worth).ok_or(Retry::Away)?),
        };
        let table = match (&owned, &entered) {
            (Some(owned), _) => self.space.table(owned, client.db),
            (None, Some(entered)) => self.space.table(entered, client.db),
            (None, None) => None,
        };
        let table = table.ok_or(Retry::Alone)?;
        table.prefetch(hash);
        let guard = match owned {
            Some(_) => None,
            None => Some(table.lock(shard, patience).ok_or(Retry::Away)?),
        };
        // Whoever registers a wait holds the gate alone, so this cannot change under us.
        let waiting = &self.hub.waiting;
        if waiting.any()
            && (spec.is(WRITE) && waiting.has(client.db, key) || waiting.has_bound(client.db, key))
        {
            return Err(Retry::Alone);
        }
        let result =
            self.run_in(client, id, words, table, Scope::Shard(shard), None, out, patience, |db| {
                db.hint(key, hash);
            });
        drop(guard);
        drop((owned, entered));
        result.map(|_| ())
    }

    /// Commands without keys, and those that go through the table shard by shard.
    fn run_without_keys(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
    ) -> Result<(), Retry> {
        // A script that begins meanwhile need not be waited for by what runs beside it.
        let beside = TABLE[id].is(ALLOW_BUSY | BESIDE);
        let worth = || {
            let is_running = beside && self.scripts.watch.running().is_some();
            self.worth_of_waiting(patience).filter(|_| !is_running)
        };
        let entered = self.space.gate().shared_while(patience, &worth).ok_or(Retry::Away)?;
        let table = self.space.table(&entered, client.db).ok_or(Retry::Alone)?;
        self.run_in(
            client,
            id,
            words,
            table,
            Scope::Unlocked(patience),
            Some(&entered),
            out,
            patience,
            |_| {},
        )
        .map(|_| ())
    }

    /// Everything else: the gate alone. Serves who waits for what was changed.
    fn run_alone(
        &self,
        client: &mut Option<Box<Client>>,
        id: usize,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
        answer: Answer,
    ) -> Ran {
        let Some(who) = client.as_deref_mut() else { return Ran::Done };
        let worth = || self.worth_of_waiting(patience);
        self.space.open_from(who.db, patience, &worth);
        let Some(entered) = self.space.gate().alone_while(patience, &worth) else {
            return Ran::Away;
        };
        let Some(table) = self.space.table(&entered, who.db) else { return Ran::Away };
        let left =
            self.run_in(who, id, words, table, Scope::All, Some(&entered), out, patience, |_| {});
        let Ok(left) = left else { return Ran::Away };
        let Some(mut left) = left else { return Ran::Done };
        left.retired.drain(..).for_each(|table| self.retire(table));
        if let Some(wait) = left.wait.take() {
            return self.park(client, id, words, wait);
        }
        match left.follow_up.take() {
            None => {}
            Some(FollowUp::Run(queue)) => {
                let since = Instant::now();
                self.run_queue(who, queue, &entered, out, &mut left.ready);
                self.hub.tally.took_longer(id, since.elapsed());
            }
            // It keeps books of its own when it has ended.
            Some(FollowUp::Script(script)) => {
                let ready = &mut left.ready;
                let ended =
                    self.run_script(who, id, &script, words, &entered, out, ready, patience);
                if ended == Ended::Again {
                    return Ran::Away;
                }
            }
        }
        let served = self.serve(&entered, left.ready);
        match answer {
            Answer::Mailed => mail(client, out),
            Answer::Returned => drop(entered),
        }
        deliver(served);
        Ran::Done
    }

    fn park(
        &self,
        client: &mut Option<Box<Client>>,
        id: usize,
        words: &[&[u8]],
        mut wait: Wait,
    ) -> Ran {
        let Some(client) = client.take() else { return Ran::Done };
        let words = wait
            .words
            .take()
            .unwrap_or_else(|| words.iter().map(|word| Box::from(*word)).collect());
        let deadline_ms = wait.deadline_ms;
        match self.hub.waiting.park(Parked { client, id, words, wait }) {
            Ok(()) => self.notice_wait(deadline_ms),
            Err(parked) => self.disconnect(parked.client),
        }
        Ran::Waits
    }

    /// EXEC: the queued commands, one after the other, each with a reply of its own.
    fn run_queue(
        &self,
        client: &mut Client,
        queue: Vec<Queued>,
        entered: &Entered<'_>,
        out: &mut Reply,
        ready: &mut Ready,
    ) {
        out.array(queue.len());
        client.executing = true;
        // All of them see one moment.
        let now_ms = self.space.now_ms();
        for queued in queue {
            let words: Vec<&[u8]> = queued.words.iter().map(|word| &**word).collect();
            if let Err(denial) = self.permitted(client, queued.id, &words, Stood::Multi) {
                out.error(&refusal_in_exec(denial));
                continue;
            }
            let id = queued.id;
            let follow_up = self.run_inside(client, id, &words, entered, now_ms, out, ready);
            if let Some(FollowUp::Script(script)) = follow_up {
                let waits = Patience::Waits;
                self.run_script(client, id, &script, &words, entered, out, ready, waits);
            }
            self.tell_monitors(&client.handle, queued.id, &words);
        }
        client.executing = false;
    }

    /// One of the commands of EXEC or of a script, which hold the gate alone and see one moment.
    /// Answers what is left to do for it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, as in `run_in`")]
    pub(super) fn run_inside(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        entered: &Entered<'_>,
        now_ms: u64,
        out: &mut Reply,
        ready: &mut Ready,
    ) -> Option<FollowUp> {
        let Some(table) = self.space.table(entered, client.db) else {
            out.error(&Error::DbIndexOutOfRange);
            return None;
        };
        let (all, waits) = (Scope::All, Patience::Waits);
        let moment = |db: &mut Db<'_>| db.set_now_ms(now_ms);
        match self.run_in(client, id, words, table, all, Some(entered), out, waits, moment) {
            Ok(left) => {
                let left = left?;
                ready.extend(left.ready);
                left.retired.into_iter().for_each(|table| self.retire(table));
                left.follow_up
            }
            // Who is alone and may wait need not be called in another way.
            Err(retry) => {
                out.error(&Error::Internal(format!("{retry:?} under the gate").into()));
                None
            }
        }
    }

    /// Calls the handler inside the locks that `scope` names, keeps the memory books, and turns
    /// a refusal or a fault into an error reply. `Err` is only ever `Away` or `Alone`.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one call; a struct would only rename them"
    )]
    #[inline]
    pub(super) fn run_in(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        table: &Table,
        scope: Scope,
        entered: Option<&Entered<'_>>,
        out: &mut Reply,
        patience: Patience,
        prepare: impl FnOnce(&mut Db<'_>),
    ) -> Result<Option<Box<Left>>, Retry> {
        let spec = TABLE[id];
        if spec.is(READ) && self.hub.tracking.any() {
            self.note_reads(client, spec, words);
        }
        let since = self.is_measured(id, spec, words).then(Instant::now);
        // Whatever made the buffer grow earlier was not measured here and is not taken off below.
        out.take_growth();
        let before = memory::balance();
        let mark = out.mark();
        // SAFETY: the caller holds what `scope` says until this function has returned.
        #[expect(unsafe_code, reason = "the locks are held by the caller, in another variable")]
        let mut db = unsafe { Db::new(&self.space, table, client.db, scope) };
        db.quiet = client.no_touch;
        db.patience = patience;
        db.notes = self.hub.to_note();
        prepare(&mut db);
        let mut cx = Context {
            db,
            out,
            hub: &self.hub,
            space: &self.space,
            scripts: &self.scripts,
            spec,
            entered,
            patience,
            may_block: !client.executing,
            left: None,
            aside: 0,
            since: Cell::new(since),
            client,
        };
        let mut args = Args::new(words, usize::from(spec.depth));
        let retry = self.handle(&mut cx, id, &mut args, mark);
        // A command that waited is run again: it has been counted. A script is when it has ended.
        let (is_script, waits) = cx.left.as_ref().map_or((false, false), |left| {
            (matches!(left.follow_up, Some(FollowUp::Script(_))), left.wait.is_some())
        });
        let again =
            retry.is_some() || is_script || cx.client.handle.blocked.load(Ordering::Relaxed);
        if !again {
            self.hub.tally.called(id);
        }
        self.space.count(cx.db.take_stats());
        if cx.db.has_noted() {
            cx.tell_noted();
        }
        if !spec.is(NO_KEYSPACE) {
            let growth = cx.out.take_growth() + cx.aside;
            self.space.charge(memory::balance() - before - growth);
        }
        if let Some(began) = cx.since.get()
            && retry.is_none()
            && !is_script
            && !waits
        {
            let stands = if since.is_some() { Stands::ForOthers } else { Stands::ForItself };
            self.note_time(id, words, &cx.client.handle, began.elapsed(), stands);
        }
        retry.map_or(Ok(cx.left), Err)
    }
}

impl Engine {
    /// Calls the handler. Turns a refusal or a fault into an error reply, or says how to call it
    /// again.
    #[inline]
    fn handle(
        &self,
        cx: &mut Context<'_>,
        id: usize,
        args: &mut Args<'_>,
        mark: (usize, usize),
    ) -> Option<Retry> {
        let run = cx.spec.run;
        let error = match catch_unwind(AssertUnwindSafe(|| run(cx, args))) {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(fault) => {
                cx.db.mark_broken();
                Error::Internal(describe(fault.as_ref()).into())
            }
        };
        let retry = refuse(cx.out, mark, &error);
        if retry.is_none() {
            cx.aside(|_| self.hub.tally.failed(id, &error.to_string()));
        }
        retry
    }

    /// Before a client reads: it is to be told when what it reads changes. Under the locks of the
    /// command, so that no change comes between.
    #[cold]
    fn note_reads(&self, client: &Client, spec: &Spec, words: &[&[u8]]) {
        let Some(positions) = spec.keys.positions(words) else { return };
        let keys = positions.into_iter().filter_map(|at| words.get(at).copied());
        let most = self.hub.config.get(TRACKING_TABLE_MAX_KEYS) as usize;
        self.hub.tracking.reads(&self.hub.clients, &client.handle, keys, most);
    }
}

/// Turns a refusal into an error reply, or into what to do instead.
#[cold]
fn refuse(out: &mut Reply, mark: (usize, usize), error: &Error) -> Option<Retry> {
    out.truncate(mark);
    match error {
        Error::Away => Some(Retry::Away),
        Error::Alone => Some(Retry::Alone),
        error => {
            out.error(error);
            None
        }
    }
}

/// The key of a command that touches exactly one.
#[inline]
fn one_key<'w>(spec: &Spec, words: &[&'w [u8]]) -> Option<&'w [u8]> {
    if spec.is(ALONE) {
        return None;
    }
    match spec.keys {
        Keys::First => words.get(1).copied(),
        Keys::Second => words.get(2).copied(),
        Keys::Sort | Keys::Stored { .. } => match spec.keys.positions(words)?[..] {
            [only] => words.get(only).copied(),
            _ => None,
        },
        // DEL, MGET, MSET and their like are called with one key most of the time.
        Keys::Range { first: 1, last, step } if words.len() == 1 + step as usize && last < 0 => {
            words.get(1).copied()
        }
        _ => None,
    }
}

fn needs_all(spec: &Spec) -> bool {
    spec.is(ALONE) || spec.keys != Keys::None
}

pub(super) fn describe(fault: &(dyn Any + Send)) -> &str {
    fault
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| fault.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}
