//! Data structures: what a key can hold. No keys, no clients, no clocks.

pub mod bits;
mod blob;
#[cfg(test)]
mod dice;

pub mod dict;
pub mod geo;
pub mod glob;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod limits;
pub mod list;
pub mod listpack;
pub mod one_word;
pub mod part_sort;
pub mod random;
pub mod rank;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod thin;

/// What sort of value a key holds. The numbers are kept in entry headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    String = 0,
    List = 1,
    Set = 2,
    SortedSet = 3,
    Hash = 4,
    Stream = 5,
}

impl Kind {
    /// The name `TYPE` answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
        }
    }
}

/// A value that holds elements and fits the two words an entry has for it.
pub trait Collection: Clone + Send + Sync + 'static {
    const KIND: Kind;

    /// A collection without elements, in its most compact encoding.
    fn empty() -> Self;

    fn is_empty(&self) -> bool;

    /// About how many allocations a drop releases: large ones are dropped on another thread.
    fn free_cost(&self) -> usize;

    /// Bytes it has allocated. Of many parts no more than so many `samples` are looked at; 0 is
    /// all.
    fn memory(&self, samples: usize) -> usize;
}

/// What all of `parts` take, of which there are `len`, judged by the first few.
fn sampled(parts: impl Iterator<Item = usize>, len: usize, samples: usize) -> usize {
    let samples = if samples == 0 { len } else { samples.min(len) };
    let sum: usize = parts.take(samples).sum();
    // Rounded, and exact where all were looked at.
    (sum as u128 * len as u128).checked_div(samples as u128).unwrap_or(0) as usize
}

/// What a `BTreeMap` of so many entries takes, whose nodes are two thirds full and have links.
fn tree_memory<K, V>(len: usize) -> usize {
    len * (size_of::<K>() + size_of::<V>() + 4) * 3 / 2
}
