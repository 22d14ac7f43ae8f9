//! Sorted sets against a naive model, across their encodings.

use std::collections::HashSet;

use super::*;

/// The model: a vector, sorted by score and member.
#[derive(Default)]
struct Model(Vec<(f64, Vec<u8>)>);

impl Model {
    fn score(&self, member: &[u8]) -> Option<f64> {
        self.0.iter().find(|(_, m)| m == member).map(|(score, _)| *score)
    }

    fn set(&mut self, member: &[u8], score: f64) {
        self.0.retain(|(_, m)| m != member);
        self.0.push((score, member.to_vec()));
        self.0.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
}

/// Both encodings: compact as long as it may be, and never compact.
fn both() -> [Limits; 2] {
    let compact = Limits::new(1);
    [compact, Limits { zset_max_listpack_entries: 0, ..compact }]
}

/// Members that are integers and members that are not; few enough to meet again.
fn member(rng: &mut Rng) -> Vec<u8> {
    let number = rng.below(60);
    if number < 20 { format!("{}", 100 - 10 * number as i64) } else { format!("m{number}") }
        .into_bytes()
}

fn score(rng: &mut Rng) -> f64 {
    match rng.below(12) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => 0.1 * rng.below(100) as f64,
        3 => -1e300 / (1 + rng.below(9)) as f64,
        _ => rng.below(8) as f64 - 3.0,
    }
}

fn listed<'a>(items: impl Iterator<Item = (Element<'a>, f64)>) -> Vec<(f64, Vec<u8>)> {
    items.map(|(member, score)| (score, member.to_vec())).collect()
}

#[test]
fn does_what_a_sorted_vector_does() {
    for limits in both() {
        let mut rng = Rng::new(5);
        let (mut set, mut model) = (SortedSet::new(), Model::default());
        for round in 0..4_000 {
            let member = member(&mut rng);
            if rng.below(5) < 3 {
                let score = score(&mut rng);
                let expected = match model.score(&member) {
                    None => AddOutcome::Added(score),
                    Some(old) if old == score => AddOutcome::Unchanged(score),
                    Some(_) => AddOutcome::Updated(score),
                };
                assert_eq!(set.insert(&member, score, &limits), expected);
                model.set(&member, score);
            } else {
                assert_eq!(set.remove(&member), model.score(&member));
                model.0.retain(|(_, m)| *m != member);
            }
            assert_eq!((set.len(), set.is_empty()), (model.0.len(), model.0.is_empty()));
            if round % 20 == 0 {
                assert_eq!(listed(set.iter()), model.0);
                assert_eq!(
                    listed(set.iter().rev()),
                    model.0.iter().rev().cloned().collect::<Vec<_>>()
                );
                for (rank, (score, member)) in model.0.iter().enumerate() {
                    assert_eq!(set.rank(member), Some((rank, *score)));
                    assert_eq!(set.score(member), Some(*score));
                    assert!(set.contains(member));
                }
            }
            assert!(set.rank(b"nobody").is_none() && !set.contains(b"nobody"));
        }
    }
}

#[test]
fn ranges_of_scores_are_those_of_a_filter() {
    for limits in both() {
        let mut rng = Rng::new(6);
        let mut set = SortedSet::new();
        for _ in 0..70 {
            set.insert(&member(&mut rng), score(&mut rng), &limits);
        }
        let all = listed(set.iter());
        let bound = |rng: &mut Rng| match rng.below(2) {
            0 => ScoreBound::Inclusive(score(rng)),
            _ => ScoreBound::Exclusive(score(rng)),
        };
        for _ in 0..2_000 {
            let range = ScoreRange { min: bound(&mut rng), max: bound(&mut rng) };
            let holds = |score: &f64| {
                let low = match range.min {
                    ScoreBound::Inclusive(min) => *score >= min,
                    ScoreBound::Exclusive(min) => *score > min,
                };
                low && match range.max {
                    ScoreBound::Inclusive(max) => *score <= max,
                    ScoreBound::Exclusive(max) => *score < max,
                }
            };
            let expected: Vec<_> = all.iter().filter(|(s, _)| holds(s)).cloned().collect();
            let ranks = set.score_range(range);
            assert_eq!(ranks.len(), expected.len(), "{range:?}");
            assert_eq!(listed(set.range(ranks.clone())), expected, "{range:?}");
            let reversed: Vec<_> = expected.into_iter().rev().collect();
            assert_eq!(listed(set.range(ranks).rev()), reversed);
        }
    }
}

