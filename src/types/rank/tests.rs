//! The counted tree against a sorted vector.

use super::*;
use crate::types::random::Rng;

fn entry(score: f64, member: &str) -> Entry {
    Entry { score, member: Thin::new(member.as_bytes()) }
}

/// The model: a sorted vector.
type Model = Vec<(f64, String)>;

fn place(model: &Model, score: f64, member: &str) -> Result<usize, usize> {
    model.binary_search_by(|(s, m)| s.total_cmp(&score).then_with(|| m.as_str().cmp(member)))
}

fn compare(tree: &Rank, model: &Model) {
    tree.root.check(true);
    assert_eq!(tree.len(), model.len());
    let pairs = |e: &Entry| (e.score, String::from_utf8(e.member.to_vec()).unwrap());
    assert!(tree.iter().map(pairs).eq(model.iter().cloned()));
    assert!(tree.iter().rev().map(pairs).eq(model.iter().rev().cloned()));
}

#[test]
fn does_what_a_sorted_vector_does() {
    // Few scores make ties, many make none.
    for (seed, scores) in [(1, 1), (2, 5), (3, 100_000)] {
        let mut rng = Rng::new(seed);
        let (mut tree, mut model) = (Rank::new(), Model::new());
        for weight in [75, 75, 45, 10, 70, 0] {
            for _ in 0..5_000 {
                if rng.below(100) < weight {
                    let (score, member) =
                        (rng.below(scores) as f64, format!("m{}", rng.below(99_999)));
                    if let Err(at) = place(&model, score, &member) {
                        tree.insert(entry(score, &member));
                        model.insert(at, (score, member));
                    }
                } else if !model.is_empty() {
                    let (score, member) = model.remove(rng.below(model.len()));
                    let gone = tree.remove(score, member.as_bytes()).unwrap();
                    assert_eq!(*gone.member, *member.as_bytes());
                    assert!(tree.remove(score, member.as_bytes()).is_none());
                }
            }
            compare(&tree, &model);
            for _ in 0..500.min(model.len()) {
                let at = rng.below(model.len());
                let (score, member) = &model[at];
                assert_eq!(tree.rank_of(*score, member.as_bytes()), Some(at));
                assert_eq!(*tree.by_rank(at).unwrap().member, *member.as_bytes());
                let below = model.partition_point(|(s, _)| s < score);
                assert_eq!(tree.partition_point(|e| e.score < *score), below);
            }
            assert!(tree.by_rank(model.len()).is_none());
            assert!(tree.rank_of(0.0, b"never there").is_none());
        }
        for (score, member) in &model {
            tree.remove(*score, member.as_bytes()).unwrap();
        }
        compare(&tree, &Model::new());
    }
}

#[test]
fn ranges_are_removed_in_order_and_the_tree_stays_whole() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let (mut tree, mut model) = (Rank::new(), Model::new());
        for i in 0..rng.below(8_000) {
            let score = rng.below(50) as f64;
            tree.insert(entry(score, &format!("m{i}")));
            model.push((score, format!("m{i}")));
        }
        model.sort_by(|a, b| a.partial_cmp(b).unwrap());
        while !model.is_empty() {
            let start = rng.below(model.len());
            let end = start + rng.below(model.len() / 2 + 2);
            let mut gone = Vec::new();
            tree.remove_range(start, end, |e| gone.push((e.score, e.member.to_vec())));
            let end = end.min(model.len());
            let expected = model.drain(start..end).map(|(s, m)| (s, m.into_bytes()));
            assert!(gone.into_iter().eq(expected));
            compare(&tree, &model);
        }
        tree.remove_range(0, 10, |_| panic!("there is nothing left"));
    }
}

#[test]
fn a_run_of_ranks_can_be_gone_through_from_both_sides() {
    let mut tree = Rank::new();
    for i in 0..1_000 {
        tree.insert(entry(f64::from(i), "m"));
    }
    let mut rng = Rng::new(4);
    for _ in 0..300 {
        let (start, end) = (rng.below(1_100), rng.below(1_100));
        let (mut range, mut low, mut high) = (tree.range(start, end), start, end.min(1_000));
        loop {
            assert_eq!(range.len(), high.saturating_sub(low));
            let skipped = rng.below(3);
            let (found, expected) = if rng.below(2) == 0 {
                low += skipped + 1;
                (range.nth(skipped), (low - 1 < high).then_some(low - 1))
            } else {
                let found = range.nth_back(skipped);
                high = high.saturating_sub(skipped + 1);
                (found, (high >= low).then_some(high))
            };
            assert_eq!(found.map(|e| e.score), expected.map(|at| at as f64));
            if found.is_none() {
                break;
            }
        }
    }
}

#[test]
fn entries_that_come_in_order_fill_the_leaves() {
    for descending in [1.0, -1.0] {
        let mut tree = Rank::new();
        for i in 0..10_000 {
            tree.insert(entry(f64::from(i) * descending, "m"));
        }
        tree.root.check(true);
        assert!(tree.root.leaves() < 10_000 / 50, "{} leaves", tree.root.leaves());
    }
}

#[test]
fn zero_and_minus_zero_are_one_score() {
    let mut tree = Rank::new();
    tree.insert(entry(0.0, "a"));
    tree.insert(entry(-0.0, "b"));
    assert_eq!(tree.rank_of(-0.0, b"a"), Some(0));
    assert_eq!(tree.rank_of(0.0, b"b"), Some(1));
}
