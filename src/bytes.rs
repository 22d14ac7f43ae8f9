//! Byte strings, and numbers read and printed as Redis does.

use std::io::Write;

use crate::shortest::Digits;

/// Reads a 64-bit integer as Redis does: decimal, an optional minus, no spaces, no leading
/// zeros, nothing after it.
#[inline]
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Reads an unsigned 64-bit integer by the same rules, without a sign.
pub fn parse_unsigned(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= 20 => {}
        _ => return None,
    }
    text.iter().try_fold(0u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Reads a double as C's `strtod` does when Redis calls it: decimal or hexadecimal, `inf` and
/// `infinity` in any case; no leading space, nothing after it, never NaN. What no double can
/// hold, being too large or too near to zero, is none.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let value = saturating_double(text)?;
    let is_too_large = value.is_infinite() && text.iter().any(u8::is_ascii_digit);
    let is_too_small = value == 0.0 && !is_zero(text);
    (!is_too_large && !is_too_small).then_some(value)
}

/// Are all digits of this number 0, but for those of its exponent?
fn is_zero(number: &[u8]) -> bool {
    let is_hex = number.iter().any(|byte| matches!(byte, b'x' | b'X'));
    let marks = if is_hex { b"pP" } else { b"eE" };
    let mut mantissa = number.iter().take_while(|byte| !marks.contains(byte));
    mantissa.all(|byte| *byte == b'0' || !byte.is_ascii_hexdigit())
}

/// As `parse_double`, but what is out of range is infinite or zero: some commands ask `strtod` and
/// do not look for errors.
pub fn saturating_double(text: &[u8]) -> Option<f64> {
    let plain = std::str::from_utf8(text).ok()?;
    let (sign, body) = match plain.as_bytes() {
        [b'-', ..] => (-1.0, &plain[1..]),
        [b'+', ..] => (1.0, &plain[1..]),
        _ => (1.0, plain),
    };
    if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
        return Some(sign * f64::INFINITY);
    }
    if let Some(hex) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        return parse_hex_double(hex).map(|value| sign * value);
    }
    // Rust's own parser also takes "nan"; strtod's forms begin with a digit or a point.
    match body.as_bytes() {
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => {}
        _ => return None,
    }
    body.parse::<f64>().ok().map(|value| sign * value)
}

