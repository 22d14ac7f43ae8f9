//! A consumer group: how far it has read, and which entries are delivered but not acknowledged.
//!
//! A pending entry stands once among the group's, in the order of ids, with its owner's place in a
//! list of consumers; each consumer has the ids of its own. A pending entry costs some 57 bytes.
//!
//! Pending entries may outlive the entries of the stream: a group knows ids alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StreamId;
use super::shelf::{Item, Shelf};
use crate::memory::good_size;
use crate::types::tree_memory;

/// A consumer's place in its group, for as long as it is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// Whose a pending entry is while a group is being restored.
const NOBODY: ConsumerId = ConsumerId(u32::MAX);

/// An entry that was delivered and is not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub id: StreamId,
    /// When it was last delivered.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: i64,
    pub owner: ConsumerId,
}

impl Item for Pending {
    fn id(&self) -> StreamId {
        self.id
    }
}

/// Who reads for a group.
#[derive(Clone)]
pub struct Consumer {
    name: Arc<[u8]>,
    /// When it last asked for something.
    pub seen_ms: i64,
    /// When it last got something.
    pub active_ms: Option<i64>,
    pending: Shelf<StreamId>,
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many entries it has not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids of the entries it has not acknowledged, from one on.
    pub fn pending(&self, since: StreamId) -> impl Iterator<Item = StreamId> {
        self.pending.since(since).copied()
    }
}

/// Readers of a stream who share its entries.
#[derive(Clone)]
pub struct Group {
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries were added up to that one, if that is known.
    pub entries_read: Option<u64>,
    pending: Shelf<Pending>,
    consumers: Vec<Option<Consumer>>,
    /// Places in `consumers`, in the order of names.
    by_name: BTreeMap<Arc<[u8]>, ConsumerId>,
    /// Places in `consumers` that are free.
    free: Vec<ConsumerId>,
}

