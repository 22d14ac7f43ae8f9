//! A string value as readers get it: an integer, bytes, or big bytes that can be kept by reference.

use std::sync::Arc;

use crate::memory::good_size;

/// A string value as it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Str<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    /// Big: can be kept by reference.
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> Str<'a> {
    /// The bytes; an integer is printed into `scratch`.
    pub fn as_bytes<'s>(&self, scratch: &'s mut itoa::Buffer) -> &'s [u8]
    where
        'a: 's,
    {
        match *self {
            Self::Int(value) => scratch.format(value).as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    pub fn len(&self) -> usize {
        self.as_bytes(&mut itoa::Buffer::new()).len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Makes a string at least `min_len` long, with zeros. Doubles its room when it must grow, as Redis
/// does.
pub(super) fn lengthen(bytes: &mut Vec<u8>, min_len: usize) {
    if bytes.len() >= min_len {
        return;
    }
    if bytes.capacity() < min_len {
        let target = if min_len < 1 << 20 { min_len * 2 } else { min_len + (1 << 20) };
        bytes.reserve_exact(good_size(target) - bytes.len());
    }
    bytes.resize(min_len, 0);
}
