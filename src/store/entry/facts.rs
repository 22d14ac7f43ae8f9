//! What can be told of an entry beside key and value: how it is kept, and what it takes.

#![expect(unsafe_code, reason = "reads payloads that only the header describes")]
#![expect(clippy::cast_ptr_alignment, reason = "payloads begin at multiples of eight")]

use std::sync::Arc;

use super::{EMBEDDED_MAX, Encoding, Entry, RawString};
use crate::memory::good_size;

impl Entry {
    /// How the string is kept, as a server would say: what was changed in place is `raw`.
    pub fn string_encoding(&self) -> &'static str {
        match self.encoding() {
            Encoding::Int => "int",
            Encoding::Inline if self.inline_len() <= EMBEDDED_MAX => "embstr",
            _ => "raw",
        }
    }

    /// Bytes of the entry, without those of a collection.
    pub fn own_memory(&self) -> usize {
        let block = good_size(self.size());
        // SAFETY: each arm reads the payload its encoding wrote.
        let text = unsafe {
            match self.encoding() {
                Encoding::Raw => good_size((*self.payload().cast::<RawString>()).cap as usize),
                Encoding::Shared => shared_bytes(&*self.payload().cast::<Arc<Vec<u8>>>()),
                _ => 0,
            }
        };
        block + text
    }
}

/// What a big string takes: the block of an `Arc` is its two counts and the `Vec`.
pub(super) fn shared_bytes(bytes: &Vec<u8>) -> usize {
    good_size(bytes.capacity()) + good_size(size_of::<Vec<u8>>() + 16)
}
