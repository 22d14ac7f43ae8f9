//! A field of a big hash.

use crate::types::dict::Keyed;
use crate::types::listpack::Element;
use crate::types::thin::{LEN_BYTES_MAX, Thin, split_len, write_len};

/// What the block of a field with a deadline begins with: a length of zero in one byte more than
/// it takes, as no other field begins.
const MORTAL: [u8; 2] = [0x80, 0];
const DEADLINE_BYTES: usize = 8;

/// A field and its value in one block: length of the field, field, value. One with a deadline has
/// `MORTAL` and the deadline before that; the others pay nothing for it.
#[derive(Debug)]
pub struct Field(Thin);

impl Field {
    pub(super) fn new(field: &[u8], value: &[u8], deadline_ms: Option<u64>) -> Self {
        let mut head = [0; LEN_BYTES_MAX];
        let head_len = write_len(&mut head, field.len());
        let head = &head[..head_len];
        Self(match deadline_ms {
            None => Thin::concat(&[head, field, value]),
            Some(at_ms) => Thin::concat(&[&MORTAL, &at_ms.to_le_bytes(), head, field, value]),
        })
    }

    /// The field and its value.
    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        let block: &[u8] = &self.0;
        let len = usize::from(block[0]);
        if len < 0x80 { block[1..].split_at(len) } else { Self::parts_of_long(block) }
    }

    /// Of a block that begins with the mark, or with a length of several bytes.
    fn parts_of_long(block: &[u8]) -> (&[u8], &[u8]) {
        match block.strip_prefix(&MORTAL) {
            Some(rest) => split_len(&rest[DEADLINE_BYTES..]),
            None => split_len(block),
        }
    }

    #[inline]
    pub fn value(&self) -> &[u8] {
        self.parts().1
    }

    /// The millisecond from which on the field is dead.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        let (at_ms, _) = self.0.strip_prefix(&MORTAL)?.split_first_chunk()?;
        Some(u64::from_le_bytes(*at_ms))
    }

    /// The field and its value.
    #[inline]
    pub(super) fn elements(&self) -> (Element<'_>, Element<'_>) {
        let (field, value) = self.parts();
        (Element::Bytes(field), Element::Bytes(value))
    }

    /// One more holder of the same block, for the list of deadlines.
    pub(super) fn share(&self) -> Thin {
        self.0.clone()
    }
}

impl Clone for Field {
    /// Blocks with a deadline are copied: a list of deadlines knows them by their address.
    fn clone(&self) -> Self {
        match self.deadline_ms() {
            None => Self(self.0.clone()),
            Some(_) => Self(Thin::new(&self.0)),
        }
    }
}

impl Field {
    /// Bytes of the block.
    pub(super) fn memory(&self) -> usize {
        self.0.memory()
    }
}

impl Keyed for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        self.parts().0
    }
}

/// The field in a block that a list of deadlines holds.
pub(super) fn name_in(block: &Thin) -> &[u8] {
    split_len(&block[MORTAL.len() + DEADLINE_BYTES..]).0
}
