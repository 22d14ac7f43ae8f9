//! Runs scripts: what they call goes the way of every command, under the gate the caller holds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Engine;
use super::check::may_write;
use crate::command::acl_log::{self, Stood};
use crate::command::scripting::{Access, Invocation};
use crate::command::{self, DENY_OOM, NO_SCRIPT, READ, TABLE, WRITE};
use crate::error::Error;
use crate::hub::Client;
use crate::hub::client::Protocol;
use crate::hub::config::{MAXMEMORY, SCRIPT_MEMORY_LIMIT, SCRIPT_TIME_LIMIT};
use crate::hub::monitor;
use crate::hub::tally::Stands;
use crate::reply::Reply;
use crate::script::{Ended, Host, Kind, Machine, Shapes, Task, Took};
use crate::store::{Entered, Patience};

/// A run that took less shows that a script may run on an event loop's thread.
const SHORT: Duration = Duration::from_millis(1);
/// A function that took longer is not called there again: it cannot be taken off such a thread.
const STALLS: Duration = Duration::from_millis(10);

const NOT_READ_ONLY: Error =
    Error::Plain("ERR Can not execute a script with write flag using *_ro command.");

/// Keys that somebody waits for, with their databases.
pub(super) type Ready = Vec<(usize, Box<[u8]>)>;

impl Engine {
    /// Runs a script for a client, who holds the gate alone.
    #[expect(clippy::too_many_arguments, reason = "the parts of one call, as in `run_in`")]
    pub(super) fn run_script(
        &self,
        client: &mut Client,
        id: usize,
        invocation: &Invocation,
        words: &[&[u8]],
        entered: &Entered<'_>,
        out: &mut Reply,
        ready: &mut Ready,
        patience: Patience,
    ) -> Ended {
        self.tell_monitors_of_start(client, words);
        let callee = &invocation.callee;
        let (kind, flags) = (callee.kind(), callee.flags());
        let args_from = invocation.first_key + invocation.keys;
        let task = Task {
            entry: callee.entry(),
            kind,
            name: callee.name(),
            keys: &words[invocation.first_key..args_from],
            args: &words[args_from..],
        };
        let is_full = self.is_full();
        if let Some(refusal) = self.refuse(id, invocation, is_full) {
            out.error(&refusal);
            return Ended::Failed;
        }
        let before = Before::enter(client);
        let now_ms = self.space.now_ms();
        let mut inside = Inside {
            engine: self,
            client,
            entered,
            ready,
            now_ms,
            may_write: invocation.access == Access::Any && !flags.no_writes,
            may_grow: !is_full || flags.allow_oom,
        };
        let limit_ms = self.hub.config.get(SCRIPT_TIME_LIMIT) as u64;
        let watch = &self.scripts.watch;
        if kind == Kind::Function {
            // Of those that are known to be short nobody has time to ask.
            watch.note_call((patience == Patience::Waits).then_some((callee.name(), words)));
        }
        // A function that is begun again would find what it had made of its library's locals.
        let may_begin_again = patience != Patience::Waits && kind == Kind::Script;
        watch.begin(kind, may_begin_again, limit_ms);
        let run = |machine: &mut Machine| {
            machine.limit_bytes(self.hub.config.get(SCRIPT_MEMORY_LIMIT) as usize);
            let ended = machine.run(&task, &mut inside, watch, out);
            (ended, machine.take_errors())
        };
        let ran = match kind {
            Kind::Script => self.scripts.known().machine().map(run),
            _ => self.scripts.libraries().machine().map(run),
        };
        let (ended, errors) = ran.unwrap_or_else(|error| {
            out.error(&error);
            (Ended::Failed, Some(vec![error.to_string()]))
        });
        let took = watch.end();
        callee.proof().add(how_long(kind, took, ended));
        if ended == Ended::Broken {
            self.scripts.replace_machine(kind, &mut inside);
        }
        self.keep_books(id, words, inside.client, ended, errors, took);
        before.restore(client);
        ended
    }

    /// Why it is not run at all.
    fn refuse(&self, id: usize, invocation: &Invocation, is_full: bool) -> Option<Error> {
        let flags = invocation.callee.flags();
        if flags.is_plain || flags.no_writes {
            return None;
        }
        let tally = &self.hub.tally;
        if is_full && !flags.allow_oom {
            tally.rejected(Some(id), &Error::OutOfMemory.to_string());
            return Some(Error::OutOfMemory);
        }
        if invocation.access == Access::ReadOnly {
            tally.called(id);
            tally.failed(id, &NOT_READ_ONLY.to_string());
            return Some(NOT_READ_ONLY);
        }
        None
    }

    /// Now and not when it is over: monitors hear of it before they hear of what it calls.
    fn tell_monitors_of_start(&self, client: &Client, words: &[&[u8]]) {
        if self.hub.monitors.any() {
            let line = monitor::line(self.space.clock.now_us(), &client.handle, words);
            self.hub.monitors.tell(&line);
        }
    }

