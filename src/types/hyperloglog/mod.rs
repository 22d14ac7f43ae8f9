//! HyperLogLog: how many different elements were seen, within 0.81 %, in at most 12 KB.
//!
//! A value is a string, and its bytes are those of Redis, so that either reads what the other
//! wrote and the same elements in the same order make the same bytes:
//!
//! ```text
//! "HYLL" | encoding | 0 0 0 | cached estimate, 8 bytes, little-endian | registers
//!              0 dense: 16384 registers of 6 bits, the lowest bits first
//!              1 sparse: runs of equal registers, see `sparse`
//! ```
//!
//! The highest bit of the estimate's last byte says that it is out of date. An element chooses a
//! register by 14 bits of its hash; the register keeps the longest run of zeros, plus one, that the
//! other bits of such hashes began with.

mod dense;
mod estimate;
mod murmur;
mod self_test;
mod sparse;

pub use self_test::self_test;

pub const REGISTERS: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 14;
/// Bits of a hash that are left for the run of zeros.
const RUN_BITS: u32 = 64 - INDEX_BITS;
const HEADER: usize = 16;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
const MAGIC: &[u8] = b"HYLL";
const OUT_OF_DATE: u8 = 0x80;

/// The runs of a sparse value do not add up to all registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// Every register of one value, or the highest of several.
pub type Registers = [u8; REGISTERS];

/// Registers that are all zero.
pub fn no_registers() -> Box<Registers> {
    vec![0; REGISTERS].into_boxed_slice().try_into().expect("it has been made so long")
}

/// A value that has seen nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[4] = 1;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// Does the string begin as a HyperLogLog does?
pub fn is_valid(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(MAGIC)
        && match bytes[4] {
            0 => bytes.len() == DENSE_LEN,
            1 => true,
            _ => false,
        }
}

pub fn is_dense(bytes: &[u8]) -> bool {
    bytes[4] == 0
}

/// The estimate that was kept, unless registers have changed since.
pub fn cached(bytes: &[u8]) -> Option<u64> {
    let kept = u64::from_le_bytes(bytes[8..HEADER].try_into().expect("it is eight bytes"));
    (bytes[HEADER - 1] & OUT_OF_DATE == 0).then_some(kept)
}

/// Keeps an estimate.
pub fn set_cached(bytes: &mut [u8], estimate: u64) {
    bytes[8..HEADER].copy_from_slice(&estimate.to_le_bytes());
}

/// Marks the kept estimate as out of date.
pub fn forget_cached(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= OUT_OF_DATE;
}

/// Sees an element. Tells whether a register has changed. A sparse value that would become longer
/// than `sparse_max_bytes` becomes dense.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    let (index, run) = place(element);
    raise(bytes, index, run, sparse_max_bytes)
}

/// The register that an element belongs to, and what it would set it to.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur::hash(element);
    let index = hash as usize & (REGISTERS - 1);
    let run = (hash >> INDEX_BITS | 1 << RUN_BITS).trailing_zeros() + 1;
    (index, run as u8)
}

/// Raises a register to `value`, if it is lower.
fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
) -> Result<bool, Corrupt> {
    if !is_dense(bytes) {
        match sparse::raise(bytes, index, value, sparse_max_bytes)? {
            sparse::Raised::Yes => {
                forget_cached(bytes);
                return Ok(true);
            }
            sparse::Raised::No => return Ok(false),
            sparse::Raised::NeedsDense => make_dense(bytes)?,
        }
    }
    let registers = &mut bytes[HEADER..];
    if dense::get(registers, index) >= value {
        return Ok(false);
    }
    dense::set(registers, index, value);
    Ok(true)
}

/// Turns a sparse value into a dense one. Tells whether it was sparse.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        return Ok(());
    }
    let mut registers = no_registers();
    sparse::highest(&bytes[HEADER..], &mut registers)?;
    bytes.truncate(HEADER);
    bytes[4] = 0;
    bytes.reserve_exact(DENSE_LEN - HEADER);
    dense::push_all(bytes, &registers);
    Ok(())
}

/// Estimates how many different elements a value has seen.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let registers = &bytes[HEADER..];
    let histogram =
        if is_dense(bytes) { dense::histogram(registers) } else { sparse::histogram(registers)? };
    Ok(estimate::of(&histogram))
}

/// Estimates from registers that several values were put into.
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = [0; 64];
    for value in registers {
        histogram[usize::from(*value & 63)] += 1;
    }
    estimate::of(&histogram)
}

/// Raises registers to those of a value where these are higher.
pub fn highest(bytes: &[u8], registers: &mut Registers) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        dense::highest(&bytes[HEADER..], registers);
        Ok(())
    } else {
        sparse::highest(&bytes[HEADER..], registers)
    }
}

/// Raises the registers of a value to these, which are nowhere lower.
pub fn raise_all(
    bytes: &mut Vec<u8>,
    registers: &Registers,
    sparse_max_bytes: usize,
) -> Result<(), Corrupt> {
    if is_dense(bytes) {
        bytes.truncate(HEADER);
        dense::push_all(bytes, registers);
    } else {
        for (index, value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
            raise(bytes, index, *value, sparse_max_bytes)?;
        }
    }
    forget_cached(bytes);
    Ok(())
}

/// The runs of a sparse value as text: `z:` and `Z:` zeros, short and long, `v:` value and length.
pub fn decode(bytes: &[u8]) -> String {
    sparse::decode(&bytes[HEADER..])
}

#[cfg(test)]
mod tests;
