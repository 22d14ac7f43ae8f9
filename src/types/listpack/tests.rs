//! Listpacks against a vector, and against blocks from strangers.

use super::*;
use crate::types::dice::Dice;

fn listpack<T: AsRef<[u8]>>(elements: &[T]) -> Listpack {
    let mut list = Listpack::new();
    for element in elements {
        list.push_back(element.as_ref());
    }
    list
}

/// Compares through every reader: forwards, backwards, by index, and by reading the block anew.
fn check(list: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(list.len(), model.len());
    assert_eq!(list.is_empty(), model.is_empty());
    let forward: Vec<_> = list.iter().map(|(_, element)| element.to_vec()).collect();
    assert_eq!(forward, model);
    let mut backward: Vec<_> = list.iter().rev().map(|(_, element)| element.to_vec()).collect();
    backward.reverse();
    assert_eq!(backward, model);
    for (i, expected) in model.iter().enumerate() {
        let element = list.get(i.cast_signed()).unwrap();
        assert_eq!(&element.to_vec(), expected);
        assert_eq!(element, list.get(i.cast_signed() - model.len().cast_signed()).unwrap());
        assert_eq!(element.len(), expected.len());
        assert!(element.eq_bytes(expected));
    }
    assert_eq!(list.get(model.len().cast_signed()), None);
    assert_eq!(list.get(-model.len().cast_signed() - 1), None);
    assert_eq!(Listpack::from_bytes(list.as_bytes()).as_ref(), Some(list));
}

#[test]
fn a_listpack_is_one_thin_pointer() {
    assert_eq!(size_of::<Listpack>(), 8);
    assert_eq!(size_of::<Option<Listpack>>(), 8);
}

/// The payload of `DUMP` after `RPUSH` of these elements on Valkey 8.0.1, from the listpack on.
#[test]
fn elements_have_the_codes_of_a_server() {
    let integers = "0 127 128 -1 4095 -4096 4096 -4097 32767 32768 -8388608 -8388609 2147483648 \
                    -9223372036854775808 9223372036854775807";
    let strings = ["9223372036854775808", "01", "-0", ""].map(str::to_owned);
    let lengths = [("a", 63), ("a", 64), ("b", 125), ("b", 126)].map(|(text, n)| text.repeat(n));
    let elements = integers.split(' ').map(str::to_owned).chain(strings).chain(lengths);
    let list = listpack(&elements.map(String::into_bytes).collect::<Vec<_>>());
    let expected = b"\xf6\x01\0\0\x17\0\x00\x01\x7f\x01\xc0\x80\x02\xdf\xff\x02\xcf\xff\x02\
        \xd0\x00\x02\
        \xf1\x00\x10\x03\xf1\xff\xef\x03\xf1\xff\x7f\x03\xf2\x00\x80\x00\x04\xf2\x00\x00\x80\x04\
        \xf3\xff\xff\x7f\xff\x05\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09\
        \xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09\
        \xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09\x939223372036854775808\x14\
        \x8201\x03\x82-0\x03\x80\x01";
    let mut expected = expected.to_vec();
    for (code, text, n, back) in [
        (b"\xbf".as_slice(), b"a", 63, b"\x40".as_slice()),
        (b"\xe0\x40", b"a", 64, b"\x42"),
        (b"\xe0\x7d", b"b", 125, b"\x7f"),
        (b"\xe0\x7e", b"b", 126, b"\x01\x80"),
    ] {
        expected.extend([code, &text.repeat(n), back].concat());
    }
    expected.push(END);
    assert_eq!(list.as_bytes(), expected);
}

#[test]
fn strings_from_4096_bytes_on_have_a_length_of_32_bits() {
    let list = listpack(&[vec![b'x'; 4095], vec![b'x'; 4096]]);
    assert_eq!(&list.as_bytes()[6..9], b"\xEF\xFFx");
    let second = list.last().unwrap().offset();
    assert_eq!(&list.as_bytes()[second..second + 6], b"\xF0\0\x10\0\0x");
}

