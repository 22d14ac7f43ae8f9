//! Settings that are texts, or several numbers in one: kept as the number of their text.
//!
//! A setting is an atomic, so that nobody waits to read one. Each text that a setting ever had is
//! kept once for the process, and the setting holds its place.

use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

static TEXTS: LazyLock<RwLock<Vec<Arc<str>>>> = LazyLock::new(|| RwLock::new(vec!["".into()]));

/// The number of a text; the empty one has 0.
pub fn number_of(text: &str) -> i64 {
    let mut texts = TEXTS.write();
    let at = texts.iter().position(|known| **known == *text).unwrap_or_else(|| {
        texts.push(text.into());
        texts.len() - 1
    });
    at as i64
}

/// The text of a number.
pub fn text_of(number: i64) -> Arc<str> {
    let texts = TEXTS.read();
    let at = usize::try_from(number).unwrap_or(0);
    Arc::clone(texts.get(at).unwrap_or(&texts[0]))
}

/// How much may wait for a client that does not read: at once, or for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputLimit {
    pub hard_bytes: u64,
    pub soft_bytes: u64,
    pub soft_seconds: u64,
}

/// `client-output-buffer-limit`: a limit for each class of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    pub normal: OutputLimit,
    pub replica: OutputLimit,
    pub pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        let limit = |hard_mb: u64, soft_mb: u64, soft_seconds| OutputLimit {
            hard_bytes: hard_mb << 20,
            soft_bytes: soft_mb << 20,
            soft_seconds,
        };
        Self { normal: limit(0, 0, 0), replica: limit(256, 64, 60), pubsub: limit(32, 8, 60) }
    }
}

impl OutputLimits {
    /// The limits of a text that this module wrote; 0 is the default.
    pub fn of(number: i64) -> Self {
        let mut limits = Self::default();
        if number != 0 {
            // It was checked when it was set.
            let _ = limits.change(&text_of(number));
        }
        limits
    }

    /// Reads `class hard soft seconds` as often as it comes; other classes stay as they are.
    pub fn change(&mut self, text: &str) -> Result<(), String> {
        let words: Vec<&str> = text.split(' ').collect();
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut changed = *self;
        for group in words.chunks_exact(4) {
            let class = match group[0].to_ascii_lowercase().as_str() {
                "normal" => &mut changed.normal,
                "slave" | "replica" => &mut changed.replica,
                "pubsub" => &mut changed.pubsub,
                _ => {
                    return Err(
                        "Invalid client class specified in buffer limit configuration.".into()
                    );
                }
            };
            let bytes =
                |word| super::config::parse_memory(word).and_then(|n| u64::try_from(n).ok());
            let wrong =
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            let limit = (bytes(group[1]), bytes(group[2]), group[3].parse().ok());
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = limit else {
                return Err(wrong.into());
            };
            *class = OutputLimit { hard_bytes, soft_bytes, soft_seconds };
        }
        *self = changed;
        Ok(())
    }

    /// As CONFIG GET shows them.
    pub fn show(&self) -> String {
        let one = |name, limit: &OutputLimit| {
            let OutputLimit { hard_bytes, soft_bytes, soft_seconds } = limit;
            format!("{name} {hard_bytes} {soft_bytes} {soft_seconds}")
        };
        let classes =
            [("normal", &self.normal), ("slave", &self.replica), ("pubsub", &self.pubsub)];
        classes.map(|(name, limit)| one(name, limit)).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let number = number_of("some text");
        assert_eq!(number_of("some text"), number);
        assert_eq!(&*text_of(number), "some text");
        assert_eq!((number_of(""), &*text_of(0)), (0, ""));
    }

    #[test]
    fn classes_that_are_not_named_keep_their_limits() {
        let mut limits = OutputLimits::default();
        limits.change("pubsub 1mb 2 3").expect("it is well-formed");
        assert_eq!(limits.show(), "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2 3");
        for wrong in ["x", "normal 1 2", "foo 1 2 3", "normal a 2 3", "normal 1 2 -3"] {
            assert!(limits.change(wrong).is_err(), "{wrong}");
        }
    }
}
