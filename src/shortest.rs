//! The decimal digits of a double, by Grisu2 (Loitsch, "Printing floating-point numbers quickly and
//! accurately with integers", 2010), as servers print them.
//!
//! ```text
//!   lower ─── value ─── upper      what reads back as the value lies between the two
//!     × a power of ten from a table: now all of it has a small binary exponent
//!   digits of upper, until what is left out is within the range; then down towards value
//! ```
//!
//! Grisu2 finds digits that read back as the same double, nearly always the fewest. A method that
//! always finds the fewest would answer otherwise than a server in one case of some hundreds.

use std::sync::LazyLock;

use num_bigint::BigUint;

/// `mantissa * 2^exponent`.
#[derive(Clone, Copy)]
struct Float {
    mantissa: u64,
    exponent: i32,
}

const MANTISSA_BITS: u32 = 52;
const HIDDEN_BIT: u64 = 1 << MANTISSA_BITS;
/// From the biased exponent of a double to that of its mantissa read as an integer.
const EXPONENT_BIAS: i32 = 1023 + MANTISSA_BITS as i32;

/// The powers of ten in the table: every eighth from the first.
const POWER_FIRST: i32 = -348;
const POWER_STEP: i32 = 8;
const POWER_COUNT: usize = 87;
/// A scaled number's binary exponent: its whole part fits 32 bits, its fraction 60.
const EXPONENT_MIN: i32 = -60;
const EXPONENT_MAX: i32 = -32;
/// Most digits there can be.
const DIGITS_MAX: usize = 18;

static POWERS: LazyLock<[Float; POWER_COUNT]> = LazyLock::new(|| {
    std::array::from_fn(|index| power_of_ten(POWER_FIRST + index as i32 * POWER_STEP))
});

/// The digits of a double without leading zeros, and the power of ten of the last one.
pub struct Digits {
    text: [u8; DIGITS_MAX],
    count: usize,
    /// The value is the digits, read as a whole number, times ten to this.
    pub scale: i32,
}

impl Digits {
    /// The digits of a positive, finite double.
    pub fn of(value: f64) -> Self {
        let float = split(value);
        let (lower, upper) = neighbours(float);
        let (power, decimal) = power_for(upper.exponent);
        let scaled = times(normal(float), power);
        let (mut lower, mut upper) = (times(lower, power), times(upper, power));
        // The products may be off by one: stay inside.
        lower.mantissa += 1;
        upper.mantissa -= 1;
        let mut digits = Self { text: [0; DIGITS_MAX], count: 0, scale: -decimal };
        digits.generate(scaled, upper, upper.mantissa - lower.mantissa);
        digits
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.count]
    }

    fn push(&mut self, digit: u64) {
        if digit != 0 || self.count > 0 {
            self.text[self.count] = b'0' + digit as u8;
            self.count += 1;
        }
    }

    /// Writes digits of `upper` until the rest is smaller than `span`.
    fn generate(&mut self, value: Float, upper: Float, mut span: u64) {
        let shift = (-upper.exponent) as u32;
        let one = 1u64 << shift;
        let below = upper.mantissa - value.mantissa;
        let (mut whole, mut part) = (upper.mantissa >> shift, upper.mantissa & (one - 1));
        for place in (0..10).rev() {
            let unit = 10u64.pow(place);
            self.push(whole / unit);
            whole %= unit;
            let rest = (whole << shift) + part;
            if rest <= span {
                self.scale += place as i32;
                return self.approach(span, rest, unit << shift, below);
            }
        }
        let mut ten_to = 1u64;
        let mut places = 0;
        loop {
            part *= 10;
            span *= 10;
            ten_to = ten_to.wrapping_mul(10);
            places += 1;
            self.push(part >> shift);
            part &= one - 1;
            if part < span {
                self.scale -= places;
                return self.approach(span, part, one, below.wrapping_mul(ten_to));
            }
        }
    }

    /// Lowers the last digit while that brings the digits, `rest` below upper, nearer to the
    /// value, `below` below upper.
    fn approach(&mut self, span: u64, mut rest: u64, unit: u64, below: u64) {
        while rest < below
            && span - rest >= unit
            && (rest + unit < below || below - rest > rest + unit - below)
        {
            self.text[self.count - 1] -= 1;
            rest += unit;
        }
    }
}

