//! Typed access to one database, for one command, with its locks already taken.
//!
//! This is the only door to values: it checks the type, meets dead keys before a command can,
//! notes the use for eviction, and remembers which value is being changed so that a fault half
//! way can be told. What a command gets are references into the value's own allocation, which
//! stay put when the table around it grows.

#![expect(
    unsafe_code,
    reason = "shards are reached without their lock type once the scope holds it"
)]

use std::cell::{Cell, RefCell};

use super::entry::{Entry, Str};
use super::evict;
use super::expire::{Death, Loss};
use super::gate::Patience;
use super::kinds;
use super::space::{Keyspace, Stats};
use super::table::{Dues, Table, shard_of};
use crate::clock::COARSE_LAG_MS;
use crate::error::{Error, Result};
use crate::types::{Collection, Kind};

/// What the caller has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nothing: only `scan` and its kin may be used, which lock shard by shard, with so much
    /// patience.
    Unlocked(Patience),
    /// One shard.
    Shard(usize),
    /// The gate alone: everything.
    All,
}

/// So many dead elements of one value are taken out while an event loop waits: some 300 µs.
const REAPED_INLINE: usize = 1000;

/// Something about a key that is told of besides what a command says it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It was met dead, or elements of it were.
    Died(Death),
    /// It was not there before.
    Made(Box<[u8]>),
    /// It was asked for and is not there.
    Missed(Box<[u8]>),
}

/// Which happenings are noted, and what is done about the dead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notes {
    pub made: bool,
    pub missed: bool,
    /// Nothing may change: what is dead is not shown, and stays.
    pub keeps_dead: bool,
}

/// Dropping a value of more parts than this is left to another thread.
const DROP_AT_ONCE: usize = 64;

/// One database as one command sees it.
pub struct Db<'a> {
    pub(super) space: &'a Keyspace,
    pub(super) table: &'a Table,
    pub(super) scope: Scope,
    index: usize,
    now_ms: Cell<u64>,
    /// The time as a cheap look told it.
    coarse_ms: u64,
    /// The hash the engine computed to find the shard, with the key it belongs to.
    hint: (*const u8, usize, u64),
    hits: Cell<u32>,
    misses: Cell<u32>,
    /// What somebody may have to be told of.
    noted: RefCell<Option<Vec<Happening>>>,
    /// Are keys noted that were made, or asked for in vain? Are dead ones kept?
    pub notes: Notes,
    /// The hash of the value being changed.
    changing: Cell<Option<u64>>,
    /// The hash of the key whose use was counted last: a command that looks twice uses it once.
    used: Cell<u64>,
    /// CLIENT NO-TOUCH: reading leaves no trace.
    pub quiet: bool,
    /// May the caller wait, or does an event loop run here?
    pub patience: Patience,
}

impl<'a> Db<'a> {
    /// # Safety
    /// The caller holds what `scope` says for as long as the `Db` lives, and makes no second
    /// `Db` whose scope overlaps.
    pub unsafe fn new(space: &'a Keyspace, table: &'a Table, index: usize, scope: Scope) -> Self {
        Self {
            space,
            table,
            scope,
            index,
            now_ms: Cell::new(0),
            coarse_ms: space.look_at_clock(),
            hint: (std::ptr::null(), 0, 0),
            hits: Cell::new(0),
            misses: Cell::new(0),
            noted: RefCell::new(None),
            notes: Notes::default(),
            changing: Cell::new(None),
            used: Cell::new(0),
            quiet: false,
            patience: Patience::Waits,
        }
    }

    /// Remembers the hash of a key, so that it is not computed twice.
    pub fn hint(&mut self, key: &[u8], hash: u64) {
        self.hint = (key.as_ptr(), key.len(), hash);
    }

    pub fn index(&self) -> usize {
        self.index
    }

    pub fn scope(&self) -> Scope {
        self.scope
    }

