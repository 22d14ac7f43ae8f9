//! Registers as runs of equal ones, for values that have seen little.
//!
//! ```text
//! 00llllll            l + 1 registers are zero
//! 01llllll llllllll   l + 1 registers are zero
//! 1vvvvvll            l + 1 registers are v + 1
//! ```
//!
//! How a run is split, and which neighbours become one again, is fixed: both follow Redis step by
//! step, since the bytes shall be the same.

use std::fmt::Write;

use super::{Corrupt, HEADER, REGISTERS, Registers};

const SHORT_ZEROS_MAX: usize = 64;
const VALUE_MAX: u8 = 32;
const VALUES_MAX: usize = 4;
/// Runs that are looked at for equal neighbours after a change.
const LOOKED_AT: usize = 5;

/// One run, as it is written.
#[derive(Clone, Copy)]
struct Run {
    value: u8,
    /// Registers.
    len: usize,
    /// Bytes.
    size: usize,
}

/// The run that begins at a byte inside the value. A byte that is missing counts as zero.
fn run_at(bytes: &[u8], at: usize) -> Run {
    let byte = bytes[at];
    match byte >> 6 {
        0 => Run { value: 0, len: usize::from(byte) + 1, size: 1 },
        1 => {
            let low = bytes.get(at + 1).copied().unwrap_or(0);
            Run { value: 0, len: (usize::from(byte & 63) << 8 | usize::from(low)) + 1, size: 2 }
        }
        _ => Run { value: (byte >> 2 & 31) + 1, len: usize::from(byte & 3) + 1, size: 1 },
    }
}

fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let run = (at < bytes.len()).then(|| run_at(bytes, at))?;
        at += run.size;
        Some(run)
    })
}

/// Appends a run of zeros: of no more than there are registers, and none if `len` is 0.
pub fn push_zeros(bytes: &mut impl Extend<u8>, len: usize) {
    match len {
        0 => {}
        1..=SHORT_ZEROS_MAX => bytes.extend([len as u8 - 1]),
        _ => bytes.extend([0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
    }
}

/// One run of up to four equal registers that are not zero.
fn values(value: u8, len: usize) -> u8 {
    0x80 | (value - 1) << 2 | (len as u8 - 1)
}

fn push_run(bytes: &mut impl Extend<u8>, value: u8, len: usize) {
    if value == 0 {
        push_zeros(bytes, len);
    } else if len > 0 {
        bytes.extend([values(value, len)]);
    }
}

/// What became of a register.
pub enum Raised {
    Yes,
    /// It was as high already.
    No,
    /// It cannot be done here: the value is too large, or the runs would take too many bytes.
    NeedsDense,
}

/// Raises one register of a whole value, header included.
pub fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    max_bytes: usize,
) -> Result<Raised, Corrupt> {
    if value > VALUE_MAX {
        return Ok(Raised::NeedsDense);
    }
    let (mut at, mut first, mut before) = (HEADER, 0, HEADER);
    let run = loop {
        if at >= bytes.len() {
            return Err(Corrupt);
        }
        let run = run_at(bytes, at);
        if index < first + run.len {
            break run;
        }
        before = at;
        at += run.size;
        first += run.len;
    };
    if run.value >= value {
        return Ok(Raised::No);
    }
    if run.len == 1 && run.size == 1 {
        bytes[at] = values(value, 1);
    } else {
        let mut split = smallvec::SmallVec::<[u8; 8]>::new();
        push_run(&mut split, run.value, index - first);
        split.push(values(value, 1));
        push_run(&mut split, run.value, first + run.len - 1 - index);
        let len = bytes.len() + split.len() - run.size;
        if split.len() > run.size && len > max_bytes {
            return Ok(Raised::NeedsDense);
        }
        let end = bytes.len().min(at + run.size);
        bytes.splice(at..end, split);
        // Only where half of the last run was missing: a server does not make up for it.
        bytes.truncate(len);
    }
    join_equal(bytes, before);
    Ok(Raised::Yes)
}

/// Makes one run of neighbours with one value, as far as a run can be that long.
fn join_equal(bytes: &mut Vec<u8>, from: usize) {
    let mut at = from;
    for _ in 0..LOOKED_AT {
        if at >= bytes.len() {
            return;
        }
        let run = run_at(bytes, at);
        if run.value > 0 && at + 1 < bytes.len() {
            let next = run_at(bytes, at + 1);
            let len = run.len + next.len;
            if next.value == run.value && len <= VALUES_MAX {
                bytes[at + 1] = values(run.value, len);
                bytes.remove(at);
                continue;
            }
        }
        at += run.size;
    }
}

pub fn histogram(bytes: &[u8]) -> Result<[u32; 64], Corrupt> {
    let mut counts = [0; 64];
    let mut seen = 0;
    for run in runs(bytes) {
        counts[usize::from(run.value)] += run.len as u32;
        seen += run.len;
    }
    if seen == REGISTERS { Ok(counts) } else { Err(Corrupt) }
}

/// As a server does, this bears runs behind the last register that are not zero.
pub fn highest(bytes: &[u8], highest: &mut Registers) -> Result<(), Corrupt> {
    let mut at = 0;
    for run in runs(bytes) {
        if run.value > 0 {
            let Some(slots) = highest.get_mut(at..at + run.len) else { break };
            for slot in slots {
                *slot = run.value.max(*slot);
            }
        }
        at += run.len;
    }
    if at == REGISTERS { Ok(()) } else { Err(Corrupt) }
}

pub fn decode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for run in runs(bytes) {
        let len = run.len;
        // Writing to a String cannot fail.
        let _ = match (run.value, run.size) {
            (0, 1) => write!(text, "z:{len} "),
            (0, _) => write!(text, "Z:{len} "),
            (value, _) => write!(text, "v:{value},{len} "),
        };
    }
    text.truncate(text.trim_end().len());
    text
}
