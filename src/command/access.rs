//! What a command's words name: keys, with what is done to each, and channels. For permissions.
//!
//! Key specs are read from the facts once, when the first limited user is checked. As on a server,
//! words that make no sense name no keys: the command itself will refuse them.

use std::sync::LazyLock;

use serde_json::Value;
use smallvec::SmallVec;

use super::facts::{self, flags_of};
use super::{Keys, TABLE, id_of};
use crate::bytes::{is_word, parse_int};
use crate::hub::acl::{Access, Channel, Commands, Known, category};

/// Keys by their places among the words.
pub type Places = SmallVec<[(usize, Access); 8]>;

#[derive(Debug)]
enum Begin {
    Index(usize),
    Keyword { word: String, from: usize },
}

#[derive(Debug)]
enum Find {
    Range { last: i64, step: usize, limit: usize },
    Count { at: usize, first: usize, step: usize },
}

#[derive(Debug)]
struct KeySpec {
    begin: Begin,
    find: Find,
    access: Access,
}

static KEY_SPECS: LazyLock<Vec<Vec<KeySpec>>> = LazyLock::new(|| {
    let specs = TABLE.iter().map(|spec| facts::of(spec.name).map_or(&[][..], |of| &of.key_specs));
    specs.map(|specs| specs.iter().filter_map(read).collect()).collect()
});

/// The commands as the rules of users know them: the table's, by their ids, and behind them those
/// that only servers have. Rules that were written for a server need not be changed.
pub static COMMANDS: LazyLock<Commands> = LazyLock::new(|| {
    let rows = TABLE.iter().map(|spec| spec.name);
    let mut names: Vec<&'static str> = rows.collect();
    let mut others: Vec<_> = facts::names().filter(|name| id_of(name).is_none()).collect();
    others.sort_unstable();
    names.extend(others);
    let known = |name: &&'static str| Known {
        name,
        subcommands: subcommands(name, &names),
        categories: facts::of(name).map_or(0, |of| {
            let names = of.categories.iter().map(|name| name.trim_start_matches('@'));
            names.fold(0, |bits, name| bits | category(name.as_bytes()))
        }),
    };
    Commands::new(names.iter().map(known).collect())
});

fn subcommands(name: &str, names: &[&str]) -> Vec<usize> {
    let is_own = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('|'));
    (0..names.len()).filter(|at| is_own(names[*at])).collect()
}

/// `None` for what is no key, and for what only the words as a whole can tell.
fn read(spec: &Value) -> Option<KeySpec> {
    let has = |flag: &str| flags_of(spec).any(|known| known == flag);
    if has("not_key") || has("incomplete") {
        return None;
    }
    let part = |name: &str| {
        let part = spec.get(name)?;
        Some((part.get("type")?.as_str()?, part.get("spec")?))
    };
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_i64).unwrap_or(0);
    let place = |of: &Value, name: &str| usize::try_from(number(of, name)).unwrap_or(0);
    let begin = match part("begin_search")? {
        ("index", of) => Begin::Index(place(of, "index")),
        ("keyword", of) => Begin::Keyword {
            word: of.get("keyword")?.as_str()?.to_owned(),
            from: place(of, "startfrom"),
        },
        _ => return None,
    };
    let find = match part("find_keys")? {
        ("range", of) => Find::Range {
            last: number(of, "lastkey"),
            step: place(of, "keystep").max(1),
            limit: place(of, "limit"),
        },
        ("keynum", of) => Find::Count {
            at: place(of, "keynumidx"),
            first: place(of, "firstkey"),
            step: place(of, "keystep").max(1),
        },
        _ => return None,
    };
    let writes = ["insert", "delete", "update"].into_iter().any(has);
    Some(KeySpec { begin, find, access: Access { reads: has("access"), writes } })
}

