//! SCAN: a cursor that is a position in hash order.
//!
//! ```text
//! cursor   52..41 shard | 40..0 position inside the shard
//! ```
//!
//! Every key has one fixed position, whatever the table around it does, so a key that is there
//! from the first step to the last is met exactly when the cursor passes it. All keys at one
//! position go out together. Cursors have at most 53 bits, since clients read them as doubles.

use super::db::Db;
use super::entry::Entry;
use super::table::{POSITION_BITS, SHARDS, Table, position_of};

/// After this many shards a step ends, found enough or not.
const SHARDS_PER_STEP: usize = 64;

impl Db<'_> {
    /// Shows about `count` living entries to `visit`, from `cursor` on. Answers the next
    /// cursor; 0 when the scan is complete.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> u64 {
        let mut shard = (cursor >> POSITION_BITS) as usize;
        let mut from = cursor & ((1 << POSITION_BITS) - 1);
        let mut left = count.max(1);
        for _ in 0..SHARDS_PER_STEP {
            let Some(occupied) = self.table.next_occupied(shard) else { return 0 };
            if occupied != shard {
                (shard, from) = (occupied, 0);
            }
            let (seen, next) = self.scan_shard(shard, from, left, &mut visit);
            left = left.saturating_sub(seen);
            if let Some(position) = next {
                return (shard as u64) << POSITION_BITS | position;
            }
            (shard, from) = (shard + 1, 0);
            if left == 0 {
                break;
            }
        }
        match self.table.next_occupied(shard) {
            Some(next) => (next as u64) << POSITION_BITS,
            None => 0,
        }
    }

    /// Visits at least `count` entries of one shard in order, if it has that many from `from`
    /// on. Answers how many, and the position to go on from.
    fn scan_shard(
        &self,
        index: usize,
        from: u64,
        count: usize,
        visit: &mut impl FnMut(&Entry),
    ) -> (usize, Option<u64>) {
        let now_ms = self.now_ms();
        self.with_shard(index, |shard| {
            let mut slots: Vec<_> =
                Table::each(shard).filter(|slot| position_of(slot.hash) >= from).collect();
            slots.sort_unstable_by_key(|slot| position_of(slot.hash));
            let mut seen = 0;
            let mut last = None;
            for slot in slots {
                let position = position_of(slot.hash);
                if seen >= count && last != Some(position) {
                    return (seen, Some(position));
                }
                last = Some(position);
                seen += 1;
                if slot.entry.deadline_ms().is_none_or(|at| at > now_ms) {
                    visit(&slot.entry);
                }
            }
            (seen, None)
        })
    }

    /// Shows every living entry, one shard at a time.
    pub fn each(&self, mut visit: impl FnMut(&Entry)) {
        let mut shard = 0;
        while let Some(index) = self.table.next_occupied(shard) {
            self.scan_shard(index, 0, usize::MAX, &mut visit);
            shard = index + 1;
        }
        debug_assert!(shard <= SHARDS);
    }
}