#[test]
fn ranges_of_members_are_those_of_a_filter() {
    for limits in both() {
        let mut rng = Rng::new(7);
        let mut set = SortedSet::new();
        for _ in 0..100 {
            set.insert(&member(&mut rng), 1.5, &limits);
        }
        let all: Vec<_> = listed(set.iter()).into_iter().map(|(_, member)| member).collect();
        for _ in 0..2_000 {
            let (a, b) = (member(&mut rng), member(&mut rng));
            let bound = |word, rng: &mut Rng| match rng.below(6) {
                0 => LexBound::Min,
                1 => LexBound::Max,
                2 | 3 => LexBound::Inclusive(word),
                _ => LexBound::Exclusive(word),
            };
            let range = LexRange { min: bound(&a, &mut rng), max: bound(&b, &mut rng) };
            let holds = |m: &Vec<u8>| {
                let low = match range.min {
                    LexBound::Min => true,
                    LexBound::Max => false,
                    LexBound::Inclusive(min) => m.as_slice() >= min,
                    LexBound::Exclusive(min) => m.as_slice() > min,
                };
                low && match range.max {
                    LexBound::Min => false,
                    LexBound::Max => true,
                    LexBound::Inclusive(max) => m.as_slice() <= max,
                    LexBound::Exclusive(max) => m.as_slice() < max,
                }
            };
            let expected: Vec<_> = all.iter().filter(|m| holds(m)).cloned().collect();
            let ranks = set.lex_range(range);
            let found: Vec<_> = set.range(ranks).map(|(member, _)| member.to_vec()).collect();
            assert_eq!(found, expected, "{range:?}");
        }
    }
}

#[test]
fn ranges_of_ranks_count_from_both_ends_and_are_cut_off() {
    for limits in both() {
        let mut set = SortedSet::new();
        for i in 0..10 {
            set.insert(format!("m{i}").as_bytes(), f64::from(i), &limits);
        }
        for (start, stop, expected) in [
            (0, -1, 0..10),
            (0, 99, 0..10),
            (-3, -2, 7..9),
            (-99, 1, 0..2),
            (5, 4, 0..0),
            (10, 20, 0..0),
            (-1, -99, 0..0),
            (i64::MIN, i64::MAX, 0..10),
        ] {
            assert_eq!(set.rank_range(start, stop), expected, "{start} {stop}");
        }
        assert_eq!(set.range(8..99).len(), 2);
        assert_eq!(set.range(40..99).len(), 0);
        assert_eq!(set.remove_range(8..99), 2);
        assert_eq!(set.remove_range(2..5), 3);
        let scores: Vec<f64> = set.iter().map(|(_, score)| score).collect();
        assert_eq!(scores, [0.0, 1.0, 5.0, 6.0, 7.0]);
        assert_eq!(set.pop_first(), Some((b"m0".to_vec(), 0.0)));
        assert_eq!(set.pop_last(), Some((b"m7".to_vec(), 7.0)));
        assert_eq!((set.remove_range(0..9), set.pop_first(), set.pop_last()), (3, None, None));
    }
}

#[test]
fn the_options_of_zadd_decide_who_is_touched() {
    use AddOutcome::{Added, NotANumber, Refused, Unchanged, Updated};
    use Compare::{Any, Greater, Less};
    use Existing::{Either, New, Old};
    use Mode::{Increment, Set};
    let inf = f64::INFINITY;
    for limits in both() {
        for (member, score, existing, compare, mode, expected) in [
            ("old", 7.0, New, Any, Set, Refused),
            ("new", 7.0, New, Any, Set, Added(7.0)),
            ("old", 7.0, Old, Any, Set, Updated(7.0)),
            ("new", 7.0, Old, Any, Set, Refused),
            ("old", 7.0, Either, Greater, Set, Updated(7.0)),
            ("old", 3.0, Either, Greater, Set, Refused),
            ("old", 5.0, Either, Greater, Set, Refused),
            ("new", 3.0, Either, Greater, Set, Added(3.0)),
            ("old", 3.0, Old, Less, Set, Updated(3.0)),
            ("old", 5.0, Old, Less, Set, Refused),
            ("old", 5.0, Either, Any, Set, Unchanged(5.0)),
            ("old", 2.5, Either, Any, Increment, Updated(7.5)),
            ("old", 0.0, Either, Any, Increment, Unchanged(5.0)),
            ("new", 2.5, Either, Any, Increment, Added(2.5)),
            ("old", -1.0, Either, Greater, Increment, Refused),
            ("old", -1.0, Either, Less, Increment, Updated(4.0)),
            ("old", 1.0, New, Any, Increment, Refused),
            ("inf", -inf, Either, Any, Increment, NotANumber),
            ("inf", -inf, Either, Greater, Increment, NotANumber),
            ("new", f64::NAN, Either, Any, Set, NotANumber),
        ] {
            let mut set = SortedSet::new();
            set.insert(b"old", 5.0, &limits);
            set.insert(b"inf", inf, &limits);
            let options = AddOptions { existing, compare, mode };
            let outcome = set.add(member.as_bytes(), score, options, &limits);
            assert_eq!(outcome, expected, "{member} {score} {options:?}");
            if let Added(now) | Updated(now) | Unchanged(now) = outcome {
                assert_eq!(set.score(member.as_bytes()), Some(now));
            }
        }
    }
}