impl KeySpec {
    /// Adds the keys that it finds; `None` if the words make no sense.
    fn find(&self, words: &[&[u8]], keys: &mut Places) -> Option<()> {
        let begin = match &self.begin {
            Begin::Index(at) => *at,
            Begin::Keyword { word, from } => {
                let mut after = (*from..words.len()).filter(|at| is_word(words[*at], word));
                after.next()? + 1
            }
        };
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                let end = match usize::try_from(last) {
                    Ok(last) => begin + last,
                    Err(_) if limit > 1 => begin + words.len().checked_sub(begin)? / limit - 1,
                    Err(_) => words.len().checked_sub(last.unsigned_abs() as usize)?,
                };
                (begin, end, step)
            }
            Find::Count { at, first, step } => {
                let count = parse_int(words.get(begin + at)?)?;
                let others = usize::try_from(count).ok()?.checked_sub(1)?;
                let first = begin + first;
                (first, first.checked_add(others.checked_mul(step)?)?, step)
            }
        };
        if last < first || last >= words.len() {
            return None;
        }
        keys.extend((first..=last).step_by(step).map(|at| (at, self.access)));
        Some(())
    }
}

const READS: Access = Access { reads: true, writes: false };
const WRITES: Access = Access { reads: false, writes: true };

/// The keys that these words name, with what the command does to them.
pub fn keys_of(id: usize, words: &[&[u8]]) -> Places {
    let spec = TABLE[id];
    let mut keys = Places::new();
    match spec.name {
        "set" => keys.push((1, set_access(words))),
        "bitfield" => keys.push((1, bitfield_access(words))),
        "sort" => {
            keys.push((1, READS));
            keys.extend(sort_target(words).map(|at| (at, WRITES)));
        }
        "sort_ro" => keys.push((1, READS)),
        "georadius" | "georadiusbymember" => {
            keys.push((1, READS));
            // The last target counts.
            let mut rest = (5..words.len().saturating_sub(1)).rev();
            let is_target = |word| is_word(word, "STORE") || is_word(word, "STOREDIST");
            let target = rest.find(|at| is_target(words[*at]));
            keys.extend(target.map(|at| (at + 1, WRITES)));
        }
        _ => {
            for key_spec in &KEY_SPECS[id] {
                if key_spec.find(words, &mut keys).is_none() {
                    return counted(spec.keys, words);
                }
            }
        }
    }
    keys
}

/// The keys behind a count that makes little sense: servers look for them once more in a laxer way,
/// and do not know what is done to them.
fn counted(keys: Keys, words: &[&[u8]]) -> Places {
    let positions = match keys {
        Keys::Counted { .. } => keys.positions(words).unwrap_or_default(),
        _ => Vec::new(),
    };
    let unknown = Access { reads: false, writes: false };
    positions.into_iter().map(|at| (at, unknown)).collect()
}

/// SET reads what was there only for GET.
fn set_access(words: &[&[u8]]) -> Access {
    let gets = words.iter().skip(3).any(|word| is_word(word, "GET"));
    Access { reads: gets, writes: true }
}

/// BITFIELD with nothing but GET only reads.
fn bitfield_access(words: &[&[u8]]) -> Access {
    let mut at = 2;
    while let Some(word) = words.get(at) {
        let left = words.len() - at - 1;
        at += match () {
            () if is_word(word, "GET") && left >= 2 => 3,
            () if is_word(word, "OVERFLOW") && left >= 1 => 2,
            () => return Access::BOTH,
        };
    }
    READS
}

/// Where SORT puts its result; the last STORE counts.
fn sort_target(words: &[&[u8]]) -> Option<usize> {
    let (mut at, mut target) = (2, None);
    while let Some(word) = words.get(at) {
        at += match () {
            () if is_word(word, "LIMIT") => 3,
            () if is_word(word, "GET") || is_word(word, "BY") => 2,
            () if is_word(word, "STORE") && at + 1 < words.len() => {
                target = Some(at + 1);
                2
            }
            () => 1,
        };
    }
    target
}

/// The channels that these words name, if the command listens to them or sends there.
pub fn channels_of(id: usize, words: &[&[u8]]) -> SmallVec<[Channel; 4]> {
    let (end, is_pattern) = match TABLE[id].name {
        "publish" | "spublish" => (2, false),
        "subscribe" | "ssubscribe" => (words.len(), false),
        "psubscribe" => (words.len(), true),
        _ => (1, false),
    };
    (1..end.min(words.len())).map(|at| Channel { at, is_pattern }).collect()
}