fn split(value: f64) -> Float {
    let bits = value.to_bits();
    let mantissa = bits & (HIDDEN_BIT - 1);
    let exponent = (bits >> MANTISSA_BITS & 0x7ff) as i32;
    match exponent {
        0 => Float { mantissa, exponent: 1 - EXPONENT_BIAS },
        _ => Float { mantissa: mantissa | HIDDEN_BIT, exponent: exponent - EXPONENT_BIAS },
    }
}

/// The same number with the mantissa's highest bit set.
fn normal(float: Float) -> Float {
    let shift = float.mantissa.leading_zeros();
    Float { mantissa: float.mantissa << shift, exponent: float.exponent - shift as i32 }
}

/// Half way to the doubles next to it, both with the upper one's exponent.
fn neighbours(float: Float) -> (Float, Float) {
    let upper = Float { mantissa: (float.mantissa << 1) + 1, exponent: float.exponent - 1 };
    let upper = normal(upper);
    // Below a power of two the doubles stand twice as close.
    let shift = if float.mantissa == HIDDEN_BIT { 2 } else { 1 };
    let lower = Float { mantissa: (float.mantissa << shift) - 1, exponent: float.exponent - shift };
    let align = (lower.exponent - upper.exponent) as u32;
    (Float { mantissa: lower.mantissa << align, exponent: upper.exponent }, upper)
}

/// The product, rounded to 64 bits.
fn times(a: Float, b: Float) -> Float {
    let product = u128::from(a.mantissa) * u128::from(b.mantissa);
    let mantissa = ((product + (1 << 63)) >> 64) as u64;
    Float { mantissa, exponent: a.exponent + b.exponent + 64 }
}

/// A power of ten that brings a number with this exponent into range, and which one it is.
fn power_for(exponent: i32) -> (Float, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let guess = (-f64::from(exponent + POWER_COUNT as i32) * LOG10_OF_2) as i32;
    let mut index = ((guess - POWER_FIRST) / POWER_STEP) as usize;
    loop {
        let power = POWERS[index];
        let scaled = exponent + power.exponent + 64;
        if scaled < EXPONENT_MIN {
            index += 1;
        } else if scaled > EXPONENT_MAX {
            index -= 1;
        } else {
            return (power, POWER_FIRST + index as i32 * POWER_STEP);
        }
    }
}

/// Ten to `decimal`, rounded to 64 bits.
fn power_of_ten(decimal: i32) -> Float {
    let power = BigUint::from(10u32).pow(decimal.unsigned_abs());
    let bits = power.bits() as i32;
    // A quotient or product with a few bits more than are kept.
    let (wide, exponent) = if decimal < 0 {
        let shift = bits + 72;
        ((BigUint::from(1u32) << shift) / power, -shift)
    } else {
        (power << 72u32, -72)
    };
    let excess = wide.bits() as i32 - 64;
    let half = BigUint::from(1u32) << (excess - 1);
    let mantissa = u64::try_from((wide + half) >> excess).expect("no power of ten is all ones");
    Float { mantissa, exponent: exponent + excess }
}

#[cfg(test)]
mod tests {
    use super::Digits;

    fn check(value: f64, digits: &str, scale: i32) {
        let found = Digits::of(value);
        assert_eq!((std::str::from_utf8(found.as_bytes()), found.scale), (Ok(digits), scale));
    }

    #[test]
    fn digits_are_those_a_server_prints() {
        check(0.1, "1", -1);
        check(3.0, "3", 0);
        check(0.1 + 0.2, "30000000000000004", -17);
        check(1e23, "9999999999999999", 7);
        check(f64::MAX, "17976931348623157", 292);
        check(f64::from_bits(1), "5", -324);
        // Where the fewest digits are not found, and where two choices are as near.
        check(85.893_065, "8589306500000001", -14);
        check(1_643_081_904_222_761.2, "16430819042227613", -1);
    }

    #[test]
    fn digits_read_back_as_the_same_double() {
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(state >> 1);
            if value.is_finite() && value > 0.0 {
                let found = Digits::of(value);
                let text = String::from_utf8_lossy(found.as_bytes()).into_owned();
                assert_eq!(format!("{text}e{}", found.scale).parse(), Ok(value));
            }
        }
    }
}
