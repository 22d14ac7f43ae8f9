//! Numbers of JSON as C's library prints and reads them: `%.14g` and `strtod`.
//!
//! `serde_json` prints the shortest digits and takes only what JSON allows; scripts see fourteen
//! digits, and may be given `nan`, `0x1p4` or `012`.

use std::io::Write;

/// Longest text: sign, seventeen digits, point, exponent, and zeros after a point.
const TEXT_MAX: usize = 40;

pub struct Printed {
    text: [u8; TEXT_MAX],
    len: usize,
}

impl Printed {
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = self.text.get_mut(self.len..self.len + bytes.len());
        room.expect("no number is longer").copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

/// Prints so many significant digits (1 to 17) as `%.Ng` does.
pub fn print(value: f64, digits: usize) -> Printed {
    let mut out = Printed { text: [0; TEXT_MAX], len: 0 };
    if value.is_sign_negative() {
        out.add(b"-");
    }
    if !value.is_finite() {
        out.add(if value.is_nan() { b"nan" } else { b"inf" });
        return out;
    }
    let value = value.abs();
    if value < 1e15 && value < 10f64.powi(digits as i32) && value == value as u64 as f64 {
        out.add(itoa::Buffer::new().format(value as u64).as_bytes());
        return out;
    }
    let mut scientific = [0u8; TEXT_MAX];
    let mut cursor = scientific.as_mut_slice();
    write!(cursor, "{value:.*e}", digits - 1).expect("no number is longer");
    let unused = cursor.len();
    let (significand, exponent) = split(&mut scientific, TEXT_MAX - unused);
    if exponent >= -4 && exponent < digits as i32 {
        print_plain(&mut out, significand, exponent);
    } else {
        print_point(&mut out, significand, 1);
        let sign = if exponent < 0 { '-' } else { '+' };
        let mut tail = [0u8; 5];
        let mut cursor = tail.as_mut_slice();
        write!(cursor, "e{sign}{:02}", exponent.unsigned_abs()).expect("an exponent is short");
        let unused = cursor.len();
        out.add(&tail[..tail.len() - unused]);
    }
    out
}

/// Takes `d.ddde-x` apart: the digits without the point and the zeros at their end, the exponent.
fn split(text: &mut [u8], len: usize) -> (&[u8], i32) {
    let mark = memchr::memchr(b'e', &text[..len]).expect("the format asks for an exponent");
    let exponent = std::str::from_utf8(&text[mark + 1..len]).ok();
    let exponent = exponent.and_then(|digits| digits.parse().ok()).expect("it is a small number");
    let mut end = mark;
    if mark > 1 {
        text.copy_within(2..mark, 1);
        end -= 1;
    }
    while end > 1 && text[end - 1] == b'0' {
        end -= 1;
    }
    (&text[..end], exponent)
}

fn print_plain(out: &mut Printed, digits: &[u8], exponent: i32) {
    const ZEROS: [u8; 17] = [b'0'; 17];
    if exponent < 0 {
        out.add(b"0.");
        out.add(&ZEROS[..(-exponent - 1) as usize]);
        out.add(digits);
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() < whole {
        out.add(digits);
        out.add(&ZEROS[..whole - digits.len()]);
    } else {
        print_point(out, digits, whole);
    }
}

fn print_point(out: &mut Printed, digits: &[u8], whole: usize) {
    out.add(&digits[..whole]);
    if digits.len() > whole {
        out.add(b".");
        out.add(&digits[whole..]);
    }
}

/// Reads the number that the text begins with, and how long it is. Spaces before it are not
/// skipped.
pub fn read(text: &[u8]) -> Option<(f64, usize)> {
    let (negative, signs) = match text.first()? {
        b'-' => (true, 1),
        b'+' => (false, 1),
        _ => (false, 0),
    };
    let body = &text[signs..];
    let (value, len) = match body {
        [b'0', b'x' | b'X', rest @ ..] => match read_hex(rest) {
            Some((value, len)) => (value, len + 2),
            // The zero alone is a number.
            None => (0.0, 1),
        },
        [b'i' | b'I' | b'n' | b'N', ..] => read_word(body)?,
        _ => read_decimal(body)?,
    };
    Some((if negative { -value } else { value }, signs + len))
}

fn read_word(text: &[u8]) -> Option<(f64, usize)> {
    let begins =
        |word: &[u8]| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if begins(b"infinity") {
        Some((f64::INFINITY, 8))
    } else if begins(b"inf") {
        Some((f64::INFINITY, 3))
    } else if begins(b"nan") {
        // Something in parentheses may follow.
        let inside = text.get(3..).and_then(|rest| rest.strip_prefix(b"(")).unwrap_or_default();
        let len = count(inside, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let end = if inside.get(len) == Some(&b')') { 5 + len } else { 3 };
        Some((f64::NAN, end))
    } else {
        None
    }
}

fn count(text: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| wanted(**byte)).count()
}

fn read_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let whole = count(text, is_digit);
    let mut len = whole;
    let mut digits = whole;
    if text.get(len) == Some(&b'.') {
        let fraction = count(&text[len + 1..], is_digit);
        digits += fraction;
        len += 1 + fraction;
    }
    if digits == 0 {
        return None;
    }
    let exponent = exponent_length(&text[len..], b"eE");
    if len == whole && exponent == 0 && whole <= 15 {
        let value =
            text[..whole].iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        return Some((value as f64, whole));
    }
    len += exponent;
    let number = std::str::from_utf8(&text[..len]).ok()?;
    Some((number.parse().ok()?, len))
}

/// The length of `e`, a sign perhaps, and digits; nothing, if the digits are missing.
fn exponent_length(text: &[u8], marks: &[u8]) -> usize {
    let Some((_, rest)) = text.split_first().filter(|(mark, _)| marks.contains(mark)) else {
        return 0;
    };
    let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
    match count(&rest[sign..], |byte| byte.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// What follows `0x`: digits with a point perhaps, and an exponent of two.
fn read_hex(text: &[u8]) -> Option<(f64, usize)> {
    let (mut bits, mut scale): (u64, i64) = (0, 0);
    let (mut len, mut digits, mut point) = (0, 0, false);
    for &byte in text {
        if byte == b'.' && !point {
            point = true;
        } else if let Some(digit) = char::from(byte).to_digit(16) {
            digits += 1;
            if bits >> 60 == 0 {
                bits = bits << 4 | u64::from(digit);
                scale -= if point { 4 } else { 0 };
            } else {
                // Beyond 64 bits it only matters whether anything is there.
                bits |= u64::from(digit != 0);
                scale += if point { 0 } else { 4 };
            }
        } else {
            break;
        }
        len += 1;
    }
    if digits == 0 {
        return None;
    }
    let exponent = exponent_length(&text[len..], b"pP");
    if exponent > 0 {
        let number = std::str::from_utf8(&text[len + 1..len + exponent]).ok()?;
        let negative = number.starts_with('-');
        // Far beyond what any double has.
        let far = if negative { -1_000_000_000_000 } else { 1_000_000_000_000 };
        scale = scale.saturating_add(number.parse().unwrap_or(far));
    }
    Some((scaled(bits, scale), len + exponent))
}

/// `bits * 2^scale`, rounded half to even once.
fn scaled(bits: u64, scale: i64) -> f64 {
    const LEAST_EXPONENT: i64 = -1074;
    if bits == 0 {
        return 0.0;
    }
    let zeros = bits.leading_zeros();
    let (bits, scale) = (bits << zeros, scale - i64::from(zeros));
    // What the last bit of the result is worth, and how many bits of ours are worth less.
    let unit = (scale + 11).max(LEAST_EXPONENT);
    let dropped = unit - scale;
    if dropped > 64 {
        return 0.0;
    }
    let wide = u128::from(bits);
    let (kept, rest) = (wide >> dropped, wide & ((1 << dropped) - 1));
    let half = 1u128 << (dropped - 1);
    let up = rest > half || (rest == half && kept & 1 == 1);
    let kept = (kept + u128::from(up)) as f64;
    if unit > 1000 {
        return f64::INFINITY;
    }
    // In two steps, since the least powers of two are no normal numbers.
    let half = (unit / 2) as i32;
    kept * 2f64.powi(half) * 2f64.powi(unit as i32 - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        for (value, digits, text) in [
            (0.0, 14, "0"),
            (-0.0, 14, "-0"),
            (1.0, 1, "1"),
            (10.0, 1, "1e+01"),
            (123.0, 2, "1.2e+02"),
            (0.1, 14, "0.1"),
            (1.0 / 3.0, 14, "0.33333333333333"),
            (1e14, 14, "1e+14"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (123_456_789_012_345.0, 14, "1.2345678901234e+14"),
            (100_000_000_000.125, 14, "100000000000.12"),
            (0.0001, 14, "0.0001"),
            (0.00001, 14, "1e-05"),
            (1.5e300, 3, "1.5e+300"),
            (5e-324, 14, "4.9406564584125e-324"),
            (f64::MAX, 17, "1.7976931348623157e+308"),
            (-1.234_567_890_123_456_7e-4, 17, "-0.00012345678901234567"),
            (1200.0, 14, "1200"),
            (4_294_967_296.0, 14, "4294967296"),
            (f64::NEG_INFINITY, 14, "-inf"),
        ] {
            assert_eq!(String::from_utf8_lossy(print(value, digits).as_bytes()), text);
        }
    }

    #[test]
    fn numbers_are_read_as_strtod_reads_them() {
        for (text, value, len) in [
            ("12,", 12.0, 2),
            ("-0", -0.0, 2),
            ("+5", 5.0, 2),
            ("012", 12.0, 3),
            ("1.5e3x", 1500.0, 5),
            ("1e", 1.0, 1),
            ("1e+", 1.0, 1),
            ("1.", 1.0, 2),
            (".5", 0.5, 2),
            ("-.5e1", -5.0, 5),
            ("12345678901234567890", 12_345_678_901_234_567_890.0, 20),
            ("1e999", f64::INFINITY, 5),
            ("1e-999", 0.0, 6),
            ("0x", 0.0, 1),
            ("0xg", 0.0, 1),
            ("0x1F", 31.0, 4),
            ("0x1.8p1", 3.0, 7),
            ("0x1p", 1.0, 3),
            ("0x.8", 0.5, 4),
            ("0x.p1", 0.0, 1),
            ("0x1p-1074", 5e-324, 9),
            ("0x1p-1075", 0.0, 9),
            ("0x3p-1076", 5e-324, 9),
            ("0x1p1024", f64::INFINITY, 8),
            ("0x1p1023", 2f64.powi(1023), 8),
            ("0x1fffffffffffffffp0", 2_305_843_009_213_693_952.0, 20),
            ("0x1000000000000000000000000000001p0", 2f64.powi(120), 35),
            ("0x20000000000001", 9_007_199_254_740_992.0, 16),
            ("0x20000000000001000000000000000001", 2f64.powi(125) + 2f64.powi(73), 34),
            ("-Infinity!", f64::NEG_INFINITY, 9),
            ("infinit", f64::INFINITY, 3),
        ] {
            assert_eq!(read(text.as_bytes()), Some((value, len)), "{text}");
        }
        for text in ["", "-", "+", ".", "e5", "x", "i", "na", "-e"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
        for (text, len) in [("nan", 3), ("NaN(5_a)", 8), ("nan(", 3), ("nan(-)", 3), ("nanx", 3)] {
            let (value, read) = read(text.as_bytes()).unwrap();
            assert!(value.is_nan() && read == len, "{text}");
        }
    }
}
