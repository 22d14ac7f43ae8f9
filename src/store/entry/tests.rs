//! Entries keep what is put into them.

use std::sync::Arc;

use super::*;
use crate::memory::balance;
use crate::types::hash::Hash;
use crate::types::limits::Limits;
use crate::types::list::{Fill, List};
use crate::types::random::Rng;

fn text(entry: &Entry) -> Option<Vec<u8>> {
    Some(entry.as_str()?.as_bytes(&mut itoa::Buffer::new()).to_vec())
}

/// Fewer than so many random bytes, and at least the others.
fn bytes(rng: &mut Rng, least: usize, below: usize) -> Vec<u8> {
    let len = least + rng.below(below);
    (0..len).map(|_| rng.below(256) as u8).collect()
}

/// A value of a random length, such that every encoding comes up, or an integer.
fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.below(6) {
        0 => (rng.next_u64() as i64).to_string().into_bytes(),
        1 => bytes(rng, SHARE_FROM, 100),
        2 => bytes(rng, 0, SHARE_FROM),
        _ => bytes(rng, 0, 200),
    }
}

/// What an entry should be.
struct Model {
    key: Vec<u8>,
    value: Vec<u8>,
    deadline_ms: Option<u64>,
    access: u32,
}

impl Model {
    fn check(&self, entry: &Entry) {
        assert_eq!(entry.key(), self.key);
        assert_eq!(text(entry).unwrap(), self.value);
        assert_eq!(entry.deadline_ms(), self.deadline_ms);
        assert_eq!(entry.access(), self.access);
        assert_eq!(entry.kind(), Kind::String);
        assert!(!entry.is_broken());
    }
}

#[test]
fn strings_stay_what_they_are_whatever_their_encoding_becomes() {
    for seed in 0..300 {
        let before = balance();
        let mut rng = Rng::new(seed);
        let deadline_ms = (seed % 2 == 0).then_some(seed);
        let (key, first) = (bytes(&mut rng, 0, 40), value(&mut rng));
        let mut entry = Entry::string(&key, &first, deadline_ms);
        let mut model = Model { key, value: first, deadline_ms, access: 0 };
        // Replies that still read older values.
        let mut held: Vec<(Arc<Vec<u8>>, Vec<u8>)> = Vec::new();
        for _ in 0..40 {
            match rng.below(7) {
                0 => {
                    model.deadline_ms = (rng.below(2) == 0).then(|| rng.next_u64() >> 1);
                    entry.set_deadline(model.deadline_ms);
                }
                1 => {
                    model.key = bytes(&mut rng, 0, 60);
                    entry.set_key(&model.key);
                }
                2 => {
                    model.access = rng.below(1 << 24) as u32;
                    entry.set_access(model.access);
                }
                3 => {
                    let tail = value(&mut rng);
                    let len = model.value.len() + tail.len();
                    let at = model.value.len();
                    entry.with_string_mut(len, |bytes| bytes[at..].copy_from_slice(&tail));
                    model.value.extend_from_slice(&tail);
                }
                4 => {
                    let len = model.value.len() + rng.below(50);
                    entry.with_string_mut(len, |bytes| assert_eq!(bytes.len(), len));
                    model.value.resize(len, 0);
                }
                5 => {
                    let new = bytes(&mut rng, model.value.len(), 1);
                    let is_int = crate::bytes::parse_int(&new).is_some();
                    if !is_int && entry.overwrite(&new, model.deadline_ms) {
                        model.value = new;
                    }
                }
                _ => {
                    if let Some(Str::Shared(bytes)) = entry.as_str() {
                        held.push((Arc::clone(bytes), model.value.clone()));
                    }
                }
            }
            model.check(&entry);
        }
        let was_read = !held.is_empty();
        for (bytes, was) in held {
            assert_eq!(*bytes, was);
        }
        drop((entry, model));
        // What a reply held is not in the books any more when it goes.
        assert!(balance() == before || was_read && balance() < before);
    }
}

#[test]
fn an_entry_gives_back_all_that_it_took() {
    let limits = Limits::new(1);
    let before = balance();
    let mut hash = Hash::new();
    for i in 0..1000 {
        hash.set(format!("field:{i}").as_bytes(), b"value", &limits);
    }
    let mut list = List::new();
    list.push_back(b"element", Fill::default());
    let mut entries = vec![
        Entry::collection(b"hash", hash, Some(5)),
        Entry::collection(b"list", list, None),
        Entry::int(b"int", -5, Some(7)),
    ];
    for entry in &mut entries {
        entry.set_key(b"a longer key than any before");
        entry.set_deadline(None);
        entry.mark_broken();
        entry.set_deadline(Some(9));
        assert!(entry.is_broken() && entry.deadline_ms() == Some(9));
    }
    assert_eq!(entries[0].as_collection::<Hash>().map(Hash::len), Some(1000));
    assert!(entries[0].as_collection::<List>().is_none() && entries[0].as_str().is_none());
    assert_eq!(entries[2].int_mut(), Some(&mut -5));
    drop(entries);
    assert_eq!(balance(), before);
}

#[test]
fn a_big_string_that_a_reply_holds_leaves_the_books_with_its_entry() {
    let before = balance();
    let entry = Entry::string(b"key", &vec![7; 100_000], None);
    let Some(Str::Shared(bytes)) = entry.as_str() else { panic!("it is big") };
    let held = Arc::clone(bytes);
    drop(entry);
    assert_eq!(balance(), before);
    assert_eq!(held.len(), 100_000);
}

#[test]
fn a_hash_of_which_fields_die_is_due_when_the_first_thing_dies() {
    let limits = Limits::new(1);
    let before = balance();
    let mut hash = Hash::new();
    hash.set(b"endless", b"1", &limits);
    let mut entry = Entry::collection(b"key", hash, None);
    assert!(!entry.is_mortal());
    let set = |entry: &mut Entry, field: &[u8], at_ms| {
        let hash = entry.as_collection_mut::<Hash>().unwrap();
        hash.set(field, b"1", &limits);
        hash.set_deadline(field, at_ms, &limits);
        entry.settle();
    };
    set(&mut entry, b"a", Some(50));
    entry.set_access(77);
    assert_eq!((entry.due_ms(), entry.deadline_ms(), entry.is_mortal()), (Some(50), None, true));
    assert!(!entry.is_dead(60), "one field lives for ever");
    entry.set_deadline(Some(40));
    assert_eq!((entry.due_ms(), entry.deadline_ms()), (Some(40), Some(40)));
    assert!(!entry.is_dead(39) && entry.is_dead(40));
    entry.set_deadline(Some(70));
    entry.set_key(b"another key");
    assert_eq!((entry.due_ms(), entry.deadline_ms()), (Some(50), Some(70)));
    set(&mut entry, b"a", None);
    assert_eq!(
        (entry.due_ms(), entry.deadline_ms(), entry.is_mortal()),
        (Some(70), Some(70), false)
    );
    entry.set_deadline(None);
    set(&mut entry, b"a", Some(30));
    set(&mut entry, b"endless", Some(20));
    assert_eq!((entry.due_ms(), entry.is_dead(29), entry.is_dead(30)), (Some(20), false, true));
    assert_eq!((entry.key(), entry.access()), (&b"another key"[..], 77));
    drop(entry);
    assert_eq!(balance(), before);
}
