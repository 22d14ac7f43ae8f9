//! Words of a line, as inline commands and configuration files write them, and the way back.
//!
//! ```text
//! set key "two words\n\x00" 'as it is'
//! ```

use std::fmt::Write as _;

/// Quotes that are not closed, or closed in the middle of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbalanced;

/// Cuts a line into words. Each is appended to `text`, and where it lies there to `places`.
///
/// A zero byte ends the line, as it does in servers.
pub fn split(
    line: &[u8],
    text: &mut Vec<u8>,
    places: &mut Vec<(usize, usize)>,
) -> Result<(), Unbalanced> {
    let mut at = 0;
    loop {
        while line.get(at).is_some_and(|byte| is_space(*byte)) {
            at += 1;
        }
        if matches!(line.get(at), None | Some(0)) {
            return Ok(());
        }
        let start = text.len();
        at = word(line, at, text)?;
        places.push((start, text.len()));
    }
}

/// The words of a line, each on its own.
pub fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, Unbalanced> {
    let (mut text, mut places) = (Vec::new(), Vec::new());
    split(line, &mut text, &mut places)?;
    Ok(places.into_iter().map(|(start, end)| text[start..end].to_vec()).collect())
}

/// What C's `isspace` takes for one.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Reads one word from `at`; answers where the line goes on.
fn word(line: &[u8], mut at: usize, text: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    loop {
        match line.get(at) {
            None | Some(b' ' | b'\n' | b'\r' | b'\t' | 0) => return Ok(at),
            Some(b'"') => return double_quoted(line, at + 1, text),
            Some(b'\'') => return single_quoted(line, at + 1, text),
            Some(byte) => text.push(*byte),
        }
        at += 1;
    }
}

fn double_quoted(line: &[u8], mut at: usize, text: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    loop {
        match &line[at.min(line.len())..] {
            [] | [0, ..] => return Err(Unbalanced),
            [b'\\', b'x', high, low, ..] if hex(*high).is_some() && hex(*low).is_some() => {
                let digit = |byte| hex(byte).unwrap_or(0);
                text.push(digit(*high) << 4 | digit(*low));
                at += 4;
            }
            [b'\\', escaped, ..] if *escaped != 0 => {
                text.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                at += 2;
            }
            [b'"', rest @ ..] => return closed(rest, at),
            [byte, ..] => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

fn single_quoted(line: &[u8], mut at: usize, text: &mut Vec<u8>) -> Result<usize, Unbalanced> {
    loop {
        match &line[at.min(line.len())..] {
            [] | [0, ..] => return Err(Unbalanced),
            [b'\\', b'\'', ..] => {
                text.push(b'\'');
                at += 2;
            }
            [b'\'', rest @ ..] => return closed(rest, at),
            [byte, ..] => {
                text.push(*byte);
                at += 1;
            }
        }
    }
}

/// A closing quote ends its word: a space or nothing has to follow.
fn closed(rest: &[u8], at: usize) -> Result<usize, Unbalanced> {
    match rest.first() {
        Some(byte) if *byte != 0 && !is_space(*byte) => Err(Unbalanced),
        _ => Ok(at + 1),
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Between double quotes, with everything escaped that is not plain ASCII.
pub fn quote(line: &mut String, word: &[u8]) {
    line.push('"');
    for &byte in word {
        match byte {
            b'"' | b'\\' => {
                line.push('\\');
                line.push(char::from(byte));
            }
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => _ = write!(line, "\\x{byte:02x}"),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_words(line: &[u8], expected: &[&[u8]]) {
        let found = words(line).expect("its quotes are closed");
        assert_eq!(found.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_line_is_cut_as_servers_do() {
        assert_words(b"  set\tkey value \r", &[b"set", b"key", b"value"]);
        assert_words(b"\"a\\x41\\n\\\"b\" ''", &[b"aA\n\"b", b""]);
        assert_words(b"'a\\'b\\n'", &[b"a'b\\n"]);
        assert_words(b"\"\\xzz\\q\"", &[b"xzzq"]);
        assert_words(b"ECHO\x0ba", &[b"ECHO\x0ba"]);
        assert_words(b"a\0b", &[b"a"]);
        assert_words(b"", &[]);
    }

    #[test]
    fn quotes_have_to_be_closed_at_the_end_of_a_word() {
        for line in [&b"\"a"[..], b"'a", b"\"a\"b", b"'a'b", b"a\"b c\"d", b"\"a\\"] {
            assert_eq!(words(line), Err(Unbalanced), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn bytes_are_escaped_as_servers_do() {
        let mut line = String::new();
        quote(&mut line, b"a \"b\" \\ \n\x00\xff");
        assert_eq!(line, r#""a \"b\" \\ \n\x00\xff""#);
        assert_words(line.as_bytes(), &[b"a \"b\" \\ \n\x00\xff"]);
    }
}
