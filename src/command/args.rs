//! A cursor over the words of a command.
//!
//! Arity was checked before a handler runs, so the words a command must have are there; what is
//! missing behind them is a syntax error, as a real server says.

use crate::bytes::{is_word, parse_double, parse_int};
use crate::error::{Error, Result};

/// The words of one command; reading begins after the name.
pub struct Args<'a> {
    words: &'a [&'a [u8]],
    at: usize,
}

impl<'a> Args<'a> {
    /// Begins after the command's name, or after the subcommand's.
    pub fn new(words: &'a [&'a [u8]], at: usize) -> Self {
        Self { words, at }
    }

    /// All words, the name included.
    pub fn all(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// How many words are left.
    #[inline]
    pub fn left(&self) -> usize {
        self.words.len() - self.at
    }

    #[inline]
    pub fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The next word, without taking it.
    #[inline]
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.words.get(self.at).copied()
    }

    /// The next word; a syntax error if there is none.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "an iterator could not refuse")]
    pub fn next(&mut self) -> Result<&'a [u8]> {
        // Not `ok_or`: an error that is made and dropped for every word costs more than the word.
        let Some(word) = self.words.get(self.at) else { return Err(Error::Syntax) };
        self.at += 1;
        Ok(word)
    }

    /// The next word, which is a key.
    #[inline]
    pub fn key(&mut self) -> Result<&'a [u8]> {
        self.next()
    }

    /// The next word as a 64-bit integer.
    pub fn int(&mut self) -> Result<i64> {
        parse_int(self.next()?).ok_or(Error::NotAnInteger)
    }

    /// The next word as an integer that is not negative; `error` for anything else.
    pub fn positive(&mut self, error: Error) -> Result<usize> {
        let value = parse_int(self.next()?).and_then(|value| usize::try_from(value).ok());
        value.ok_or(error)
    }

    /// How many keys follow: at least one, and not more than there are words, or `error`.
    pub fn key_count(&mut self, error: Error) -> Result<usize> {
        let count = self
            .positive(Error::Plain("ERR numkeys should be greater than 0"))
            .ok()
            .filter(|count| *count > 0)
            .ok_or(Error::Plain("ERR numkeys should be greater than 0"))?;
        if count > self.left() { Err(error) } else { Ok(count) }
    }

    /// The next word as a double.
    pub fn double(&mut self) -> Result<f64> {
        parse_double(self.next()?).ok_or(Error::NotAFloat)
    }

    /// Takes the next word if it is this option, in any case.
    #[inline]
    pub fn option(&mut self, name: &str) -> bool {
        let matches = self.peek().is_some_and(|word| is_word(word, name));
        self.at += usize::from(matches);
        matches
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [&'a [u8]] {
        let rest = &self.words[self.at..];
        self.at = self.words.len();
        rest
    }

    /// The next `count` words; a syntax error if there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [&'a [u8]]> {
        let taken = self.words.get(self.at..self.at + count).ok_or(Error::Syntax)?;
        self.at += count;
        Ok(taken)
    }

    /// A syntax error if words are left over.
    pub fn finish(&self) -> Result {
        if self.is_done() { Ok(()) } else { Err(Error::Syntax) }
    }
}
