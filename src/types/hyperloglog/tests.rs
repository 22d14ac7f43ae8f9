//! Both encodings against each other and a plain array, and estimates against real servers'.

use super::*;
use crate::types::dice::Dice;

/// What servers answer for the elements `0`, `1`, `2` and so on, so many of them.
const SERVERS_SAY: [(u32, u64); 13] = [
    (1, 1),
    (10, 10),
    (100, 100),
    (500, 503),
    (1000, 1001),
    (1500, 1512),
    (2000, 2007),
    (3000, 3004),
    (5000, 4985),
    (10_000, 9987),
    (20_000, 19_891),
    (50_000, 50_354),
    (200_000, 200_305),
];

fn registers_of(bytes: &[u8]) -> Box<Registers> {
    let mut registers = no_registers();
    highest(bytes, &mut registers).expect("the value is sound");
    registers
}

#[test]
fn every_encoding_holds_what_an_array_would() {
    let mut dice = Dice::new(5);
    for round in 0..20 {
        let mut plain = no_registers();
        let mut bytes = empty();
        let sparse_max = [0, 100, 3000, 100_000][round % 4];
        for _ in 0..dice.below(4000) {
            let index = if dice.below(2) == 0 { dice.below(100) } else { dice.below(REGISTERS) };
            let highest = if dice.below(500) == 0 { 51 } else { 3 };
            let value = 1 + dice.below(highest) as u8;
            let raised = raise(&mut bytes, index, value, sparse_max).expect("the value is sound");
            assert_eq!(raised, plain[index] < value);
            plain[index] = plain[index].max(value);
        }
        assert!(is_valid(&bytes));
        assert_eq!(registers_of(&bytes), plain);
        assert_eq!(count(&bytes), Ok(count_registers(&plain)));
        make_dense(&mut bytes).expect("the value is sound");
        assert_eq!(registers_of(&bytes), plain);
        assert_eq!(count(&bytes), Ok(count_registers(&plain)));
        for (index, value) in plain.iter().enumerate() {
            assert_eq!(dense::get(&bytes[HEADER..], index), *value);
        }
    }
}

#[test]
fn estimates_are_those_of_servers() {
    let mut bytes = empty();
    let mut seen = 0;
    for (elements, estimate) in SERVERS_SAY {
        while seen < elements {
            add(&mut bytes, seen.to_string().as_bytes(), 3000).expect("the value is sound");
            seen += 1;
        }
        assert_eq!(count(&bytes), Ok(estimate), "{elements} elements");
    }
}

#[test]
fn the_self_test_finds_nothing() {
    assert_eq!(self_test(200_000), Ok(()));
}

#[test]
fn bytes_that_make_no_sense_are_told_and_never_trip() {
    let mut dice = Dice::new(6);
    for _ in 0..2000 {
        let mut bytes = empty();
        for _ in 0..dice.below(50) {
            let _ = add(&mut bytes, &dice.word(), 3000);
        }
        for _ in 0..=dice.below(3) {
            let at = HEADER + dice.below(bytes.len() - HEADER);
            bytes[at] = dice.roll() as u8;
        }
        bytes.truncate(bytes.len() - dice.below(2));
        let bearable = highest(&bytes, &mut no_registers()).is_ok();
        assert!(bearable || count(&bytes).is_err());
        let mut other = bytes.clone();
        assert_eq!(make_dense(&mut other).is_ok(), bearable);
        let _ = add(&mut bytes, &dice.word(), 3000);
        decode(&bytes);
    }
}
