//! Sets against an ordered set, across their encodings.

use std::collections::{HashMap, HashSet};

use super::*;

fn compact() -> Limits {
    Limits::new(1)
}

/// Never compact.
fn table_only() -> Limits {
    Limits { set_max_intset_entries: 0, set_max_listpack_entries: 0, ..compact() }
}

/// Integers only, or integers and others, few enough to meet again.
fn word(rng: &mut Rng, ints_only: bool) -> Vec<u8> {
    match rng.below(if ints_only { 2 } else { 5 }) {
        0 => (rng.below(60) as i64 - 30).to_string().into_bytes(),
        1 => (i64::MAX - rng.below(20) as i64).to_string().into_bytes(),
        2 => vec![0xFF; rng.below(64)],
        _ => format!("m{}", rng.below(100)).into_bytes(),
    }
}

#[test]
fn does_what_a_list_of_members_does() {
    for (limits, ints_only, encoding) in [
        (compact(), true, "intset"),
        (Limits { set_max_listpack_entries: 1_000, ..compact() }, false, "listpack"),
        (compact(), false, "hashtable"),
        (table_only(), true, "hashtable"),
    ] {
        let mut rng = Rng::new(2);
        let mut set = Set::new();
        let mut model: Vec<Vec<u8>> = Vec::new();
        for _ in 0..6_000 {
            let member = word(&mut rng, ints_only);
            let at = model.iter().position(|other| *other == member);
            assert_eq!(set.contains(&member), at.is_some());
            if rng.below(5) < 4 {
                assert_eq!(set.add(&member, &limits), at.is_none());
                if at.is_none() {
                    model.push(member);
                }
            } else {
                assert_eq!(set.remove(&member), at.is_some());
                at.map(|at| model.remove(at));
            }
            assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            assert_eq!(set.iter().len(), model.len());
        }
        assert_eq!(set.encoding(), encoding);
        let mut found: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
        assert_eq!(found.len(), model.len());
        if encoding == "intset" {
            model.sort_by_key(|member| parse_int(member));
        } else {
            found.sort();
            model.sort();
        }
        assert!(found == model);
        assert!(!set.remove(b"nobody") && !set.contains(b"nobody"));
    }
}

/// The encoding of a set to which these were added one by one.
fn encoding_of(members: impl IntoIterator<Item = String>) -> (&'static str, usize) {
    let mut set = Set::new();
    for member in members {
        assert!(set.add(member.as_bytes(), &compact()));
    }
    (set.encoding(), set.len())
}

#[test]
fn the_encoding_changes_where_a_server_changes_it() {
    let ints = |count: usize| (0..count).map(|i| i.to_string());
    let long = |len: usize| ["x".repeat(len)];
    assert_eq!(encoding_of(ints(512)), ("intset", 512));
    assert_eq!(encoding_of(ints(513)), ("hashtable", 513));
    assert_eq!(encoding_of(ints(127).chain(long(64))), ("listpack", 128));
    assert_eq!(encoding_of(ints(128).chain(long(1))), ("hashtable", 129));
    assert_eq!(encoding_of(ints(1).chain(long(65))), ("hashtable", 2));
    assert_eq!(encoding_of(long(64)), ("listpack", 1));
    assert_eq!(encoding_of(long(65)), ("hashtable", 1));
    assert_eq!(encoding_of(long(1).into_iter().chain(ints(127))), ("listpack", 128));
    assert_eq!(encoding_of(long(1).into_iter().chain(ints(128))), ("hashtable", 129));
    assert_eq!(encoding_of(["+1".into(), "01".into()]), ("listpack", 2));

    // A listpack that becomes short of strings stays one, and keeps the order of arrival.
    let mut set = Set::new();
    for member in ["3", "1", "a", "2"] {
        set.add(member.as_bytes(), &compact());
    }
    set.remove(b"a");
    let found: Vec<_> = set.iter().collect();
    assert_eq!(found, [Element::Int(1), Element::Int(3), Element::Int(2)]);
    assert_eq!(set.encoding(), "listpack");
}

#[test]
fn a_lowered_limit_shows_when_a_member_is_added() {
    let lowered = Limits { set_max_intset_entries: 2, ..compact() };
    let mut set = Set::new();
    for member in [b"1", b"2", b"3"] {
        set.add(member, &compact());
    }
    assert!(!set.add(b"3", &lowered));
    assert_eq!(set.encoding(), "intset");
    assert!(set.add(b"4", &lowered));
    assert_eq!(set.encoding(), "hashtable");
}

#[test]
fn many_members_at_once_decide_the_encoding_beforehand() {
    for (there, first, count, expected) in [
        (None, "1", 512, "intset"),
        (None, "1", 513, "hashtable"),
        (None, "a", 128, "listpack"),
        (None, "a", 129, "hashtable"),
        (Some("5"), "a", 512, "intset"),
        (Some("5"), "1", 513, "hashtable"),
        (Some("b"), "1", 128, "listpack"),
        (Some("b"), "1", 129, "hashtable"),
    ] {
        let mut set = Set::new();
        if let Some(member) = there {
            set.add(member.as_bytes(), &compact());
        }
        set.expect(first.as_bytes(), count, &compact());
        assert_eq!(set.encoding(), expected, "{there:?} {first} {count}");
        assert_eq!(set.len(), usize::from(there.is_some()));
    }
}

#[test]
fn scans_samples_and_draws_reach_every_member() {
    let names = |prefix: &'static str| (0..100).map(move |i| format!("{prefix}{i}").into_bytes());
    for (limits, prefix) in [(compact(), ""), (compact(), "m"), (table_only(), "m")] {
        let mut set = Set::new();
        for name in names(prefix) {
            set.add(&name, &limits);
        }
        let (mut cursor, mut rng) = (0, Rng::new(8));
        let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
        loop {
            cursor = set.scan(cursor, 10, |member| {
                seen.insert(member.to_vec(), 0);
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 100);
        for count in [0, 20, 70, 900] {
            let mut sampled = HashSet::new();
            set.sample(count, &mut rng, |member| assert!(sampled.insert(member.to_vec())));
            assert_eq!(sampled.len(), count.min(100));
        }
        for _ in 0..20_000 {
            let member = set.random(&mut rng).unwrap().to_vec();
            *seen.get_mut(&member).unwrap() += 1;
        }
        assert!(seen.values().all(|n| (140..270).contains(n)), "{seen:?}");
        let copy = set.clone();
        let mut popped: Vec<_> = std::iter::from_fn(|| set.pop(&mut rng)).collect();
        popped.sort();
        let mut expected: Vec<_> = names(prefix).collect();
        expected.sort();
        assert!(popped == expected && set.is_empty() && copy.len() == 100);
    }
    assert!(Set::new().random(&mut Rng::new(1)).is_none());
}
