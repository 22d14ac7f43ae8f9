//! How full a node of a list may be: `list-max-listpack-size`.

/// Bytes in a node when the limit is a number of elements.
const SAFETY_BYTES: usize = 8192;
/// What an element is taken to cost beyond its own bytes.
const ELEMENT_OVERHEAD_BYTES: usize = 8;

/// The limit on a node. Positive: so many elements. Negative, -1 to -5: 4, 8, 16, 32, 64 KB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    size: i32,
    /// An element of so many bytes is kept in a node of its own; 0: as the limit says.
    alone_from_bytes: u32,
}

impl Fill {
    pub fn new(list_max_listpack_size: i32) -> Self {
        Self { size: list_max_listpack_size, alone_from_bytes: 0 }
    }

    /// Keeps elements of so many bytes in nodes of their own, whatever the limit; 0 changes
    /// nothing.
    #[must_use]
    pub fn alone_from(self, bytes: u32) -> Self {
        Self { alone_from_bytes: bytes, ..self }
    }

    /// Whether a node of so many bytes and elements is beyond the limit.
    pub fn exceeded_by(self, bytes: usize, count: usize) -> bool {
        bytes > self.max_bytes().unwrap_or(SAFETY_BYTES) || count > self.max_count()
    }

    /// Whether an element of `len` bytes is kept in a node of its own.
    pub(super) fn is_large(self, len: usize) -> bool {
        match self.alone_from_bytes {
            0 => len > self.max_bytes().unwrap_or(SAFETY_BYTES),
            from => len >= from as usize,
        }
    }

    /// Whether an element of `len` bytes may join a node of so many bytes and elements.
    pub(super) fn has_room(self, bytes: usize, count: usize, len: usize) -> bool {
        !self.is_large(len) && !self.exceeded_by(bytes + len + ELEMENT_OVERHEAD_BYTES, count + 1)
    }

    /// Whether a node of so many bytes and elements is at most half full.
    pub(super) fn is_half(self, bytes: usize, count: usize) -> bool {
        self.max_bytes().is_none_or(|max| bytes <= max / 2) && count <= self.max_count() / 2
    }

    fn max_bytes(self) -> Option<usize> {
        match self.size {
            0.. => None,
            -1 => Some(4096),
            -2 => Some(8192),
            -3 => Some(16384),
            -4 => Some(32768),
            _ => Some(65536),
        }
    }

    fn max_count(self) -> usize {
        match self.size {
            0.. => usize::try_from(self.size.max(1)).expect("not negative"),
            _ => usize::MAX,
        }
    }
}

impl Default for Fill {
    /// 8 KB.
    fn default() -> Self {
        Self::new(-2)
    }
}
