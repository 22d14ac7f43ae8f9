//! Where the keys stand among a command's words.

use crate::bytes::is_word;

/// Positions count from 0, the command's name; negative ones from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// The first argument, and no other.
    First,
    /// The second argument (a subcommand stands before it).
    Second,
    /// From `first` to `last`, every `step`th.
    Range { first: i8, last: i8, step: i8 },
    /// A count at `at`, that many keys after it; `also` is one more key before, 0 for none.
    Counted { at: u8, also: u8 },
    /// A count in front, that many keys after it, each with a value behind it.
    CountedPairs,
    /// The first argument, and the ones after the words STORE and STOREDIST, looked for from here.
    Stored { from: u8 },
    /// The first argument, and the last one after an option STORE.
    Sort,
    /// The third argument, or those after the option KEYS if that one is empty.
    Migrate,
    /// After the word STREAMS, the first half of what follows.
    Streams,
}

impl Keys {
    /// The first key, the last and the step between, as COMMAND tells them; zeros where only the
    /// words tell.
    pub fn first_last_step(self) -> (i64, i64, i64) {
        match self {
            Self::First | Self::Sort | Self::Stored { .. } | Self::Counted { also: 1.., .. } => {
                (1, 1, 1)
            }
            Self::Second => (2, 2, 1),
            Self::Migrate => (3, 3, 1),
            Self::Range { first, last, step } => (first.into(), last.into(), step.into()),
            Self::None | Self::Counted { .. } | Self::CountedPairs | Self::Streams => (0, 0, 0),
        }
    }

    /// The positions of the keys; `None` if the words do not tell.
    pub fn positions(self, words: &[&[u8]]) -> Option<Vec<usize>> {
        let len = words.len();
        match self {
            Self::None => Some(Vec::new()),
            Self::First => (len > 1).then(|| vec![1]),
            Self::Second => (len > 2).then(|| vec![2]),
            Self::Range { first, last, step } => {
                let end = if last < 0 {
                    len.checked_sub(last.unsigned_abs() as usize)?
                } else {
                    last as usize
                };
                if end >= len || end < first as usize {
                    return None;
                }
                Some((first as usize..=end).step_by(step as usize).collect())
            }
            Self::Counted { at, also } => {
                let at = usize::from(at);
                let count = count_of(words.get(at)?)?;
                if count == 0 || count > len - at - 1 {
                    return None;
                }
                let mut positions: Vec<_> = (at + 1..=at + count).collect();
                if also != 0 {
                    positions.insert(0, usize::from(also));
                }
                Some(positions)
            }
            Self::CountedPairs => {
                let count = count_of(words.get(1)?)?;
                let end = count.checked_mul(2)?.checked_add(2)?;
                (count > 0 && end <= len).then(|| (2..end).step_by(2).collect())
            }
            Self::Stored { from } => stored(words, usize::from(from)),
            Self::Sort => sorted(words),
            Self::Migrate => migrated(words),
            Self::Streams => {
                let at = streams_at(words)? + 1;
                let left = len - at;
                (left > 0 && left.is_multiple_of(2)).then(|| (at..at + left / 2).collect())
            }
        }
    }
}

/// A number of keys. Of what is no number servers take the digits it begins with, as C does: the
/// command will refuse it, but ACL and COMMAND GETKEYS go by these keys.
fn count_of(word: &[u8]) -> Option<usize> {
    let word = word.trim_ascii_start();
    let digits = word.strip_prefix(b"+").unwrap_or(word);
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(&digits[..len]).ok()?.parse().ok()
}

/// Where the word STREAMS stands, behind the options of XREAD and XREADGROUP.
fn streams_at(words: &[&[u8]]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        if is_word(word, "STREAMS") {
            return Some(at);
        }
        at += match () {
            () if is_word(word, "NOACK") => 1,
            () if is_word(word, "COUNT") || is_word(word, "BLOCK") => 2,
            () if is_word(word, "GROUP") => 3,
            () => return None,
        };
    }
}

fn stored(words: &[&[u8]], from: usize) -> Option<Vec<usize>> {
    let after = |name| {
        let at = words.iter().skip(from).position(|word| is_word(word, name))?;
        Some(from + at + 1).filter(|at| *at < words.len())
    };
    let keys = [Some(1), after("STORE"), after("STOREDIST")];
    (words.len() > 1).then(|| keys.into_iter().flatten().collect())
}

fn sorted(words: &[&[u8]]) -> Option<Vec<usize>> {
    let (mut at, mut stored) = (2, None);
    while let Some(word) = words.get(at) {
        at += match () {
            () if is_word(word, "LIMIT") => 3,
            () if is_word(word, "GET") || is_word(word, "BY") => 2,
            () if is_word(word, "STORE") && at + 1 < words.len() => {
                stored = Some(at + 1);
                2
            }
            () => 1,
        };
    }
    (words.len() > 1).then(|| [Some(1), stored].into_iter().flatten().collect())
}

fn migrated(words: &[&[u8]]) -> Option<Vec<usize>> {
    let mut at = 6;
    while let Some(word) = words.get(at) {
        at += match () {
            () if is_word(word, "KEYS") && at + 1 < words.len() => {
                return words[3].is_empty().then(|| (at + 1..words.len()).collect());
            }
            () if is_word(word, "AUTH") => 2,
            () if is_word(word, "AUTH2") => 3,
            () => 1,
        };
    }
    (words.len() > 3).then(|| vec![3])
}
