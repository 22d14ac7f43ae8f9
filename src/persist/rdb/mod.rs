//! Values as Redis and Valkey write them down, version 11 of their format.
//!
//! ```text
//! payload of DUMP   kind (u8)   value   version (u16)   CRC-64 of all before
//! ```
//!
//! Small values are byte formats of their own (listpack, intset), which are kept in memory the same
//! way: writing one down is a copy. What is read comes from strangers: everything is checked before
//! a value is made of it, and nothing is allocated because a number says so. Every kind that any
//! version has written can be read, modules excepted.
//!
//! Not here: what a file has around its values; when keys die.

mod compact;
mod decode;
mod encode;
mod fields;
mod library;
mod lzf;
mod old;
mod sink;
mod source;
mod stream;
#[cfg(test)]
mod tests;

use crc::{CRC_64_REDIS, Crc, Table};

use crate::store::Entry;
use crate::types::hash::Hash;
use crate::types::limits::Limits;
use crate::types::list::{Fill, List};
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;
use crate::types::stream::Stream;
use crate::types::{Collection, Kind};

pub use decode::read_value;
pub use encode::{kind_of, write_value};
pub use library::{NoLibrary, dump_libraries, restore_libraries};
pub use sink::{Sink, put_count, put_len, put_string};
pub use source::{Malformed, Read, Reader, Source};

/// The version that is written where nothing in the value is newer.
pub const VERSION: u16 = 11;
/// Versions of Redis end here; Valkey goes on from [`VALKEY_VERSIONS_FROM`].
const REDIS_VERSION_MAX: u16 = 12;
const VALKEY_VERSIONS_FROM: u16 = 80;
const VALKEY_VERSION_MAX: u16 = 80;

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The numbers of the kinds. One is used twice, and the version tells which is meant.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Of Valkey 9.
    pub const HASH_2: u8 = 22;
    /// Of candidates for Redis 7.4, as the next one.
    pub const HASH_METADATA_OLD: u8 = 22;
    pub const HASH_LISTPACK_EX_OLD: u8 = 23;
    pub const HASH_METADATA: u8 = 24;
    pub const HASH_LISTPACK_EX: u8 = 25;
}

/// A value without a key.
pub enum Value {
    String(Vec<u8>),
    List(List),
    Set(Set),
    SortedSet(SortedSet),
    Hash(Hash),
    Stream(Stream),
}

/// What a reader must know to make a value as this server would have it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub limits: Limits,
    pub fill: Fill,
    pub checksums: Checksums,
}

/// Whether payloads whose checksum is wrong are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksums {
    Heeded,
    Ignored,
}

/// Why a payload is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no payload, or of a version that is not known, or its checksum is wrong.
    Footer,
    /// It is a payload, of nothing that could be a value.
    Value,
}

impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::SortedSet(_) => Kind::SortedSet,
            Self::Hash(_) => Kind::Hash,
            Self::Stream(_) => Kind::Stream,
        }
    }

    /// Gives it a key.
    pub fn into_entry(self, key: &[u8], deadline_ms: Option<u64>) -> Entry {
        fn entry<T: Collection>(key: &[u8], value: T, deadline_ms: Option<u64>) -> Entry {
            Entry::collection(key, value, deadline_ms)
        }
        match self {
            Self::String(text) => Entry::string(key, &text, deadline_ms),
            Self::List(list) => entry(key, list, deadline_ms),
            Self::Set(set) => entry(key, set, deadline_ms),
            Self::SortedSet(set) => entry(key, set, deadline_ms),
            Self::Hash(hash) => entry(key, hash, deadline_ms),
            Self::Stream(stream) => entry(key, stream, deadline_ms),
        }
    }
}

/// The payload that DUMP answers.
pub fn dump(entry: &Entry) -> Vec<u8> {
    let kind = kind_of(entry);
    let mut out = vec![kind];
    write_value(&mut out, entry);
    out.put(&version_of(kind).to_le_bytes());
    let sum = CRC.checksum(&out);
    out.put(&sum.to_le_bytes());
    out
}

/// The lowest version that can tell of this kind, but not below [`VERSION`].
pub fn version_of(kind: u8) -> u16 {
    if kind > kind::STREAM_LISTPACKS_3 { REDIS_VERSION_MAX } else { VERSION }
}

/// The value that a payload holds.
pub fn restore(payload: &[u8], settings: &Settings) -> Result<Value, Refusal> {
    let (version, body) = check_footer(payload, settings.checksums).ok_or(Refusal::Footer)?;
    let (kind, mut rest) = body.split_first().ok_or(Refusal::Value)?;
    // As servers do: what stands behind the value is not looked at.
    read_value(&mut rest, *kind, version, settings).map_err(|Malformed| Refusal::Value)
}

/// The version, and what stands before it.
fn check_footer(payload: &[u8], checksums: Checksums) -> Option<(u16, &[u8])> {
    let (summed, sum) = payload.split_last_chunk::<8>()?;
    let (body, version) = summed.split_last_chunk::<2>()?;
    let version = u16::from_le_bytes(*version);
    let known = version <= REDIS_VERSION_MAX
        || (VALKEY_VERSIONS_FROM..=VALKEY_VERSION_MAX).contains(&version);
    let is_right = || match checksums {
        Checksums::Heeded => u64::from_le_bytes(*sum) == CRC.checksum(summed),
        Checksums::Ignored => true,
    };
    (known && is_right()).then_some((version, body))
}
