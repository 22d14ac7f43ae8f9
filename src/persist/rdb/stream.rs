//! Streams: nodes, counters, consumer groups.
//!
//! Ids stand in nodes' keys and pending entries as two numbers of eight bytes, big endian;
//! anywhere else as two lengths. Version 2 of the kind added what `XINFO STREAM` counts, version 3
//! when a consumer last got something.

use super::compact;
use super::sink::{Sink, put_count, put_len, put_string};
use super::source::{Malformed, Read, Reader, Source};
use super::{Value, kind};
use crate::types::listpack::Listpack;
use crate::types::stream::{Counters, Group, Stream, StreamId};

/// How many entries a group has read is not known.
const UNKNOWN: u64 = u64::MAX;
/// A consumer has never got anything.
const NEVER: i64 = -1;

pub(super) fn write(sink: &mut impl Sink, stream: &Stream) {
    put_count(sink, stream.nodes().len());
    for (id, node) in stream.nodes() {
        put_string(sink, &id.to_be_bytes());
        put_string(sink, node.as_bytes());
    }
    put_count(sink, stream.len());
    put_id(sink, stream.last_id());
    put_id(sink, stream.first_id());
    put_id(sink, stream.max_deleted_id());
    put_len(sink, stream.entries_added());
    put_count(sink, stream.groups().len());
    for (name, group) in stream.groups() {
        put_string(sink, name);
        write_group(sink, group);
    }
}

fn write_group(sink: &mut impl Sink, group: &Group) {
    put_id(sink, group.last_id);
    put_len(sink, group.entries_read.unwrap_or(UNKNOWN));
    put_count(sink, group.pending_len());
    for pending in group.pending(StreamId::MIN) {
        sink.put(&pending.id.to_be_bytes());
        sink.put(&pending.delivered_ms.to_le_bytes());
        put_len(sink, pending.deliveries as u64);
    }
    put_count(sink, group.consumers_len());
    for consumer in group.consumers() {
        put_string(sink, consumer.name());
        sink.put(&consumer.seen_ms.to_le_bytes());
        sink.put(&consumer.active_ms.unwrap_or(NEVER).to_le_bytes());
        put_count(sink, consumer.pending_len());
        for id in consumer.pending(StreamId::MIN) {
            sink.put(&id.to_be_bytes());
        }
    }
}

fn put_id(sink: &mut impl Sink, id: StreamId) {
    put_len(sink, id.ms);
    put_len(sink, id.seq);
}

pub(super) fn read(reader: &mut Reader<'_, impl Source>, kind: u8) -> Read<Value> {
    let nodes = nodes(reader)?;
    let counters = counters(reader, kind)?;
    let mut stream = Stream::restore(nodes.into_iter(), counters).ok_or(Malformed)?;
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        let last_id = id(reader)?;
        let entries_read = match kind {
            kind::STREAM_LISTPACKS => stream.added_up_to(last_id),
            _ => Some(reader.number()?).filter(|read| *read != UNKNOWN),
        };
        let group = stream.create_group(&name, last_id, entries_read).ok_or(Malformed)?;
        read_group(reader, kind, group)?;
    }
    Ok(Value::Stream(stream))
}

fn nodes(reader: &mut Reader<'_, impl Source>) -> Read<Vec<(StreamId, Listpack)>> {
    let mut nodes = Vec::new();
    let mut text = Vec::new();
    for _ in 0..reader.count()? {
        reader.string_into(&mut text)?;
        let id = id_of(text[..].try_into().map_err(|_| Malformed)?);
        reader.string_into(&mut text)?;
        nodes.push((id, compact::listpack(&text)?));
    }
    Ok(nodes)
}

fn counters(reader: &mut Reader<'_, impl Source>, kind: u8) -> Read<Counters> {
    let (length, last_id) = (reader.count()?, id(reader)?);
    let mut counters =
        Counters { length, last_id, max_deleted_id: StreamId::MIN, entries_added: length as u64 };
    if kind != kind::STREAM_LISTPACKS {
        // The id of the first entry can be seen in the entries.
        id(reader)?;
        counters.max_deleted_id = id(reader)?;
        counters.entries_added = reader.number()?;
    }
    Ok(counters)
}

fn read_group(reader: &mut Reader<'_, impl Source>, kind: u8, group: &mut Group) -> Read {
    for _ in 0..reader.count()? {
        let id = id_of(reader.array()?);
        let (delivered_ms, deliveries) = (reader.moment_ms()?, reader.number()?);
        if !group.restore_pending(id, delivered_ms, deliveries as i64) {
            return Err(Malformed);
        }
    }
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        let seen_ms = reader.moment_ms()?;
        let active_ms = match kind {
            kind::STREAM_LISTPACKS_3 => Some(reader.moment_ms()?).filter(|at| *at != NEVER),
            // The best guess there is.
            _ => Some(seen_ms),
        };
        let owner = group.restore_consumer(&name, seen_ms, active_ms).ok_or(Malformed)?;
        for _ in 0..reader.count()? {
            if !group.restore_owner(id_of(reader.array()?), owner) {
                return Err(Malformed);
            }
        }
    }
    if group.is_whole() { Ok(()) } else { Err(Malformed) }
}

fn id(reader: &mut Reader<'_, impl Source>) -> Read<StreamId> {
    Ok(StreamId::new(reader.number()?, reader.number()?))
}

fn id_of(raw: [u8; 16]) -> StreamId {
    let both = u128::from_be_bytes(raw);
    StreamId::new((both >> 64) as u64, both as u64)
}
