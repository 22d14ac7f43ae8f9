//! When a collection leaves its compact encoding.
//!
//! These are the CONFIG parameters of the same names, with their defaults, and the seed that a
//! table gets when a collection turns into one. A collection that has grown does not shrink back.

use crate::types::listpack::Listpack;

/// What every change of a hash, a set or a sorted set is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub hash_max_listpack_entries: usize,
    /// In bytes, of a field or a value.
    pub hash_max_listpack_value: usize,
    pub set_max_intset_entries: usize,
    pub set_max_listpack_entries: usize,
    /// In bytes.
    pub set_max_listpack_value: usize,
    pub zset_max_listpack_entries: usize,
    /// In bytes.
    pub zset_max_listpack_value: usize,
    /// Decides the order in tables; strangers must not know it.
    pub seed: u64,
}

/// No listpack may become longer, whatever the parameters say.
const LISTPACK_BYTES_MAX: usize = 1 << 30;

impl Limits {
    pub fn new(seed: u64) -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            seed,
        }
    }
}

/// Whether `bytes` more may be added to a listpack without making it unwieldy.
pub(super) fn is_safe_to_add(list: &Listpack, bytes: usize) -> bool {
    list.byte_len().saturating_add(bytes) <= LISTPACK_BYTES_MAX
}
