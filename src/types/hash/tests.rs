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

/// What `with_deadlines` shows.
fn listed_whole(hash: &Hash) -> Vec<(Vec<u8>, Vec<u8>, Option<u64>)> {
    let shown = hash.iter().with_deadlines();
    shown.map(|(field, value, at_ms)| (field.to_vec(), value.to_vec(), at_ms)).collect()
}

#[test]
fn fields_die_when_a_naive_model_says_so() {
    for limits in both() {
        let mut rng = Rng::new(3);
        let mut hash = Hash::new();
        let mut model = Model::new();
        let mut now_ms = 1000;
        for step in 0..8_000 {
            let (field, value) = (word(&mut rng), word(&mut rng));
            let old = model.get(&field).cloned();
            let some_time = now_ms + 1 + rng.below(300) as u64;
            match rng.below(8) {
                0 => {
                    assert_eq!(hash.set(&field, &value, &limits), old.is_none());
                    model.insert(field, (value, None));
                }
                1 => {
                    let is_new = hash.set_as(&field, &value, Lifetime::Keep, &limits);
                    assert_eq!(is_new, old.is_none());
                    model.insert(field, (value, old.and_then(|(_, at_ms)| at_ms)));
                }
                2 => {
                    let is_new = hash.set_as(&field, &value, Lifetime::At(some_time), &limits);
                    assert_eq!(is_new, old.is_none());
                    model.insert(field, (value, Some(some_time)));
                }
                3 | 4 => {
                    let at_ms = (rng.below(4) > 0).then_some(some_time);
                    hash.set_deadline(&field, at_ms, &limits);
                    model.entry(field).and_modify(|known| known.1 = at_ms);
                }
                5 => assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                6 => now_ms += rng.below(20) as u64,
                _ => hash = hash.clone(),
            }
            let most = if step % 3 == 0 { 1 } else { usize::MAX };
            let dead = model.values().filter(|(_, at)| at.is_some_and(|at| at <= now_ms)).count();
            assert_eq!(hash.reap(now_ms, most), dead.min(most));
            hash.reap(now_ms, usize::MAX);
            model.retain(|_, (_, at_ms)| at_ms.is_none_or(|at_ms| at_ms > now_ms));

            let deadlines = || model.values().map(|(_, at_ms)| *at_ms);
            assert_eq!(hash.earliest_ms(), deadlines().flatten().min());
            let latest = if deadlines().all(|at_ms| at_ms.is_some()) {
                deadlines().flatten().max()
            } else {
                None
            };
            assert_eq!((hash.latest_ms(), hash.len()), (latest, model.len()));
        }
        check_whole(&hash, &model);
    }
}

type Model = HashMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn check_whole(hash: &Hash, model: &Model) {
    let mut shown = listed_whole(hash);
    if hash.encoding() == "listpackex" {
        let order = |at_ms: &Option<u64>| at_ms.unwrap_or(u64::MAX);
        assert!(shown.is_sorted_by_key(|(.., at_ms)| order(at_ms)), "the next to die is first");
    }
    let mut expected: Vec<_> =
        model.iter().map(|(field, (value, at))| (field.clone(), value.clone(), *at)).collect();
    for (field, value, at_ms) in &expected {
        assert_eq!(hash.deadline_ms(field), Some(*at_ms));
        assert!(hash.get(field).unwrap().eq_bytes(value) && hash.contains(field));
    }
    assert_eq!(hash.deadline_ms(b"nothing"), None);
    shown.sort();
    expected.sort();
    assert!(shown == expected);
}

#[test]
fn the_first_deadline_changes_the_encoding_for_good() {
    let limits = Limits::new(1);
    let mut hash = Hash::new();
    for field in ["a", "b", "c"] {
        hash.set(field.as_bytes(), b"1", &limits);
    }
    hash.set_deadline(b"b", None, &limits);
    assert_eq!(hash.encoding(), "listpack");
    hash.set_deadline(b"b", Some(9), &limits);
    hash.set_deadline(b"a", Some(9), &limits);
    assert_eq!(hash.encoding(), "listpackex");
    let order = |hash: &Hash| listed(hash).into_iter().flat_map(|(field, _)| field).collect();
    assert_eq!(String::from_utf8(order(&hash)).unwrap(), "abc", "the newest of equals is first");
    hash.set(b"a", b"2", &limits);
    assert_eq!(String::from_utf8(order(&hash)).unwrap(), "bca");
    hash.set_deadline(b"b", None, &limits);
    assert_eq!((hash.encoding(), hash.earliest_ms()), ("listpackex", None));
    hash.set_as(b"long", &[b'x'; 65], Lifetime::At(7), &limits);
    assert_eq!((hash.encoding(), hash.earliest_ms()), ("hashtable", Some(7)));
    assert_eq!((hash.reap(7, 10), hash.len(), hash.earliest_ms()), (1, 3, None));
}

#[test]
fn long_fields_die_too() {
    let limits = Limits::new(1);
    let mut hash = Hash::new();
    // Lengths that begin as the mark of a deadline does, or nearly so.
    for len in [0, 1, 127, 128, 129, 255, 256, 16_384, 20_000] {
        let field = vec![b'f'; len];
        hash.set(&field, b"v", &limits);
        assert!(hash.get(&field).unwrap().eq_bytes(b"v"));
        hash.set_deadline(&field, Some(len as u64 + 1), &limits);
        assert!(hash.get(&field).unwrap().eq_bytes(b"v"));
        assert_eq!(hash.deadline_ms(&field), Some(Some(len as u64 + 1)));
    }
    assert_eq!((hash.len(), hash.reap(16_384, 100), hash.reap(16_385, 100)), (9, 7, 1));
    assert_eq!(hash.latest_ms(), Some(20_001));
}
