//! LCS: the longest common subsequence of two strings.

use super::{Args, Context};
use crate::error::{Error, Result};
use crate::hub::config::PROTO_MAX_BULK_LEN;

/// What LCS was asked for.
#[derive(Default)]
struct Wanted {
    len: bool,
    idx: bool,
    with_match_len: bool,
    min_match_len: i64,
}

/// One run that both strings share, as positions in each (both ends included).
struct Match {
    a: (usize, usize),
    b: (usize, usize),
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`
pub fn lcs(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let keys = args.take(2)?;
    let mut scratch = [itoa::Buffer::new(), itoa::Buffer::new()];
    let mut strings = [&b""[..]; 2];
    for ((string, key), scratch) in strings.iter_mut().zip(keys).zip(&mut scratch) {
        let value = cx
            .db
            .string(key)
            .map_err(|_| Error::Plain("ERR The specified keys must contain string values"))?;
        if let Some(text) = value {
            *string = text.as_bytes(scratch);
        }
    }
    let wanted = options(args)?;
    let [a, b] = strings;
    // Lengths are below 2^32 each, so their product fits.
    let cells = (a.len() + 1) as u64 * (b.len() + 1) as u64;
    if cells.saturating_mul(4) > cx.config().get(PROTO_MAX_BULK_LEN) as u64 {
        return Err(Error::Plain(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    cx.cost(cells as usize / 64)?;
    let table = lengths(a, b, cells as usize)?;
    let total = table[a.len() * (b.len() + 1) + b.len()];
    if wanted.len {
        cx.out.int(i64::from(total));
        return Ok(());
    }
    let (text, matches) = trace(a, b, &table);
    if wanted.idx {
        write_matches(cx, &wanted, &matches, total);
    } else {
        cx.out.bulk(&text);
    }
    Ok(())
}

fn options(args: &mut Args<'_>) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    while !args.is_done() {
        if args.option("IDX") {
            wanted.idx = true;
        } else if args.option("LEN") {
            wanted.len = true;
        } else if args.option("WITHMATCHLEN") {
            wanted.with_match_len = true;
        } else if args.left() > 1 && args.option("MINMATCHLEN") {
            wanted.min_match_len = args.int()?.max(0);
        } else {
            return Err(Error::Syntax);
        }
    }
    if wanted.idx && wanted.len {
        return Err(Error::Plain(
            "ERR If you want both the length and indexes, please just use IDX.",
        ));
    }
    Ok(wanted)
}

/// `table[i * (len(b) + 1) + j]`: the length for the first `i` and `j` bytes.
fn lengths(a: &[u8], b: &[u8], cells: usize) -> Result<Vec<u32>> {
    let width = b.len() + 1;
    let mut table = Vec::new();
    table.try_reserve_exact(cells).map_err(|_| {
        Error::Plain("ERR Insufficient memory, failed allocating transient memory for LCS")
    })?;
    table.resize(cells, 0u32);
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            let at = (i + 1) * width + j + 1;
            table[at] = if x == y {
                table[at - width - 1] + 1
            } else {
                table[at - 1].max(table[at - width])
            };
        }
    }
    Ok(table)
}

/// Walks back from the end: the common bytes, and the runs they come in, last first.
fn trace(a: &[u8], b: &[u8], table: &[u32]) -> (Vec<u8>, Vec<Match>) {
    let width = b.len() + 1;
    let (mut i, mut j) = (a.len(), b.len());
    let mut text = Vec::new();
    let mut matches: Vec<Match> = Vec::new();
    let mut open = false;
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            text.push(a[i - 1]);
            match matches.last_mut() {
                Some(run) if open && run.a.0 == i && run.b.0 == j => {
                    run.a.0 = i - 1;
                    run.b.0 = j - 1;
                }
                _ => matches.push(Match { a: (i - 1, i - 1), b: (j - 1, j - 1) }),
            }
            open = true;
            (i, j) = (i - 1, j - 1);
        } else {
            open = false;
            if table[(i - 1) * width + j] > table[i * width + j - 1] { i -= 1 } else { j -= 1 }
        }
    }
    text.reverse();
    (text, matches)
}

fn write_matches(cx: &mut Context<'_>, wanted: &Wanted, matches: &[Match], total: u32) {
    cx.out.map(2);
    cx.out.bulk(b"matches");
    let at = cx.out.array_later();
    let mut shown = 0;
    for run in matches {
        let len = run.a.1 - run.a.0 + 1;
        if (len as i64) < wanted.min_match_len {
            continue;
        }
        shown += 1;
        cx.out.array(2 + usize::from(wanted.with_match_len));
        for (from, to) in [run.a, run.b] {
            cx.out.array(2);
            cx.out.len(from);
            cx.out.len(to);
        }
        if wanted.with_match_len {
            cx.out.len(len);
        }
    }
    cx.out.close(at, shown);
    cx.out.bulk(b"len");
    cx.out.int(i64::from(total));
}
