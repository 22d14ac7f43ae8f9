//! `cjson.decode`.
//!
//! Tokens, and a loop that builds tables from them on Lua's stack; which of them are open stands
//! in a buffer. As in `encode`, nothing recurses, and the stack holds what a server's does.

use std::ffi::c_int;

use super::{OFF, Settings, settings, until_zero};
use crate::script::frame::Frame;
use crate::script::libs::buffer::Buffer;
use crate::script::libs::number;

pub fn decode(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 {
        frame.argument_error(1, format_args!("expected 1 argument"));
    }
    let text = frame.check_bytes(1);
    if text.len() >= 2 && text.iter().take(2).any(|byte| *byte == 0) {
        frame.error(format_args!("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut reader = Reader {
        frame,
        settings: settings(frame),
        // What stands behind a zero byte is not seen.
        text: until_zero(text),
        at: 0,
        began: 0,
        unescaped: Buffer::open(frame, 2),
        levels: Buffer::open(frame, 3),
    };
    let mut token = reader.token();
    while let Some(next) = reader.value(token) {
        token = next;
    }
    let token = reader.token();
    if token != Token::End {
        reader.refuse("the end", token);
    }
    reader.unescaped.close();
    reader.levels.close();
    1
}

/// A string's bytes lie in the text from the token's beginning on, or in the buffer.
#[derive(Clone, Copy, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Colon,
    Comma,
    Text { from: usize, to: usize },
    Unescaped,
    Number(f64),
    Boolean(bool),
    Null,
    End,
    Bad(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::Text { .. } | Token::Unescaped => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::End => "T_END",
            Token::Bad(reason) => reason,
        }
    }
}

/// A table that is being filled.
#[derive(Clone, Copy)]
enum Level {
    Object,
    /// The index of the value that comes next.
    Array(i32),
}

struct Reader<'call> {
    frame: Frame<'call>,
    settings: &'call Settings,
    text: &'call [u8],
    at: usize,
    /// Where the last token begins, or what is bad about it.
    began: usize,
    unescaped: Buffer<'call, u8>,
    levels: Buffer<'call, Level>,
}

