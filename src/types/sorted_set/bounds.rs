//! Where a range of a sorted set begins and ends: by score, or by member where all scores are
//! equal.

use std::cmp::Ordering;

use crate::bytes::saturating_double;
use crate::types::listpack::Element;

/// One end of a range of scores; without an end it is an infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScoreBound {
    Inclusive(f64),
    Exclusive(f64),
}

/// A range of scores. If `max` is below `min` there is nothing in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    pub min: ScoreBound,
    pub max: ScoreBound,
}

/// One end of a range of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Min,
    /// `+`: after every member.
    Max,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
}

/// A range of members. If `max` is before `min` there is nothing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    pub min: LexBound<'a>,
    pub max: LexBound<'a>,
}

impl ScoreBound {
    /// Reads `1.5`, `(1.5`, `-inf`, `+inf`. Redis asks C's `strtod` here, which takes nothing for 0
    /// and passes over leading space.
    pub fn parse(word: &[u8]) -> Option<Self> {
        let (number, exclusive) = match word {
            [b'(', number @ ..] => (number, true),
            number => (number, false),
        };
        // To C, a word ends at a zero.
        let number = &number[..memchr::memchr(0, number).unwrap_or(number.len())];
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t'..=b'\r');
        let spaces = number.iter().take_while(is_space).count();
        let score = if number.is_empty() { 0.0 } else { saturating_double(&number[spaces..])? };
        Some(if exclusive { Self::Exclusive(score) } else { Self::Inclusive(score) })
    }
}

impl ScoreRange {
    /// Is `score` before the range?
    pub(super) fn is_above(&self, score: f64) -> bool {
        match self.min {
            ScoreBound::Inclusive(min) => score < min,
            ScoreBound::Exclusive(min) => score <= min,
        }
    }

    /// Is `score` not behind the range?
    pub(super) fn reaches(&self, score: f64) -> bool {
        match self.max {
            ScoreBound::Inclusive(max) => score <= max,
            ScoreBound::Exclusive(max) => score < max,
        }
    }
}

impl<'a> LexBound<'a> {
    /// Reads `-`, `+`, `[member`, `(member`.
    pub fn parse(word: &'a [u8]) -> Option<Self> {
        match word {
            b"-" => Some(Self::Min),
            b"+" => Some(Self::Max),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }
}

impl LexRange<'_> {
    /// Is `member` before the range?
    pub(super) fn is_above(&self, member: &Element<'_>) -> bool {
        match self.min {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Inclusive(min) => member.cmp_bytes(min) == Ordering::Less,
            LexBound::Exclusive(min) => member.cmp_bytes(min) != Ordering::Greater,
        }
    }

    /// Is `member` not behind the range?
    pub(super) fn reaches(&self, member: &Element<'_>) -> bool {
        match self.max {
            LexBound::Min => false,
            LexBound::Max => true,
            LexBound::Inclusive(max) => member.cmp_bytes(max) != Ordering::Greater,
            LexBound::Exclusive(max) => member.cmp_bytes(max) == Ordering::Less,
        }
    }
}
