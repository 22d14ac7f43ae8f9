//! Lists against a deque, across their encodings.

use super::*;
use crate::types::dice::Dice;

type Model = Vec<Vec<u8>>;

fn list<T: AsRef<[u8]>>(elements: &[T]) -> List {
    let mut list = List::new();
    list.push(End::Tail, elements.iter().map(AsRef::as_ref), Fill::default());
    list
}

fn texts<'a>(elements: impl Iterator<Item = Element<'a>>) -> Model {
    elements.map(|element| element.to_vec()).collect()
}

fn reversed(model: &[Vec<u8>]) -> Model {
    model.iter().rev().cloned().collect()
}

/// Compares through every reader, and looks at the shape of the nodes.
fn check(list: &List, model: &Model, fill: Fill) {
    assert_eq!(list.len(), model.len());
    assert_eq!(list.is_empty(), model.is_empty());
    assert_eq!(texts(list.iter()), *model);
    assert_eq!(texts(list.range_back(0, -1)), reversed(model));
    for (i, element) in model.iter().enumerate() {
        assert_eq!(&list.get(i as i64).unwrap().to_vec(), element);
        assert_eq!(&list.get(i as i64 - model.len() as i64).unwrap().to_vec(), element);
    }
    assert_eq!(list.get(model.len() as i64), None);
    assert_eq!(list.get(-1 - model.len() as i64), None);
    if let Form::Large(quick) = list.0.form() {
        for node in quick.nodes() {
            match node {
                Node::Packed(elements) => {
                    assert!(!elements.is_empty());
                    // Numbers that print short may take more bytes than they were judged by.
                    let alone = elements.len() == 1;
                    assert!(
                        alone || !fill.exceeded_by(elements.byte_len() * 3 / 4, elements.len())
                    );
                }
                Node::Plain(element) => assert!(fill.is_large(element.len())),
            }
        }
    }
}

#[test]
fn a_list_is_two_words() {
    assert_eq!(size_of::<List>(), 8);
    assert_eq!(size_of::<quicklist::OwnedNode>(), 24);
}

#[test]
fn random_changes_agree_with_a_vector() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let fill = Fill::new([-2, -1, 1, 2, 5, 40][dice.below(6)]);
        let (mut list, mut model) = (List::new(), Model::new());
        for step in 0..400 {
            // Grows for a while, then shrinks.
            if (step / 100) % 2 == 0 || dice.below(2) == 0 {
                grow(&mut dice, &mut list, &mut model, fill);
            } else {
                shrink(&mut dice, &mut list, &mut model, fill);
            }
            look(&mut dice, &list, &model);
            if step % 20 == 0 {
                check(&list, &model, fill);
            }
        }
        check(&list, &model, fill);
    }
}

/// Mostly few different words, so that searches find some.
fn word(dice: &mut Dice) -> Vec<u8> {
    match dice.below(3) {
        0 => dice.below(4).to_string().into_bytes(),
        1 => vec![b'x'; dice.below(4) * 100],
        _ => dice.word(),
    }
}

fn grow(dice: &mut Dice, list: &mut List, model: &mut Model, fill: Fill) {
    let (word, known) = (word(dice), model.get(dice.below(model.len())).cloned());
    let i = dice.below(model.len());
    match (dice.below(6), known) {
        (0, _) => {
            list.push_front(&word, fill);
            model.insert(0, word);
        }
        (1, _) => {
            let words: Model = (0..dice.below(30)).map(|_| self::word(dice)).collect();
            let end = [End::Head, End::Tail][dice.below(2)];
            list.push(end, words.iter().map(Vec::as_slice), fill);
            match end {
                End::Head => drop(model.splice(0..0, reversed(&words))),
                End::Tail => model.extend(words),
            }
        }
        (2, Some(_)) => {
            let from_tail = dice.below(2) * model.len();
            assert!(list.set(i as i64 - from_tail as i64, &word, fill));
            model[i] = word;
        }
        (3, Some(pivot)) => {
            let side = [Side::Before, Side::After][dice.below(2)];
            assert!(list.insert(side, &pivot, &word, fill));
            let at = model.iter().position(|next| *next == pivot).unwrap();
            model.insert(at + usize::from(side == Side::After), word);
        }
        _ => {
            list.push_back(&word, fill);
            model.push(word);
        }
    }
}

fn shrink(dice: &mut Dice, list: &mut List, model: &mut Model, fill: Fill) {
    match dice.below(5) {
        0 => {
            let expected = (!model.is_empty()).then(|| model.remove(0));
            assert_eq!(list.pop_front(fill), expected);
        }
        1 => assert_eq!(list.pop_back(fill), model.pop()),
        2 => {
            let (count, end) = (dice.below(10), [End::Head, End::Tail][dice.below(2)]);
            let mut popped = Model::new();
            let number = list.pop_many(end, count, fill, |element| popped.push(element.to_vec()));
            let here = count.min(model.len());
            assert_eq!(number, here);
            let expected: Model = match end {
                End::Head => model.drain(..here).collect(),
                End::Tail => model.drain(model.len() - here..).rev().collect(),
            };
            assert_eq!(popped, expected);
        }
        3 => {
            let (start, stop) = (dice.below(5) as i64, -1 - dice.below(5) as i64);
            let before = model.len();
            let end = (before as i64 + stop + 1).max(0) as usize;
            *model = model.get(start as usize..end).unwrap_or_default().to_vec();
            assert_eq!(list.trim(start, stop, fill), before - model.len());
        }
        _ => {
            let word = model.get(dice.below(model.len())).cloned().unwrap_or_default();
            let count = dice.below(7) as i64 - 3;
            assert_eq!(list.remove(count, &word, fill), remove(model, count, &word));
        }
    }
}

