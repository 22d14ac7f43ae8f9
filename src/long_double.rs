//! Sums as C's `long double` makes them on x86-64, for INCRBYFLOAT and HINCRBYFLOAT.
//!
//! Redis adds in the 80-bit format of the x87 (64 bits of mantissa) and prints with `%.17Lf`,
//! so 0.1 + 0.2 is 0.3. A double would give another answer; this does the same arithmetic on
//! every machine, with exact integers and one rounding where the hardware rounds.

use num_bigint::{BigInt, BigUint, Sign};

use crate::error::{Error, Result};

/// Beyond these powers of ten the format has only zero and infinity.
const EXPONENT_MAX: i64 = 4932;
const EXPONENT_MIN: i64 = -4970;
const MANTISSA_BITS: u64 = 64;
const FRACTION_DIGITS: u32 = 17;

/// `mantissa * 2^exponent`, the mantissa of at most 64 bits.
#[derive(Debug, Clone)]
struct LongDouble {
    mantissa: BigInt,
    exponent: i64,
}

/// The sum of two numbers in text, printed as Redis prints it.
pub fn add(a: &[u8], b: &[u8]) -> Result<String> {
    let (a, b) = (parse(a)?, parse(b)?);
    let exponent = a.exponent.min(b.exponent);
    let sum = (a.mantissa << (a.exponent - exponent)) + (b.mantissa << (b.exponent - exponent));
    Ok(print(&round(sum, exponent)))
}

fn parse(text: &[u8]) -> Result<LongDouble> {
    let text = std::str::from_utf8(text).map_err(|_| Error::NotAFloat)?;
    let (negative, body) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
        return Err(Error::NanOrInfinity);
    }
    let value = if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        parse_hex(hex)
    } else {
        parse_decimal(body)
    };
    let mut value = value.ok_or(Error::NotAFloat)?;
    if negative {
        value.mantissa = -value.mantissa;
    }
    Ok(value)
}

/// Splits `123.45e-6` into its digits and the power of ten (or, for hex, of sixteen) behind them.
fn split(body: &str, marks: [char; 2]) -> Option<(String, i64, i64)> {
    let (number, power) = match body.find(marks) {
        Some(at) => (&body[..at], body[at + 1..].parse::<i64>().ok()?),
        None => (body, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    Some((format!("{whole}{fraction}"), fraction.len() as i64, power))
}

fn parse_decimal(body: &str) -> Option<LongDouble> {
    let (digits, after_point, power) = split(body, ['e', 'E'])?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let power = power.checked_sub(after_point)?;
    let number = BigUint::parse_bytes(digits.as_bytes(), 10)?;
    let magnitude = digits.len() as i64 + power;
    if number.bits() == 0 || magnitude < EXPONENT_MIN {
        return Some(LongDouble { mantissa: BigInt::ZERO, exponent: 0 });
    }
    if magnitude > EXPONENT_MAX + 1 {
        return None;
    }
    if power >= 0 {
        let number = number * BigUint::from(10u32).pow(power as u32);
        return Some(round(number.into(), 0));
    }
    let divisor = BigUint::from(10u32).pow(power.unsigned_abs() as u32);
    // Enough bits for the quotient to hold a whole mantissa and more; what is left over only
    // has to be told from nothing.
    let shift = (divisor.bits() + MANTISSA_BITS + 2).saturating_sub(number.bits());
    let shifted = number << shift;
    let quotient = &shifted / &divisor;
    let rest = shifted - &quotient * divisor;
    let sticky = u8::from(rest.bits() != 0);
    let exact = (quotient << 1u8) | BigUint::from(sticky);
    Some(round(exact.into(), -(shift as i64) - 1))
}

fn parse_hex(body: &str) -> Option<LongDouble> {
    let (digits, after_point, power) = split(body, ['p', 'P'])?;
    let number = BigUint::parse_bytes(digits.as_bytes(), 16)?;
    let exponent = power.checked_sub(after_point.checked_mul(4)?)?;
    (exponent.abs() < 16_384).then(|| round(number.into(), exponent))
}

/// Rounds to 64 bits of mantissa, to the nearest, ties to even.
fn round(value: BigInt, exponent: i64) -> LongDouble {
    let bits = value.bits();
    if bits <= MANTISSA_BITS {
        return LongDouble { mantissa: value, exponent };
    }
    let drop = bits - MANTISSA_BITS;
    let sign = value.sign();
    let rounded = shift_right_rounding(value.magnitude(), drop);
    LongDouble { mantissa: BigInt::from_biguint(sign, rounded), exponent: exponent + drop as i64 }
}

/// `value / 2^by`, to the nearest, ties to even.
fn shift_right_rounding(value: &BigUint, by: u64) -> BigUint {
    if by == 0 {
        return value.clone();
    }
    let kept = value >> by;
    let half = value.bit(by - 1);
    let more = (0..by - 1).any(|bit| value.bit(bit));
    if half && (more || kept.bit(0)) { kept + 1u8 } else { kept }
}

/// `%.17Lf`, without the zeros at its end.
fn print(value: &LongDouble) -> String {
    let scaled = value.mantissa.magnitude() * BigUint::from(10u32).pow(FRACTION_DIGITS);
    let scaled = if value.exponent >= 0 {
        scaled << value.exponent as u64
    } else {
        shift_right_rounding(&scaled, value.exponent.unsigned_abs())
    };
    let digits = format!("{scaled:0>18}");
    let (whole, fraction) = digits.split_at(digits.len() - FRACTION_DIGITS as usize);
    let fraction = fraction.trim_end_matches('0');
    let text = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    if value.mantissa.sign() == Sign::Minus && text != "0" { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_a_server_on_x86() {
        for (a, b, sum) in [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("0", "-0.0000001", "-0.0000001"),
            ("1234567890.1", "0.1", "1234567890.19999999995343387"),
            ("3.0", "1.000000000000000005", "4.00000000000000001"),
            ("0x10", "1", "17"),
            ("1e20", "1", "100000000000000000000"),
        ] {
            assert_eq!(add(a.as_bytes(), b.as_bytes()).as_deref(), Ok(sum), "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "abc", "1 ", " 1", "1.2.3", "nan", "."] {
            assert_eq!(add(text.as_bytes(), b"1"), Err(Error::NotAFloat), "{text:?}");
        }
    }
}
