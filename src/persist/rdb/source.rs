//! Reading the atoms of the format (see `sink`) from bytes that a stranger may have made up.
//!
//! Nothing is reserved because a length says so: what is read grows as the bytes really come.

use super::lzf;
use super::sink::{INT_8, INT_16, INT_32, LZF};

/// The bytes are not what they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

pub type Read<T = ()> = Result<T, Malformed>;

/// Where the bytes come from. Running out of them is `Malformed` too; a source that can fail
/// otherwise remembers why.
pub trait Source {
    /// Fills `into`.
    fn read(&mut self, into: &mut [u8]) -> Read;

    /// Appends the next `len` bytes. Must not reserve more than it knows to be there.
    fn append(&mut self, len: usize, out: &mut Vec<u8>) -> Read;
}

impl Source for &[u8] {
    fn read(&mut self, into: &mut [u8]) -> Read {
        let (head, tail) = self.split_at_checked(into.len()).ok_or(Malformed)?;
        into.copy_from_slice(head);
        *self = tail;
        Ok(())
    }

    fn append(&mut self, len: usize, out: &mut Vec<u8>) -> Read {
        let (head, tail) = self.split_at_checked(len).ok_or(Malformed)?;
        out.extend_from_slice(head);
        *self = tail;
        Ok(())
    }
}

/// What stands where a length may stand.
enum Head {
    Len(u64),
    Encoded(u8),
}

/// No string is longer: the keyspace keeps lengths in 32 bits.
const STRING_LEN_MAX: usize = u32::MAX as usize - (1 << 16);

/// Reads atoms from a source.
pub struct Reader<'a, S> {
    source: &'a mut S,
    /// A compressed string, on its way.
    packed: Vec<u8>,
}

impl<'a, S: Source> Reader<'a, S> {
    pub fn new(source: &'a mut S) -> Self {
        Self { source, packed: Vec::new() }
    }

    pub fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read(&mut bytes)?;
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Read<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn head(&mut self) -> Read<Head> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Head::Len(u64::from(first)),
            1 => Head::Len(u64::from(first & 0x3F) << 8 | u64::from(self.byte()?)),
            2 => match first {
                0x80 => Head::Len(u64::from(u32::from_be_bytes(self.array()?))),
                0x81 => Head::Len(u64::from_be_bytes(self.array()?)),
                _ => return Err(Malformed),
            },
            _ => Head::Encoded(first & 0x3F),
        })
    }

    /// A number written as a length.
    pub fn number(&mut self) -> Read<u64> {
        match self.head()? {
            Head::Len(len) => Ok(len),
            Head::Encoded(_) => Err(Malformed),
        }
    }

    /// How many things follow. Says nothing of whether they really do.
    pub fn count(&mut self) -> Read<usize> {
        usize::try_from(self.number()?).map_err(|_| Malformed)
    }

    /// A string, in place of what `into` held.
    pub fn string_into(&mut self, into: &mut Vec<u8>) -> Read {
        into.clear();
        match self.head()? {
            Head::Len(len) => {
                let len = usize::try_from(len).map_err(|_| Malformed)?;
                self.source.append(checked(len)?, into)
            }
            Head::Encoded(INT_8) => {
                let value = i64::from(i8::from_le_bytes(self.array()?));
                into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                Ok(())
            }
            Head::Encoded(INT_16) => {
                let value = i64::from(i16::from_le_bytes(self.array()?));
                into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                Ok(())
            }
            Head::Encoded(INT_32) => {
                let value = i64::from(i32::from_le_bytes(self.array()?));
                into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                Ok(())
            }
            Head::Encoded(LZF) => {
                let (packed_len, len) = (self.count()?, checked(self.count()?)?);
                self.packed.clear();
                self.source.append(packed_len, &mut self.packed)?;
                lzf::decompress(&self.packed, len, into).ok_or(Malformed)
            }
            Head::Encoded(_) => Err(Malformed),
        }
    }

    /// A string of its own.
    pub fn string(&mut self) -> Read<Vec<u8>> {
        let mut text = Vec::new();
        self.string_into(&mut text)?;
        Ok(text)
    }

    /// A double in eight bytes.
    pub fn double(&mut self) -> Read<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A double as text, as it was written before version 8.
    pub fn old_double(&mut self) -> Read<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Err(Malformed),
            len => {
                let mut text = Vec::new();
                self.source.append(usize::from(len), &mut text)?;
                crate::bytes::parse_double(&text).ok_or(Malformed)
            }
        }
    }

    /// Milliseconds since the epoch.
    pub fn moment_ms(&mut self) -> Read<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }
}

fn checked(len: usize) -> Read<usize> {
    if len > STRING_LEN_MAX { Err(Malformed) } else { Ok(len) }
}
