//! Replies become Lua values, Lua values become replies, by the rules of a server.
//!
//! Everything here runs inside `lua_pcall` and may be left by an error of Lua at any call; nothing
//! on the way owns memory.

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::Shapes;
use super::failure::{Counted, Errors, IGNORE, counted};
use super::frame::{Frame, to_i64};
use crate::bytes::write_double;
use crate::reply::{Later, Reply, Token, Tokens};

/// Pushes a reply as the value that `redis.call` returns. Is it an error?
pub fn push_reply(frame: Frame<'_>, reply: &Reply, shapes: Shapes) -> bool {
    let mut tokens = reply.tokens();
    push_value(frame, &mut tokens, shapes);
    matches!(reply.first(), Some(Token::Error(_)))
}

fn push_value(frame: Frame<'_>, tokens: &mut Tokens<'_>, shapes: Shapes) {
    let is_resp3 = shapes == Shapes::Resp3;
    // The commands nest their replies a few levels deep at most; each takes a few places.
    frame.must_reserve(8, "reply");
    match tokens.next().unwrap_or(Token::Nil) {
        Token::Nil | Token::NilArray if is_resp3 => frame.push_nil(),
        Token::Nil | Token::NilArray => frame.push_boolean(false),
        Token::Int(value) => frame.push_number(value as f64),
        Token::Bulk(text) => frame.push_bytes(text),
        Token::Ok => push_field(frame, c"ok", b"OK"),
        Token::Status(text) => push_field(frame, c"ok", text),
        Token::Error(words) => push_error(frame, words),
        Token::Bool(value) if is_resp3 => frame.push_boolean(value),
        Token::Bool(value) => frame.push_number(f64::from(u8::from(value))),
        Token::Double(value) if is_resp3 => {
            frame.push_table_for(0, 1);
            frame.push_number(value);
            frame.set_field(-2, c"double");
        }
        Token::Double(value) => {
            let mut digits = smallvec::SmallVec::<[u8; 32]>::new();
            write_double(&mut digits, value);
            frame.push_bytes(&digits);
        }
        Token::DoubleText(digits) if is_resp3 => {
            frame.push_table_for(0, 1);
            frame.push_bytes(digits);
            frame.push_number(frame.number(-1));
            frame.set_field(-3, c"double");
            frame.pop(1);
        }
        Token::BigNumber(digits) if is_resp3 => push_field(frame, c"big_number", digits),
        Token::Verbatim(text) if is_resp3 => {
            frame.push_table_for(0, 1);
            frame.push_table_for(0, 2);
            frame.push_bytes(text);
            frame.set_field(-2, c"string");
            frame.push_bytes(b"txt");
            frame.set_field(-2, c"format");
            frame.set_field(-2, c"verbatim_string");
        }
        Token::DoubleText(text) | Token::BigNumber(text) | Token::Verbatim(text) => {
            frame.push_bytes(text);
        }
        Token::Map(pairs) if is_resp3 => {
            push_keyed(frame, tokens, shapes, c"map", pairs, Values::Follow);
        }
        Token::Set(len) if is_resp3 => {
            push_keyed(frame, tokens, shapes, c"set", len, Values::AreTrue);
        }
        token @ (Token::Array(_) | Token::Push(_) | Token::Set(_) | Token::Map(_)) => {
            let len = token.children();
            frame.push_table_for(len, 0);
            for place in 1..=len as c_int {
                push_value(frame, tokens, shapes);
                frame.raw_set_at(-2, place);
            }
        }
    }
}

/// What belongs to each key of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Follow,
    AreTrue,
}

/// Pushes `{ name = { key = value, ... } }`.
fn push_keyed(
    frame: Frame<'_>,
    tokens: &mut Tokens<'_>,
    shapes: Shapes,
    name: &CStr,
    len: usize,
    values: Values,
) {
    frame.push_table_for(0, 1);
    frame.push_table_for(0, len);
    for _ in 0..len {
        push_value(frame, tokens, shapes);
        match values {
            Values::Follow => push_value(frame, tokens, shapes),
            Values::AreTrue => frame.push_boolean(true),
        }
        frame.raw_set(-3);
    }
    frame.set_field(-2, name);
}

/// Pushes `{ name = text }`.
pub fn push_field(frame: Frame<'_>, name: &CStr, text: &[u8]) {
    frame.push_table_for(0, 1);
    frame.push_bytes(text);
    frame.set_field(-2, name);
}

/// Pushes an error as scripts see it. The command that failed was counted already.
pub fn push_error(frame: Frame<'_>, words: &[u8]) {
    push_field(frame, c"err", words);
    frame.push_boolean(true);
    frame.set_field(-2, IGNORE);
}

/// A reply that is being written.
pub struct Answer<'a> {
    pub out: &'a mut Reply,
    pub errors: &'a mut Errors,
    pub shapes: Shapes,
    /// No value begins behind this place.
    pub end: usize,
}