fn parse_hex_double(hex: &str) -> Option<f64> {
    let (digits, exponent) = match hex.find(['p', 'P']) {
        Some(at) => (&hex[..at], hex[at + 1..].parse::<i32>().ok()?),
        None => (hex, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(if value == 0.0 { value } else { value * 2f64.powi(shift) })
}

/// Prints a double as Valkey 8 does: few digits that read back the same; plain
/// digits where they are short, an exponent like `1e+21` beyond.
pub fn write_double(out: &mut impl Extend<u8>, value: f64) {
    if value.is_infinite() {
        out.extend(if value > 0.0 { *b"inf" } else { *b"-in" });
        if value < 0.0 {
            out.extend([b'f']);
        }
        return;
    }
    if value.is_nan() {
        out.extend(*b"nan");
        return;
    }
    if value == 0.0 {
        if value.is_sign_negative() {
            out.extend([b'-']);
        }
        out.extend([b'0']);
        return;
    }
    // Whole numbers that fit an integer are printed as one.
    if value.trunc() == value && value.abs() <= 4_611_686_018_427_387_904.0 {
        let mut digits = itoa::Buffer::new();
        out.extend(digits.format(value as i64).bytes());
        return;
    }
    write_shortest(out, value);
}

/// As `write_double`, but a whole number is laid out like any other.
pub fn write_shortest(out: &mut impl Extend<u8>, value: f64) {
    if !value.is_finite() || value == 0.0 {
        return write_double(out, value);
    }
    if value < 0.0 {
        out.extend([b'-']);
    }
    let digits = Digits::of(value.abs());
    write_digits(out, digits.as_bytes(), digits.scale);
}

/// Lays out the digits of `DIGITS * 10^scale` as a server does.
fn write_digits(out: &mut impl Extend<u8>, digits: &[u8], scale: i32) {
    let count = digits.len() as i32;
    // The value is 0.DIGITS * 10^point, and DIGITS[0].rest * 10^exponent.
    let point = scale + count;
    let exponent = point - 1;
    if scale >= 0 && exponent.abs() < count + 7 {
        out.extend(digits.iter().copied());
        out.extend(std::iter::repeat_n(b'0', scale as usize));
    } else if scale < 0 && (scale > -7 || exponent.abs() < 4) {
        if point <= 0 {
            out.extend(*b"0.");
            out.extend(std::iter::repeat_n(b'0', (-point) as usize));
            out.extend(digits.iter().copied());
        } else {
            out.extend(digits[..point as usize].iter().copied());
            out.extend([b'.']);
            out.extend(digits[point as usize..].iter().copied());
        }
    } else {
        out.extend([digits[0]]);
        if digits.len() > 1 {
            out.extend([b'.']);
            out.extend(digits[1..].iter().copied());
        }
        let mut tail = Vec::with_capacity(6);
        // Writing to a Vec cannot fail.
        let _ = write!(tail, "e{exponent:+}");
        out.extend(tail);
    }
}

/// Prints a double with a fixed number of decimals, rounded as a server does: half to even, after
/// it was scaled.
pub fn write_double_fixed(out: &mut impl Extend<u8>, value: f64, decimals: u32) {
    let scale = 10i64.pow(decimals);
    let scaled = (value * scale as f64).round_ties_even() as i64;
    let (whole, part) =
        (scaled.unsigned_abs() / scale as u64, scaled.unsigned_abs() % scale as u64);
    let sign = if scaled < 0 { "-" } else { "" };
    out.extend(format!("{sign}{whole}.{part:0width$}", width = decimals as usize).bytes());
}

/// Prints a double as C's `%.17g` does, which is how some replies spell scores.
pub fn write_double_long(out: &mut impl Extend<u8>, value: f64) {
    if !value.is_finite() || value == 0.0 {
        return write_double(out, value);
    }
    let text = format!("{value:.16e}");
    let (mantissa, exponent) = text.split_once('e').expect("the format asks for an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a small number");
    let fixed = match exponent {
        -4..=16 => format!("{value:.*}", (16 - exponent) as usize),
        _ => mantissa.to_owned(),
    };
    let fixed = if fixed.contains('.') { fixed.trim_end_matches('0') } else { &fixed };
    out.extend(fixed.trim_end_matches('.').bytes());
    if !(-4..=16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend(format!("e{sign}{:02}", exponent.unsigned_abs()).bytes());
    }
}

/// The double as Redis prints it.
pub fn format_double(value: f64) -> String {
    let mut text = Vec::new();
    write_double(&mut text, value);
    String::from_utf8(text).expect("digits, signs and points are ASCII")
}

/// Compares an option word with its name, ignoring ASCII case.
#[inline]
pub fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Bytes as text for error messages: what is not UTF-8 is shown as U+FFFD, and as C prints words,
/// they end at a zero byte.
pub fn lossy(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_strict() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(parse_int(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_read_as_strtod_reads_them() {
        for (text, value) in [
            ("1.5", Some(1.5)),
            ("-.5", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("+inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("0x10", Some(16.0)),
            ("0x1.8p1", Some(3.0)),
            ("nan", None),
            ("", None),
            (" 1", None),
            ("1 ", None),
            ("abc", None),
            ("1e400", None),
            ("1e-400", None),
            ("0x1p2000", None),
            ("0e5", Some(0.0)),
            ("0x0p2000", Some(0.0)),
            ("1e-320", Some(1e-320)),
        ] {
            assert_eq!(parse_double(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_printed_as_the_server_prints_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (1e17, "100000000000000000"),
            (1e20, "1e+20"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
            (12_345.678_901_234, "1.2345678901234e+4"),
            (0.123_456_7, "0.1234567"),
            (1e-7, "1e-7"),
            (1e21, "1e+21"),
            (1.5e-9, "1.5e-9"),
            (0.000_012, "0.000012"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.0, "-0"),
            (17_179_869_184.5, "17179869184.5"),
        ] {
            assert_eq!(format_double(value), text);
        }
    }

    #[test]
    fn doubles_are_printed_long_as_c_does() {
        for (value, text) in [
            (0.1, "0.10000000000000001"),
            (-3.0, "-3"),
            (100_000.0, "100000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e-4, "0.0001"),
            (1e-7, "9.9999999999999995e-08"),
            (-1e300, "-1.0000000000000001e+300"),
            (12_345_678_901_234_567_890.0, "1.2345678901234567e+19"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.0, "-0"),
        ] {
            let mut out = Vec::new();
            write_double_long(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
