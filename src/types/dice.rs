//! Random values for tests: seeded, so a failure comes back.

use crate::types::random::Rng;

/// Values of the kinds that collections store in different ways.
pub struct Dice(Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Rng::new(seed))
    }

    pub fn roll(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit)
    }

    /// An integer of random width, near one of the powers of two.
    pub fn int(&mut self) -> i64 {
        let wide = self.roll().cast_signed() >> self.below(64);
        let edge = (1_i64 << self.below(63)).wrapping_add_unsigned(self.roll() % 3) - 1;
        match self.below(3) {
            0 => wide,
            1 => edge,
            _ => -edge,
        }
    }

    /// A string: an integer, something short, or rarely something long.
    pub fn word(&mut self) -> Vec<u8> {
        let len = match self.below(20) {
            0..8 => return self.int().to_string().into_bytes(),
            8..16 => self.below(8),
            16..19 => self.below(100),
            _ => self.below(5000),
        };
        (0..len).map(|_| b"0123-ab\0\xFF"[self.below(9)]).collect()
    }
}