impl Reader<'_> {
    /// Pushes the value that begins with a token, or begins its table, and reads on to where the
    /// next value begins; nothing when the outermost one is complete.
    fn value(&mut self, token: Token) -> Option<Token> {
        let frame = self.frame;
        match token {
            Token::Text { .. } | Token::Unescaped => self.push_string(token),
            Token::Number(value) => frame.push_number(value),
            Token::Boolean(value) => frame.push_boolean(value),
            Token::Null => frame.push_null(),
            Token::ObjectBegin => {
                self.descend(Level::Object, 3);
                let token = self.token();
                if token != Token::ObjectEnd {
                    return Some(self.key(token));
                }
                self.levels.pop();
            }
            Token::ArrayBegin => {
                self.descend(Level::Array(1), 2);
                let token = self.token();
                if token != Token::ArrayEnd {
                    return Some(token);
                }
                self.levels.pop();
            }
            _ => self.refuse("value", token),
        }
        self.store()
    }

    /// Puts the finished value on top into its table, and so on for tables that end with it.
    fn store(&mut self) -> Option<Token> {
        let frame = self.frame;
        loop {
            match self.levels.last_mut()? {
                Level::Object => {
                    frame.raw_set(-3);
                    match self.token() {
                        Token::ObjectEnd => {}
                        Token::Comma => {
                            let token = self.token();
                            return Some(self.key(token));
                        }
                        token => self.refuse("comma or object end", token),
                    }
                }
                Level::Array(index) => {
                    frame.raw_set_at(-2, *index);
                    *index = index.wrapping_add(1);
                    match self.token() {
                        Token::ArrayEnd => {}
                        Token::Comma => return Some(self.token()),
                        token => self.refuse("comma or array end", token),
                    }
                }
            }
            self.levels.pop();
        }
    }

    fn descend(&mut self, level: Level, slots: c_int) {
        let frame = self.frame;
        let depth = self.levels.len() + 1;
        let allowed =
            i32::try_from(depth).is_ok_and(|depth| depth <= self.settings.decode_max_depth.get());
        if !allowed || !frame.reserve(slots) {
            let at = self.at;
            frame.error(format_args!(
                "Found too many nested data structures ({depth}) at character {at}"
            ));
        }
        self.levels.push(level);
        frame.push_table();
    }

    /// Pushes a key and reads on to its value.
    fn key(&mut self, token: Token) -> Token {
        match token {
            Token::Text { .. } | Token::Unescaped => self.push_string(token),
            _ => self.refuse("object key string", token),
        }
        match self.token() {
            Token::Colon => self.token(),
            token => self.refuse("colon", token),
        }
    }

    fn push_string(&self, token: Token) {
        self.frame.push_bytes(match token {
            Token::Text { from, to } => self.text.get(from..to).unwrap_or_default(),
            _ => self.unescaped.as_slice(),
        });
    }

    fn refuse(&self, expected: &str, found: Token) -> ! {
        self.frame.error(format_args!(
            "Expected {expected} but found {} at character {}",
            found.name(),
            self.began + 1
        ))
    }

    // Tokens

    fn token(&mut self) -> Token {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += spaces.count();
        self.began = self.at;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (token, len) = match rest.first() {
            None => return Token::End,
            Some(b'{') => (Token::ObjectBegin, 1),
            Some(b'}') => (Token::ObjectEnd, 1),
            Some(b'[') => (Token::ArrayBegin, 1),
            Some(b']') => (Token::ArrayEnd, 1),
            Some(b',') => (Token::Comma, 1),
            Some(b':') => (Token::Colon, 1),
            Some(b'"') => return self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(rest),
            _ if rest.starts_with(b"true") => (Token::Boolean(true), 4),
            _ if rest.starts_with(b"false") => (Token::Boolean(false), 5),
            _ if rest.starts_with(b"null") => (Token::Null, 4),
            Some(b'+' | b'i' | b'I' | b'n' | b'N') if self.is_odd_number(rest) => self.number(rest),
            _ => (Token::Bad("invalid token"), 0),
        };
        self.at += len;
        token
    }

    fn number(&self, text: &[u8]) -> (Token, usize) {
        let strict = self.settings.decode_invalid_numbers.get() == OFF;
        if strict && is_beyond_json(text) {
            return (Token::Bad("invalid number"), 0);
        }
        match number::read(text) {
            Some((value, len)) => (Token::Number(value), len),
            None => (Token::Bad("invalid number"), 0),
        }
    }

    /// One that begins unlike those of JSON, and is wanted.
    fn is_odd_number(&self, text: &[u8]) -> bool {
        self.settings.decode_invalid_numbers.get() != OFF && is_beyond_json(text)
    }

    fn string(&mut self) -> Token {
        let from = self.at + 1;
        self.at = from;
        self.unescaped.clear();
        let mut copied = from;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.bad("unexpected end of string");
            };
            self.at += plain;
            if rest.get(plain) == Some(&b'"') {
                let to = self.at;
                self.at += 1;
                if copied == from {
                    return Token::Text { from, to };
                }
                self.unescaped.extend(self.text.get(copied..to).unwrap_or_default());
                return Token::Unescaped;
            }
            self.unescaped.extend(self.text.get(copied..self.at).unwrap_or_default());
            if let Err(reason) = self.escape() {
                return self.bad(reason);
            }
            copied = self.at;
        }
    }

    fn bad(&mut self, reason: &'static str) -> Token {
        self.began = self.at;
        Token::Bad(reason)
    }

    /// Translates what stands at a backslash, and passes it.
    fn escape(&mut self) -> Result<(), &'static str> {
        let letter = self.text.get(self.at + 1).copied().unwrap_or(0);
        let byte = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0c,
            b'r' => b'\r',
            b'u' => return self.unicode().ok_or("invalid unicode escape code"),
            _ => return Err("invalid escape code"),
        };
        self.unescaped.push(byte);
        self.at += 2;
        Ok(())
    }

    /// `\uXXXX`, or two of them for one character.
    fn unicode(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let first = hex4(rest.get(2..)?)?;
        let (code, len) = if first & 0xf800 == 0xd800 {
            let second = rest.get(6..)?.strip_prefix(b"\\u")?;
            let second = hex4(second)?;
            if first & 0x400 != 0 || second & 0xfc00 != 0xdc00 {
                return None;
            }
            (0x10000 + ((first & 0x3ff) << 10 | second & 0x3ff), 12)
        } else {
            (first, 6)
        };
        let character = char::from_u32(code)?;
        self.unescaped.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += len;
        Some(())
    }
}

fn hex4(text: &[u8]) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Signs, zeros in front, hexadecimal digits, and words: what C reads and JSON does not allow.
fn is_beyond_json(text: &[u8]) -> bool {
    let begins = |text: &[u8], word: &[u8]| {
        text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    match text {
        [b'+', ..] => true,
        [b'-', rest @ ..] | rest => match rest {
            [b'0', b'x' | b'X' | b'0'..=b'9', ..] => true,
            [first, ..] if *first > b'9' => begins(rest, b"inf") || begins(rest, b"nan"),
            _ => false,
        },
    }
}
