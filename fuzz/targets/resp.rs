//! Requests as they come over a socket: whatever the pieces they come in, they are read alike, and
//! what is kept of them is bounded by what really came.
//!
//! The input is a byte that is odd for a client that has not said who it is, four sizes of pieces
//! that come in turn, and what the client sends.
#![no_main]

use latchkey::memory;
use latchkey::resp::request::{Fault, Limits, Reader, Step};
use libfuzzer_sys::fuzz_target;

/// The least that `proto-max-bulk-len` may be.
const BULK_MAX: i64 = 1 << 20;

/// What was read: requests, how many bytes they and empty lines took, and why no more.
type Told = (Vec<Vec<Vec<u8>>>, usize, Option<Fault>);

/// Reads all of `sent`, of which `pieces` come one after the other, again and again.
fn read(sent: &[u8], pieces: &[usize], limits: Limits) -> Told {
    let (mut reader, mut found) = (Reader::default(), Vec::new());
    let (mut start, mut end, mut wanted) = (0, 0, 0);
    let mut pieces = pieces.iter().cycle();
    let mut kept = 0;
    loop {
        let before = memory::balance();
        let step = reader.next(&sent[start..end], limits);
        kept += memory::balance() - before;
        // A word of one byte and a blank takes two numbers, in memory that doubles as it grows.
        assert!(kept <= 64 + 32 * end as i64, "{kept} bytes are kept for {end}");
        match step {
            Ok(Step::More(missing)) => {
                assert!(missing as i64 <= BULK_MAX + 2, "waits for more than a word may have");
                wanted = wanted.max(end + missing);
                if end == sent.len() {
                    return (found, start, None);
                }
                end = sent.len().min(end + pieces.next().map_or(1, |piece| *piece));
            }
            Ok(Step::Nothing(taken)) => {
                assert!((1..=end - start).contains(&taken));
                start += taken;
            }
            Ok(Step::Request(taken)) => {
                assert!((1..=end - start).contains(&taken));
                assert!(end >= wanted, "complete before what was missing came");
                let mut words = Vec::new();
                reader.words(&sent[start..end], &mut words);
                assert!(!words.is_empty());
                found.push(words.iter().map(|word| word.to_vec()).collect());
                start += taken;
                if start == end {
                    let before = memory::balance();
                    reader.shrink();
                    kept += memory::balance() - before;
                }
            }
            Err(fault) => return (found, start, Some(fault)),
        }
    }
}

/// The requests as clients write them that count first.
fn written(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let mut out = Vec::new();
    for words in requests {
        out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((head, sent)) = data.split_at_checked(5) else { return };
    let limits = Limits { bulk_max: BULK_MAX, is_stranger: head[0] & 1 == 1 };
    let pieces: Vec<usize> = head[1..].iter().map(|size| usize::from(*size).max(1)).collect();

    let whole = read(sent, &[sent.len()], limits);
    assert_eq!(read(sent, &pieces, limits), whole, "in pieces");
    assert_eq!(read(sent, &[1], limits), whole, "byte by byte");

    let (requests, ..) = whole;
    let again = written(&requests);
    let known = Limits { is_stranger: false, ..limits };
    let (told, taken, fault) = read(&again, &pieces, known);
    assert_eq!((told, taken, fault), (requests, again.len(), None), "written and read again");
});