/// `LREM` on the model.
fn remove(model: &mut Model, count: i64, word: &[u8]) -> usize {
    let mut found: Vec<usize> = (0..model.len()).filter(|&i| model[i] == word).collect();
    if count < 0 {
        found.reverse();
    }
    if count != 0 {
        found.truncate(count.unsigned_abs() as usize);
    }
    found.sort_unstable();
    for &i in found.iter().rev() {
        model.remove(i);
    }
    found.len()
}

fn look(dice: &mut Dice, list: &List, model: &Model) {
    let word = model.get(dice.below(model.len())).cloned().unwrap_or_default();
    let (count, max_len) = (dice.below(3), dice.below(2) * dice.below(50));
    let rank: i64 = [-3, -2, -1, 1, 2, 3][dice.below(6)];
    let mut order: Vec<usize> = (0..model.len()).collect();
    if rank < 0 {
        order.reverse();
    }
    let limit = |n: usize| if n == 0 { usize::MAX } else { n };
    let expected: Vec<usize> = order
        .into_iter()
        .take(limit(max_len))
        .filter(|&i| model[i] == word)
        .skip(rank.unsigned_abs() as usize - 1)
        .take(limit(count))
        .collect();
    assert_eq!(list.positions(&word, rank, count, max_len), expected);

    let start = dice.below(model.len() + 1);
    let stop = start + dice.below(10);
    let expected = &model[start..(stop + 1).min(model.len())];
    assert_eq!(texts(list.range(start as i64, stop as i64)), expected);
    assert_eq!(texts(list.range_back(start as i64, stop as i64)), reversed(expected));
}

#[test]
fn ranges_are_read_as_lrange_reads_them() {
    for (start, stop, len, expected) in [
        (0, -1, 5, 0..5),
        (-2, -1, 5, 3..5),
        (-100, 100, 5, 0..5),
        (3, 2, 5, 0..0),
        (5, 9, 5, 0..0),
        (0, -6, 5, 0..0),
        (0, -1, 0, 0..0),
        (i64::MIN, i64::MAX, 5, 0..5),
        (i64::MAX, i64::MIN, 5, 0..0),
    ] {
        assert_eq!(clip(start, stop, len), expected, "{start} {stop} {len}");
    }
}

#[test]
fn the_encoding_changes_beyond_the_limit_and_back_at_half_of_it() {
    let fill = Fill::new(4);
    let mut list = list(&["a", "b", "c", "d"]);
    assert_eq!(list.encoding(), "listpack");
    list.push_back(b"e", fill);
    assert_eq!(list.encoding(), "quicklist");
    // Two nodes, then one that is more than half full.
    for _ in 0..2 {
        list.pop_back(fill);
        assert_eq!(list.encoding(), "quicklist");
    }
    list.pop_back(fill);
    assert_eq!(list.encoding(), "listpack");
}

#[test]
fn a_large_element_has_a_node_of_its_own() {
    let large = vec![b'x'; 9000];
    let mut list = list(&["a", "b", "c"]);
    assert!(list.set(1, &large, Fill::default()));
    let shape: Vec<bool> = list.nodes().map(|node| matches!(node, Node::Plain(_))).collect();
    assert_eq!(shape, [false, true, false]);
    assert_eq!(texts(list.iter()), [b"a".to_vec(), large, b"c".to_vec()]);
    assert!(list.set(1, b"b", Fill::default()));
    assert_eq!(texts(list.iter()), [b"a", b"b", b"c"]);
}

#[test]
fn a_missing_pivot_or_index_changes_nothing() {
    let mut list = list(&["a", "b"]);
    assert!(!list.insert(Side::Before, b"c", b"x", Fill::default()));
    assert!(!list.set(2, b"x", Fill::default()));
    assert!(!list.set(-3, b"x", Fill::default()));
    assert_eq!(texts(list.iter()), [b"a", b"b"]);
}

#[test]
fn inserting_in_the_middle_keeps_nodes_within_the_limit() {
    let mut list = List::new();
    let fill = Fill::new(-1);
    let mut model = Model::new();
    let mut dice = Dice::new(11);
    for i in 0..2000 {
        let word = format!("element {i}").into_bytes();
        let at = dice.below(model.len());
        match model.get(at).cloned() {
            Some(pivot) => assert!(list.insert(Side::After, &pivot, &word, fill)),
            None => list.push_back(&word, fill),
        }
        model.insert((at + 1).min(model.len()), word);
    }
    check(&list, &model, fill);
    let nodes = list.nodes().count();
    assert!((8..30).contains(&nodes), "{nodes} nodes for 32 KB");
}
