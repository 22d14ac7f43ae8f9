//! Random numbers for tests: seeded, so a failure comes back.

/// A splitmix64 generator.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).expect("below a usize")
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
