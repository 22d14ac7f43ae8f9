//! DEBUG DIGEST: one signature of everything, the same as a server's.
//!
//! Unordered things are the exclusive or of the SHA-1 of each; where order matters, the sum so far
//! is hashed again after each. So two datasets have one digest exactly if they are the same, in
//! whatever order and encoding they are kept.

use sha1::{Digest as _, Sha1};

use super::super::{Args, Context};
use crate::bytes::write_shortest;
use crate::error::{Error, Result};
use crate::store::{DATABASES, Entry};
use crate::types::Kind;
use crate::types::hash::Hash;
use crate::types::list::List;
use crate::types::listpack::Element;
use crate::types::set::Set;
use crate::types::sorted_set::SortedSet;
use crate::types::stream::{Stream, StreamId};

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    /// Adds something whose place among others does not matter.
    fn xor(&mut self, data: &[u8]) {
        let sum: [u8; 20] = Sha1::digest(data).into();
        self.0.iter_mut().zip(sum).for_each(|(byte, other)| *byte ^= other);
    }

    /// Adds something that comes after all that was added before.
    fn mix(&mut self, data: &[u8]) {
        self.xor(data);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_element(&mut self, element: Element<'_>) {
        self.mix(element.as_bytes(&mut [0; 20]));
    }

    fn show(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            super::add(&mut text, format_args!("{byte:02x}"));
            text
        })
    }
}

/// `DEBUG DIGEST`
pub(super) fn digest(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.cost(usize::MAX)?;
    let mut all = Digest::default();
    for index in 0..DATABASES {
        let entered = cx.entered.ok_or(Error::Alone)?;
        if cx.space.table(entered, index).is_none_or(crate::store::Table::is_empty) {
            continue;
        }
        all.mix(&(index as u32).to_be_bytes());
        cx.look(index, |db| {
            db.each(|entry| {
                let mut one = Digest::default();
                one.mix(entry.key());
                add(&mut one, entry);
                all.xor(&one.0);
            })
        })??;
    }
    cx.out.status(&all.show());
    Ok(())
}

/// `DEBUG DIGEST-VALUE key [key ...]`: zeros for a key that is not there.
pub(super) fn digest_value(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let keys = args.rest();
    let work: usize = keys.iter().filter_map(|key| cx.db.peek(key)).map(crate::store::work).sum();
    cx.cost(work)?;
    cx.out.array(keys.len());
    for key in keys {
        let mut digest = Digest::default();
        if let Some(entry) = cx.db.peek(key) {
            add(&mut digest, entry);
        }
        cx.out.status(&digest.show());
    }
    Ok(())
}

/// The numbers by which servers tell types.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::SortedSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6,
    }
}

/// Adds a value to the digest.
fn add(digest: &mut Digest, entry: &Entry) {
    digest.mix(&type_number(entry.kind()).to_be_bytes());
    if let Some(text) = entry.as_str() {
        digest.mix(text.as_bytes(&mut itoa::Buffer::new()));
    } else if let Some(list) = entry.as_collection::<List>() {
        list.iter().for_each(|element| digest.mix_element(element));
    } else if let Some(set) = entry.as_collection::<Set>() {
        set.iter().for_each(|member| digest.xor(member.as_bytes(&mut [0; 20])));
    } else if let Some(set) = entry.as_collection::<SortedSet>() {
        let mut text = Vec::new();
        for (member, score) in set {
            text.clear();
            write_shortest(&mut text, score);
            let mut one = Digest::default();
            one.mix_element(member);
            one.mix(&text);
            digest.xor(&one.0);
        }
    } else if let Some(hash) = entry.as_collection::<Hash>() {
        for (field, value) in hash {
            let mut one = Digest::default();
            one.mix_element(field);
            one.mix_element(value);
            digest.xor(&one.0);
        }
    } else if let Some(stream) = entry.as_collection::<Stream>() {
        for entry in stream.range(StreamId::MIN, StreamId::MAX) {
            digest.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (name, value) in entry.fields {
                digest.mix_element(name);
                digest.mix_element(value);
            }
        }
    }
    if entry.deadline_ms().is_some() {
        digest.xor(b"!!expire!!");
    }
}
