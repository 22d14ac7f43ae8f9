//! What took long: the commands themselves (SLOWLOG) and how long things of a sort took, second by
//! second (LATENCY).

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

use super::secrets;

/// An entry shows no more words, and no more bytes of each.
const WORDS_MAX: usize = 32;
const BYTES_MAX: usize = 128;
/// Seconds that are remembered of each event.
const SAMPLES_MAX: usize = 160;

/// A command that took long.
#[derive(Debug, Clone)]
pub struct Slow {
    pub id: u64,
    pub at_s: u64,
    pub micros: u64,
    pub words: Vec<Vec<u8>>,
    pub address: String,
    pub name: Vec<u8>,
}

#[derive(Default)]
struct Log {
    /// Newest first.
    entries: VecDeque<Slow>,
    next_id: u64,
}

/// The last commands that took long.
#[derive(Default)]
pub struct SlowLog(Mutex<Log>);

impl SlowLog {
    /// Adds an entry and numbers it; no more than `most` are kept.
    pub fn add(&self, mut entry: Slow, most: usize) {
        let mut log = self.0.lock();
        entry.id = log.next_id;
        log.next_id += 1;
        log.entries.push_front(entry);
        log.entries.truncate(most);
    }

    pub fn newest(&self, count: usize) -> Vec<Slow> {
        self.0.lock().entries.iter().take(count).cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn clear(&self) {
        self.0.lock().entries.clear();
    }
}

/// A command's words as an entry keeps them: shortened, and without passwords.
pub fn shorten(words: &[&[u8]]) -> Vec<Vec<u8>> {
    let shown = if words.len() > WORDS_MAX { WORDS_MAX - 1 } else { words.len() };
    let mut kept: Vec<Vec<u8>> = secrets::hide(words)
        .take(shown)
        .map(|word| {
            let mut part = word[..word.len().min(BYTES_MAX)].to_vec();
            if word.len() > BYTES_MAX {
                part.extend(format!("... ({} more bytes)", word.len() - BYTES_MAX).bytes());
            }
            part
        })
        .collect();
    if shown < words.len() {
        kept.push(format!("... ({} more arguments)", words.len() - shown).into_bytes());
    }
    kept
}

/// One second of an event: when, and the longest in it.
pub type Sample = (u64, u64);

/// What is remembered of one event.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Oldest first.
    pub samples: VecDeque<Sample>,
    pub longest_ms: u64,
}

/// How long events took that took longer than `latency-monitor-threshold`.
#[derive(Default)]
pub struct Latency(Mutex<BTreeMap<&'static str, Series>>);

impl Latency {
    pub fn add(&self, event: &'static str, at_s: u64, took_ms: u64) {
        let mut events = self.0.lock();
        let series = events.entry(event).or_default();
        series.longest_ms = series.longest_ms.max(took_ms);
        match series.samples.back_mut() {
            Some((known_s, longest_ms)) if *known_s == at_s => {
                *longest_ms = took_ms.max(*longest_ms);
            }
            _ => series.samples.push_back((at_s, took_ms)),
        }
        if series.samples.len() > SAMPLES_MAX {
            series.samples.pop_front();
        }
    }

    pub fn all(&self) -> BTreeMap<&'static str, Series> {
        self.0.lock().clone()
    }

    pub fn of(&self, event: &[u8]) -> Option<Series> {
        std::str::from_utf8(event).ok().and_then(|event| self.0.lock().get(event).cloned())
    }

    /// Forgets these events, or all if none is named. Answers how many there were.
    pub fn reset(&self, events: &[&[u8]]) -> usize {
        let mut known = self.0.lock();
        let before = known.len();
        known.retain(|event, _| !events.is_empty() && !events.contains(&event.as_bytes()));
        before - known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_commands_are_shortened_as_servers_do() {
        let numbers: Vec<String> = (0..33).map(|number| number.to_string()).collect();
        let words: Vec<&[u8]> = numbers.iter().map(String::as_bytes).collect();
        assert_eq!(shorten(&words[..32]).len(), 32);
        let kept = shorten(&words);
        assert_eq!((kept.len(), &*kept[31]), (32, &b"... (2 more arguments)"[..]));
        let long = [b'x'; 200];
        let kept = shorten(&[b"SET", b"k", &long]);
        assert!(kept[2].ends_with(b"x... (72 more bytes)") && kept[2].len() == 128 + 19);
    }

    #[test]
    fn a_second_has_one_sample_the_longest() {
        let latency = Latency::default();
        for (at_s, took_ms) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            latency.add("command", at_s, took_ms);
        }
        let series = latency.of(b"command").expect("it was added");
        assert_eq!(series.samples, [(1, 9), (2, 3)]);
        assert_eq!(series.longest_ms, 9);
        (3..300).for_each(|at_s| latency.add("command", at_s, 1));
        let series = latency.of(b"command").expect("it is still there");
        assert_eq!((series.samples.len(), series.longest_ms), (SAMPLES_MAX, 9));
        assert_eq!(latency.reset(&[b"other"]), 0);
        assert_eq!(latency.reset(&[]), 1);
    }
}
