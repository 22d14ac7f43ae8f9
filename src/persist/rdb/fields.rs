//! Hashes whose fields die, in the forms of two houses.
//!
//! ```text
//! Redis    earliest deadline (i64)   count   after  field  value ...
//!          earliest deadline (i64)   a listpack of field, value, deadline or 0
//! Valkey   count   field  value  deadline or -1 (i64) ...
//! ```
//!
//! `after` is 0 for a field that lives for ever, and otherwise one more than the milliseconds from
//! the earliest deadline to its own. Candidates for Redis 7.4 had no earliest deadline, and
//! deadlines in place of `after`. What is written is Redis' form.

use super::source::{Malformed, Read, Reader, Source};
use super::{Settings, Sink, Value, compact, decode, put_count, put_len, put_string};
use crate::persist::rdb::sink::put_element;
use crate::types::hash::{Hash, Lifetime};
use crate::types::listpack::Element;

/// A later deadline cannot be set.
const DEADLINE_MAX_MS: i64 = 1 << 48;

pub(super) fn write(sink: &mut impl Sink, hash: &Hash, earliest_ms: u64) {
    sink.put(&earliest_ms.to_le_bytes());
    if let Some(list) = hash.as_triples() {
        put_string(sink, list.as_bytes());
        return;
    }
    put_count(sink, hash.len());
    for (field, value, deadline_ms) in hash.iter().with_deadlines() {
        put_len(sink, deadline_ms.map_or(0, |at_ms| at_ms - earliest_ms + 1));
        put_element(sink, field);
        put_element(sink, value);
    }
}

/// Makes a hash of what is told field by field.
struct Loader<'a> {
    hash: Hash,
    settings: &'a Settings,
}

impl<'a> Loader<'a> {
    fn new(count: usize, settings: &'a Settings) -> Self {
        let mut hash = Hash::new();
        hash.expect(count, 0, &settings.limits);
        Self { hash, settings }
    }

    fn add(&mut self, field: &[u8], value: &[u8], deadline_ms: Option<i64>) -> Read {
        let lifetime = match deadline_ms {
            None => Lifetime::Clear,
            Some(at_ms @ 1..DEADLINE_MAX_MS) => Lifetime::At(at_ms as u64),
            Some(_) => return Err(Malformed),
        };
        let is_new = self.hash.set_as(field, value, lifetime, &self.settings.limits);
        if is_new { Ok(()) } else { Err(Malformed) }
    }
}

/// `earliest_ms` is 0 where deadlines are told as they are.
pub(super) fn read(
    reader: &mut Reader<'_, impl Source>,
    settings: &Settings,
    earliest_ms: i64,
) -> Read<Value> {
    let count = decode::count(reader)?;
    let mut loader = Loader::new(count, settings);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let after_ms = i64::try_from(reader.number()?).map_err(|_| Malformed)?;
        reader.string_into(&mut field)?;
        reader.string_into(&mut value)?;
        let deadline_ms = match (after_ms, earliest_ms) {
            (0, _) => None,
            (at_ms, 0) => Some(at_ms),
            _ => Some(earliest_ms.checked_add(after_ms - 1).ok_or(Malformed)?),
        };
        loader.add(&field, &value, deadline_ms)?;
    }
    Ok(Value::Hash(loader.hash))
}

pub(super) fn read_triples(bytes: &[u8], settings: &Settings) -> Read<Value> {
    let list = compact::listpack(bytes)?;
    if list.is_empty() || !list.len().is_multiple_of(3) {
        return Err(Malformed);
    }
    let mut loader = Loader::new(list.len() / 3, settings);
    let mut elements = list.iter().map(|(_, element)| element);
    while let (Some(field), Some(value), Some(deadline)) =
        (elements.next(), elements.next(), elements.next())
    {
        let Element::Int(deadline_ms) = deadline else { return Err(Malformed) };
        let (mut a, mut b) = ([0; 20], [0; 20]);
        let deadline_ms = Some(deadline_ms).filter(|at_ms| *at_ms != 0);
        loader.add(field.as_bytes(&mut a), value.as_bytes(&mut b), deadline_ms)?;
    }
    Ok(Value::Hash(loader.hash))
}

pub(super) fn read_valkey(
    reader: &mut Reader<'_, impl Source>,
    settings: &Settings,
) -> Read<Value> {
    let count = decode::count(reader)?;
    let mut loader = Loader::new(count, settings);
    let (mut field, mut value) = (Vec::new(), Vec::new());
    for _ in 0..count {
        reader.string_into(&mut field)?;
        reader.string_into(&mut value)?;
        let deadline_ms = Some(reader.moment_ms()?).filter(|at_ms| *at_ms != -1);
        loader.add(&field, &value, deadline_ms)?;
    }
    Ok(Value::Hash(loader.hash))
}
