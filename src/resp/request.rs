//! Requests as clients write them: arrays of bulk strings, or a line of words.
//!
//! The words of a request are told as places in the buffer it was read into; nothing is copied
//! but an inline command's words, which may be quoted. What was understood of a request that is
//! not complete yet is kept, so that a long one is not read again with every packet.

use std::fmt;

use crate::bytes::parse_int;
use crate::quoting;

/// A line longer than this is no command.
const LINE_MAX: usize = 64 * 1024;

/// What a client that has not said who it is may send.
const STRANGER_WORDS: i64 = 10;
const STRANGER_WORD_BYTES: i64 = 16_384;

/// The memory for this many words is kept from request to request.
const PLACES_KEPT: usize = 1024;

/// What a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `proto-max-bulk-len`
    pub bulk_max: i64,
    /// The client still has to say who it is.
    pub is_stranger: bool,
}

/// How far reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The request goes on behind the input, for at least so many bytes as far as is known.
    More(usize),
    /// A request; it takes so many bytes of the input.
    Request(usize),
    /// Nothing to run, such as an empty line; it takes so many bytes of the input.
    Nothing(usize),
}

/// A request that cannot be read: the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    LineTooBig,
    Quotes,
    CountTooBig,
    Count,
    StrangerCount,
    LengthTooBig,
    NoDollar(u8),
    Length,
    StrangerLength,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR Protocol error: ")?;
        f.write_str(match self {
            Self::LineTooBig => "too big inline request",
            Self::Quotes => "unbalanced quotes in request",
            Self::CountTooBig => "too big mbulk count string",
            Self::Count => "invalid multibulk length",
            Self::StrangerCount => "unauthenticated multibulk length",
            Self::LengthTooBig => "too big bulk count string",
            Self::Length => "invalid bulk length",
            Self::StrangerLength => "unauthenticated bulk length",
            Self::NoDollar(got) => {
                return write!(f, "expected '$', got '{}'", char::from(*got));
            }
        })
    }
}

/// Reads one request after the other.
#[derive(Debug, Default)]
pub struct Reader {
    /// Where the words lie: in the input, or in `text`.
    places: Vec<(usize, usize)>,
    /// Where reading goes on.
    at: usize,
    /// Words still to come; 0 between two requests.
    left: usize,
    /// The length of the word whose bytes come next, when it has been read.
    length: Option<usize>,
    /// The unquoted words of an inline command.
    text: Vec<u8>,
    is_inline: bool,
}

impl Reader {
    /// Reads on. The input begins where the request does, at every call until it is complete.
    #[inline]
    pub fn next(&mut self, input: &[u8], limits: Limits) -> Result<Step, Fault> {
        if self.left == 0 {
            self.places.clear();
            match input.first() {
                None => return Ok(Step::More(0)),
                Some(b'*') => {}
                Some(_) => return self.inline(input),
            }
            self.is_inline = false;
            self.at = 0;
            let Some((count, after)) = number(input, 0, Fault::CountTooBig, Fault::Count)? else {
                return Ok(Step::More(0));
            };
            if count > i64::from(i32::MAX) {
                return Err(Fault::Count);
            }
            if limits.is_stranger && count > STRANGER_WORDS {
                return Err(Fault::StrangerCount);
            }
            if count <= 0 {
                return Ok(Step::Nothing(after));
            }
            self.left = count as usize;
            self.at = after;
        }
        self.words_of_array(input, limits)
    }

    #[inline]
    fn words_of_array(&mut self, input: &[u8], limits: Limits) -> Result<Step, Fault> {
        while self.left > 0 {
            let length = match self.length {
                Some(length) => length,
                None => match length(input, self.at, limits)? {
                    Some((length, after)) => {
                        self.at = after;
                        length
                    }
                    None => return Ok(Step::More(0)),
                },
            };
            let end = self.at + length;
            // The two bytes behind a word are taken on trust, as servers do.
            if input.len() < end + 2 {
                self.length = Some(length);
                return Ok(Step::More(end + 2 - input.len()));
            }
            self.length = None;
            self.places.push((self.at, end));
            self.at = end + 2;
            self.left -= 1;
        }
        Ok(Step::Request(self.at))
    }

