//! One node of a stream: a listpack of entries that share what they can.
//!
//! ```text
//!   count  deleted  n  name 1 ... name n  0          the master entry
//!   flags  ms  seq  value 1 ... value n  back        an entry with the names of the master entry
//!   flags  ms  seq  m  name 1  value 1 ... back      an entry with names of its own
//! ```
//!
//! `ms` and `seq` are counted from the id that is the node's key in the stream. `back` is the
//! number of elements to step back over to reach `flags`. An entry is deleted by a flag and takes
//! its room until its node goes.

use std::iter::once;

use super::StreamId;
use crate::types::listpack::{self, Element, Listpack, Pos};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// A node with a cursor over its entries, deleted ones included.
#[derive(Clone)]
pub(super) struct NodeReader<'a> {
    id: StreamId,
    pub count: usize,
    pub deleted: usize,
    names: listpack::Iter<'a>,
    names_len: usize,
    entries: listpack::Iter<'a>,
}

/// The start of a node, and whether the next entry has the names of its master entry.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub id: StreamId,
    pub count: usize,
    pub same_fields: bool,
}

/// An entry in its node.
pub(super) struct RawEntry<'a> {
    pub id: StreamId,
    pub fields: Fields<'a>,
    pub flags: Flags,
}

/// The flags of an entry and where they stand.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    at: Pos,
    bits: i64,
}

/// The names and values of an entry, in the order they were given.
#[derive(Clone)]
pub struct Fields<'a> {
    /// The names, if they stand in the master entry.
    names: Option<listpack::Iter<'a>>,
    rest: listpack::Iter<'a>,
    left: usize,
}

impl Flags {
    pub fn deleted(self) -> bool {
        self.bits & DELETED != 0
    }
}

impl<'a> NodeReader<'a> {
    /// `id` is the key of the node.
    pub fn new(id: StreamId, node: &'a Listpack) -> Self {
        let mut elements = node.iter();
        let (count, deleted) = (length(&mut elements), length(&mut elements));
        let names_len = length(&mut elements);
        let names = elements.clone();
        elements.advance(names_len + 1);
        Self { id, count, deleted, names, names_len, entries: elements }
    }

    pub fn next(&mut self) -> Option<RawEntry<'a>> {
        let (at, flags) = self.entries.next()?;
        Some(self.read(at, flags))
    }

    pub fn next_back(&mut self) -> Option<RawEntry<'a>> {
        let (_, back) = self.entries.next_back()?;
        let back = usize::try_from(integer(back)).expect("written as a length");
        let mut entry = self.entries.split_back(back);
        let (at, flags) = entry.next()?;
        let before = std::mem::replace(&mut self.entries, entry);
        let read = self.read(at, flags);
        self.entries = before;
        Some(read)
    }

    /// The id of the last entry, deleted or not.
    pub fn last_id(&self) -> Option<StreamId> {
        self.clone().next_back().map(|entry| entry.id)
    }

    /// What appending an entry with these names must know.
    pub fn head<'b>(&self, names: impl Iterator<Item = &'b [u8]>) -> Head {
        Head { id: self.id, count: self.count, same_fields: self.has_names(names) }
    }

    /// Whether entries with `names` can do without them.
    fn has_names<'b>(&self, mut names: impl Iterator<Item = &'b [u8]>) -> bool {
        let mut ours = self.names.clone().take(self.names_len);
        ours.all(|(_, name)| names.next().is_some_and(|other| name.eq_bytes(other)))
            && names.next().is_none()
    }

    /// Reads an entry whose flags were just passed.
    fn read(&mut self, at: Pos, flags: Element<'_>) -> RawEntry<'a> {
        let bits = integer(flags);
        let entries = &mut self.entries;
        let ms = self.id.ms.wrapping_add_signed(next_integer(entries));
        let seq = self.id.seq.wrapping_add_signed(next_integer(entries));
        let fields = if bits & SAME_FIELDS == 0 {
            let left = length(entries);
            let rest = entries.clone();
            entries.advance(2 * left);
            Fields { names: None, rest, left }
        } else {
            let rest = entries.clone();
            entries.advance(self.names_len);
            Fields { names: Some(self.names.clone()), rest, left: self.names_len }
        };
        entries.advance(1);
        RawEntry { id: StreamId::new(ms, seq), fields, flags: Flags { at, bits } }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Element<'a>, Element<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (_, name) = self.names.as_mut().unwrap_or(&mut self.rest).next()?;
        let (_, value) = self.rest.next()?;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// A node with no entries yet, made for entries with these names.
pub(super) fn create<'a>(names: impl Iterator<Item = &'a [u8]> + Clone) -> Listpack {
    let mut node = Listpack::new();
    let head = [0, 0, signed(names.clone().count())].map(Element::Int);
    node.extend(head.into_iter().chain(names.map(Element::Bytes)).chain(once(Element::Int(0))));
    node
}

/// Appends an entry to a node of which so much was `read`.
pub(super) fn append<'a>(
    node: &mut Listpack,
    read: Head,
    id: StreamId,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) {
    let len = signed(pairs.clone().count());
    let same = read.same_fields;
    let flags = if same { SAME_FIELDS } else { 0 };
    let ms = id.ms.wrapping_sub(read.id.ms).cast_signed();
    let seq = id.seq.wrapping_sub(read.id.seq).cast_signed();
    let head = [flags, ms, seq].map(Element::Int).into_iter();
    let own_len = (!same).then_some(Element::Int(len)).into_iter();
    let words = pairs.flat_map(move |(name, value)| {
        let name = (!same).then_some(Element::Bytes(name));
        name.into_iter().chain(once(Element::Bytes(value)))
    });
    let back = 3 + if same { len } else { 2 * len + 1 };
    node.extend(head.chain(own_len).chain(words).chain(once(Element::Int(back))));
    set_counts(node, read.count + 1, None);
}

