//! Values written down and read again, whole and damaged.

use super::*;
use crate::types::list::End;
use crate::types::random::Rng;
use crate::types::stream::{NodeLimits, StreamId};

fn settings() -> Settings {
    Settings { limits: Limits::new(1), fill: Fill::default(), checksums: Checksums::Heeded }
}

/// A payload of this body with a right footer.
fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    let sum = CRC.checksum(&payload);
    payload.extend(sum.to_le_bytes());
    payload
}

fn word(i: usize, len: usize) -> Vec<u8> {
    let mut word = if i.is_multiple_of(3) { i.to_string() } else { format!("w{i}") }.into_bytes();
    if len > 0 {
        word.resize(len, b'-');
    }
    word
}

/// One value of every type, of so many elements of so many bytes (0: few).
fn values(count: usize, len: usize) -> Vec<Value> {
    let Settings { limits, fill, .. } = settings();
    let words: Vec<_> = (0..count).map(|i| word(i, len)).collect();
    let mut list = List::new();
    let (mut set, mut ints) = (Set::new(), Set::new());
    let (mut hash, mut sorted) = (Hash::new(), SortedSet::new());
    for (i, word) in words.iter().enumerate() {
        list.push(End::Tail, [&word[..]], fill);
        let own = [&i.to_string().into_bytes()[..], word].concat();
        set.add(&own, &limits);
        ints.add((i * 7919).to_string().as_bytes(), &limits);
        hash.set(&own, word, &limits);
        sorted.insert(&own, i as f64 / 4.0 - 3.0, &limits);
    }
    vec![
        Value::String(words.concat()),
        Value::List(list),
        Value::Set(set),
        Value::Set(ints),
        Value::Hash(hash),
        Value::SortedSet(sorted),
        Value::Stream(stream(&words)),
    ]
}

fn stream(words: &[Vec<u8>]) -> Stream {
    let mut stream = Stream::new();
    for (i, word) in words.iter().enumerate() {
        let names: [&[u8]; 2] = if i.is_multiple_of(7) { [b"other", b"2"] } else { [b"a", b"b"] };
        let pairs = names.into_iter().map(|name| (name, &word[..]));
        let id = StreamId::new(i as u64 / 3 + 1, i as u64 % 3);
        stream.append(id, pairs, NodeLimits::default()).unwrap();
    }
    stream.delete(StreamId::new(1, 0));
    let group = stream.create_group(b"group", StreamId::new(2, 0), Some(3)).unwrap();
    let (alice, _) = group.see(b"alice", 1000);
    group.deliver(StreamId::new(1, 0), alice, 2000);
    group.deliver(StreamId::new(1, 1), alice, 2001);
    group.note_active(alice, 2001);
    group.create_consumer(b"bob", 3000);
    stream
}

