//! Replies out: a JavaScript value where it is one word, else tokens that JavaScript builds from.
//!
//! ```text
//! return value            meaning
//! string number null      the reply
//! undefined               the status OK
//! true                    look at state[KIND]
//! ```
//!
//! A reply of many parts goes out as pairs of doubles (kind, value) in an array that JavaScript
//! gave us, plus its strings: short ones joined in a single string that JavaScript slices (a
//! slice of fewer than 13 characters is a copy, and longer ones are joined only where little
//! memory can stay behind them), others one by one into an array born in JavaScript.

#![expect(unsafe_code, reason = "makes JavaScript values through raw Node-API")]

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

use napi::sys;
use smallvec::SmallVec;

use super::wall::{Kind, Wall, state};
use crate::bytes::{saturating_double, write_double};
use crate::reply::{Reply, Token};

/// A Buffer of up to so many bytes is made in JavaScript.
const LATIN1_MAX: usize = 1024;
/// Strings of the whole reply may be joined up to this many bytes.
const JOIN_BYTES: usize = 1024;
/// Slices shorter than V8's smallest sliced string are copies.
const COPIED_BELOW: usize = 13;
/// V8's longest string.
const STRING_MAX: usize = 536_870_888;
/// Integers beyond this lose digits as a JavaScript number.
const SAFE_MAX: u64 = (1 << 53) - 1;
/// Handles are given back in batches when very many values are made.
const SCOPE: usize = 1024;

/// How a caller wants its reply.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// Strings as Buffers.
    pub buffers: bool,
    /// Integers as strings (`stringNumbers`).
    pub string_numbers: bool,
    /// The older shapes, without maps, sets and doubles.
    pub resp2: bool,
}

/// One part of a reply as JavaScript gets it.
enum Part<'a> {
    /// Kind and value.
    Plain(f64, f64),
    /// Kind and bytes.
    Text(f64, &'a [u8]),
    /// Kind and text made here.
    Made(f64, Vec<u8>),
}

mod kind {
    pub const NIL: f64 = 0.0;
    pub const INT: f64 = 1.0;
    pub const STRING: f64 = 2.0;
    pub const ARRAY: f64 = 3.0;
    pub const MAP: f64 = 4.0;
    pub const SET: f64 = 5.0;
    pub const DOUBLE: f64 = 6.0;
    pub const BOOL: f64 = 7.0;
    pub const ERROR: f64 = 8.0;
    pub const STATUS: f64 = 9.0;
    pub const PUSH: f64 = 10.0;
    pub const VERBATIM: f64 = 11.0;
    pub const BIG_NUMBER: f64 = 12.0;
    pub const INT_TEXT: f64 = 13.0;
}

