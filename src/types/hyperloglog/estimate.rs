//! From registers to an estimate: Ertl's improved estimator ("New cardinality estimation algorithms
//! for HyperLogLog sketches", arXiv:1702.01284), with the operations in the order in which Redis
//! has them, since doubles round at each.

use super::{REGISTERS, RUN_BITS};

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate for so many registers of each value.
pub fn of(histogram: &[u32; 64]) -> u64 {
    let all = REGISTERS as f64;
    let top = RUN_BITS as usize + 1;
    let mut sum = all * tau((all - f64::from(histogram[top])) / all);
    for count in histogram[1..top].iter().rev() {
        sum += f64::from(*count);
        sum *= 0.5;
    }
    sum += all * sigma(f64::from(histogram[0]) / all);
    (ALPHA * all * all / sum).round() as u64
}

/// Makes good for registers that are full.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

/// Makes good for registers that are still zero.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}