/// Marks the entry with these flags as deleted. The counts are the caller's to change, afterwards.
pub(super) fn mark_deleted(node: &mut Listpack, flags: Flags) {
    node.replace_int(flags.at, flags.bits | DELETED);
}

/// Changes how many entries the node has, and how many deleted ones if told. Positions in the node
/// do not hold any longer.
pub(super) fn set_counts(node: &mut Listpack, count: usize, deleted: Option<usize>) {
    let first = node.first().expect("a node has a master entry");
    node.replace_int(first, signed(count));
    if let Some(deleted) = deleted {
        let second = node.next(first).expect("a node has a master entry");
        node.replace_int(second, signed(deleted));
    }
}

/// Reads a node from elsewhere: the ids of its entries that are not deleted go to `each`. `None` if
/// it is not laid out as told above, or its ids do not grow.
pub(super) fn inspect(id: StreamId, node: &Listpack, mut each: impl FnMut(StreamId)) -> Option<()> {
    let mut elements = node.iter();
    let mut next = |count: usize| -> Option<i64> {
        elements.advance(count);
        elements.next()?.1.as_int()
    };
    let mut length = |skip| next(skip).and_then(|length| usize::try_from(length).ok());
    let (count, deleted, names_len) = (length(0)?, length(0)?, length(0)?);
    if next(names_len)? != 0 {
        return None;
    }
    let mut last = None;
    let mut live = 0;
    for _ in 0..count.checked_add(deleted)? {
        let flags = next(0)?;
        let ms = id.ms.checked_add_signed(next(0)?)?;
        let entry = StreamId::new(ms, id.seq.wrapping_add_signed(next(0)?));
        let (values, rest) = if flags & SAME_FIELDS == 0 {
            let own = usize::try_from(next(0)?).ok()?;
            (own.checked_mul(2)?, own.checked_mul(2)?.checked_add(4)?)
        } else {
            (names_len, names_len.checked_add(3)?)
        };
        let grows = entry >= id && last.is_none_or(|last| last < entry);
        if !grows || usize::try_from(next(values)?).ok()? != rest {
            return None;
        }
        last = Some(entry);
        if flags & DELETED == 0 {
            live += 1;
            each(entry);
        }
    }
    (live == count && elements.next().is_none()).then_some(())
}

fn integer(element: Element<'_>) -> i64 {
    element.as_int().expect("an integer stands here in every node")
}

fn next_integer(elements: &mut listpack::Iter<'_>) -> i64 {
    elements.next().map(|(_, element)| integer(element)).expect("an entry is whole")
}

fn length(elements: &mut listpack::Iter<'_>) -> usize {
    usize::try_from(next_integer(elements)).expect("written as a length")
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("a length fits 63 bits")
}
