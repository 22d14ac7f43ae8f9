//! The table against a map, and the promises of its scan.

use std::collections::{HashMap, HashSet};

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    key: Vec<u8>,
    value: u64,
}

impl Keyed for Entry {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

fn entry(number: usize, value: u64) -> Entry {
    Entry { key: format!("key:{number}").into_bytes(), value }
}

/// Everything that must hold between two calls.
fn check(dict: &Dict<Entry>) {
    assert_eq!(dict.directory.len(), 1 << dict.bits);
    let mut slot = 0;
    let mut seen = HashSet::new();
    let mut len = 0;
    while slot < dict.directory.len() {
        let id = dict.directory[slot] as usize;
        let segment = &dict.segments[id];
        assert!(seen.insert(id), "a segment has one run of slots");
        assert_eq!(dict.slot_of(segment.prefix), slot);
        let run = 1 << (dict.bits - segment.depth);
        assert!(dict.directory[slot..slot + run].iter().all(|&other| other as usize == id));
        slot += run;
        assert_eq!(segment.marks.len(), segment.entries.len());
        assert!(segment.marks.is_sorted());
        for (mark, entry) in segment.marks.iter().zip(&segment.entries) {
            assert_eq!(*mark, dict.mark(&entry.key));
            assert!((u64::from(segment.prefix)..segment.end()).contains(&u64::from(*mark)));
        }
        len += segment.entries.len();
    }
    assert_eq!((seen.len(), len), (dict.segments.len(), dict.len()));
    let deepest = dict.segments.iter().filter(|s| s.depth == dict.bits).count();
    assert_eq!(dict.deepest as usize, deepest);
    assert!(deepest > 0, "the directory is no larger than it must be");
}

#[test]
fn does_what_a_map_does() {
    let mut rng = Rng::new(11);
    let mut dict = Dict::new(3);
    let mut model = HashMap::new();
    // Up, down and up again, so that segments split, merge and split.
    for (step, weight) in [(0, 80), (1, 80), (2, 20), (3, 5), (4, 60), (5, 0)] {
        for round in 0..6_000 {
            let number = rng.below(9_000);
            let key = entry(number, 0).key;
            if rng.below(100) < weight {
                let new = entry(number, rng.next_u64());
                assert_eq!(
                    dict.insert(new.clone()).map(|old| old.value),
                    model.insert(key, new.value)
                );
            } else {
                assert_eq!(dict.remove(&key).map(|old| old.value), model.remove(&key));
            }
            if round % 1_000 == 0 {
                check(&dict);
            }
        }
        assert_eq!(dict.len(), model.len(), "after step {step}");
        for (key, value) in &model {
            assert_eq!(dict.get(key).map(|e| e.value), Some(*value));
        }
        let listed: HashMap<_, _> = dict.iter().map(|e| (e.key.clone(), e.value)).collect();
        assert_eq!((listed.len(), dict.iter().len()), (model.len(), model.len()));
        assert!(listed == model);
    }
    for key in model.keys() {
        dict.get_mut(key).unwrap().value = 1;
        assert!(dict.get(key).unwrap().value == 1 && dict.remove(key).is_some());
    }
    check(&dict);
    assert_eq!((dict.len(), dict.segments.len(), dict.bits), (0, 1, 0));
}

#[test]
fn a_scan_visits_what_stays_whatever_else_comes_and_goes() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut dict = Dict::new(seed);
        for number in 0..3_000 {
            dict.insert(entry(number, 0));
        }
        let stays: HashSet<_> = (0..1_000).map(|n| entry(n, 0).key).collect();
        let (mut cursor, mut steps) = (0, 0);
        let mut seen = HashSet::new();
        loop {
            cursor = dict.scan(cursor, 10, |e| {
                seen.insert(e.key.clone());
            });
            steps += 1;
            assert!(cursor < 1 << 53);
            if cursor == 0 {
                break;
            }
            // Even seeds grow the table manifold meanwhile, odd ones shrink it.
            for _ in 0..if seed % 2 == 0 { 9 } else { 60 } {
                if seed % 2 == 0 {
                    dict.insert(entry(3_000 + rng.below(1_000_000), 0));
                } else {
                    dict.remove(&entry(1_000 + rng.below(2_000), 0).key);
                }
            }
        }
        assert!(stays.is_subset(&seen), "seed {seed}");
        assert!(steps > 50, "a step visits little: {steps} steps");
    }
}

