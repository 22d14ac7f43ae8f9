//! Streams against an ordered map, and their nodes against a server's.

use super::node::NodeReader;
use super::*;
use crate::types::dice::Dice;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
type Model = BTreeMap<StreamId, Pairs>;

const LIMITS: NodeLimits = NodeLimits { max_bytes: 4096, max_entries: 100 };

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn add(stream: &mut Stream, id: StreamId, pairs: &Pairs, limits: NodeLimits) {
    let pairs = pairs.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    assert_eq!(stream.append(id, pairs, limits), Ok(()));
}

fn add_simple(stream: &mut Stream, ms: u64, pairs: &[(&str, &str)]) {
    let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    assert_eq!(stream.append(id(ms, 0), pairs, LIMITS), Ok(()));
}

fn read<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<(StreamId, Pairs)> {
    entries
        .map(|entry| {
            let fields = entry.fields.map(|(name, value)| (name.to_vec(), value.to_vec()));
            (entry.id, fields.collect())
        })
        .collect()
}

fn part(model: &Model, start: StreamId, end: StreamId) -> Vec<(StreamId, Pairs)> {
    let inside = |id: &StreamId| (start..=end).contains(id);
    model.iter().filter(|(id, _)| inside(id)).map(|(id, pairs)| (*id, pairs.clone())).collect()
}

fn check(stream: &Stream, model: &Model) {
    assert_eq!(stream.len(), model.len());
    let all = part(model, StreamId::MIN, StreamId::MAX);
    assert_eq!(read(stream.range(StreamId::MIN, StreamId::MAX)), all);
    let mut back = read(stream.range_back(StreamId::MIN, StreamId::MAX));
    back.reverse();
    assert_eq!(back, all);
    assert_eq!(stream.first_id(), all.first().map_or(StreamId::MIN, |(id, _)| *id));
    assert_eq!(stream.last_valid_id(), all.last().map_or(StreamId::MIN, |(id, _)| *id));
    for (_, node) in stream.nodes() {
        assert!(Listpack::from_bytes(node.as_bytes()).is_some());
    }
}

#[test]
fn a_stream_is_one_pointer() {
    assert_eq!(size_of::<Stream>(), 8);
}

#[test]
fn random_changes_agree_with_a_tree() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let limits = [
            LIMITS,
            NodeLimits { max_bytes: 200, max_entries: 0 },
            NodeLimits { max_bytes: 0, max_entries: 5 },
            NodeLimits { max_bytes: 0, max_entries: 1 },
        ][dice.below(4)];
        let (mut stream, mut model) = (Stream::new(), Model::new());
        let mut added = 0;
        for step in 0..400 {
            match dice.below(10) {
                0 => delete(&mut dice, &mut stream, &mut model),
                1 if dice.below(4) == 0 => trim_exactly(&mut dice, &mut stream, &mut model),
                1 if dice.below(4) == 0 => trim_roughly(&mut dice, &mut stream, &mut model),
                2 => look(&mut dice, &stream, &model),
                _ => {
                    let (id, pairs) = (later(&mut dice, stream.last_id()), pairs(&mut dice));
                    add(&mut stream, id, &pairs, limits);
                    model.insert(id, pairs);
                    added += 1;
                    assert_eq!((stream.last_id(), stream.entries_added()), (id, added));
                }
            }
            if step % 20 == 0 {
                check(&stream, &model);
            }
        }
        check(&stream, &model);
    }
}

/// An id a little or a lot after `last`, sometimes with a smaller sequence number.
fn later(dice: &mut Dice, last: StreamId) -> StreamId {
    match dice.below(4) {
        0 => id(last.ms + 1 + dice.below(5) as u64, dice.below(10) as u64),
        1 => id(last.ms + 1 + (dice.roll() >> 20), dice.roll()),
        _ if last.seq == u64::MAX => id(last.ms + 1, 0),
        2 => last.incr().unwrap(),
        _ => id(last.ms, last.seq.saturating_add(1 + dice.roll() % 1000)),
    }
}

/// Mostly the same few names.
fn pairs(dice: &mut Dice) -> Pairs {
    let names: &[&[u8]] = match dice.below(4) {
        0 | 1 => &[b"a", b"b", b"c"],
        2 => &[b"a", b"b"],
        _ => &[b"7", b"b", b"a", b""],
    };
    names.iter().map(|name| (name.to_vec(), dice.word())).collect()
}