#[test]
fn backward_lengths_change_width_where_redis_has_it() {
    // Entry length on the left (code included), bytes of backward length on the right.
    for (entry, back) in
        [(127, 1), (128, 2), (16382, 2), (16383, 3), (2_097_150, 3), (2_097_151, 4)]
    {
        let code = if entry < 4096 { 2 } else { 5 };
        let list = listpack(&[b"a", vec![b'x'; entry - code].as_slice(), b"b"]);
        assert_eq!(list.byte_len(), 7 + 3 + entry + back + 3, "{entry}");
        assert_eq!(list.get(-3).unwrap().to_vec(), b"a");
        assert!(is_valid(list.as_bytes()));
    }
}

#[test]
fn integers_at_every_edge_come_back() {
    let mut dice = Dice::new(1);
    let mut values = vec![i64::MIN, i64::MAX, 0, -1];
    values.extend((0..5000).map(|_| dice.int()));
    for value in values {
        let text = value.to_string();
        let mut list = Listpack::new();
        list.push_back_int(value);
        assert_eq!(list.get(0), Some(Element::Int(value)));
        assert_eq!(list.get(0).unwrap().to_vec(), text.as_bytes());
        assert_eq!(list, listpack(&[text.as_bytes()]));
    }
}

#[test]
fn random_changes_agree_with_a_vector() {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let (mut list, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for step in 0..300 {
            change(&mut dice, &mut list, &mut model);
            if step % 10 == 0 {
                check(&list, &model);
            }
        }
        check(&list, &model);
    }
}

fn change(dice: &mut Dice, list: &mut Listpack, model: &mut Vec<Vec<u8>>) {
    let word = dice.word();
    let i = dice.below(model.len().max(1));
    let pos = list.seek(i.cast_signed());
    let before = list.byte_len();
    match (dice.below(12), pos) {
        (0 | 1, _) => {
            list.push_back(&word);
            assert_eq!(list.byte_len() - before, Listpack::cost_of(&word));
            model.push(word);
        }
        (2, _) => {
            list.push_front(&word);
            model.insert(0, word);
        }
        (3, _) => {
            let words: Vec<_> = (0..dice.below(4)).map(|_| dice.word()).collect();
            list.extend(words.iter().map(Vec::as_slice));
            model.extend(words);
        }
        (4, Some(pos)) => {
            assert_eq!(list.insert_before(pos, &word), pos);
            model.insert(i, word);
        }
        (5, Some(pos)) => {
            let at = list.insert_after(pos, &word);
            assert!(list.at(at).eq_bytes(&word));
            model.insert(i + 1, word);
        }
        (6, Some(pos)) => {
            list.replace(pos, &word);
            model[i] = word;
        }
        (7, Some(pos)) => {
            let next = list.remove(pos);
            model.remove(i);
            assert_eq!(next.map(|pos| list.at(pos).to_vec()), model.get(i).cloned());
        }
        (8, _) => {
            let count = dice.below(5);
            let expected = count.min(model.len() - i);
            assert_eq!(list.remove_range(i.cast_signed(), count), expected);
            model.drain(i..i + expected);
        }
        (9, Some(pos)) => {
            let tail = list.split_off(pos);
            check(&tail, &model[i..]);
            check(list, &model[..i]);
            list.append(&tail);
        }
        _ => check_find(list, model, i, dice.below(3), &word),
    }
}

fn check_find(list: &Listpack, model: &[Vec<u8>], i: usize, skip: usize, word: &[u8]) {
    let needle = model.get(i).map_or(word, Vec::as_slice);
    let found = (0..model.len()).step_by(skip + 1).find(|&j| model[j] == needle);
    assert_eq!(list.find(needle, skip), found.map(|j| list.seek(j.cast_signed()).unwrap()));
}

