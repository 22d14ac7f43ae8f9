//! Writing values down.

use super::sink::{Sink, put_count, put_element, put_string};
use super::{fields, kind, stream};
use crate::store::Entry;
use crate::types::hash::Hash;
use crate::types::list::{List, Node};
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;
use crate::types::stream::Stream;
use crate::types::{Collection, Kind};

/// How a node of a list is kept.
pub(super) const NODE_PLAIN: u64 = 1;
pub(super) const NODE_PACKED: u64 = 2;

/// The number that tells how the value of this entry will be written.
pub fn kind_of(entry: &Entry) -> u8 {
    match entry.kind() {
        Kind::String => kind::STRING,
        Kind::List => kind::LIST_QUICKLIST_2,
        Kind::Set => match collection::<Set>(entry) {
            Set::Intset(_) => kind::SET_INTSET,
            Set::Listpack(_) => kind::SET_LISTPACK,
            Set::Table(_) => kind::SET,
        },
        Kind::SortedSet => match collection::<SortedSet>(entry).as_listpack() {
            Some(_) => kind::ZSET_LISTPACK,
            None => kind::ZSET_2,
        },
        Kind::Hash => {
            let hash = collection::<Hash>(entry);
            match (hash.earliest_ms(), hash.as_listpack(), hash.as_triples()) {
                (None, Some(_), _) => kind::HASH_LISTPACK,
                (None, None, _) => kind::HASH,
                (Some(_), _, Some(_)) => kind::HASH_LISTPACK_EX,
                (Some(_), _, None) => kind::HASH_METADATA,
            }
        }
        Kind::Stream => kind::STREAM_LISTPACKS_3,
    }
}

/// Writes the value of this entry.
pub fn write_value(sink: &mut impl Sink, entry: &Entry) {
    match entry.kind() {
        Kind::String => {
            let text = entry.as_str().expect("its kind is String");
            put_string(sink, text.as_bytes(&mut itoa::Buffer::new()));
        }
        Kind::List => write_list(sink, collection(entry)),
        Kind::Set => write_set(sink, collection(entry)),
        Kind::SortedSet => write_sorted_set(sink, collection(entry)),
        Kind::Hash => write_hash(sink, collection(entry)),
        Kind::Stream => stream::write(sink, collection::<Stream>(entry)),
    }
}

fn collection<T: Collection>(entry: &Entry) -> &T {
    entry.as_collection().expect("the kind tells the type")
}

fn write_list(sink: &mut impl Sink, list: &List) {
    put_count(sink, list.nodes().count());
    for node in list.nodes() {
        match node {
            Node::Packed(elements) => {
                super::put_len(sink, NODE_PACKED);
                put_string(sink, elements.as_bytes());
            }
            Node::Plain(element) => {
                super::put_len(sink, NODE_PLAIN);
                put_string(sink, element);
            }
        }
    }
}

fn write_set(sink: &mut impl Sink, set: &Set) {
    match set {
        Set::Intset(ints) => put_string(sink, ints.as_bytes()),
        Set::Listpack(list) => put_string(sink, list.as_bytes()),
        Set::Table(table) => {
            put_count(sink, table.len());
            table.iter().for_each(|member| put_string(sink, member));
        }
    }
}

fn write_sorted_set(sink: &mut impl Sink, set: &SortedSet) {
    if let Some(list) = set.as_listpack() {
        put_string(sink, list.as_bytes());
        return;
    }
    put_count(sink, set.len());
    // The last first, so that who reads it inserts at the head.
    for (member, score) in set.iter().rev() {
        put_element(sink, member);
        sink.put(&score.to_le_bytes());
    }
}

fn write_hash(sink: &mut impl Sink, hash: &Hash) {
    if let Some(earliest_ms) = hash.earliest_ms() {
        return fields::write(sink, hash, earliest_ms);
    }
    if let Some(list) = hash.as_listpack() {
        put_string(sink, list.as_bytes());
        return;
    }
    put_count(sink, hash.len());
    for (field, value) in hash {
        put_element(sink, field);
        put_element(sink, value);
    }
}
