//! Making values of what was written down.

use super::encode::{NODE_PACKED, NODE_PLAIN};
use super::source::{Malformed, Read, Reader, Source};
use super::{Settings, VALKEY_VERSIONS_FROM, Value, compact, fields, kind, old, stream};
use crate::types::dict::Dict;
use crate::types::hash::Hash;
use crate::types::list::{Builder, End, List};
use crate::types::set::Set;
use crate::types::sorted_set::{AddOutcome, SortedSet};

/// Reads the value whose kind has been read. `version` is that of the payload or file.
pub fn read_value(
    source: &mut impl Source,
    kind: u8,
    version: u16,
    settings: &Settings,
) -> Read<Value> {
    let reader = &mut Reader::new(source);
    match kind {
        kind::STRING => Ok(Value::String(reader.string()?)),
        kind::LIST => list(reader, settings),
        kind::SET => set(reader, settings),
        kind::ZSET | kind::ZSET_2 => sorted_set(reader, kind, settings),
        kind::HASH => hash(reader, settings),
        kind::LIST_QUICKLIST => quicklist(reader, settings),
        kind::LIST_QUICKLIST_2 => quicklist_2(reader, settings),
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            stream::read(reader, kind)
        }
        kind::HASH_2 if version >= VALKEY_VERSIONS_FROM => fields::read_valkey(reader, settings),
        kind::HASH_METADATA_OLD => fields::read(reader, settings, 0),
        kind::HASH_METADATA | kind::HASH_LISTPACK_EX => {
            let earliest_ms = reader.moment_ms()?;
            match kind {
                kind::HASH_METADATA => fields::read(reader, settings, earliest_ms),
                _ => fields::read_triples(&reader.string()?, settings),
            }
        }
        kind::HASH_LISTPACK_EX_OLD => fields::read_triples(&reader.string()?, settings),
        _ => block(&reader.string()?, kind, settings),
    }
}

/// A value that is kept as one string.
fn block(bytes: &[u8], kind: u8, settings: &Settings) -> Read<Value> {
    match kind {
        kind::SET_INTSET => compact::intset(bytes, settings),
        kind::SET_LISTPACK => compact::set(compact::listpack(bytes)?, settings),
        kind::ZSET_LISTPACK => compact::sorted_set(compact::listpack(bytes)?, settings),
        kind::ZSET_ZIPLIST => compact::sorted_set(old::ziplist(bytes)?, settings),
        kind::HASH_LISTPACK => compact::hash(compact::listpack(bytes)?, settings),
        kind::HASH_ZIPLIST => compact::hash(old::ziplist(bytes)?, settings),
        kind::HASH_ZIPMAP => compact::zipmap(old::zipmap(bytes)?, settings),
        kind::LIST_ZIPLIST => compact::old_list(old::ziplist(bytes)?),
        _ => Err(Malformed),
    }
}

/// How many elements follow: none is no value.
pub(super) fn count(reader: &mut Reader<'_, impl Source>) -> Read<usize> {
    match reader.count()? {
        0 => Err(Malformed),
        count => Ok(count),
    }
}

fn list(reader: &mut Reader<'_, impl Source>, settings: &Settings) -> Read<Value> {
    let mut list = List::new();
    let mut element = Vec::new();
    for _ in 0..count(reader)? {
        reader.string_into(&mut element)?;
        list.push(End::Tail, [&element[..]], settings.fill);
    }
    Ok(Value::List(list))
}

fn quicklist(reader: &mut Reader<'_, impl Source>, settings: &Settings) -> Read<Value> {
    let mut builder = Builder::new();
    let mut node = Vec::new();
    for _ in 0..count(reader)? {
        reader.string_into(&mut node)?;
        builder.packed(old::ziplist(&node)?);
    }
    compact::finish_list(builder, settings)
}

fn quicklist_2(reader: &mut Reader<'_, impl Source>, settings: &Settings) -> Read<Value> {
    let mut builder = Builder::new();
    let mut node = Vec::new();
    for _ in 0..count(reader)? {
        let container = reader.number()?;
        reader.string_into(&mut node)?;
        match container {
            NODE_PACKED => builder.packed(compact::listpack(&node)?),
            NODE_PLAIN => builder.plain(&node),
            _ => return Err(Malformed),
        }
    }
    compact::finish_list(builder, settings)
}

fn set(reader: &mut Reader<'_, impl Source>, settings: &Settings) -> Read<Value> {
    let count = count(reader)?;
    let limits = &settings.limits;
    let mut set = if count > limits.set_max_intset_entries {
        Set::Table(Box::new(Dict::new(limits.seed)))
    } else {
        Set::new()
    };
    let mut member = Vec::new();
    for _ in 0..count {
        reader.string_into(&mut member)?;
        if !set.add(&member, limits) {
            return Err(Malformed);
        }
    }
    Ok(Value::Set(set))
}

fn sorted_set(reader: &mut Reader<'_, impl Source>, kind: u8, settings: &Settings) -> Read<Value> {
    let count = count(reader)?;
    let mut set = SortedSet::new();
    set.expect(count, 0, &settings.limits);
    let mut member = Vec::new();
    for _ in 0..count {
        reader.string_into(&mut member)?;
        let score = if kind == kind::ZSET { reader.old_double()? } else { reader.double()? };
        let AddOutcome::Added(_) = set.insert(&member, score, &settings.limits) else {
            return Err(Malformed);
        };
    }
    Ok(Value::SortedSet(set))
}

fn hash(reader: &mut Reader<'_, impl Source>, settings: &Settings) -> Read<Value> {
    let count = count(reader)?;
    let mut hash = Hash::new();
    hash.expect(count, 0, &settings.limits);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        reader.string_into(&mut field)?;
        reader.string_into(&mut value)?;
        if !hash.set(&field, &value, &settings.limits) {
            return Err(Malformed);
        }
    }
    Ok(Value::Hash(hash))
}