    /// What is noted of a script that has ended.
    fn keep_books(
        &self,
        id: usize,
        words: &[&[u8]],
        client: &Client,
        ended: Ended,
        errors: Option<Vec<String>>,
        took: Duration,
    ) {
        if ended == Ended::Again {
            return;
        }
        self.hub.tally.called(id);
        if let Some(errors) = errors {
            self.hub.tally.failed_with(id, &errors);
        }
        self.note_time(id, words, &client.handle, took, Stands::ForOthers);
    }

    /// Is memory at its limit, with nothing left to evict?
    fn is_full(&self) -> bool {
        let limit = self.hub.config.get(MAXMEMORY);
        limit != 0 && self.space.used_bytes() as i64 > limit
    }
}

/// What a client is when its script begins, and again when that has ended.
struct Before {
    db: usize,
    protocol: Protocol,
    executing: bool,
    subscriber_mode: bool,
}

impl Before {
    /// Makes the client one that runs a script: nothing may wait, and it is no subscriber, whom
    /// PING would answer in another way.
    fn enter(client: &mut Client) -> Self {
        Self {
            db: client.db,
            protocol: client.protocol,
            executing: std::mem::replace(&mut client.executing, true),
            subscriber_mode: std::mem::replace(&mut client.subscriber_mode, false),
        }
    }

    fn restore(self, client: &mut Client) {
        if client.db != self.db {
            client.select(self.db);
        }
        client.protocol = self.protocol;
        client.executing = self.executing;
        client.subscriber_mode = self.subscriber_mode;
    }
}

fn how_long(kind: Kind, run: Duration, ended: Ended) -> Took {
    match ended {
        Ended::Again => Took::TooLong,
        _ if run < SHORT => Took::Short,
        _ if kind == Kind::Function && run > STALLS => Took::TooLong,
        _ => Took::Long,
    }
}

/// The store as its running script sees it.
struct Inside<'e, 'g> {
    engine: &'e Engine,
    client: &'e mut Client,
    entered: &'e Entered<'g>,
    ready: &'e mut Ready,
    /// The whole script sees one moment.
    now_ms: u64,
    may_write: bool,
    may_grow: bool,
}

impl Host for Inside<'_, '_> {
    fn call(&mut self, words: &[&[u8]], shapes: Shapes, out: &mut Reply) {
        match self.check(words) {
            Ok(id) => self.run(id, words, shapes, out),
            Err(error) => {
                self.engine.hub.tally.rejected(command::find(words).ok(), &error.to_string());
                out.error(&error);
            }
        }
    }

    fn may_call(&mut self, words: &[&[u8]]) -> Option<bool> {
        let id = match command::find(words) {
            Ok(id) => id,
            // The container itself.
            Err(Some(_)) if words.len() == 1 => command::named(words[0])?,
            Err(_) => return None,
        };
        let Some(user) = self.engine.hub.acl.limits(&self.client.standing) else {
            return Some(true);
        };
        Some(acl_log::check(&user.rules(), id, words).is_ok())
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        // A second run would say it once more.
        self.engine.scripts.watch.note_effect();
        self.engine.hub.log(level, message);
    }
}

impl Inside<'_, '_> {
    /// What is looked at before a script's command runs, in the order and words of a server.
    fn check(&self, words: &[&[u8]]) -> Result<usize, Error> {
        let arity = Error::Plain("ERR Wrong number of args calling command from script");
        let id = match command::find(words) {
            Ok(id) => id,
            Err(Some(_)) if words.len() == 1 => return Err(arity),
            Err(_) => return Err(Error::Plain("ERR Unknown command called from script")),
        };
        let spec = TABLE[id];
        if !spec.takes(words.len()) {
            return Err(arity);
        }
        if spec.is(NO_SCRIPT) {
            return Err(Error::Plain("ERR This Redis command is not allowed from script"));
        }
        if let Err(denial) = self.engine.permitted(self.client, id, words, Stood::Script) {
            return Err(acl_log::refusal_in_script(self.client, denial, id));
        }
        if may_write(spec) && !self.may_write {
            return Err(Error::Plain("ERR Write commands are not allowed from read-only scripts."));
        }
        // What has begun to write is not left half done.
        if spec.is(DENY_OOM) && !self.may_grow && !self.engine.scripts.watch.has_written() {
            return Err(Error::OutOfMemory);
        }
        Ok(id)
    }

    fn run(&mut self, id: usize, words: &[&[u8]], shapes: Shapes, out: &mut Reply) {
        let engine = self.engine;
        let spec = TABLE[id];
        if spec.is(WRITE) {
            if !engine.scripts.watch.may_write() {
                return out.error_text(b"ERR the script was killed before it has written");
            }
        } else if !spec.is(READ) {
            engine.scripts.watch.note_effect();
        }
        self.client.protocol = match shapes {
            Shapes::Resp2 => Protocol::Resp2,
            Shapes::Resp3 => Protocol::Resp3,
        };
        engine.run_inside(self.client, id, words, self.entered, self.now_ms, out, self.ready);
        engine.tell_monitors_of_script(self.client, id, words);
        self.client.handle.last_active.store(engine.space.access_clock(), Ordering::Relaxed);
    }
}
