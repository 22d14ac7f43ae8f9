//! What a handler works with: its database, its client, its reply, and one way to tell that
//! something changed.

use std::cell::Cell;
use std::time::Instant;

use crate::bytes::{parse_double, saturating_double};
use crate::error::{Error, Result};
use crate::hub::listeners::OF_CHANGES;
use crate::hub::waiting::{Bound, Empty, Wait};
use crate::hub::{Client, Config, Hub, Queued, config};
use crate::reply::Reply;
use crate::store::{Db, Entered, Entry, Happening, Keyspace, Patience, Scope, Table};
use crate::types::Collection;
use crate::types::limits::Limits;
use crate::types::listpack::Element;

use super::Spec;
use super::scripting::Invocation;
use crate::script::{Kind, Scripts};

/// A command that would visit more elements than this is not run on an event loop's thread.
pub const LARGE: usize = 10_000;

/// A command that visits more elements than this is measured: two looks at the clock are little
/// beside that.
const WORTH_MEASURING: usize = 256;

/// What the engine does after the handler returned, still under its locks.
pub enum FollowUp {
    /// EXEC: run these.
    Run(Vec<Queued>),
    /// EVAL and its kin.
    Script(Invocation),
}

/// What a handler leaves for the engine to do.
#[derive(Default)]
pub struct Left {
    /// The client waits for a key.
    pub wait: Option<Wait>,
    pub follow_up: Option<FollowUp>,
    /// Keys that somebody waits for and that may serve them now.
    pub ready: Vec<(usize, Box<[u8]>)>,
    /// Databases that were emptied by putting new ones in their place.
    pub retired: Vec<Box<Table>>,
}

/// The world of one running command.
pub struct Context<'a> {
    pub db: Db<'a>,
    pub out: &'a mut Reply,
    pub client: &'a mut Client,
    pub hub: &'a Hub,
    pub space: &'a Keyspace,
    pub scripts: &'a Scripts,
    pub spec: &'static Spec,
    /// The locks that are held; lets a handler that is alone reach other databases.
    pub entered: Option<&'a Entered<'a>>,
    /// May the caller wait, or does an event loop run here?
    pub patience: Patience,
    /// May the command wait for a key? Not inside EXEC or a script.
    pub may_block: bool,
    /// What few commands leave behind; in a box, so that most carry one empty pointer.
    pub(crate) left: Option<Box<Left>>,
    /// Bytes allocated here that are not the keyspace's.
    pub(crate) aside: i64,
    /// Since when the call is measured, if it is.
    pub(crate) since: Cell<Option<Instant>>,
}