/// Everything that is in it, in an order of its own.
fn content(entry: &Entry) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut push = |text: Vec<u8>| found.push(text);
    match entry.kind() {
        Kind::String => push(entry.as_str().unwrap().as_bytes(&mut itoa::Buffer::new()).to_vec()),
        Kind::List => {
            let list = entry.as_collection::<List>().unwrap();
            list.iter().for_each(|element| push(element.to_vec()));
            return found;
        }
        Kind::Set => {
            entry.as_collection::<Set>().unwrap().iter().for_each(|member| push(member.to_vec()));
        }
        Kind::Hash => {
            let pairs = entry.as_collection::<Hash>().unwrap().iter();
            pairs.for_each(|(field, value)| push([field.to_vec(), value.to_vec()].join(&b'=')));
        }
        Kind::SortedSet => {
            for (member, score) in entry.as_collection::<SortedSet>().unwrap() {
                push([member.to_vec(), score.to_string().into_bytes()].join(&b'='));
            }
        }
        Kind::Stream => {
            for one in entry.as_collection::<Stream>().unwrap().range(StreamId::MIN, StreamId::MAX)
            {
                push(one.id.to_vec());
                for (name, value) in one.fields {
                    push([name.to_vec(), value.to_vec()].join(&b'='));
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_value_comes_back_as_it_was() {
    for (count, len) in [(1, 0), (20, 0), (20, 70), (700, 0), (300, 9000)] {
        for value in values(count, len) {
            let entry = value.into_entry(b"key", None);
            let payload = dump(&entry);
            let again = restore(&payload, &settings()).unwrap().into_entry(b"key", None);
            assert_eq!(crate::store::encoding(&again), crate::store::encoding(&entry));
            assert!(content(&again) == content(&entry), "{count} {len} {:?}", entry.kind());
            if !matches!(payload[0], kind::SET | kind::HASH) {
                assert!(dump(&again) == payload, "{count} {len} {:?}", entry.kind());
            }
        }
    }
}

#[test]
fn damage_is_refused_or_harmless() {
    let mut rng = Rng::new(3);
    let mut refused = 0;
    for (count, len) in [(3, 0), (20, 0), (12, 70), (200, 0)] {
        for value in values(count, len) {
            let payload = dump(&value.into_entry(b"key", None));
            let body = &payload[..payload.len() - 10];
            for _ in 0..600 {
                let mut body = body.to_vec();
                for _ in 0..=rng.below(2) {
                    let at = rng.below(body.len());
                    body[at] = match rng.below(3) {
                        0 => rng.below(256) as u8,
                        1 => body[at] ^ (1 << rng.below(8)),
                        _ => [0, 1, 0x7F, 0x80, 0xFE, 0xFF][rng.below(6)],
                    };
                }
                if rng.below(10) == 0 {
                    body.truncate(rng.below(body.len()));
                }
                match restore(&sealed(&body, VERSION), &settings()) {
                    Ok(value) => {
                        let entry = value.into_entry(b"key", None);
                        let whole = content(&entry);
                        let again = restore(&dump(&entry), &settings()).unwrap();
                        assert!(content(&again.into_entry(b"key", None)) == whole);
                    }
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::Value);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 5_000, "{refused}");
}

#[test]
fn the_footer_is_looked_at_first() {
    let entry = Value::String(b"hello".to_vec()).into_entry(b"key", None);
    let body = b"\x00\x05hello";
    assert_eq!(dump(&entry), sealed(body, 11));
    for version in [1, 9, 10, 12, 80] {
        assert!(restore(&sealed(body, version), &settings()).is_ok(), "{version}");
    }
    for version in [13, 79, 81, 0x0B0B] {
        let refusal = restore(&sealed(body, version), &settings()).err();
        assert_eq!(refusal, Some(Refusal::Footer), "{version}");
    }
    let mut payload = sealed(body, 11);
    payload[3] ^= 1;
    assert_eq!(restore(&payload, &settings()).err(), Some(Refusal::Footer));
    for len in 0..10 {
        assert_eq!(restore(&payload[..len], &settings()).err(), Some(Refusal::Footer));
    }
    assert_eq!(restore(&sealed(b"", 11), &settings()).err(), Some(Refusal::Value));
}

#[test]
fn a_length_that_lies_reserves_nothing() {
    for kind in 0..=30 {
        for len in [&b"\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"[..], b"\x80\xFF\xFF\xFF\xFF"] {
            let before = crate::memory::balance();
            let refused = restore(&sealed(&[&[kind][..], len].concat(), 11), &settings());
            assert_eq!(refused.err(), Some(Refusal::Value), "{kind}");
            assert_eq!(crate::memory::balance(), before);
        }
    }
}

/// The fields of a hash with their deadlines, in order.
fn fields(payload: &[u8]) -> Vec<(Vec<u8>, Vec<u8>, Option<u64>)> {
    let Ok(Value::Hash(hash)) = restore(payload, &settings()) else { panic!("no hash") };
    let all = hash.iter().with_deadlines();
    let mut all: Vec<_> = all.map(|(f, v, at_ms)| (f.to_vec(), v.to_vec(), at_ms)).collect();
    all.sort();
    all
}

/// As Redis 8.0 and Valkey 9.1 answered DUMP.
#[test]
fn fields_that_die_are_read_in_the_forms_of_both_houses() {
    const AT_MS: u64 = 33_177_117_420_000;
    let listpack = b"\x19\xe0iL\xa6,\x1e\x00\x00//\x00\x00\x00\t\x00\x81b\x02\x83two\x04\xf4\xe0iL\
        \xa6,\x1e\x00\x00\t\x81a\x02\x01\x01\xf4\xc8mL\xa6,\x1e\x00\x00\t\x81c\x02\x03\x01\x00\x01\
        \xff\x0c\x00h\x16cHh\xb1\xcc\x1c";
    let valkey = b"\x16\x03\x01a\xc0\x01\xc8mL\xa6,\x1e\x00\x00\x01b\x03two\xe0iL\xa6,\x1e\x00\x00\
        \x01c\xc0\x03\xff\xff\xff\xff\xff\xff\xff\xffP\x00C\xb1Y\xf9\xf2\x1d\xbb\x19";
    let small = vec![
        (b"a".to_vec(), b"1".to_vec(), Some(AT_MS + 1000)),
        (b"b".to_vec(), b"two".to_vec(), Some(AT_MS)),
        (b"c".to_vec(), b"3".to_vec(), None),
    ];
    assert_eq!(fields(listpack), small);
    assert_eq!(fields(valkey), small);
    let entry = restore(listpack, &settings()).unwrap().into_entry(b"key", None);
    assert_eq!(dump(&entry), listpack);

    let table = b"\x18\xe0iL\xa6,\x1e\x00\x00\x03\x00\x01c\xc0\x03\x06\x01b\xc3\t@F\x01xx\xe09\x00\
        \x01xx\x01\x01a\xc0\x01\x0c\x00\xb5G\xae4\xa6\x18n\x11";
    let valkey = b"\x16\x03\x01a\xc0\x01\xe0iL\xa6,\x1e\x00\x00\x01b\xc3\t@F\x01xx\xe09\x00\x01xx\
        \xe5iL\xa6,\x1e\x00\x00\x01c\xc0\x03\xff\xff\xff\xff\xff\xff\xff\xffP\x00\rj@<\"\x16\xd3\
        \xb9";
    let big = vec![
        (b"a".to_vec(), b"1".to_vec(), Some(AT_MS)),
        (b"b".to_vec(), vec![b'x'; 70], Some(AT_MS + 5)),
        (b"c".to_vec(), b"3".to_vec(), None),
    ];
    assert_eq!(fields(table), big);
    assert_eq!(fields(valkey), big);
    let again = dump(&restore(table, &settings()).unwrap().into_entry(b"key", None));
    assert_eq!((again[0], fields(&again)), (kind::HASH_METADATA, big));

    // Of candidates: the same without the earliest deadline.
    let bare = [&[kind::HASH_LISTPACK_EX_OLD][..], &listpack[9..listpack.len() - 10]].concat();
    assert_eq!(fields(&sealed(&bare, 12)), small);
    let bare = b"\x16\x02\x00\x01f\x01v\x81\x00\x00\x1e\x2c\xa6\x4c\x69\xe0\x01g\x01w";
    let told = fields(&sealed(bare, 12));
    assert_eq!(told.iter().map(|(.., at_ms)| *at_ms).collect::<Vec<_>>(), [None, Some(AT_MS)]);
    assert_eq!(restore(&sealed(bare, 80), &settings()).err(), Some(Refusal::Value));
}