/// An id that is there, or one near it.
fn some_id(dice: &mut Dice, model: &Model) -> StreamId {
    let known = model.keys().nth(dice.below(model.len())).copied().unwrap_or_default();
    match dice.below(4) {
        0 => known.incr().unwrap(),
        1 => known.decr().unwrap_or_default(),
        _ => known,
    }
}

fn delete(dice: &mut Dice, stream: &mut Stream, model: &mut Model) {
    let id = some_id(dice, model);
    let tombstone = stream.max_deleted_id();
    let removed = model.remove(&id).is_some();
    assert_eq!(stream.delete(id), removed);
    assert_eq!(stream.max_deleted_id(), if removed { tombstone.max(id) } else { tombstone });
}

fn trim_exactly(dice: &mut Dice, stream: &mut Stream, model: &mut Model) {
    let before = model.len();
    let by = if dice.below(2) == 0 {
        let len = dice.below(model.len() + 2);
        while model.len() > len {
            model.pop_first();
        }
        Trim::MaxLen(len)
    } else {
        let min = some_id(dice, model);
        model.retain(|id, _| *id >= min);
        Trim::MinId(min)
    };
    assert_eq!(stream.trim(by, Precision::Exact), before - model.len());
}

/// Whole nodes go as long as the bound and the limit let them, judged node by node.
fn trim_roughly(dice: &mut Dice, stream: &mut Stream, model: &mut Model) {
    let limit = dice.below(2) * dice.below(50);
    let by = match dice.below(2) {
        0 => Trim::MaxLen(dice.below(model.len() + 2)),
        _ => Trim::MinId(some_id(dice, model)),
    };
    let keys: Vec<_> = stream.nodes().map(|(id, _)| id).collect();
    let mut removed = 0;
    for (i, first) in keys.iter().enumerate() {
        let next = keys.get(i + 1).copied().unwrap_or(StreamId::MAX);
        let here: Vec<_> = model.range(*first..next).map(|(id, _)| *id).collect();
        let goes = match by {
            Trim::MaxLen(len) => model.len() > len && model.len() - here.len() >= len,
            // The last id of a node may belong to a deleted entry, so ask the node.
            Trim::MinId(min) => {
                NodeReader::new(*first, &stream.nodes[first]).last_id().unwrap() < min
            }
        };
        if !goes || (limit > 0 && removed + here.len() > limit) {
            break;
        }
        removed += here.len();
        model.retain(|id, _| !here.contains(id));
    }
    assert_eq!(stream.trim(by, Precision::Approximate { limit }), removed);
}

fn look(dice: &mut Dice, stream: &Stream, model: &Model) {
    let (start, end) = (some_id(dice, model), some_id(dice, model));
    let expected = part(model, start, end);
    assert_eq!(read(stream.range(start, end)), expected);
    let mut back = read(stream.range_back(start, end));
    back.reverse();
    assert_eq!(back, expected);
    assert_eq!(read(stream.get(start).into_iter()), part(model, start, start));
}

