//! Integer sets against an ordered set, and against blocks from strangers.

use std::collections::BTreeSet;

use super::*;
use crate::types::dice::Dice;

fn intset(values: &[i64]) -> Intset {
    let mut set = Intset::new();
    for &value in values {
        set.add(value);
    }
    set
}

fn check(set: &Intset, model: &BTreeSet<i64>) {
    assert_eq!(set.len(), model.len());
    assert_eq!(set.is_empty(), model.is_empty());
    assert!(set.iter().eq(model.iter().copied()));
    assert!(set.iter().rev().eq(model.iter().rev().copied()));
    for (i, &value) in model.iter().enumerate() {
        assert_eq!(set.get(i), Some(value));
        assert!(set.contains(value));
    }
    assert_eq!(set.get(model.len()), None);
    assert_eq!(set.byte_len(), HEADER_BYTES + set.width() * model.len());
    assert_eq!(Intset::from_bytes(set.as_bytes()).unwrap().as_bytes(), set.as_bytes());
}

#[test]
fn an_intset_is_one_thin_pointer() {
    assert_eq!(size_of::<Option<Intset>>(), 8);
}

#[test]
fn the_block_is_that_of_redis() {
    assert_eq!(intset(&[3, -1]).as_bytes(), b"\x02\0\0\0\x02\0\0\0\xFF\xFF\x03\0");
    assert_eq!(
        intset(&[3, -1, 40000]).as_bytes(),
        b"\x04\0\0\0\x03\0\0\0\xFF\xFF\xFF\xFF\x03\0\0\0\x40\x9C\0\0"
    );
    assert_eq!(
        intset(&[3, i64::MIN]).as_bytes(),
        b"\x08\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\x80\x03\0\0\0\0\0\0\0"
    );
}

#[test]
fn random_changes_agree_with_a_tree() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let (mut set, mut model) = (Intset::new(), BTreeSet::new());
        let narrow = [16, 32, 64][dice.below(3)];
        for step in 0..300 {
            let value = match dice.below(3) {
                0 => dice.below(50) as i64,
                _ => dice.int() >> (64 - narrow),
            };
            let known =
                (!model.is_empty()).then(|| *model.iter().nth(dice.below(model.len())).unwrap());
            match (dice.below(5), known) {
                (0, Some(known)) => assert_eq!(set.remove(known), model.remove(&known)),
                (1, _) => assert_eq!(set.remove(value), model.remove(&value)),
                _ => assert_eq!(set.add(value), model.insert(value)),
            }
            assert_eq!(set.contains(value), model.contains(&value));
            if step % 10 == 0 {
                check(&set, &model);
            }
        }
        check(&set, &model);
    }
}

#[test]
fn every_value_can_be_the_random_one() {
    assert_eq!(Intset::new().random(7), None);
    let set = intset(&[5, 6, 7]);
    let seen: BTreeSet<_> = (0..3).filter_map(|roll| set.random(roll)).collect();
    assert_eq!(seen, BTreeSet::from([5, 6, 7]));
}

#[test]
fn blocks_from_strangers_are_checked() {
    assert!(Intset::from_bytes(b"\x02\0\0\0\x02\0\0\0\xFF\xFF\x03\0").is_some());
    for (bytes, fault) in [
        (b"\x02\0\0\0\x02\0\0".as_slice(), "no header"),
        (b"\x02\0\0\0\x02\0\0\0\xFF\xFF\x03", "too short"),
        (b"\x02\0\0\0\x02\0\0\0\xFF\xFF\x03\0\0", "too long"),
        (b"\x03\0\0\0\x02\0\0\0\xFF\xFF\x03\0\0\0", "no such width"),
        (b"\x02\0\0\0\x02\0\0\0\x03\0\xFF\xFF", "descending"),
        (b"\x02\0\0\0\x02\0\0\0\x03\0\x03\0", "twice the same"),
        (b"\x08\0\0\0\xFF\xFF\xFF\xFF\x03\0\x03\0", "a count beyond the bytes"),
    ] {
        assert!(Intset::from_bytes(bytes).is_none(), "{fault}");
    }
}