impl<'a> Context<'a> {
    pub fn config(&self) -> &'a Config {
        &self.hub.config
    }

    /// Refuses while a script keeps the store busy.
    pub fn refuse_if_busy(&self) -> Result {
        busy(self.hub, self.scripts).map_or(Ok(()), Err)
    }

    /// The parameters that decide how collections are encoded, as they are now.
    #[inline]
    pub fn limits(&self) -> Limits {
        let config = self.config();
        let size = |index| usize::try_from(config.get(index)).unwrap_or(0);
        Limits {
            hash_max_listpack_entries: size(config::HASH_MAX_LISTPACK_ENTRIES),
            hash_max_listpack_value: size(config::HASH_MAX_LISTPACK_VALUE),
            set_max_intset_entries: size(config::SET_MAX_INTSET_ENTRIES),
            set_max_listpack_entries: size(config::SET_MAX_LISTPACK_ENTRIES),
            set_max_listpack_value: size(config::SET_MAX_LISTPACK_VALUE),
            zset_max_listpack_entries: size(config::ZSET_MAX_LISTPACK_ENTRIES),
            zset_max_listpack_value: size(config::ZSET_MAX_LISTPACK_VALUE),
            seed: self.space.seed,
        }
    }

    /// The one call after a change: marks who watches the key, wakes who waits for it.
    ///
    /// `event` is the name of the keyspace event, as Redis documents them; empty where a server
    /// tells of none.
    #[inline]
    pub fn changed(&mut self, key: &[u8], event: &'static str) {
        let db = self.db.index();
        self.changed_in(db, key, event);
    }

    /// As `changed`, for a key of another database (MOVE, COPY).
    #[inline]
    pub fn changed_in(&mut self, db: usize, key: &[u8], event: &'static str) {
        if self.hub.listeners.any(OF_CHANGES) {
            self.tell(db, key, event);
        }
    }

    /// Tells everybody who listens to changes.
    #[cold]
    fn tell(&mut self, db: usize, key: &[u8], event: &'static str) {
        self.tell_noted();
        self.aside(|cx| cx.hub.changed(db, key, event, cx.client.id()));
        self.wake(db, key, event);
    }

    /// After a change that servers keep from who watches the key: groups of consumers, and what a
    /// stream says of its ids. `None` is a change that is no event.
    pub fn changed_beside(&mut self, key: &[u8], event: Option<&'static str>) {
        if let Some(event) = event
            && self.hub.listeners.any(OF_CHANGES)
        {
            let db = self.db.index();
            self.tell_noted();
            self.aside(|cx| cx.hub.notify(db, key, event));
            self.wake(db, key, event);
        }
    }

    /// Has those served who wait for this event.
    fn wake(&mut self, db: usize, key: &[u8], event: &str) {
        let waiting = &self.hub.waiting;
        let is_awaited = match event {
            event if takes_away(event) => waiting.has_bound(db, key),
            event => may_serve(event) && waiting.has(db, key),
        };
        if is_awaited {
            self.ready(db, key);
        }
    }

    /// Tells what the database noted beside what commands say they changed: dead keys, new ones,
    /// and those that were asked for in vain.
    #[cold]
    pub fn tell_noted(&mut self) {
        // Noted inside the books, and so dropped inside them.
        let noted = self.db.take_noted();
        let index = self.db.index();
        self.aside(|cx| cx.hub.tell_noted(index, &noted));
        // Who holds less than everything came here because nobody is bound to his key.
        let is_alone = self.db.scope() == Scope::All;
        for happening in noted.iter().filter(|_| is_alone) {
            if let Happening::Died(death) = happening
                && self.hub.waiting.has_bound(index, &death.key)
            {
                self.ready(index, &death.key);
            }
        }
    }

    /// After a change that may have taken the last element: the key goes with it. Tells both.
    pub fn shrunk(&mut self, key: &[u8], event: &'static str) {
        self.changed(key, event);
        if self.db.remove_if_empty(key) {
            self.changed(key, "del");
        }
    }

    /// Puts a result in the destination's place, whatever was there. An empty result removes the
    /// key.
    pub fn put_result<T: Collection>(&mut self, target: &[u8], result: T, event: &'static str) {
        if result.is_empty() {
            if self.db.remove(target) {
                self.changed(target, "del");
            }
        } else {
            self.db.put(Entry::collection(target, result, None));
            self.changed(target, event);
        }
    }

    /// Call before work on `elements` elements: an event loop's thread is spared large ones.
    /// Must come before any change.
    #[inline]
    pub fn cost(&self, elements: usize) -> Result {
        if elements > WORTH_MEASURING {
            return self.large_cost(elements);
        }
        Ok(())
    }

    #[cold]
    fn large_cost(&self, elements: usize) -> Result {
        if elements > LARGE && self.patience == Patience::Inline {
            return Err(Error::Away);
        }
        self.since.set(self.since.get().or_else(|| Some(Instant::now())));
        Ok(())
    }

    /// Call before touching more than the row tells: the engine starts over with the gate alone.
    /// Must come before any change.
    pub fn alone(&self) -> Result {
        if self.db.scope() == Scope::All { Ok(()) } else { Err(Error::Alone) }
    }

    /// Another database. Only after `alone`.
    pub fn other_db(&self, index: usize) -> Result<Db<'a>> {
        self.open_db(index)?;
        let entered = self.entered.ok_or(Error::Alone)?;
        let table = self.space.table(entered, index).ok_or(Error::DbIndexOutOfRange)?;
        Ok(self.db.other(index, table))
    }

    /// Looks into a database; keys met dead there are told of like everywhere. Only after
    /// `alone`.
    pub fn look<R>(&self, index: usize, look: impl FnOnce(&mut Db<'a>) -> R) -> Result<R> {
        let mut db = self.other_db(index)?;
        let seen = look(&mut db);
        self.space.count(db.take_stats());
        let noted = db.take_noted();
        let before = crate::memory::balance();
        self.hub.tell_noted(index, &noted);
        self.space.charge(before - crate::memory::balance());
        Ok(seen)
    }

    /// After the table of this client's database was replaced: goes on with the new one.
    pub fn renew_db(&mut self) -> Result {
        let quiet = self.db.quiet;
        self.db = self.other_db(self.db.index())?;
        self.db.quiet = quiet;
        Ok(())
    }

    /// Makes sure that a database exists: they are made when first used.
    pub fn open_db(&self, index: usize) -> Result {
        let entered = self.entered.ok_or(Error::Alone)?;
        if self.space.table(entered, index).is_none() {
            self.alone()?;
            self.space.open_alone(entered, index);
        }
        Ok(())
    }

    /// Nothing is there yet: wait until one of the keys holds a `T`, or answer `empty` where
    /// waiting is not allowed. `timeout_ms` 0 waits for ever; a timeout answers a nil array.
    pub fn block<T: Collection>(
        &mut self,
        keys: &[&[u8]],
        timeout_ms: u64,
        empty: Empty,
    ) -> Result {
        self.block_as::<T>(keys, timeout_ms, empty, None)
    }

    /// As `block`, with other words to run when a key is ready.
    pub fn block_as<T: Collection>(
        &mut self,
        keys: &[&[u8]],
        timeout_ms: u64,
        empty: Empty,
        words: Option<Vec<Box<[u8]>>>,
    ) -> Result {
        self.wait_for::<T>(keys, timeout_ms, empty, words, Bound::Free)
    }

    /// As `block`, but the wait ends when a key is gone or holds something else.
    pub fn block_bound<T: Collection>(&mut self, keys: &[&[u8]], timeout_ms: u64) -> Result {
        self.wait_for::<T>(keys, timeout_ms, Empty::NilArray, None, Bound::ToKeys)
    }

    fn wait_for<T: Collection>(
        &mut self,
        keys: &[&[u8]],
        timeout_ms: u64,
        empty: Empty,
        words: Option<Vec<Box<[u8]>>>,
        bound: Bound,
    ) -> Result {
        let may_wait = if self.may_block { self.alone().map(|()| true) } else { Ok(false) };
        if may_wait != Ok(true) {
            // They were made aside as well.
            self.aside(|_| drop(words));
            may_wait?;
            self.write_empty(empty);
            return Ok(());
        }
        self.aside(|cx| {
            let wait = Wait {
                keys: keys.iter().map(|key| Box::from(*key)).collect(),
                kind: T::KIND,
                bound,
                deadline_ms: (timeout_ms > 0).then(|| cx.db.now_ms() + timeout_ms),
                words,
            };
            cx.left().wait = Some(wait);
        });
        Ok(())
    }

    /// Has the engine do something when the handler has returned.
    pub fn follow_up(&mut self, follow_up: FollowUp) {
        self.aside(|cx| cx.left().follow_up = Some(follow_up));
    }

    /// Has the engine serve who waits for a key. Only for who is alone.
    pub fn ready(&mut self, db: usize, key: &[u8]) {
        self.aside(|cx| cx.left().ready.push((db, key.into())));
    }

    /// Has the engine free a database that was replaced. Not here: until the handler has returned,
    /// the frames below it borrow the table.
    pub fn retire(&mut self, table: Box<Table>) {
        self.aside(|cx| cx.left().retired.push(table));
    }

    fn left(&mut self) -> &mut Left {
        self.left.get_or_insert_default()
    }

    /// Does something whose memory is not the keyspace's: it is left out of the store's books.
    pub fn aside<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let before = crate::memory::balance();
        let result = work(self);
        self.aside += crate::memory::balance() - before;
        result
    }

    fn write_empty(&mut self, empty: Empty) {
        match empty {
            Empty::Nil => self.out.nil(),
            Empty::NilArray => self.out.nil_array(),
        }
    }
}