#[test]
fn positions_step_both_ways() {
    let list = listpack(&["a", "1", "c"]);
    let first = list.first().unwrap();
    let second = list.next(first).unwrap();
    let third = list.next(second).unwrap();
    assert_eq!(list.next(third), None);
    assert_eq!(list.last(), Some(third));
    assert_eq!(list.prev(third), Some(second));
    assert_eq!(list.prev(first), None);
    assert_eq!(list.iter_from(second).count(), 2);
    assert_eq!(list.iter_through(second).count(), 2);
    let mut front = list.iter();
    let back = front.split_back(2);
    assert_eq!(front.map(|(pos, _)| pos).collect::<Vec<_>>(), [first]);
    assert_eq!(back.map(|(pos, _)| pos).collect::<Vec<_>>(), [second, third]);
    let mut all = list.iter();
    all.advance(2);
    assert_eq!(all.next().map(|(pos, _)| pos), Some(third));
    all.advance(2);
    assert_eq!(all.next(), None);
}

#[test]
fn several_elements_go_at_once() {
    let mut dice = Dice::new(3);
    for _ in 0..200 {
        let words: Vec<_> = (0..dice.below(12)).map(|_| dice.word()).collect();
        let mut list = listpack(&words);
        let (mut gone, mut kept) = (Vec::new(), Vec::new());
        for ((pos, _), word) in list.iter().zip(&words) {
            if dice.below(2) == 0 { gone.push(pos) } else { kept.push(word.clone()) }
        }
        list.remove_each(&gone);
        check(&list, &kept);
    }
}

#[test]
fn the_count_gives_up_at_65535_and_walking_takes_over() {
    let mut list = Listpack::new();
    list.extend((0..65534).map(|_| b"1".as_slice()));
    assert_eq!((list.header_count(), list.len()), (65534, 65534));
    list.push_back(b"2");
    list.push_back(b"3");
    assert_eq!((list.header_count(), list.len()), (COUNT_UNKNOWN, 65536));
    assert_eq!(list.get(65535), Some(Element::Int(3)));
    assert_eq!(list.get(65536), None);
    assert_eq!(list.get(-65536), Some(Element::Int(1)));
    assert!(is_valid(list.as_bytes()));
    list.remove_range(0, 65536);
    assert_eq!((list.header_count(), list.len()), (0, 0));
}

#[test]
fn damaged_blocks_are_refused_or_safe_to_read() {
    let mut dice = Dice::new(7);
    let words: Vec<_> = (0..40).map(|_| dice.word()).collect();
    let good = listpack(&words);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = good.as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len());
            bytes[at] = dice.roll().to_le_bytes()[0];
        }
        if dice.below(4) == 0 {
            bytes.truncate(dice.below(bytes.len()));
        }
        if let Some(list) = Listpack::from_bytes(&bytes) {
            accepted += 1;
            assert_eq!(list.iter().count(), list.iter().rev().count());
            assert_eq!(list.as_bytes(), bytes);
        }
    }
    assert!(accepted > 0, "changes inside strings leave a listpack whole");
}

#[test]
fn a_false_total_or_count_is_refused() {
    assert!(Listpack::from_bytes(&EMPTY).is_some());
    assert!(Listpack::from_bytes(&[]).is_none());
    assert!(Listpack::from_bytes(&[8, 0, 0, 0, 0, 0, END]).is_none());
    assert!(Listpack::from_bytes(&[7, 0, 0, 0, 1, 0, END]).is_none());
    assert!(Listpack::from_bytes(&[9, 0, 0, 0, 1, 0, 5, 1, END]).is_some());
    assert!(Listpack::from_bytes(&[9, 0, 0, 0, 1, 0, 5, 2, END]).is_none());
    assert!(Listpack::from_bytes(&[9, 0, 0, 0, 1, 0, END, 1, END]).is_none());
}
