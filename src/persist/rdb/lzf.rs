//! LZF, the compression of strings in RDB.
//!
//! A compressed string is runs of literals and references back:
//!
//! ```text
//! 000lllll                  l + 1 bytes as they are
//! lllooooo oooooooo         l + 2 bytes from o + 1 bytes back, l below 7
//! 111ooooo llllllll oooooooo  l + 9 bytes
//! ```
//!
//! Any choice of references can be read back. The choice made here is that of the encoder inside
//! Redis, so that a dump has the same bytes as a server's.

const TABLE_BITS: u32 = 16;
const LITERALS_MAX: usize = 1 << 5;
const DISTANCE_MAX: usize = 1 << 13;
const MATCH_MAX: usize = (1 << 8) + (1 << 3);
/// The longest that one byte of compressed text may become: three bytes stand for 264 at most.
const RATIO_MAX: usize = MATCH_MAX / 3;

/// Compresses `text`, if that takes no more than `room` bytes.
pub fn compress(text: &[u8], room: usize) -> Option<Vec<u8>> {
    if text.is_empty() || room == 0 {
        return None;
    }
    // Positions plus one, so that zero is none.
    let mut table = vec![0u32; 1 << TABLE_BITS];
    let mut out = Run { out: vec![0], literals: 0, room };
    let mut at = 0;
    while at + 2 < text.len() {
        let slot = &mut table[slot_of(text, at)];
        let before = *slot as usize;
        *slot = at as u32 + 1;
        // The first byte of all is never referred to.
        let found = before.checked_sub(1).filter(|&from| {
            from > 0 && at - from - 1 < DISTANCE_MAX && text[from..from + 3] == text[at..at + 3]
        });
        let Some(from) = found else {
            out.literal(text[at])?;
            at += 1;
            continue;
        };
        let len = match_len(text, from, at);
        out.reference(at - from - 1, len - 2)?;
        at += len;
        if at + 2 >= text.len() {
            break;
        }
        for skipped in [at - 2, at - 1] {
            table[slot_of(text, skipped)] = skipped as u32 + 1;
        }
    }
    // No more than three bytes are left; the end of the run may need one more.
    if out.out.len() + 3 > room {
        return None;
    }
    for byte in &text[at..] {
        out.literal(*byte)?;
    }
    Some(out.finish())
}

/// Where three bytes are remembered.
fn slot_of(text: &[u8], at: usize) -> usize {
    let three = u32::from(text[at]) << 16 | u32::from(text[at + 1]) << 8 | u32::from(text[at + 2]);
    let hash = (three >> (24 - TABLE_BITS)).wrapping_sub(three.wrapping_mul(5));
    hash as usize & ((1 << TABLE_BITS) - 1)
}

/// How many bytes at `at` are those at `from`, three being known to be; as the original counts
/// them, which looks at sixteen before it looks at the end.
fn match_len(text: &[u8], from: usize, at: usize) -> usize {
    let max = (text.len() - at - 2).min(MATCH_MAX);
    let same = |len: usize| text[from + len] == text[at + len];
    let mut len = 2;
    if max > 16 {
        for _ in 0..16 {
            len += 1;
            if !same(len) {
                return len;
            }
        }
    }
    loop {
        len += 1;
        if len >= max || !same(len) {
            return len;
        }
    }
}

/// What was written, and the run of literals that is still open: its length goes before it.
struct Run {
    out: Vec<u8>,
    literals: usize,
    room: usize,
}

impl Run {
    fn literal(&mut self, byte: u8) -> Option<()> {
        if self.out.len() >= self.room {
            return None;
        }
        self.out.push(byte);
        self.literals += 1;
        if self.literals == LITERALS_MAX {
            self.close();
            self.out.push(0);
        }
        Some(())
    }

    /// Writes the length of the run, or takes its place back if there is none.
    fn close(&mut self) {
        if self.literals == 0 {
            self.out.pop();
        } else {
            let head = self.out.len() - self.literals - 1;
            self.out[head] = self.literals as u8 - 1;
        }
        self.literals = 0;
    }

