//! What a command answers: a flat buffer of tokens, written once and read once.
//!
//! A reply is not a tree of allocations but a byte buffer that its owner clears and uses again.
//! Aggregates are written depth first, as on a RESP wire. Handlers write the richest shape
//! (maps, sets, doubles, as RESP3 has them); whoever reads for a RESP2 client asks for
//! `Token::resp2` and gets the older shapes. Big strings are not copied: the buffer keeps a
//! counted reference, so no lock is held while somebody turns them into something else.

use std::sync::Arc;

use crate::bytes::write_double;
use crate::error::Error;

const NIL: u8 = 0;
const NIL_ARRAY: u8 = 1;
const INT: u8 = 2;
const BULK: u8 = 3;
const STATUS: u8 = 4;
const ERROR: u8 = 5;
const DOUBLE: u8 = 6;
const BOOL: u8 = 7;
const ARRAY: u8 = 8;
const MAP: u8 = 9;
const SET: u8 = 10;
const PUSH: u8 = 11;
const VERBATIM: u8 = 12;
const BIG_NUMBER: u8 = 13;
const OK: u8 = 14;
const SHARED: u8 = 15;
const DOUBLE_TEXT: u8 = 16;

/// One element of a reply. Aggregates carry how many elements follow (pairs, for a map).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// A missing value: `$-1` in RESP2, `_` in RESP3.
    Nil,
    /// A missing array: `*-1` in RESP2, `_` in RESP3.
    NilArray,
    Int(i64),
    Bulk(&'a [u8]),
    /// A simple string other than `OK`.
    Status(&'a [u8]),
    Ok,
    /// The words of an error, without the leading dash.
    Error(&'a [u8]),
    Double(f64),
    /// A double with more digits than it needs, or fewer: a string in RESP2.
    DoubleText(&'a [u8]),
    Bool(bool),
    Array(usize),
    Map(usize),
    Set(usize),
    Push(usize),
    /// A verbatim text (`txt:`).
    Verbatim(&'a [u8]),
    BigNumber(&'a [u8]),
}

impl Token<'_> {
    /// How many tokens directly below this one follow it.
    pub fn children(&self) -> usize {
        match *self {
            Token::Array(n) | Token::Set(n) | Token::Push(n) => n,
            Token::Map(n) => n * 2,
            _ => 0,
        }
    }
}

/// A place in a reply where a length was left open; see [`Reply::array_later`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Later(usize);

/// A reply being written, or ready to be read.
#[derive(Debug, Default)]
pub struct Reply {
    buf: Vec<u8>,
    shared: Vec<Arc<Vec<u8>>>,
    /// Bytes by which the buffer itself grew: the engine must not charge them to the store.
    grown: i64,
}

/// Values from here on are kept by reference count when their owner can share them.
pub const SHARE_FROM: usize = 16 * 1024;

impl Reply {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Empties the buffer and keeps its memory, unless one huge reply made it huge.
    pub fn clear(&mut self) {
        self.shared.clear();
        if self.buf.capacity() > 1 << 20 {
            self.buf = Vec::new();
        } else {
            self.buf.clear();
        }
    }

    /// A mark to return to with [`Reply::truncate`].
    pub fn mark(&self) -> (usize, usize) {
        (self.buf.len(), self.shared.len())
    }

    /// Forgets what was written since `mark`.
    pub fn truncate(&mut self, mark: (usize, usize)) {
        self.buf.truncate(mark.0);
        let before = crate::memory::balance();
        self.shared.truncate(mark.1);
        self.grown += crate::memory::balance() - before;
    }

    /// Bytes by which the buffers grew since the last call.
    pub fn take_growth(&mut self) -> i64 {
        std::mem::take(&mut self.grown)
    }

    #[inline]
    fn room(&mut self, bytes: usize) {
        if self.buf.capacity() - self.buf.len() < bytes {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        let before = crate::memory::balance();
        // Whoever asks for more than there is gets an error; a plain `reserve` would abort.
        self.buf.try_reserve(bytes.max(256)).expect("there is no memory for this reply");
        self.grown += crate::memory::balance() - before;
    }

    #[inline]
    fn tagged(&mut self, tag: u8, value: u64) {
        self.room(9);
        self.buf.push(tag);
        self.buf.extend_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn text(&mut self, tag: u8, text: &[u8]) {
        self.room(9 + text.len());
        self.buf.push(tag);
        self.buf.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.buf.extend_from_slice(text);
    }

    pub fn nil(&mut self) {
        self.room(1);
        self.buf.push(NIL);
    }

    pub fn nil_array(&mut self) {
        self.room(1);
        self.buf.push(NIL_ARRAY);
    }

    pub fn ok(&mut self) {
        self.room(1);
        self.buf.push(OK);
    }

    #[inline]
    pub fn int(&mut self, value: i64) {
        self.tagged(INT, value as u64);
    }

    /// A length or count.
    #[inline]
    pub fn len(&mut self, value: usize) {
        self.tagged(INT, value as u64);
    }

    /// 1 or 0: how Redis answers yes and no in both protocols.
    pub fn yes_no(&mut self, value: bool) {
        self.int(i64::from(value));
    }

    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.text(BULK, value);
    }

    /// The decimal form of an integer, as a string.
    pub fn bulk_int(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(value).as_bytes());
    }

    /// The double as a bulk string in both protocols.
    pub fn bulk_double(&mut self, value: f64) {
        let mut text = smallvec::SmallVec::<[u8; 32]>::new();
        write_double(&mut text, value);
        self.bulk(&text);
    }

    /// A string or nil.
    pub fn bulk_or_nil(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.bulk(value),
            None => self.nil(),
        }
    }

    /// A big string, by reference.
    pub fn shared(&mut self, value: &Arc<Vec<u8>>) {
        let index = self.shared.len() as u64;
        let before = crate::memory::balance();
        self.shared.push(Arc::clone(value));
        self.grown += crate::memory::balance() - before;
        self.tagged(SHARED, index);
    }

    pub fn status(&mut self, text: &str) {
        self.text(STATUS, text.as_bytes());
    }

    pub fn error(&mut self, error: &Error) {
        self.error_text(error.to_string().as_bytes());
    }

    /// An error is one line on the wire, whatever words of the user it quotes.
    pub fn error_text(&mut self, text: &[u8]) {
        if memchr::memchr2(b'\r', b'\n', text).is_none() {
            self.text(ERROR, text);
            return;
        }
        let mut line = text.to_vec();
        for byte in &mut line {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.text(ERROR, &line);
    }

    pub fn double(&mut self, value: f64) {
        self.tagged(DOUBLE, value.to_bits());
    }

    /// A double in digits of the command's own choice.
    pub fn double_text(&mut self, digits: &[u8]) {
        self.text(DOUBLE_TEXT, digits);
    }

    pub fn bool(&mut self, value: bool) {
        self.tagged(BOOL, u64::from(value));
    }

    pub fn verbatim(&mut self, text: &[u8]) {
        self.text(VERBATIM, text);
    }

    pub fn big_number(&mut self, digits: &[u8]) {
        self.text(BIG_NUMBER, digits);
    }

    pub fn array(&mut self, len: usize) {
        self.tagged(ARRAY, len as u64);
    }

    pub fn map(&mut self, pairs: usize) {
        self.tagged(MAP, pairs as u64);
    }

    pub fn set(&mut self, len: usize) {
        self.tagged(SET, len as u64);
    }

    pub fn push(&mut self, len: usize) {
        self.tagged(PUSH, len as u64);
    }

    /// Begins an array whose length is known only after its elements are written.
    pub fn array_later(&mut self) -> Later {
        let at = Later(self.buf.len());
        self.array(0);
        at
    }

    /// As [`Reply::array_later`], for a map.
    pub fn map_later(&mut self) -> Later {
        let at = Later(self.buf.len());
        self.map(0);
        at
    }

    /// As [`Reply::array_later`], for a set.
    pub fn set_later(&mut self) -> Later {
        let at = Later(self.buf.len());
        self.set(0);
        at
    }

    /// Fills in a length left open.
    pub fn close(&mut self, at: Later, len: usize) {
        self.buf[at.0 + 1..at.0 + 9].copy_from_slice(&(len as u64).to_le_bytes());
    }

    /// Appends everything another reply holds.
    pub fn append(&mut self, other: &Reply) {
        for token in other.tokens() {
            self.token(token);
        }
    }

    /// Writes one token.
    pub fn token(&mut self, token: Token<'_>) {
        match token {
            Token::Nil => self.nil(),
            Token::NilArray => self.nil_array(),
            Token::Int(value) => self.int(value),
            Token::Bulk(value) => self.bulk(value),
            Token::Status(value) => self.text(STATUS, value),
            Token::Ok => self.ok(),
            Token::Error(value) => self.error_text(value),
            Token::Double(value) => self.double(value),
            Token::DoubleText(digits) => self.double_text(digits),
            Token::Bool(value) => self.bool(value),
            Token::Array(len) => self.array(len),
            Token::Map(len) => self.map(len),
            Token::Set(len) => self.set(len),
            Token::Push(len) => self.push(len),
            Token::Verbatim(value) => self.verbatim(value),
            Token::BigNumber(value) => self.big_number(value),
        }
    }

    /// Reads the tokens in order.
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens { reply: self, at: 0 }
    }

    /// The first token, if anything was written.
    #[inline]
    pub fn first(&self) -> Option<Token<'_>> {
        match *self.buf.first()? {
            // Most replies, without the way through every tag.
            BULK => Some(Token::Bulk(Tokens { reply: self, at: 1 }.text())),
            OK => Some(Token::Ok),
            _ => self.tokens().next(),
        }
    }

    /// Is this what was asked of SUBSCRIBE or its kin?
    #[inline]
    pub fn is_push(&self) -> bool {
        self.buf.first() == Some(&PUSH)
    }
}

/// Reads a reply token by token.
#[derive(Clone)]
pub struct Tokens<'a> {
    reply: &'a Reply,
    at: usize,
}

impl<'a> Tokens<'a> {
    #[inline]
    fn number(&mut self) -> u64 {
        let bytes = &self.reply.buf[self.at..self.at + 8];
        self.at += 8;
        u64::from_le_bytes(bytes.try_into().expect("the slice is eight bytes long"))
    }

    #[inline]
    fn text(&mut self) -> &'a [u8] {
        let len = self.number() as usize;
        let text = &self.reply.buf[self.at..self.at + len];
        self.at += len;
        text
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        let tag = *self.reply.buf.get(self.at)?;
        self.at += 1;
        Some(match tag {
            NIL => Token::Nil,
            NIL_ARRAY => Token::NilArray,
            OK => Token::Ok,
            INT => Token::Int(self.number() as i64),
            BULK => Token::Bulk(self.text()),
            STATUS => Token::Status(self.text()),
            ERROR => Token::Error(self.text()),
            DOUBLE => Token::Double(f64::from_bits(self.number())),
            DOUBLE_TEXT => Token::DoubleText(self.text()),
            BOOL => Token::Bool(self.number() != 0),
            ARRAY => Token::Array(self.number() as usize),
            MAP => Token::Map(self.number() as usize),
            SET => Token::Set(self.number() as usize),
            PUSH => Token::Push(self.number() as usize),
            VERBATIM => Token::Verbatim(self.text()),
            BIG_NUMBER => Token::BigNumber(self.text()),
            SHARED => Token::Bulk(&self.reply.shared[self.number() as usize]),
            _ => unreachable!("only this file writes tags"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_were_written() {
        let mut reply = Reply::new();
        let at = reply.array_later();
        reply.int(-5);
        reply.bulk(b"abc");
        reply.shared(&Arc::new(b"big".to_vec()));
        reply.close(at, 3);
        let tokens: Vec<_> = reply.tokens().collect();
        assert_eq!(
            tokens,
            [Token::Array(3), Token::Int(-5), Token::Bulk(b"abc"), Token::Bulk(b"big")]
        );
    }

    #[test]
    fn what_was_written_after_a_mark_can_be_taken_back() {
        let mut reply = Reply::new();
        reply.ok();
        let mark = reply.mark();
        reply.array(2);
        reply.truncate(mark);
        assert_eq!(reply.tokens().collect::<Vec<_>>(), [Token::Ok]);
    }
}