    #[cold]
    fn inline(&mut self, input: &[u8]) -> Result<Step, Fault> {
        // Servers look for the end of the line with C's `strchr`: a zero byte hides it.
        let end = memchr::memchr2(b'\n', 0, input).filter(|end| input[*end] == b'\n');
        let Some(end) = end else {
            return if input.len() > LINE_MAX { Err(Fault::LineTooBig) } else { Ok(Step::More(0)) };
        };
        self.is_inline = true;
        self.text.clear();
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        quoting::split(line, &mut self.text, &mut self.places).map_err(|_| Fault::Quotes)?;
        Ok(if self.places.is_empty() { Step::Nothing(end + 1) } else { Step::Request(end + 1) })
    }

    /// The words of the request that was just completed.
    #[inline]
    pub fn words<'a>(&'a self, input: &'a [u8], words: &mut Vec<&'a [u8]>) {
        let from = if self.is_inline { &self.text } else { input };
        words.clear();
        words.extend(self.places.iter().map(|(start, end)| &from[*start..*end]));
    }

    /// Gives back the memory that an unusually long request took.
    #[inline]
    pub fn shrink(&mut self) {
        if self.places.capacity() > PLACES_KEPT {
            self.places = Vec::new();
        }
        if self.text.capacity() > LINE_MAX {
            self.text = Vec::new();
        }
    }

    /// Bytes of the input that a request takes which is not complete yet.
    pub fn pending_bytes(&self) -> usize {
        if self.left == 0 { 0 } else { self.at }
    }
}

/// The length of a word: `$3\r\n`. With it, where its bytes begin.
#[inline]
fn length(input: &[u8], at: usize, limits: Limits) -> Result<Option<(usize, usize)>, Fault> {
    // Most words are short.
    if let [b'$', digit @ b'0'..=b'9', b'\r', _, ..] = &input[at..] {
        return Ok(Some((usize::from(digit - b'0'), at + 4)));
    }
    if let [b'$', ten @ b'1'..=b'9', one @ b'0'..=b'9', b'\r', _, ..] = &input[at..] {
        return Ok(Some((usize::from(ten - b'0') * 10 + usize::from(one - b'0'), at + 5)));
    }
    let Some(end) = line_end(input, at, Fault::LengthTooBig)? else { return Ok(None) };
    if input[at] != b'$' {
        // An error is one line.
        let got = if matches!(input[at], b'\r' | b'\n') { b' ' } else { input[at] };
        return Err(Fault::NoDollar(got));
    }
    let length = parse_int(&input[at + 1..end]).filter(|length| *length >= 0);
    let length = length.filter(|length| *length <= limits.bulk_max).ok_or(Fault::Length)?;
    if limits.is_stranger && length > STRANGER_WORD_BYTES {
        return Err(Fault::StrangerLength);
    }
    Ok(Some((length as usize, end + 2)))
}

/// A number behind a mark: `*3\r\n`. With it, where the next line begins.
#[inline]
fn number(
    input: &[u8],
    at: usize,
    too_big: Fault,
    wrong: Fault,
) -> Result<Option<(i64, usize)>, Fault> {
    if let [_, digit @ b'0'..=b'9', b'\r', _, ..] = &input[at..] {
        return Ok(Some((i64::from(digit - b'0'), at + 4)));
    }
    let Some(end) = line_end(input, at, too_big)? else { return Ok(None) };
    let number = parse_int(&input[at + 1..end]).ok_or(wrong)?;
    Ok(Some((number, end + 2)))
}