    pub fn space(&self) -> &'a Keyspace {
        self.space
    }

    /// Another database of the store. Only for who holds everything.
    #[must_use]
    pub fn other(&self, index: usize, table: &'a Table) -> Db<'a> {
        assert_eq!(self.scope, Scope::All, "two databases are touched only by who is alone");
        // SAFETY: the gate is held alone for as long as 'a; the caller uses one Db at a time
        // on one database (MOVE and COPY refuse the same one).
        let mut other = unsafe { Db::new(self.space, table, index, Scope::All) };
        other.now_ms.set(self.now_ms());
        other.patience = self.patience;
        other.notes = self.notes;
        other
    }

    /// The time of this command: read once, so that one command sees one moment.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        if self.now_ms.get() == 0 {
            self.now_ms.set(self.space.now_ms());
        }
        self.now_ms.get()
    }

    /// Has this moment come? The exact time is asked for only where it could matter.
    #[inline]
    pub fn is_past(&self, at_ms: u64) -> bool {
        at_ms <= self.coarse_ms + COARSE_LAG_MS && at_ms <= self.now_ms()
    }

    /// Lets the commands of a transaction or script share one moment.
    pub fn set_now_ms(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
    }

    #[inline]
    pub(super) fn hash_of(&self, key: &[u8]) -> u64 {
        if self.hint.0 == key.as_ptr() && self.hint.1 == key.len() {
            self.hint.2
        } else {
            self.space.hash(key)
        }
    }

    #[inline]
    fn check_scope(&self, shard: usize) {
        assert!(
            self.covers(shard),
            "a command touched a key outside what the table says it touches"
        );
    }

    #[inline]
    fn covers(&self, shard: usize) -> bool {
        match self.scope {
            Scope::All => true,
            Scope::Shard(held) => held == shard,
            Scope::Unlocked(_) => false,
        }
    }

    #[inline]
    fn note_use(&self, hash: u64, entry: &Entry) {
        if !self.quiet {
            evict::note_use(self.space, entry, || self.used.replace(hash) != hash);
        }
    }

    /// The entry of a living key, noting the use.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "private; the public methods borrow as they should")]
    fn find(&self, key: &[u8]) -> Option<&mut Entry> {
        let hash = self.hash_of(key);
        let index = shard_of(hash);
        self.check_scope(index);
        // SAFETY: the scope covers this shard; nothing below inserts.
        let shard = unsafe { self.table.shard(index) };
        let entry = Table::find_mut(shard, hash, key)?;
        if let Some(due_ms) = entry.due_ms()
            && self.is_past(due_ms)
        {
            return self.find_what_lives(hash, key);
        }
        self.note_use(hash, entry);
        Some(entry)
    }

    #[cold]
    fn find_what_lives(&self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let entry = self.bury(hash, key)?;
        self.note_use(hash, entry);
        Some(entry)
    }

    /// Takes out what is dead of a key: all of it, or elements. Answers what is left.
    #[cold]
    #[expect(clippy::mut_from_ref, reason = "as `find`")]
    fn bury(&self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let (index, now_ms) = (shard_of(hash), self.now_ms());
        // SAFETY: the scope covers this shard; removing moves no other entry.
        let shard = unsafe { self.table.shard(index) };
        let entry = Table::find_mut(shard, hash, key)?;
        if entry.is_dead(now_ms) {
            if self.notes.keeps_dead {
                return None;
            }
            self.met_dead(key, Loss::of_all(entry, now_ms));
            // SAFETY: as above; `entry` is not used any more.
            let shard = unsafe { self.table.shard(index) };
            if let Some(entry) = self.table.remove_in_place(shard, hash, key) {
                self.discard(entry);
            }
            return None;
        }
        let most = if self.patience == Patience::Inline { REAPED_INLINE } else { usize::MAX };
        if self.table.reap(index, entry, now_ms, most) > 0 {
            self.met_dead(key, Loss::Fields);
        }
        self.space.dies_at(entry.due_ms());
        Some(entry)
    }

    fn met_dead(&self, key: &[u8], loss: Loss) {
        let expired = u64::from(loss != Loss::Fields);
        self.space.count(Stats { expired, ..Stats::default() });
        self.note(Happening::Died(Death { key: key.into(), loss }));
    }

    /// Refuses to show a value of which more has died than there was time to take out.
    pub(super) fn fresh(&self, entry: &Entry) -> Result {
        match entry.due_ms() {
            Some(at_ms) if self.is_past(at_ms) => Err(Error::Away),
            _ => Ok(()),
        }
    }

    #[cold]
    fn note(&self, happening: Happening) {
        self.noted.borrow_mut().get_or_insert_default().push(happening);
    }

    /// Counters of this command since the last call.
    #[inline]
    pub fn take_stats(&self) -> Stats {
        Stats {
            hits: u64::from(self.hits.take()),
            misses: u64::from(self.misses.take()),
            ..Stats::default()
        }
    }

    /// Is there something that `take_noted` would take?
    #[inline]
    pub fn has_noted(&self) -> bool {
        self.noted.borrow().is_some()
    }

    /// What was noted since the last call, in order.
    pub fn take_noted(&self) -> Vec<Happening> {
        self.noted.take().unwrap_or_default()
    }

    /// Drops a value, or leaves a large one to another thread.
    pub fn discard(&self, entry: Entry) {
        if kinds::free_cost(&entry) > DROP_AT_ONCE {
            self.space.throw_away(entry);
        }
    }

    /// After a fault in mid-change: marks what was being changed as damaged.
    pub fn mark_broken(&self) {
        let Some(hash) = self.changing.get() else { return };
        if !self.covers(shard_of(hash)) {
            return;
        }
        // SAFETY: the scope covers this shard.
        let shard = unsafe { self.table.shard(shard_of(hash)) };
        for entry in Table::each(shard).filter(|entry| self.table.hash(entry) == hash) {
            entry.mark_broken();
        }
    }

    #[inline]
    fn sound(entry: &Entry) -> Result<()> {
        if entry.is_broken() { Err(Error::Broken) } else { Ok(()) }
    }

    /// May a command see this value as a `T`?
    #[inline]
    fn showable<T: Collection>(&self, entry: &Entry) -> Result {
        if entry.is_plain() { Ok(()) } else { self.showable_after_all::<T>(entry) }
    }

    #[cold]
    fn showable_after_all<T: Collection>(&self, entry: &Entry) -> Result {
        Self::sound(entry)?;
        // Nothing else has elements that die.
        if T::KIND == Kind::Hash { self.fresh(entry) } else { Ok(()) }
    }

    /// The living entry, for reading; counts a hit or a miss.
    #[inline]
    pub fn entry(&self, key: &[u8]) -> Option<&Entry> {
        let found = self.find(key);
        self.count_lookup(key, found.is_some());
        found.map(|entry| &*entry)
    }

    /// As `entry`, without noting a use.
    pub fn glance(&self, key: &[u8]) -> Option<&Entry> {
        let found = self.peek(key);
        self.count_lookup(key, found.is_some());
        found
    }

    #[inline]
    fn count_lookup(&self, key: &[u8], is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.set(counter.get() + 1);
        if !is_hit && self.notes.missed {
            self.note(Happening::Missed(key.into()));
        }
    }

    /// The entry without counting or noting a use.
    pub fn peek(&self, key: &[u8]) -> Option<&Entry> {
        let hash = self.hash_of(key);
        self.check_scope(shard_of(hash));
        // SAFETY: the scope covers this shard.
        let shard = unsafe { self.table.shard(shard_of(hash)) };
        let entry = Table::find(shard, hash, key)?;
        match entry.due_ms() {
            Some(at) if self.is_past(at) => self.bury(hash, key).map(|entry| &*entry),
            _ => Some(entry),
        }
    }

    #[inline]
    pub fn exists(&self, key: &[u8]) -> bool {
        self.entry(key).is_some()
    }

    /// The entry, to change it.
    #[inline]
    pub fn entry_mut(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.changing.set(Some(self.hash_of(key)));
        self.find(key)
    }

    /// A string value, for reading.
    #[inline]
    pub fn string(&self, key: &[u8]) -> Result<Option<Str<'_>>> {
        Self::text_of(self.entry(key))
    }

    /// A string value, for who is about to change it: neither a hit nor a miss.
    #[inline]
    pub fn old_string(&self, key: &[u8]) -> Result<Option<Str<'_>>> {
        Self::text_of(self.find(key).map(|entry| &*entry))
    }

    #[inline]
    fn text_of(entry: Option<&Entry>) -> Result<Option<Str<'_>>> {
        let Some(entry) = entry else { return Ok(None) };
        Self::sound(entry)?;
        let Some(text) = entry.as_str() else { return Err(Error::WrongType) };
        Ok(Some(text))
    }

    /// A collection, for reading.
    #[inline]
    pub fn read<T: Collection>(&self, key: &[u8]) -> Result<Option<&T>> {
        match self.entry(key) {
            None => Ok(None),
            Some(entry) => {
                self.showable::<T>(entry)?;
                entry.as_collection().map(Some).ok_or(Error::WrongType)
            }
        }
    }

    /// A collection that exists, to change it. Who may empty it calls `remove_if_empty` after.
    #[inline]
    pub fn write<T: Collection>(&mut self, key: &[u8]) -> Result<Option<&mut T>> {
        self.changing.set(Some(self.hash_of(key)));
        match self.find(key) {
            None => Ok(None),
            Some(entry) => {
                self.showable::<T>(entry)?;
                entry.as_collection_mut().map(Some).ok_or(Error::WrongType)
            }
        }
    }

    /// A collection to add to, made when the key is missing. The caller adds at least one
    /// element: an empty collection is never left behind.
    pub fn create<T: Collection>(&mut self, key: &[u8]) -> Result<&mut T> {
        let hash = self.hash_of(key);
        self.changing.set(Some(hash));
        let entry = if let Some(found) = self.find(key).map(std::ptr::from_mut) {
            // SAFETY: found through `&mut self`, which the result borrows; nothing was inserted
            // since. The pointer only tells the borrow checker that this branch returns.
            let found = unsafe { &mut *found };
            self.showable::<T>(found)?;
            found
        } else {
            self.insert(hash, Entry::collection(key, T::empty(), None));
            self.find(key).expect("the key has just been made")
        };
        entry.as_collection_mut().ok_or(Error::WrongType)
    }

    /// Adds an entry whose key is known to be absent.
    pub(super) fn insert(&mut self, hash: u64, entry: Entry) {
        self.check_scope(shard_of(hash));
        entry.set_access(evict::first_access(self.space));
        self.used.set(hash);
        if self.notes.made {
            self.note(Happening::Made(entry.key().into()));
        }
        let due_ms = entry.due_ms();
        // SAFETY: the scope covers this shard and `&mut self` rules out other references.
        let shard = unsafe { self.table.shard(shard_of(hash)) };
        self.table.insert(shard, hash, entry);
        self.space.dies_at(due_ms);
    }

    /// Puts an entry under its key, in place of whatever was there.
    pub fn put(&mut self, entry: Entry) {
        let hash = self.hash_of(entry.key());
        self.changing.set(Some(hash));
        match self.find(entry.key()) {
            None => self.insert(hash, entry),
            Some(old) => {
                let (before, after) = (Dues::of(old), Dues::of(&entry));
                entry.set_access(old.access());
                let old = std::mem::replace(old, entry);
                self.table.due_changed(shard_of(hash), before, after);
                self.space.dies_at(after.ms);
                self.discard(old);
            }
        }
    }

    /// Takes an entry out of the database.
    pub fn take(&mut self, key: &[u8]) -> Option<Entry> {
        self.find(key)?;
        let hash = self.hash_of(key);
        // SAFETY: the scope covers this shard and `&mut self` rules out other references.
        let shard = unsafe { self.table.shard(shard_of(hash)) };
        self.table.remove(shard, hash, key)
    }

    /// Gives a living key a deadline, another one, or none. `false` if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline_ms: Option<u64>) -> bool {
        let hash = self.hash_of(key);
        let Some(entry) = self.find(key) else { return false };
        let before = Dues::of(entry);
        entry.set_deadline(deadline_ms);
        let after = Dues::of(entry);
        self.table.due_changed(shard_of(hash), before, after);
        self.space.dies_at(after.ms);
        true
    }

    /// To be called after a change that may have given elements of the value deadlines.
    pub fn settle(&mut self, key: &[u8]) {
        let hash = self.hash_of(key);
        // SAFETY: the scope covers this shard and `&mut self` rules out other references.
        let shard = unsafe { self.table.shard(shard_of(hash)) };
        let Some(entry) = Table::find_mut(shard, hash, key) else { return };
        let before = Dues::of(entry);
        entry.settle();
        let after = Dues::of(entry);
        self.table.due_changed(shard_of(hash), before, after);
        self.space.dies_at(after.ms);
    }
}
