//! Glob patterns as KEYS, SCAN MATCH and PSUBSCRIBE read them.
//!
//! `*` any run of bytes, `?` any byte, `[abc]` `[a-c]` `[^a]` one byte of a class, `\x` the byte x
//! itself. Redis's corners are kept: a class that is never closed ends with the pattern, the ends
//! of a range may come in either order, bytes above 0x7f count as negative in a range, an empty
//! text matches nothing but the empty pattern (callers ask nobody when the pattern is `*` alone),
//! and more than a thousand stars match nothing.
//!
//! Each token but `*` takes exactly one byte, so only the last star ever needs to be tried again:
//! the work is bounded by pattern length times text length, whatever the pattern.

/// Whether letters of different case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Ignore,
}

/// Redis refuses to nest deeper, and each star is one level.
const STARS_MAX: usize = 1000;

/// Does the whole of `text` match `pattern`?
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    let mut stars = 0;
    // Where to go on when a token fails: just behind the last star, one byte later in the text.
    let mut again: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            again = Some((p, t));
        } else if let Some(next) = token(&pattern[p..], text[t], case) {
            p += next;
            t += 1;
        } else if let Some((star, from)) = again {
            again = Some((star, from + 1));
            (p, t) = (star, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// The length of the first token of `pattern` if it accepts `byte`; the token is not a star.
fn token(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte, case),
        [b'\\', escaped, ..] => same(escaped, byte, case).then_some(2),
        [literal, ..] => same(literal, byte, case).then_some(1),
    }
}

/// The length of the class that `pattern` starts with if it accepts `byte`.
fn class(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                // Redis compares an escaped byte as it is, also where case is ignored.
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, case);
                at += 3;
            }
            [literal, ..] => {
                found |= same(literal, byte, case);
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

fn same(a: u8, b: u8, case: Case) -> bool {
    match case {
        Case::Sensitive => a == b,
        Case::Ignore => a.eq_ignore_ascii_case(&b),
    }
}

/// The ends are put in order before case is folded, as Redis does it.
fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let fold = |b: u8| match case {
        Case::Sensitive => b as i8,
        Case::Ignore => b.to_ascii_lowercase() as i8,
    };
    let (low, high) = if from as i8 <= to as i8 { (from, to) } else { (to, from) };
    (fold(low)..=fold(high)).contains(&fold(byte))
}

#[cfg(test)]
mod tests;