#[test]
fn a_scan_at_rest_visits_each_entry_once_and_keeps_to_its_count() {
    let mut dict = Dict::new(9);
    for number in 0..5_000 {
        dict.insert(entry(number, 0));
    }
    for count in [1, 10, 1_000, 10_000] {
        let (mut cursor, mut keys) = (0, Vec::new());
        loop {
            let before = keys.len();
            cursor = dict.scan(cursor, count, |e| keys.push(e.key.clone()));
            assert!(keys.len() - before <= count + 2);
            if cursor == 0 {
                break;
            }
        }
        let listed: Vec<_> = dict.iter().map(|e| e.key.clone()).collect();
        assert!(keys == listed, "the order is that of iter");
    }
    assert_eq!(dict.scan(1 << 40, 10, |_| panic!("there is nothing that far")), 0);
    assert_eq!(Dict::<Entry>::new(1).scan(0, 10, |_| ()), 0);
}

#[test]
fn entries_with_one_mark_are_visited_together() {
    let mut dict = Dict::new(0);
    for number in 0..100 {
        dict.insert(entry(number, 0));
    }
    // No such keys are known, so the marks are forged.
    for mark in &mut dict.segments[0].marks[20..30] {
        *mark = 0;
    }
    dict.segments[0].marks.sort_unstable();
    let mut visited = 0;
    let next = dict.scan(0, 3, |_| visited += 1);
    assert_eq!(visited, 10);
    assert_eq!(next, u64::from(dict.segments[0].marks[10]));
}

#[test]
fn random_entries_are_equally_likely_also_when_sparse() {
    let mut dict = Dict::new(5);
    for number in 0..4_000 {
        dict.insert(entry(number, 0));
    }
    for number in 100..4_000 {
        dict.remove(&entry(number, 0).key);
    }
    check(&dict);
    let mut rng = Rng::new(1);
    let mut drawn = HashMap::new();
    for _ in 0..100_000 {
        *drawn.entry(dict.random(&mut rng).unwrap().key.clone()).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 100);
    assert!(drawn.values().all(|n| (800..1_200).contains(n)), "{drawn:?}");
    assert!(Dict::<Entry>::new(1).random(&mut rng).is_none());
}

#[test]
fn equal_seeds_give_equal_orders() {
    let order = |seed, numbers: &mut dyn Iterator<Item = usize>| {
        let mut dict = Dict::new(seed);
        numbers.for_each(|number| _ = dict.insert(entry(number, 0)));
        dict.iter().map(|e| e.key.clone()).collect::<Vec<_>>()
    };
    assert!(order(1, &mut (0..2_000)) == order(1, &mut (0..2_000).rev()));
    assert!(order(1, &mut (0..2_000)) != order(2, &mut (0..2_000)));
}

#[test]
fn a_sample_has_no_entry_twice_and_each_is_equally_likely() {
    let mut dict = Dict::new(5);
    for number in 0..1_000 {
        dict.insert(entry(number, 0));
    }
    let mut rng = Rng::new(3);
    // Drawn at random, and picked while going through all.
    for count in [100, 500] {
        let mut drawn = HashMap::new();
        for _ in 0..2_000 {
            let mut keys = HashSet::new();
            dict.sample(count, &mut rng, |e| assert!(keys.insert(&e.key)));
            assert_eq!(keys.len(), count);
            for key in keys {
                *drawn.entry(key).or_insert(0) += 1;
            }
        }
        let expected = count * 2;
        assert_eq!(drawn.len(), 1_000);
        assert!(drawn.values().all(|n| (expected * 6 / 10..expected * 14 / 10).contains(n)));
    }
    let mut all = 0;
    dict.sample(5_000, &mut rng, |_| all += 1);
    assert_eq!(all, 1_000);
}