/// Where the line ends, if both bytes of its end have come.
fn line_end(input: &[u8], at: usize, too_big: Fault) -> Result<Option<usize>, Fault> {
    let line = &input[at..];
    match memchr::memchr2(b'\r', 0, line).filter(|end| line[*end] == b'\r') {
        Some(end) if end + 1 < line.len() => Ok(Some(at + end)),
        None if line.len() > LINE_MAX => Err(too_big),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bulk_max: 1 << 20, is_stranger: false };

    /// Every request in the input, which comes in pieces of `piece` bytes.
    fn read_all(input: &[u8], piece: usize, limits: Limits) -> (Vec<Vec<Vec<u8>>>, Option<Fault>) {
        let (mut reader, mut found) = (Reader::default(), Vec::new());
        let (mut start, mut end) = (0, 0);
        loop {
            match reader.next(&input[start..end], limits) {
                Ok(Step::More(_)) if end == input.len() => return (found, None),
                Ok(Step::More(_)) => end = (end + piece).min(input.len()),
                Ok(Step::Nothing(taken)) => start += taken,
                Ok(Step::Request(taken)) => {
                    let mut words = Vec::new();
                    reader.words(&input[start..end], &mut words);
                    found.push(words.into_iter().map(<[u8]>::to_vec).collect());
                    start += taken;
                }
                Err(fault) => return (found, Some(fault)),
            }
        }
    }

    #[track_caller]
    fn assert_reads(input: &[u8], expected: &[&[&str]], fault: Option<&str>) {
        for piece in [1, 2, 3, 7, input.len().max(1)] {
            let (found, at_end) = read_all(input, piece, LIMITS);
            let found: Vec<Vec<_>> = found
                .iter()
                .map(|words| words.iter().map(|word| String::from_utf8_lossy(word)).collect())
                .collect();
            assert_eq!(found, expected, "in pieces of {piece}");
            let fault = fault.map(|words| format!("ERR Protocol error: {words}"));
            assert_eq!(at_end.map(|fault| fault.to_string()), fault, "in pieces of {piece}");
        }
    }

    #[test]
    fn arrays_and_lines_are_read_in_pieces_of_any_size() {
        let long = "x".repeat(1000);
        let input =
            format!("*2\r\n$4\r\nECHO\r\n$1000\r\n{long}\r\nPING \"a b\"\r\n*1\r\n$0\r\n\r\n");
        assert_reads(input.as_bytes(), &[&["ECHO", &long], &["PING", "a b"], &[""]], None);
        assert_reads(b"*0\r\n\r\n  \n*-1\r\nPING\n", &[&["PING"]], None);
        assert_reads(b"*1\r\n$4\r\nPINGxx*1\rX$4\rXPINGxx", &[&["PING"], &["PING"]], None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_a_servers_words() {
        for count in ["", "abc", "01", "+1", "-0", "2147483648"] {
            let input = format!("*{count}\r\n$4\r\nPING\r\n");
            assert_reads(input.as_bytes(), &[], Some("invalid multibulk length"));
        }
        for length in ["", "-1", "abc", "1048577"] {
            let input = format!("PING\r\n*1\r\n${length}\r\n");
            assert_reads(input.as_bytes(), &[&["PING"]], Some("invalid bulk length"));
        }
        assert_reads(b"*1\r\nPING\r\n", &[], Some("expected '$', got 'P'"));
        assert_reads(b"*1\r\n\r\n", &[], Some("expected '$', got ' '"));
        assert_reads(b"ECHO 'a\r\n", &[], Some("unbalanced quotes in request"));
    }

    #[test]
    fn endless_lines_are_refused() {
        let long = "1".repeat(LINE_MAX + 1);
        for (start, why) in [
            ("", "too big inline request"),
            ("*", "too big mbulk count string"),
            ("*1\r\n$", "too big bulk count string"),
        ] {
            let (_, fault) = read_all(format!("{start}{long}").as_bytes(), 1 << 20, LIMITS);
            let fault = fault.map(|fault| fault.to_string());
            assert_eq!(fault, Some(format!("ERR Protocol error: {why}")));
        }
    }

    #[test]
    fn strangers_may_not_send_much() {
        let limits = Limits { is_stranger: true, ..LIMITS };
        let fault = |input: &[u8]| read_all(input, input.len(), limits).1;
        assert_eq!(fault(b"*11\r\n"), Some(Fault::StrangerCount));
        assert_eq!(fault(b"*1\r\n$16385\r\n"), Some(Fault::StrangerLength));
        assert_eq!(fault(b"*10\r\n$16384\r\n"), None);
    }

    /// Bytes that look like requests, more or less.
    fn noise(seed: &mut u64) -> Vec<u8> {
        let mut next = |below: usize| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 33) as usize % below
        };
        let parts: [&[u8]; 14] = [
            b"*2\r\n", b"$3\r\n", b"abc", b"\r\n", b"\n", b"\"", b"'", b"\\x4", b"*", b"$", b"0",
            b" ", b"-1\r\n", b"GET k",
        ];
        (0..next(30)).flat_map(|_| parts[next(parts.len())].to_vec()).collect()
    }

    #[test]
    fn whatever_comes_is_read_alike_in_pieces_of_any_size() {
        let mut seed = 1;
        for _ in 0..20_000 {
            let input = noise(&mut seed);
            let whole = read_all(&input, input.len().max(1), LIMITS);
            for piece in [1, 2, 5] {
                let shown = input.escape_ascii();
                assert_eq!(read_all(&input, piece, LIMITS), whole, "{shown} by {piece}");
            }
        }
    }
}
