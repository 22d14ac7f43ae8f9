//! Libraries of functions: what FUNCTION DUMP writes and FUNCTION RESTORE reads.
//!
//! ```text
//! payload   (245   code)...   version (u16)   CRC-64 of all before
//! ```

use super::sink::{Sink, put_string};
use super::source::Reader;
use super::{CRC, Checksums, VERSION, check_footer};

const LIBRARY: u8 = 245;
/// Of candidates for Redis 7.0.
const LIBRARY_OLD: u8 = 246;

/// Why a payload, or the rest of it, is no library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLibrary {
    /// It is no payload, or of a version that is not known, or its checksum is wrong.
    Footer,
    /// It is something else.
    Kind,
    /// It is one as no server has written them since they were invented.
    OldFormat,
    /// Its text cannot be read.
    Text,
}

/// The payload of libraries with these texts.
pub fn dump_libraries<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for code in codes {
        out.put(&[LIBRARY]);
        put_string(&mut out, code);
    }
    out.put(&VERSION.to_le_bytes());
    let sum = CRC.checksum(&out);
    out.put(&sum.to_le_bytes());
    out
}

/// The texts of the libraries in a payload, one after the other; ends with the first failure.
pub fn restore_libraries(
    payload: &[u8],
    checksums: Checksums,
) -> Result<impl Iterator<Item = Result<Vec<u8>, NoLibrary>>, NoLibrary> {
    let (_, mut rest) = check_footer(payload, checksums).ok_or(NoLibrary::Footer)?;
    Ok(std::iter::from_fn(move || {
        let (kind, behind) = rest.split_first()?;
        rest = behind;
        let read = match *kind {
            LIBRARY => Reader::new(&mut rest).string().map_err(|_| NoLibrary::Text),
            LIBRARY_OLD => Err(NoLibrary::OldFormat),
            _ => Err(NoLibrary::Kind),
        };
        if read.is_err() {
            rest = &[];
        }
        Some(read)
    }))
}
