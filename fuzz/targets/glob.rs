//! Patterns of KEYS, SCAN and PSUBSCRIBE: nothing panics or takes for ever, and what must hold for
//! any pattern does.
//!
//! The input is a pattern and a text, parted by the first zero byte.
#![no_main]

use latchkey::types::glob::{self, Case};
use libfuzzer_sys::fuzz_target;

/// A pattern of a thousand stars matches nothing; no pattern here comes near that by one more.
const STARS_MAX: usize = 999;

fuzz_target!(|data: &[u8]| {
    let (pattern, text) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b"text"[..]),
    };
    let matches = glob::matches(pattern, text, Case::Sensitive);
    let (small_pattern, small_text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    if small_pattern == pattern && small_text == text {
        let ignoring = glob::matches(pattern, text, Case::Ignore);
        assert_eq!(ignoring, matches, "there is no case to ignore");
    }
    let escaped: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
    assert!(glob::matches(&escaped, text, Case::Sensitive), "an escaped text matches itself");
    // Redis's corner: a star does not match an empty text.
    assert_eq!(glob::matches(b"*", text, Case::Sensitive), !text.is_empty());
    let stars = pattern.iter().filter(|byte| **byte == b'*').count();
    if matches && !text.is_empty() && stars < STARS_MAX {
        let (longer_pattern, longer_text) = ([b"*", pattern].concat(), [b"any", text].concat());
        assert!(glob::matches(&longer_pattern, &longer_text, Case::Sensitive), "behind a star");
    }
});