#[test]
fn a_node_has_the_layout_of_redis() {
    let mut stream = Stream::new();
    add_simple(&mut stream, 1000, &[("name", "x"), ("7", "8")]);
    add_simple(&mut stream, 1001, &[("name", "y"), ("7", "z")]);
    add_simple(&mut stream, 1500, &[("name", "y")]);
    stream.delete(id(1001, 0));
    let (key, node) = stream.nodes().next().unwrap();
    assert_eq!(key, id(1000, 0));
    let expected = [
        "2", "1", "2", "name", "7", "0", // the master entry
        "2", "0", "0", "x", "8", "5", // flags, deltas, values, back
        "3", "1", "0", "y", "z", "5", // deleted
        "0", "500", "0", "1", "name", "y", "6",
    ];
    let elements: Vec<_> = node.iter().map(|(_, element)| element.to_vec()).collect();
    assert_eq!(elements, expected.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn a_node_ends_at_a_hundred_entries_or_four_kilobytes() {
    let mut stream = Stream::new();
    for ms in 1..=250 {
        add_simple(&mut stream, ms, &[("a", "b")]);
    }
    let keys: Vec<_> = stream.nodes().map(|(id, _)| id.ms).collect();
    assert_eq!(keys, [1, 101, 201]);
    // Deleted entries count.
    stream.delete(id(201, 0));
    for ms in 251..=301 {
        add_simple(&mut stream, ms, &[("a", "b")]);
    }
    assert_eq!(stream.nodes().last().unwrap().0.ms, 301);

    let mut stream = Stream::new();
    for ms in 1..=5 {
        add_simple(&mut stream, ms, &[("a", &"b".repeat(1500))]);
    }
    let keys: Vec<_> = stream.nodes().map(|(id, _)| id.ms).collect();
    assert_eq!(keys, [1, 3, 5]);
}

#[test]
fn ids_must_grow() {
    let mut stream = Stream::new();
    let none = std::iter::empty();
    assert_eq!(stream.append(id(0, 0), none.clone(), LIMITS), Err(AppendError::NotGreater));
    add_simple(&mut stream, 5, &[("a", "b")]);
    assert_eq!(stream.append(id(5, 0), none.clone(), LIMITS), Err(AppendError::NotGreater));
    assert_eq!(stream.append(id(4, 9), none, LIMITS), Err(AppendError::NotGreater));
    assert_eq!(stream.len(), 1);
}

#[test]
fn new_ids_follow_the_clock_and_never_go_back() {
    let mut stream = Stream::new();
    stream.set_id(id(100, 3), None, None);
    assert_eq!(stream.next_id(101), Some(id(101, 0)));
    assert_eq!(stream.next_id(100), Some(id(100, 4)));
    assert_eq!(stream.next_id(50), Some(id(100, 4)));
    assert_eq!(stream.next_in(101), Some(id(101, 0)));
    assert_eq!(stream.next_in(100), Some(id(100, 4)));
    assert_eq!(stream.next_in(99), None);
    stream.set_id(id(100, u64::MAX), None, None);
    assert_eq!(stream.next_id(100), Some(id(101, 0)));
    assert_eq!(stream.next_in(100), None);
    stream.set_id(StreamId::MAX, Some(7), Some(id(9, 9)));
    assert_eq!(stream.next_id(100), None);
    assert_eq!((stream.entries_added(), stream.max_deleted_id()), (7, id(9, 9)));
}

#[test]
fn an_emptied_stream_remembers_its_ids() {
    let mut stream = Stream::new();
    add_simple(&mut stream, 1, &[("a", "b")]);
    assert!(stream.delete(id(1, 0)));
    assert!(!stream.delete(id(1, 0)));
    assert!(stream.is_empty());
    assert_eq!(
        (stream.nodes().len(), stream.last_id(), stream.first_id()),
        (0, id(1, 0), id(0, 0))
    );
    add_simple(&mut stream, 2, &[("a", "b")]);
    assert_eq!(stream.first_id(), id(2, 0));
}

#[test]
fn ids_are_read_as_a_server_reads_them() {
    for (text, expected) in [
        ("1-2", Some(id(1, 2))),
        ("5", Some(id(5, 9))),
        ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
        ("007-01", Some(id(7, 1))),
        (" 7-+1", Some(id(7, 1))),
        ("1--01", Some(id(1, u64::MAX))),
        ("1--1", None),
        ("18446744073709551616-0", None),
        ("", None),
        ("-", None),
        ("-5", None),
        ("5-", None),
        ("1-2-3", None),
        ("1-*", None),
        ("a-1", None),
        ("1 -1", None),
    ] {
        assert_eq!(StreamId::parse(text.as_bytes(), 9), expected, "{text:?}");
    }
    assert_eq!(StreamId::parse_auto_seq(b"12-*"), Some(12));
    assert_eq!(StreamId::parse_auto_seq(b"12-1"), None);
    assert_eq!(StreamId::parse_auto_seq(b"*"), None);
}

#[test]
fn ids_are_printed_and_counted_across_the_edge_of_a_millisecond() {
    assert_eq!(StreamId::MAX.to_vec(), b"18446744073709551615-18446744073709551615");
    assert_eq!(id(1, 20).to_vec(), id(1, 20).to_string().into_bytes());
    assert_eq!(id(1, u64::MAX).incr(), Some(id(2, 0)));
    assert_eq!(id(2, 0).decr(), Some(id(1, u64::MAX)));
    assert_eq!((StreamId::MAX.incr(), StreamId::MIN.decr()), (None, None));
}