/// What is answered while a script keeps the store busy; `None` if none does.
#[inline]
pub fn busy(hub: &Hub, scripts: &Scripts) -> Option<Error> {
    scripts.watch.busy(hub.config.get(config::BUSY_REPLY_THRESHOLD) as u64).map(busy_with)
}

/// What is answered while this keeps the store busy.
#[cold]
pub fn busy_with(kind: Kind) -> Error {
    Error::Plain(match kind {
        Kind::Script => {
            "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN \
             NOSAVE."
        }
        Kind::Function | Kind::Library => {
            "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN \
             NOSAVE."
        }
    })
}

/// May this event bring what somebody waits for? What only takes away, or touches what is there
/// already, wakes nobody: running a waiting command again can end its wait with an error.
fn may_serve(event: &str) -> bool {
    !takes_away(event)
        && !matches!(
            event,
            "" | "expire"
                | "persist"
                | "lpop"
                | "rpop"
                | "lrem"
                | "lset"
                | "ltrim"
                | "xdel"
                | "xtrim"
                | "xsetid"
                | "xgroup-create"
                | "xgroup-createconsumer"
                | "xgroup-delconsumer"
                | "xgroup-setid"
                | "zpopmin"
                | "zpopmax"
                | "zrem"
                | "zremrangebyscore"
                | "zremrangebyrank"
                | "zremrangebylex"
        )
}