impl Group {
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            last_id,
            entries_read,
            pending: Shelf::new(),
            consumers: Vec::new(),
            by_name: BTreeMap::new(),
            free: Vec::new(),
        }
    }

    /// How many entries are delivered and not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The pending entries in order, from an id on.
    pub fn pending(&self, since: StreamId) -> impl Iterator<Item = &Pending> {
        self.pending.since(since)
    }

    /// The pending entry with this id.
    pub fn find(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(id)
    }

    /// The ids of the first and the last pending entry.
    pub fn pending_bounds(&self) -> Option<(StreamId, StreamId)> {
        Some((self.pending.first()?.id, self.pending.last()?.id))
    }

    pub fn consumers_len(&self) -> usize {
        self.by_name.len()
    }

    /// The consumers, in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.values().map(|id| self.consumer(*id))
    }

    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.place()].as_ref().expect("a consumer's place is not handed out twice")
    }

    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.by_name.get(name).copied()
    }

    /// The consumer of this name, made if there is none, who is seen now; `true` if it was made.
    pub fn see(&mut self, name: &[u8], now_ms: i64) -> (ConsumerId, bool) {
        if let Some(id) = self.find_consumer(name) {
            self.consumer_mut(id).seen_ms = now_ms;
            return (id, false);
        }
        (self.add_consumer(name, now_ms, None), true)
    }

    /// Makes a consumer. `false` if there is one of this name.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: i64) -> bool {
        let is_new = self.find_consumer(name).is_none();
        if is_new {
            self.add_consumer(name, now_ms, None);
        }
        is_new
    }

    /// Removes a consumer with all that is pending for it, and returns how many entries that were.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.by_name.remove(name)?;
        let consumer = self.consumers[id.place()].take()?;
        for pending in consumer.pending.since(StreamId::MIN) {
            self.pending.remove(*pending);
        }
        self.free.push(id);
        Some(consumer.pending_len())
    }

    /// Notes that a consumer got something.
    pub fn note_active(&mut self, id: ConsumerId, now_ms: i64) {
        self.consumer_mut(id).active_ms = Some(now_ms);
    }

    /// Gives an entry to a consumer as if it had never been delivered before.
    pub fn deliver(&mut self, id: StreamId, owner: ConsumerId, now_ms: i64) {
        let fresh = Pending { id, delivered_ms: now_ms, deliveries: 1, owner };
        if !self.pending.insert(fresh) {
            self.hand_over(id, owner, now_ms, |_| 1);
            return;
        }
        self.consumer_mut(owner).pending.insert(id);
    }

    /// Gives a pending entry to a consumer. What it says of its deliveries is for `count` to tell,
    /// who is told how many there were.
    pub fn hand_over(
        &mut self,
        id: StreamId,
        owner: ConsumerId,
        delivered_ms: i64,
        count: impl FnOnce(i64) -> i64,
    ) {
        let Some(pending) = self.pending.get_mut(id) else { return };
        let before = std::mem::replace(&mut pending.owner, owner);
        pending.delivered_ms = delivered_ms;
        pending.deliveries = count(pending.deliveries);
        if before != owner {
            self.consumer_mut(before).pending.remove(id);
            self.consumer_mut(owner).pending.insert(id);
        }
    }

    /// Goes through up to `count` entries pending for a consumer, from an id on. Those that `each`
    /// could deliver again are noted as delivered.
    pub fn deliver_again(
        &mut self,
        owner: ConsumerId,
        since: StreamId,
        count: usize,
        now_ms: i64,
        mut each: impl FnMut(StreamId) -> bool,
    ) {
        let Some(consumer) = &self.consumers[owner.place()] else { return };
        for id in consumer.pending(since).take(count) {
            if each(id)
                && let Some(pending) = self.pending.get_mut(id)
            {
                pending.delivered_ms = now_ms;
                pending.deliveries = pending.deliveries.wrapping_add(1);
            }
        }
    }

    /// Forgets a pending entry. `false` if there is none.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        if pending.owner != NOBODY {
            self.consumer_mut(pending.owner).pending.remove(id);
        }
        true
    }

    /// Bytes of what is pending, and of the consumers.
    pub(super) fn memory(&self) -> usize {
        let consumers = self.consumers().map(|consumer| {
            // The counts of an `Arc` stand before the name.
            good_size(consumer.name.len() + 16) + consumer.pending.memory()
        });
        self.pending.memory()
            + consumers.sum::<usize>()
            + good_size(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + tree_memory::<Arc<[u8]>, ConsumerId>(self.by_name.len())
    }

    /// About how many allocations it has.
    pub(super) fn free_cost(&self) -> usize {
        2 * self.pending.chunk_count() + 3 * self.consumers_len() + 2
    }

    fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.place()].as_mut().expect("a consumer's place is not handed out twice")
    }

    fn add_consumer(&mut self, name: &[u8], seen_ms: i64, active_ms: Option<i64>) -> ConsumerId {
        let name = Arc::<[u8]>::from(name);
        let consumer =
            Consumer { name: Arc::clone(&name), seen_ms, active_ms, pending: Shelf::new() };
        let id = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            ConsumerId::at(self.consumers.len() - 1)
        });
        self.consumers[id.place()] = Some(consumer);
        self.by_name.insert(name, id);
        id
    }
}

/// Building a group from a dump, which tells first what is pending, then for whom.
impl Group {
    /// Adds a pending entry whose owner is told later. `false` if its id is there already.
    pub fn restore_pending(&mut self, id: StreamId, delivered_ms: i64, deliveries: i64) -> bool {
        self.pending.insert(Pending { id, delivered_ms, deliveries, owner: NOBODY })
    }

    /// Adds a consumer. `None` if there is one of this name.
    pub fn restore_consumer(
        &mut self,
        name: &[u8],
        seen_ms: i64,
        active_ms: Option<i64>,
    ) -> Option<ConsumerId> {
        let is_new = self.find_consumer(name).is_none();
        is_new.then(|| self.add_consumer(name, seen_ms, active_ms))
    }

    /// Tells whose a pending entry is. `false` if there is no such entry, or it is somebody's.
    pub fn restore_owner(&mut self, id: StreamId, owner: ConsumerId) -> bool {
        let Some(pending) = self.pending.get_mut(id) else { return false };
        if pending.owner != NOBODY {
            return false;
        }
        pending.owner = owner;
        self.consumer_mut(owner).pending.insert(id)
    }

    /// Has every pending entry an owner? A restored group that has not must not be used.
    pub fn is_whole(&self) -> bool {
        self.pending.since(StreamId::MIN).all(|pending| pending.owner != NOBODY)
    }
}

impl ConsumerId {
    fn at(place: usize) -> Self {
        let place = u32::try_from(place).ok().filter(|place| *place != NOBODY.0);
        Self(place.expect("a group has fewer than 2^32 consumers"))
    }

    fn place(self) -> usize {
        self.0 as usize
    }
}