#[test]
fn the_encoding_changes_where_a_server_changes_it() {
    let limits = Limits::new(1);
    let mut set = SortedSet::new();
    for i in 0..128 {
        set.insert(format!("m{i}").as_bytes(), 0.0, &limits);
    }
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"m5", 3.0, &limits);
    assert_eq!(set.encoding(), "listpack");
    set.insert(b"one more", 0.0, &limits);
    assert_eq!((set.encoding(), set.len()), ("skiplist", 129));
    set.remove_range(0..128);
    assert_eq!(set.encoding(), "skiplist", "there is no way back");

    let mut set = SortedSet::new();
    set.insert(&[b'x'; 64], 0.0, &limits);
    assert_eq!(set.encoding(), "listpack");
    set.insert(&[b'x'; 65], 0.0, &limits);
    assert_eq!(set.encoding(), "skiplist");

    let expecting = |count, len_bytes| {
        let mut set = SortedSet::new();
        set.expect(count, len_bytes, &limits);
        set.encoding()
    };
    assert_eq!(expecting(128, 64), "listpack");
    assert_eq!((expecting(129, 1), expecting(1, 65)), ("skiplist", "skiplist"));
}

#[test]
fn small_sets_have_the_bytes_of_a_server() {
    let limits = Limits::new(1);
    let mut set = SortedSet::new();
    set.insert(b"b", 0.1, &limits);
    set.insert(b"a", 1e17, &limits);
    set.insert(b"5", -0.0, &limits);
    set.insert(b"c", f64::NEG_INFINITY, &limits);
    let Form::Small(list) = set.0.form() else { panic!("too small for a tree") };
    // What valkey-server 8.0.1 dumps after ZADD k 0.1 b 1e17 a -0 5 -inf c.
    let expected =
        b"\x29\0\0\0\x08\0\x81c\x02\x84-inf\x05\x05\x01\0\x01\x81b\x02\x830.1\x04\x81a\x02\
        \xf4\0\0\x8a]xEc\x01\x09\xff";
    assert_eq!(list.as_bytes(), expected);
}

#[test]
fn scans_samples_and_draws_reach_every_member() {
    for limits in both() {
        let mut set = SortedSet::new();
        for i in 0..100 {
            set.insert(format!("m{i}").as_bytes(), f64::from(i), &limits);
        }
        let (mut cursor, mut seen, mut rng) = (0, HashSet::new(), Rng::new(8));
        loop {
            cursor = set.scan(cursor, 10, |member, score| {
                assert_eq!(set.score(&member.to_vec()), Some(score));
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), 100);
        let mut sampled = HashSet::new();
        set.sample(20, &mut rng, |member, _| assert!(sampled.insert(member.to_vec())));
        assert_eq!(sampled.len(), 20);
        for _ in 0..2_000 {
            let (member, score) = set.random(&mut rng).unwrap();
            assert_eq!(member.to_vec(), format!("m{score}").into_bytes());
            seen.remove(&member.to_vec());
        }
        assert!(seen.is_empty());
        let mut copy = set.clone();
        copy.insert(b"m7", 700.0, &limits);
        copy.remove_range(0..50);
        assert_eq!((set.len(), set.score(b"m7"), copy.len()), (100, Some(7.0), 50));
    }
    assert!(SortedSet::new().random(&mut Rng::new(1)).is_none());
}

#[test]
fn bounds_are_read_as_a_server_reads_them() {
    use ScoreBound::{Exclusive, Inclusive};
    for (word, expected) in [
        ("1.5", Some(Inclusive(1.5))),
        ("(1.5", Some(Exclusive(1.5))),
        ("-inf", Some(Inclusive(f64::NEG_INFINITY))),
        ("(+inf", Some(Exclusive(f64::INFINITY))),
        ("", Some(Inclusive(0.0))),
        ("(", Some(Exclusive(0.0))),
        (" 1", Some(Inclusive(1.0))),
        ("1 ", None),
        (" ", None),
        ("((1", None),
        ("nan", None),
        ("0x1", Some(Inclusive(1.0))),
    ] {
        assert_eq!(ScoreBound::parse(word.as_bytes()), expected, "{word:?}");
    }
    for (word, expected) in [
        ("-", Some(LexBound::Min)),
        ("+", Some(LexBound::Max)),
        ("[a", Some(LexBound::Inclusive(b"a"))),
        ("(", Some(LexBound::Exclusive(b""))),
        ("++", None),
        ("", None),
        ("a", None),
    ] {
        assert_eq!(LexBound::parse(word.as_bytes()), expected, "{word:?}");
    }
}