/// Is a key gone after this event? That ends the waits that are bound to it.
fn takes_away(event: &str) -> bool {
    matches!(event, "del" | "expired" | "evicted" | "move_from" | "rename_from")
}

/// Writes an element of a collection as a string.
#[inline]
pub fn write_element(out: &mut Reply, element: Element<'_>) {
    match element {
        Element::Bytes(bytes) => out.bulk(bytes),
        Element::Int(value) => out.bulk_int(value),
    }
}
/// No timeout is longer: adding the time of day must not overflow 63 bits.
const LONGEST_MS: i64 = i64::MAX - (1 << 41);

/// A timeout in seconds, as blocking commands take it, in milliseconds; 0 waits for ever.
pub fn parse_timeout(word: &[u8]) -> Result<u64> {
    // A server reads a long double: what is too large for ours is a number all the same.
    let huge = || saturating_double(word).filter(|seconds| seconds.is_infinite());
    let seconds = parse_double(word).or_else(huge).ok_or(Error::TimeoutNotAFloat)?;
    let ms = (seconds * 1000.0).ceil();
    if ms < 0.0 {
        return Err(Error::TimeoutNegative);
    }
    if ms > LONGEST_MS as f64 {
        return Err(TIMEOUT_TOO_LONG);
    }
    Ok(ms as u64)
}

/// A timeout in milliseconds, as XREAD takes it; 0 waits for ever.
pub fn parse_timeout_ms(word: &[u8]) -> Result<u64> {
    let ms = crate::bytes::parse_int(word)
        .ok_or(Error::Plain("ERR timeout is not an integer or out of range"))?;
    if ms > LONGEST_MS {
        return Err(TIMEOUT_TOO_LONG);
    }
    u64::try_from(ms).map_err(|_| Error::TimeoutNegative)
}

const TIMEOUT_TOO_LONG: Error = Error::Plain("ERR timeout is out of range");