fn part(token: Token<'_>, shape: Shape) -> Part<'_> {
    let resp2 = shape.resp2;
    match token {
        Token::Nil | Token::NilArray => Part::Plain(kind::NIL, 0.0),
        Token::Int(value) if shape.string_numbers || value.unsigned_abs() > SAFE_MAX => {
            Part::Made(kind::INT_TEXT, value.to_string().into_bytes())
        }
        Token::Int(value) => Part::Plain(kind::INT, value as f64),
        Token::Bulk(text) => Part::Text(kind::STRING, text),
        Token::Ok => Part::Text(kind::STATUS, b"OK"),
        Token::Status(text) => Part::Text(kind::STATUS, text),
        Token::Error(text) => Part::Text(kind::ERROR, text),
        Token::Double(value) if resp2 => {
            let mut text = Vec::with_capacity(24);
            write_double(&mut text, value);
            Part::Made(kind::STRING, text)
        }
        Token::Double(value) => Part::Plain(kind::DOUBLE, value),
        Token::DoubleText(digits) if resp2 => Part::Text(kind::STRING, digits),
        Token::DoubleText(digits) => {
            Part::Plain(kind::DOUBLE, saturating_double(digits).unwrap_or(f64::NAN))
        }
        Token::Bool(value) if resp2 => Part::Plain(kind::INT, f64::from(u8::from(value))),
        Token::Bool(value) => Part::Plain(kind::BOOL, f64::from(u8::from(value))),
        Token::Array(len) => Part::Plain(kind::ARRAY, len as f64),
        Token::Map(pairs) if resp2 => Part::Plain(kind::ARRAY, (pairs * 2) as f64),
        Token::Map(pairs) => Part::Plain(kind::MAP, pairs as f64),
        Token::Set(len) | Token::Push(len) if resp2 => Part::Plain(kind::ARRAY, len as f64),
        Token::Set(len) => Part::Plain(kind::SET, len as f64),
        Token::Push(len) => Part::Plain(kind::PUSH, len as f64),
        Token::Verbatim(text) if resp2 => Part::Text(kind::STRING, text),
        Token::Verbatim(text) => Part::Text(kind::VERBATIM, text),
        Token::BigNumber(text) if resp2 => Part::Text(kind::STRING, text),
        Token::BigNumber(text) => Part::Text(kind::BIG_NUMBER, text),
    }
}

impl Wall {
    /// Turns the reply buffer into what the entry returns.
    ///
    /// # Safety
    /// On the environment's thread, inside one of its callbacks.
    #[inline]
    pub unsafe fn answer(&mut self, shape: Shape) -> sys::napi_value {
        self.shape = shape;
        // SAFETY: passed on from the caller.
        unsafe {
            match self.reply.first() {
                Some(Token::Ok) | None => null_mut(),
                Some(Token::Nil | Token::NilArray) => null_value(self.env),
                Some(Token::Int(value)) if !shape.string_numbers => number(self.env, value),
                Some(Token::Bulk(text) | Token::Status(text))
                    if shape.buffers && text.len() <= LATIN1_MAX =>
                {
                    latin1(self.env, text)
                }
                Some(Token::Bulk(text) | Token::Status(text)) => {
                    match string(self.env, text, shape.buffers) {
                        Some(value) => value,
                        None => self.too_long(text.len()),
                    }
                }
                Some(Token::Error(text)) => {
                    let text = text.to_vec();
                    self.fail(&text)
                }
                Some(_) => self.tree(),
            }
        }
    }

    unsafe fn too_long(&mut self, len: usize) -> sys::napi_value {
        let text = format!(
            "ERR the reply has {len} bytes, more than the longest string of this JavaScript \
             engine; ask for it with the command's Buffer twin (as getBuffer is get's)"
        );
        self.text = text.into_bytes();
        self.signal(Kind::TooLong)
    }

    /// An error for JavaScript to build: its words wait for `take`.
    pub fn fail(&mut self, words: &[u8]) -> sys::napi_value {
        self.text.clear();
        self.text.extend_from_slice(words);
        self.signal(Kind::Error)
    }

    /// Writes the parts to the token array, and decides how the strings go.
    unsafe fn tree(&mut self) -> sys::napi_value {
        let shape = self.shape;
        if self.text.capacity() > 1 << 20 {
            self.text = Vec::new();
        }
        let (mut used, mut bytes, mut ascii, mut short) = (0, 0, true, true);
        self.text.clear();
        for token in self.reply.tokens() {
            let made;
            let text: &[u8] = match part(token, shape) {
                Part::Plain(kind, value) => {
                    self.put_token(used, kind, value);
                    used += 2;
                    continue;
                }
                Part::Text(kind, text) => {
                    self.put_token(used, kind, text.len() as f64);
                    text
                }
                Part::Made(kind, text) => {
                    self.put_token(used, kind, text.len() as f64);
                    made = text;
                    &made
                }
            };
            used += 2;
            bytes += text.len();
            short &= text.len() < COPIED_BELOW;
            ascii = ascii && (shape.buffers || text.is_ascii());
            if bytes <= JOIN_BYTES || short {
                self.text.extend_from_slice(text);
            }
        }
        self.set_state(state::TOKENS, used as i32);
        let joined = ascii && (bytes <= JOIN_BYTES || short && !shape.buffers);
        if joined && used <= self.tokens_len && bytes < STRING_MAX {
            self.signal(Kind::TreeJoined)
        } else {
            self.signal(Kind::TreeSeparate)
        }
    }

    /// `take()`: the joined strings, or an error's words.
    ///
    /// # Safety
    /// As for `answer`.
    pub unsafe fn take_text(&mut self) -> sys::napi_value {
        let buffers = self.shape.buffers && self.kind == Kind::TreeJoined as i32;
        // SAFETY: passed on from the caller.
        unsafe { string(self.env, &self.text, buffers) }.unwrap_or(null_mut())
    }

    /// `take(to, tokens?)`: the strings one by one, and the tokens if they had no room.
    ///
    /// # Safety
    /// As for `answer`; `to` is an array, or a function that is called with the strings, in
    /// batches; `tokens` has the announced length.
    pub unsafe fn take_list(
        &mut self,
        to: sys::napi_value,
        tokens: Option<&mut [f64]>,
    ) -> sys::napi_value {
        let mut tokens = tokens;
        let mut at = 0;
        let env = self.env;
        let mut batch = Batch { env, to, values: SmallVec::new(), done: 0 };
        let mut scope = null_mut();
        // JavaScript runs in between. Should it ever call in here, it must not find this reply.
        let reply = std::mem::take(&mut self.reply);
        // SAFETY: scopes are opened and closed in pairs on this thread, each with its batch.
        unsafe {
            sys::napi_open_handle_scope(env, &raw mut scope);
            for token in reply.tokens() {
                let part = part(token, self.shape);
                let (kind, value, text) = match &part {
                    Part::Plain(kind, value) => (*kind, *value, None),
                    Part::Text(kind, text) => (*kind, text.len() as f64, Some(*text)),
                    Part::Made(kind, text) => (*kind, text.len() as f64, Some(text.as_slice())),
                };
                if let Some(tokens) = &mut tokens
                    && let Some(pair) = tokens.get_mut(at..at + 2)
                {
                    pair.copy_from_slice(&[kind, value]);
                }
                at += 2;
                let Some(text) = text else { continue };
                let buffers = self.shape.buffers && kind != kind::ERROR;
                let value = string(env, text, buffers).unwrap_or_else(|| null_value(env));
                batch.values.push(value);
                if batch.values.len() == SCOPE {
                    batch.give();
                    sys::napi_close_handle_scope(env, scope);
                    sys::napi_open_handle_scope(env, &raw mut scope);
                }
            }
            batch.give();
            sys::napi_close_handle_scope(env, scope);
        }
        self.reply = reply;
        null_mut()
    }

    /// Copies a reply that came through the inbox into the buffer answers are made from.
    pub fn load(&mut self, reply: &Reply) {
        self.reply.clear();
        self.reply.append(reply);
    }
}

/// Values on their way into an array that JavaScript made.
struct Batch {
    env: sys::napi_env,
    to: sys::napi_value,
    values: SmallVec<[sys::napi_value; 128]>,
    /// How many went before.
    done: u32,
}

impl Batch {
    /// Hands the values over. As arguments of a function they cost a fraction of what it takes
    /// to set the elements of an array one by one.
    unsafe fn give(&mut self) {
        if self.values.is_empty() {
            return;
        }
        let (env, to) = (self.env, self.to);
        let mut kind = 0;
        // SAFETY: on the environment's thread, with live values of it.
        unsafe {
            sys::napi_typeof(env, to, &raw mut kind);
            if kind == sys::ValueType::napi_function {
                let (count, values) = (self.values.len(), self.values.as_ptr());
                sys::napi_call_function(env, to, to, count, values, null_mut());
            } else {
                for (index, value) in (self.done..).zip(&self.values) {
                    sys::napi_set_element(env, to, index, *value);
                }
            }
        }
        self.done += self.values.len() as u32;
        self.values.clear();
    }
}

unsafe fn null_value(env: sys::napi_env) -> sys::napi_value {
    let mut made = null_mut();
    // SAFETY: the out-pointer outlives the call.
    unsafe { sys::napi_get_null(env, &raw mut made) };
    made
}

/// The bytes as a string of as many characters, for JavaScript to make a Buffer of: its pool of
/// memory is several times as fast as `napi_create_buffer_copy` while they are few.
unsafe fn latin1(env: sys::napi_env, bytes: &[u8]) -> sys::napi_value {
    let mut made = null_mut();
    // SAFETY: pointer and length are those of one slice; the out-pointer outlives the call.
    unsafe {
        let at = bytes.as_ptr().cast::<c_char>();
        sys::napi_create_string_latin1(env, at, bytes.len() as isize, &raw mut made);
    }
    made
}

unsafe fn number(env: sys::napi_env, value: i64) -> sys::napi_value {
    let mut made = null_mut();
    // SAFETY: the out-pointer outlives the call.
    unsafe {
        match i32::try_from(value) {
            Ok(value) => sys::napi_create_int32(env, value, &raw mut made),
            Err(_) => sys::napi_create_double(env, value as f64, &raw mut made),
        };
    }
    made
}

/// A string or Buffer of these bytes; `None` if it would be longer than JavaScript's longest.
#[inline]
pub unsafe fn string(env: sys::napi_env, text: &[u8], buffer: bool) -> Option<sys::napi_value> {
    let mut made = null_mut();
    let at = text.as_ptr().cast::<c_char>();
    // SAFETY: pointer and length are those of one slice; the out-pointer outlives the call.
    let status = unsafe {
        if buffer {
            let from = if text.is_empty() { null() } else { at.cast::<c_void>() };
            sys::napi_create_buffer_copy(env, text.len(), from, null_mut(), &raw mut made)
        } else if text.len() > STRING_MAX * 3 {
            return None;
        } else if text.is_ascii() {
            sys::napi_create_string_latin1(env, at, text.len() as isize, &raw mut made)
        } else {
            sys::napi_create_string_utf8(env, at, text.len() as isize, &raw mut made)
        }
    };
    if status == sys::Status::napi_ok {
        return Some(made);
    }
    // SAFETY: a failed allocation may leave an exception behind, which must not escape.
    unsafe {
        let mut pending = false;
        sys::napi_is_exception_pending(env, &raw mut pending);
        if pending {
            let mut thrown = null_mut();
            sys::napi_get_and_clear_last_exception(env, &raw mut thrown);
        }
    }
    None
}
