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
use crate::error::Result;

/// After this many shards a step ends, found enough or not.
const SHARDS_PER_STEP: usize = 64;

impl Db<'_> {
    /// Shows about `count` living entries to `visit`, from `cursor` on. Answers the next
    /// cursor; 0 when the scan is complete.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> Result<u64> {
        let mut shard = (cursor >> POSITION_BITS) as usize;
        let mut from = cursor & ((1 << POSITION_BITS) - 1);
        let mut left = count.max(1);
        for _ in 0..SHARDS_PER_STEP {
            let Some(occupied) = self.table.next_occupied(shard) else { return Ok(0) };
            if occupied != shard {
                (shard, from) = (occupied, 0);
            }
            let (seen, next) = self.scan_shard(shard, from, left, &mut visit)?;
            left = left.saturating_sub(seen);
            if let Some(position) = next {
                return Ok((shard as u64) << POSITION_BITS | position);
            }
            (shard, from) = (shard + 1, 0);
            if left == 0 {
                break;
            }
        }
        let next = self.table.next_occupied(shard);
        Ok(next.map_or(0, |next| (next as u64) << POSITION_BITS))
    }

    /// Visits at least `count` entries of one shard in order, if it has that many from `from`
    /// on. Answers how many, and the position to go on from.
    fn scan_shard(
        &self,
        index: usize,
        from: u64,
        count: usize,
        visit: &mut impl FnMut(&Entry),
    ) -> Result<(usize, Option<u64>)> {
        let now_ms = self.now_ms();
        self.with_shard(index, |shard| {
            let mut found: Vec<_> = Table::each(shard)
                .map(|entry| (position_of(self.table.hash(entry)), entry))
                .filter(|(position, _)| *position >= from)
                .collect();
            found.sort_unstable_by_key(|(position, _)| *position);
            let mut seen = 0;
            let mut last = None;
            for (position, entry) in found {
                if seen >= count && last != Some(position) {
                    return (seen, Some(position));
                }
                last = Some(position);
                seen += 1;
                if !entry.is_dead(now_ms) {
                    visit(entry);
                }
            }
            (seen, None)
        })
    }

    /// Shows every living entry, one shard at a time.
    pub fn each(&self, mut visit: impl FnMut(&Entry)) -> Result {
        let mut shard = 0;
        while let Some(index) = self.table.next_occupied(shard) {
            self.scan_shard(index, 0, usize::MAX, &mut visit)?;
            shard = index + 1;
        }
        debug_assert!(shard <= SHARDS);
        Ok(())
    }
}
