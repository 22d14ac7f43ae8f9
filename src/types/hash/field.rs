//! A field of a big hash.

use crate::types::dict::Keyed;
use crate::types::listpack::Element;
use crate::types::thin::{LEN_BYTES_MAX, Thin, split_len, write_len};

/// A field and its value in one block: length of the field, field, value.
#[derive(Debug, Clone)]
pub struct Field(Thin);

impl Field {
    pub(super) fn new(field: &[u8], value: &[u8]) -> Self {
        let mut head = [0; LEN_BYTES_MAX];
        let head_len = write_len(&mut head, field.len());
        Self(Thin::concat(&[&head[..head_len], field, value]))
    }

    pub fn value(&self) -> &[u8] {
        split_len(&self.0).1
    }

    /// The field and its value.
    pub(super) fn elements(&self) -> (Element<'_>, Element<'_>) {
        let (field, value) = split_len(&self.0);
        (Element::Bytes(field), Element::Bytes(value))
    }
}

impl Keyed for Field {
    fn key(&self) -> &[u8] {
        split_len(&self.0).0
    }
}
