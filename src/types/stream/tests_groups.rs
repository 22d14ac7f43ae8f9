//! Groups against plain maps, and streams put together again from their parts.

use std::collections::BTreeMap;

use super::*;
use crate::types::dice::Dice;

fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

fn filled(count: u64) -> Stream {
    let mut stream = Stream::new();
    for ms in 1..=count {
        let pairs = [(b"f".as_slice(), b"v".as_slice())].into_iter();
        assert_eq!(stream.append(id(ms), pairs, NodeLimits::default()), Ok(()));
    }
    stream
}

fn copy_of(stream: &Stream) -> Option<Stream> {
    let nodes: Vec<_> = stream.nodes().map(|(id, node)| (id, node.clone())).collect();
    restore(stream, nodes)
}

fn restore(stream: &Stream, nodes: Vec<(StreamId, Listpack)>) -> Option<Stream> {
    let counters = Counters {
        length: stream.len(),
        last_id: stream.last_id(),
        max_deleted_id: stream.max_deleted_id(),
        entries_added: stream.entries_added(),
    };
    let mut copy = Stream::restore(nodes.into_iter(), counters)?;
    for (name, group) in stream.groups() {
        let new = copy.create_group(name, group.last_id, group.entries_read)?;
        for pending in group.pending(StreamId::MIN) {
            assert!(new.restore_pending(pending.id, pending.delivered_ms, pending.deliveries));
        }
        for consumer in group.consumers() {
            let (seen, active) = (consumer.seen_ms, consumer.active_ms);
            let owner = new.restore_consumer(consumer.name(), seen, active)?;
            assert!(consumer.pending(StreamId::MIN).all(|id| new.restore_owner(id, owner)));
        }
        assert!(new.is_whole());
    }
    Some(copy)
}

/// Name, owner's name, time and count of all that is pending.
type Model = BTreeMap<StreamId, (Vec<u8>, i64, i64)>;

fn check(group: &Group, model: &Model) {
    assert_eq!(group.pending_len(), model.len());
    let shown = |pending: &Pending| {
        let owner = group.consumer(pending.owner).name().to_vec();
        (pending.id, (owner, pending.delivered_ms, pending.deliveries))
    };
    assert!(group.pending(StreamId::MIN).map(shown).eq(model.clone()));
    let mut names: Vec<_> = group.consumers().map(|consumer| consumer.name().to_vec()).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), group.consumers_len());
    for consumer in group.consumers() {
        let own = model.iter().filter(|(_, (owner, ..))| owner == consumer.name());
        assert!(consumer.pending(StreamId::MIN).eq(own.map(|(id, _)| *id)));
    }
}

#[test]
fn random_deliveries_agree_with_a_map() {
    for seed in 0..30 {
        let mut dice = Dice::new(seed);
        let (mut group, mut model) = (Group::new(id(0), None), Model::new());
        for now_ms in 0..800 {
            let name = [b"a".as_slice(), b"bb", b"", b"c"][dice.below(4)];
            let entry = id(dice.below(300) as u64);
            match dice.below(20) {
                0 => {
                    let had = model.len();
                    model.retain(|_, (owner, ..)| owner != name);
                    let gone = group.delete_consumer(name).unwrap_or(0);
                    assert_eq!(gone, had - model.len());
                }
                1..=4 => {
                    assert_eq!(group.acknowledge(entry), model.remove(&entry).is_some());
                }
                5..=9 if group.find(entry).is_some() => {
                    let (to, _) = group.see(name, now_ms);
                    group.hand_over(entry, to, now_ms, |count| count + 2);
                    let count = model[&entry].2 + 2;
                    model.insert(entry, (name.to_vec(), now_ms, count));
                }
                10 => {
                    let (to, _) = group.see(name, now_ms);
                    group.deliver_again(to, entry, 5, now_ms, |id| id.ms % 2 == 0);
                    let own = model.range_mut(entry..).filter(|(_, (owner, ..))| owner == name);
                    for (_, (_, time, count)) in own.take(5).filter(|(id, _)| id.ms % 2 == 0) {
                        (*time, *count) = (now_ms, *count + 1);
                    }
                }
                _ => {
                    let (to, _) = group.see(name, now_ms);
                    group.deliver(entry, to, now_ms);
                    model.insert(entry, (name.to_vec(), now_ms, 1));
                }
            }
        }
        check(&group, &model);
        check(&group.clone(), &model);
        let mut stream = filled(250);
        stream.trim(Trim::MaxLen(120), Precision::Exact);
        stream.delete(id(200));
        *stream.create_group(b"g", id(0), None).unwrap() = group;
        let copy = copy_of(&stream).unwrap();
        check(copy.group(b"g").unwrap(), &model);
        assert!(copy.nodes().eq(stream.nodes()));
        assert_eq!(copy.first_id(), stream.first_id());
    }
}

#[test]
fn a_stream_of_other_nodes_than_told_is_refused() {
    let mut stream = filled(150);
    stream.delete(id(150));
    let nodes: Vec<_> = stream.nodes().map(|(id, node)| (id, node.clone())).collect();
    assert!(restore(&stream, nodes.clone()).is_some());
    assert!(restore(&stream, nodes[..1].to_vec()).is_none());
    assert!(restore(&stream, vec![nodes[0].clone(), nodes[0].clone()]).is_none());
    assert!(restore(&stream, vec![nodes[1].clone(), nodes[0].clone()]).is_none());
    assert!(restore(&stream, vec![nodes[0].clone(), (id(90), nodes[1].1.clone())]).is_none());
    // Whatever number is changed to another, it is refused or read without a fault.
    let node = &nodes[1].1;
    for (at, _) in node {
        for value in [-1, 0, 1, 2, 3, 40, i64::MAX] {
            let mut other = node.clone();
            other.replace_int(at, value);
            if let Some(stream) = restore(&stream, vec![nodes[0].clone(), (id(101), other)]) {
                assert_eq!(stream.range(StreamId::MIN, StreamId::MAX).count(), stream.len());
                assert_eq!(stream.range_back(StreamId::MIN, StreamId::MAX).count(), stream.len());
            }
        }
    }
}

#[test]
fn a_pending_entry_costs_little_more_than_its_words() {
    let before = crate::memory::balance();
    let mut group = Group::new(id(0), None);
    let (consumer, _) = group.see(b"consumer", 0);
    for ms in 0..100_000 {
        group.deliver(id(ms), consumer, 0);
    }
    let each = (crate::memory::balance() - before) / 100_000;
    assert!(each <= 60, "{each} bytes");
    for ms in 0..100_000 {
        assert!(group.acknowledge(id(ms)));
    }
    drop(group);
    assert_eq!(crate::memory::balance(), before);
}