    /// `len` is two less than the bytes it stands for.
    fn reference(&mut self, distance: usize, len: usize) -> Option<()> {
        if self.out.len() - usize::from(self.literals == 0) + 4 >= self.room {
            return None;
        }
        self.close();
        let high = (distance >> 8) as u8;
        if len < 7 {
            self.out.push(high + ((len as u8) << 5));
        } else {
            self.out.extend([high + (7 << 5), (len - 7) as u8]);
        }
        self.out.extend([distance as u8, 0]);
        Some(())
    }

    fn finish(mut self) -> Vec<u8> {
        self.close();
        self.out
    }
}

/// Appends what `packed` stands for to `out`, if that is exactly `len` bytes. What a stranger
/// claims reserves nothing beyond what the bytes could hold.
pub fn decompress(packed: &[u8], len: usize, out: &mut Vec<u8>) -> Option<()> {
    if len > packed.len().saturating_mul(RATIO_MAX + 1) {
        return None;
    }
    let start = out.len();
    out.reserve(len);
    let mut rest = packed;
    while let [control, tail @ ..] = rest {
        let control = usize::from(*control);
        if control < LITERALS_MAX {
            let (literals, tail) = tail.split_at_checked(control + 1)?;
            out.extend_from_slice(literals);
            rest = tail;
        } else {
            let (count, tail) = match (control >> 5, tail) {
                (7, [more, tail @ ..]) => (7 + usize::from(*more) + 2, tail),
                (7, []) => return None,
                (few, tail) => (few + 2, tail),
            };
            let (low, tail) = tail.split_first()?;
            let distance = (control & 0x1F) << 8 | usize::from(*low);
            let from = out.len().checked_sub(distance + 1).filter(|from| *from >= start)?;
            if out.len() - start + count > len {
                return None;
            }
            // The bytes that are copied may be among those they become.
            for at in from..from + count {
                out.push(out[at]);
            }
            rest = tail;
        }
        if out.len() - start > len {
            return None;
        }
    }
    (out.len() - start == len).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::random::Rng;

    fn round(text: &[u8]) -> Option<usize> {
        let packed = compress(text, text.len().saturating_sub(4))?;
        assert!(packed.len() <= text.len() - 4);
        let mut out = b"before".to_vec();
        decompress(&packed, text.len(), &mut out).unwrap();
        assert!(out[6..] == *text);
        Some(packed.len())
    }

    #[test]
    fn what_was_compressed_comes_back() {
        let mut rng = Rng::new(7);
        let mut compressed = 0;
        for _ in 0..500 {
            let letters = 1 + rng.below(6);
            let len = rng.below(1500);
            let text: Vec<u8> = (0..len).map(|_| b'a' + rng.below(letters) as u8).collect();
            compressed += usize::from(round(&text).is_some());
        }
        assert!(compressed > 300);
        assert!(round(&vec![b'x'; 100_000]).unwrap() < 1200);
        let noise: Vec<u8> = (0..1000).map(|_| rng.below(256) as u8).collect();
        assert_eq!(round(&noise), None);
    }

    #[test]
    fn damaged_text_is_refused() {
        for (packed, len) in [
            (&b""[..], 1),
            (b"\x05abc", 6),
            (b"\x00a\x20", 4),
            (b"\x00a\x20\x05", 4),
            (b"\x00a\xE0\x00", 20),
            (b"\x00a", 2),
            (b"\x01ab", 1),
            (b"\x00a\xE0\xFF\x00", 264),
            (b"\x00a", usize::MAX),
        ] {
            assert_eq!(decompress(packed, len, &mut Vec::new()), None, "{packed:?}");
        }
        let mut out = Vec::new();
        decompress(b"\x00a\x20\x00", 4, &mut out).unwrap();
        assert_eq!(out, b"aaaa");
    }
}