const TOO_LONG: &[u8] = b"ERR the reply of the script takes more than script-memory-limit bytes";

/// Writes the value on top of the stack as a reply, and takes it off.
pub fn write_value(frame: Frame<'_>, answer: &mut Answer<'_>) {
    let out = &mut *answer.out;
    if out.mark().0 > answer.end {
        refuse_length(frame);
    }
    if !frame.reserve(4) {
        let words = b"ERR reached lua stack limit";
        out.error_text(words);
        answer.errors.add(words, Counted::NotYet);
        frame.pop(1);
        return;
    }
    match frame.kind(-1) {
        ffi::LUA_TSTRING => out.bulk(frame.text(-1)),
        ffi::LUA_TNUMBER => out.int(to_i64(frame.number(-1))),
        ffi::LUA_TBOOLEAN => {
            let value = frame.boolean(-1);
            match (answer.shapes, value) {
                (Shapes::Resp3, value) => out.bool(value),
                (Shapes::Resp2, true) => out.int(1),
                (Shapes::Resp2, false) => out.nil(),
            }
        }
        ffi::LUA_TTABLE => return write_table(frame, answer),
        _ => out.nil(),
    }
    frame.pop(1);
}

/// A table may be in itself more than once: what would be written then has no end in sight.
#[cold]
fn refuse_length(frame: Frame<'_>) -> ! {
    frame.set_top(0);
    push_field(frame, c"err", TOO_LONG);
    frame.throw()
}

/// Pushes a field of the table on top of the stack, and says what it is.
fn field(frame: Frame<'_>, name: &CStr) -> c_int {
    frame.push_bytes(name.to_bytes());
    frame.raw_get(-2);
    frame.kind(-1)
}

/// A table may be an error, a status, one of RESP3's shapes, or an array.
fn write_table(frame: Frame<'_>, answer: &mut Answer<'_>) {
    let out = &mut *answer.out;
    let done = |pushed: c_int| frame.pop(pushed);
    if field(frame, c"err") == ffi::LUA_TSTRING {
        let words = frame.text(-1);
        out.error_text(words);
        frame.insert(-2);
        answer.errors.add(words, counted(frame));
        return done(2);
    }
    done(1);
    if field(frame, c"ok") == ffi::LUA_TSTRING {
        write_status(out, frame.text(-1));
        return done(2);
    }
    done(1);
    if field(frame, c"double") == ffi::LUA_TNUMBER {
        out.double(frame.number(-1));
        return done(2);
    }
    done(1);
    if field(frame, c"map") == ffi::LUA_TTABLE {
        let later = out.map_later();
        write_keyed(frame, answer, later, Values::Follow);
        return done(2);
    }
    done(1);
    if field(frame, c"set") == ffi::LUA_TTABLE {
        let later = out.set_later();
        write_keyed(frame, answer, later, Values::AreTrue);
        return done(2);
    }
    done(1);
    if field(frame, c"big_number") == ffi::LUA_TSTRING {
        write_line(frame.text(-1), |digits| out.big_number(digits));
        return done(2);
    }
    done(1);
    let top = frame.top();
    if field(frame, c"verbatim_string") == ffi::LUA_TTABLE
        && field(frame, c"format") == ffi::LUA_TSTRING
    {
        done(1);
        if field(frame, c"string") == ffi::LUA_TSTRING {
            out.verbatim(frame.text(-1));
            return done(3);
        }
    }
    frame.set_top(top);
    let later = out.array_later();
    let mut len = 0;
    loop {
        frame.raw_get_at(-1, len as c_int + 1);
        if frame.kind(-1) == ffi::LUA_TNIL {
            break;
        }
        write_value(frame, answer);
        len += 1;
    }
    answer.out.close(later, len);
    done(2);
}

/// Hands a text over as one line.
fn write_line(text: &[u8], write: impl FnOnce(&[u8])) {
    if memchr::memchr2(b'\r', b'\n', text).is_none() {
        return write(text);
    }
    let line: Vec<u8> =
        text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    write(&line);
}

/// A status is one line.
fn write_status(out: &mut Reply, text: &[u8]) {
    if text == b"OK" {
        return out.ok();
    }
    write_line(text, |line| out.token(Token::Status(line)));
}

/// Writes the keys of the table on top of the stack, with their values or without.
fn write_keyed(frame: Frame<'_>, answer: &mut Answer<'_>, later: Later, values: Values) {
    let mut len = 0;
    frame.push_nil();
    while frame.next(-2) {
        frame.push_copy(-2);
        write_value(frame, answer);
        match values {
            Values::Follow => write_value(frame, answer),
            Values::AreTrue => frame.pop(1),
        }
        len += 1;
    }
    answer.out.close(later, len);
}
