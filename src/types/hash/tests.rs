//! Hashes against a naive model, across their encodings.

use std::collections::{HashMap, HashSet};

use super::*;

/// Both encodings: compact as long as it may be, and never compact.
fn both() -> [Limits; 2] {
    let compact = Limits::new(1);
    [compact, Limits { hash_max_listpack_entries: 0, ..compact }]
}

/// Words that are integers and words that are not, few enough to meet again.
fn word(rng: &mut Rng) -> Vec<u8> {
    match rng.below(3) {
        0 => (rng.below(100) as i64 - 50).to_string().into_bytes(),
        1 => vec![0xFF; rng.below(64)],
        _ => format!("field:{}", rng.below(100)).into_bytes(),
    }
}

fn listed(hash: &Hash) -> Vec<(Vec<u8>, Vec<u8>)> {
    hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

#[test]
fn does_what_a_list_of_pairs_does() {
    for limits in both() {
        let mut rng = Rng::new(2);
        let mut hash = Hash::new();
        let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for _ in 0..6_000 {
            let (field, value) = (word(&mut rng), word(&mut rng));
            let at = model.iter().position(|(other, _)| *other == field);
            assert_eq!(hash.contains(&field), at.is_some());
            if rng.below(5) < 3 {
                assert_eq!(hash.set(&field, &value, &limits), at.is_none());
                match at {
                    Some(at) => model[at].1 = value,
                    None => model.push((field, value)),
                }
            } else {
                assert_eq!(hash.remove(&field), at.is_some());
                at.map(|at| model.remove(at));
            }
            assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(hash.iter().len(), model.len());
        }
        for (field, value) in &model {
            let found = hash.get(field).unwrap();
            assert!(found.eq_bytes(value) && found.len() == value.len());
        }
        assert!(hash.get(b"nothing").is_none() && !hash.remove(b"nothing"));
        let mut found = listed(&hash);
        if hash.encoding() == "hashtable" {
            found.sort();
            model.sort();
        }
        assert!(found == model, "a small hash keeps the order in which fields came");
    }
}

#[test]
fn the_encoding_changes_where_a_server_changes_it() {
    let limits = Limits::new(1);
    let mut hash = Hash::new();
    for i in 0..512 {
        hash.set(format!("f{i}").as_bytes(), b"v", &limits);
    }
    hash.set(b"f7", b"w", &limits);
    assert_eq!(hash.encoding(), "listpack");
    assert!(hash.set(b"one more", b"v", &limits));
    assert_eq!((hash.encoding(), hash.len()), ("hashtable", 513));
    assert!(hash.get(b"f7").unwrap().eq_bytes(b"w"));
    for i in 0..512 {
        hash.remove(format!("f{i}").as_bytes());
    }
    assert_eq!(hash.encoding(), "hashtable", "there is no way back");

    for (field, value, expected) in
        [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")]
    {
        let mut hash = Hash::new();
        hash.set(&vec![b'x'; field], &vec![b'y'; value], &limits);
        assert_eq!(hash.encoding(), expected, "{field} {value}");
    }
    let expecting = |count, len_bytes| {
        let mut hash = Hash::new();
        hash.expect(count, len_bytes, &limits);
        hash.encoding()
    };
    assert_eq!(expecting(512, 64), "listpack");
    assert_eq!((expecting(513, 1), expecting(1, 65)), ("hashtable", "hashtable"));
}

#[test]
fn scans_samples_and_draws_reach_every_field() {
    for limits in both() {
        let mut hash = Hash::new();
        for i in 0..200 {
            hash.set(format!("f{i}").as_bytes(), i.to_string().as_bytes(), &limits);
        }
        let belong = |field: &Element<'_>, value: &Element<'_>| {
            assert_eq!(field.to_vec(), [b"f", &value.to_vec()[..]].concat());
        };
        let (mut cursor, mut seen, mut rng) = (0, HashMap::new(), Rng::new(8));
        loop {
            cursor = hash.scan(cursor, 10, |field, value| {
                belong(&field, &value);
                seen.insert(field.to_vec(), 0);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 200);
        for count in [20, 150, 900] {
            let mut sampled = HashSet::new();
            hash.sample(count, &mut rng, |field, value| {
                belong(&field, &value);
                assert!(sampled.insert(field.to_vec()));
            });
            assert_eq!(sampled.len(), count.min(200));
        }
        for _ in 0..20_000 {
            let (field, value) = hash.random(&mut rng).unwrap();
            belong(&field, &value);
            *seen.get_mut(&field.to_vec()).unwrap() += 1;
        }
        assert!(seen.values().all(|n| (50..160).contains(n)), "{seen:?}");
        let mut copy = hash.clone();
        copy.set(b"f7", b"other", &limits);
        copy.remove(b"f8");
        assert_eq!((hash.len(), copy.len()), (200, 199));
        assert!(hash.get(b"f7").unwrap().eq_bytes(b"7") && hash.contains(b"f8"));
    }
    assert!(Hash::new().random(&mut Rng::new(1)).is_none());
}

#[test]
fn long_fields_and_values_come_back() {
    let limits = Limits::new(1);
    let mut hash = Hash::new();
    let (field, value) = (vec![b'f'; 20_000], vec![b'v'; 3_000_000]);
    assert!(hash.set(&field, &value, &limits) && hash.set(b"", b"", &limits));
    assert!(hash.get(&field).unwrap().eq_bytes(&value));
    assert!(hash.get(b"").unwrap().is_empty());
}
