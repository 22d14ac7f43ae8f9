//! Chance, seeded: every random choice of a store comes from one small generator, so that a test
//! which knows the seed knows the outcome.
//!
//! The generator is SplitMix64: one word of state, every 64-bit value once per period, and good
//! enough for sampling members and eviction candidates.
//!
//! Not here: secrets. Nothing that must be unguessable may come from this.

/// A seeded stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// A stream that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`, each equally likely; 0 if `bound` is 0.
    ///
    /// The product's high word is the number; the few low words that would favour some numbers are
    /// drawn again.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let uneven = if bound == 0 { 0 } else { bound.wrapping_neg() % bound };
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if wide as u64 >= uneven {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Visits `count` of the `items` in their order, or all if there are no more, each selection
    /// equally likely.
    pub fn sample<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        count: usize,
        mut visit: impl FnMut(T),
    ) {
        let (mut left, mut wanted) = (items.len(), count);
        for item in items {
            if wanted == 0 {
                return;
            }
            if self.below(left) < wanted {
                visit(item);
                wanted -= 1;
            }
            left -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (mut a, mut b, mut c) = (Rng::new(7), Rng::new(7), Rng::new(8));
        let first: Vec<u64> = (0..10).map(|_| a.next_u64()).collect();
        assert_eq!(first, (0..10).map(|_| b.next_u64()).collect::<Vec<_>>());
        assert_ne!(first, (0..10).map(|_| c.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn every_number_below_the_bound_is_equally_likely() {
        let mut rng = Rng::new(1);
        let mut seen = [0u32; 7];
        for _ in 0..70_000 {
            seen[rng.below(7)] += 1;
        }
        assert!(seen.iter().all(|&n| (9_500..10_500).contains(&n)), "{seen:?}");
        assert_eq!((rng.below(1), rng.below(0)), (0, 0));
    }

    #[test]
    fn a_sample_takes_each_item_equally_often_and_none_twice() {
        let mut rng = Rng::new(2);
        let mut seen = [0u32; 10];
        for _ in 0..20_000 {
            let mut taken = Vec::new();
            rng.sample(0..10, 3, |item| taken.push(item));
            assert!(taken.len() == 3 && taken.is_sorted_by(|a, b| a < b));
            for item in taken {
                seen[item] += 1;
            }
        }
        assert!(seen.iter().all(|n| (5_700..6_300).contains(n)), "{seen:?}");
        let mut taken = Vec::new();
        rng.sample(0..4, 9, |item| taken.push(item));
        assert_eq!(taken, [0, 1, 2, 3]);
    }
}
