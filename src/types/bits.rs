//! Strings as arrays of bits. Bit 0 is the highest of the first byte, as on paper.
//!
//! Counting and searching go by words: what is looked at may be half a gigabyte.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "one call of a function for newer processors, after asking")
)]

/// The bits that are set.
pub fn count(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has been asked.
        return unsafe { count_by_vectors(bytes) };
    }
    count_by_words(bytes)
}

/// The same code for processors that count bits by themselves: several times as fast.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_by_vectors(bytes: &[u8]) -> u64 {
    count_by_words(bytes)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the processor of its caller")]
fn count_by_words(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 =
        words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    whole + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The bits that are set from `first` to `last`, both inside the string.
pub fn count_between(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (from, to) = ((first / 8) as usize, (last / 8) as usize);
    let before = bytes[from] & !(0xFF >> (first % 8));
    let behind = bytes[to] & !low_bits_cut(last);
    count(&bytes[from..=to]) - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

/// A mask of a byte's bits up to the one where `last` falls.
fn low_bits_cut(last: u64) -> u8 {
    0xFFu8 << (7 - last % 8)
}

/// The first bit from `first` to `last`, both inside the string, that is `bit`.
pub fn find(bytes: &[u8], bit: bool, first: u64, last: u64) -> Option<u64> {
    let (from, to) = ((first / 8) as usize, (last / 8) as usize);
    let skipped = if bit { 0x00 } else { 0xFF };
    let wanted = |at: usize| {
        let mut byte = bytes[at] ^ skipped;
        if at == from {
            byte &= 0xFF >> (first % 8);
        }
        if at == to {
            byte &= low_bits_cut(last);
        }
        (byte != 0).then(|| at as u64 * 8 + u64::from(byte.leading_zeros()))
    };
    wanted(from).or_else(|| {
        let middle = bytes.get(from + 1..to).unwrap_or_default();
        let at = from + 1 + run_of(middle, skipped);
        if at <= to { wanted(at.min(to)) } else { None }
    })
}

/// How many bytes at the beginning are `byte`.
fn run_of(bytes: &[u8], byte: u8) -> usize {
    let (blocks, _) = bytes.as_chunks::<32>();
    let differs = |block: &[u8; 32]| block.iter().fold(0, |seen, other| seen | (other ^ byte)) != 0;
    let at = blocks.iter().position(differs).unwrap_or(blocks.len()) * 32;
    at + bytes[at..].iter().position(|other| *other != byte).unwrap_or(bytes.len() - at)
}

/// The bit at a place; zeros follow the string's end.
pub fn get(bytes: &[u8], at: u64) -> bool {
    bytes.get((at / 8) as usize).is_some_and(|byte| byte & 0x80 >> (at % 8) != 0)
}

/// Sets or clears a bit inside the string.
pub fn set(bytes: &mut [u8], at: u64, bit: bool) {
    let (byte, mask) = (&mut bytes[(at / 8) as usize], 0x80 >> (at % 8));
    if bit { *byte |= mask } else { *byte &= !mask }
}

/// The number in `width` bits (1 to 64) at a place; zeros follow the string's end.
pub fn field(bytes: &[u8], at: u64, width: u32) -> u64 {
    (window(bytes, at) << (at % 8) >> (128 - width)) as u64
}

/// Puts the low `width` bits (1 to 64) of a number at a place inside the string.
pub fn set_field(bytes: &mut [u8], at: u64, width: u32, value: u64) {
    let shift = 128 - width - (at % 8) as u32;
    let mask = (u128::MAX >> (128 - width)) << shift;
    let new = window(bytes, at) & !mask | u128::from(value) << shift & mask;
    let from = (at / 8) as usize;
    let len = bytes.len().min(from + 16) - from;
    bytes[from..from + len].copy_from_slice(&new.to_be_bytes()[..len]);
}

/// Sixteen bytes from the one where `at` falls: as many as a field can touch, and more.
fn window(bytes: &[u8], at: u64) -> u128 {
    let mut held = [0; 16];
    let from = usize::try_from(at / 8).unwrap_or(usize::MAX).min(bytes.len());
    let len = (bytes.len() - from).min(16);
    held[..len].copy_from_slice(&bytes[from..from + len]);
    u128::from_be_bytes(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::dice::Dice;

    fn naive(bytes: &[u8]) -> Vec<bool> {
        (0..bytes.len() as u64 * 8).map(|at| get(bytes, at)).collect()
    }

    #[test]
    fn bits_are_numbered_from_the_highest_of_the_first_byte() {
        let mut bytes = [0u8; 2];
        set(&mut bytes, 0, true);
        set(&mut bytes, 15, true);
        assert_eq!(bytes, [0x80, 0x01]);
        set(&mut bytes, 0, false);
        assert_eq!(bytes, [0x00, 0x01]);
        assert!(!get(&bytes, 16));
    }

    #[test]
    fn counting_and_searching_agree_with_looking_at_every_bit() {
        let mut dice = Dice::new(7);
        for _ in 0..300 {
            let len = 1 + dice.below(120);
            let common = [0x00, 0xFF][dice.below(2)];
            let mut bytes = vec![common; len];
            for _ in 0..dice.below(4) {
                bytes[dice.below(len)] = dice.roll() as u8;
            }
            let all = naive(&bytes);
            let from = dice.below(len * 8);
            let to = from + dice.below(len * 8 - from);
            let range = &all[from..=to];
            let (a, b) = (from as u64, to as u64);
            let set = range.iter().filter(|bit| **bit).count() as u64;
            assert_eq!(count_between(&bytes, a, b), set);
            for bit in [false, true] {
                let found = range.iter().position(|other| *other == bit);
                assert_eq!(find(&bytes, bit, a, b), found.map(|at| a + at as u64), "{a} {b}");
            }
        }
    }

    #[test]
    fn a_field_is_read_as_it_was_written_and_nothing_beside_it_changes() {
        let mut dice = Dice::new(9);
        for _ in 0..1000 {
            let mut bytes: Vec<u8> = (0..24).map(|_| dice.roll() as u8).collect();
            let before = naive(&bytes);
            let width = 1 + dice.below(64) as u32;
            let at = dice.below(193 - width as usize) as u64;
            let value = dice.roll() & (u64::MAX >> (64 - width));
            set_field(&mut bytes, at, width, value);
            assert_eq!(field(&bytes, at, width), value);
            let after = naive(&bytes);
            let (from, to) = (at as usize, at as usize + width as usize);
            assert_eq!(before[..from], after[..from]);
            assert_eq!(before[to..], after[to..]);
        }
    }

    #[test]
    fn a_field_beyond_the_end_is_zero() {
        assert_eq!(field(b"\xff", 4, 8), 0xF0);
        assert_eq!(field(b"\xff", 8, 64), 0);
        assert_eq!(field(b"", u64::MAX, 64), 0);
    }
}
