//! The notation of `__test__/golden` (its README.md is the grammar): reading transcripts, and
//! printing replies as redis-cli does.
//!
//! A transcript is lines in, and what is compared are lines too, so nothing here needs to read a
//! reply back. Knows nothing of engines.

use std::fmt::Write as _;

use super::tree::Node;

/// What a line of a transcript asks for.
#[derive(Debug)]
pub enum Ask {
    /// `> words`
    Send(Vec<Vec<u8>>),
    /// `<`
    Receive,
    /// `@advance`
    Advance(u64),
    /// `@resp2` or `@resp3`
    Protocol(u8),
    /// `@b`, and the end of a block, which goes back to `a`
    Switch(char),
}

/// How a reply is made comparable before it is printed.
#[derive(Debug, Default, Clone)]
pub struct Look {
    any: bool,
    unordered: Option<String>,
    pick: Vec<String>,
}

#[derive(Debug)]
pub struct Step {
    pub line: usize,
    pub ask: Ask,
    pub look: Look,
    pub expected: Vec<String>,
}

/// Reads a transcript. `Err` names the line that makes no sense.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut look = Look::default();
    let mut skipped = false;
    let mut replying = false;
    for (i, raw) in text.lines().enumerate() {
        let line = i + 1;
        let mut add = |ask, look| {
            if !skipped {
                steps.push(Step { line, ask, look, expected: Vec::new() });
            }
        };
        if raw.starts_with("@redis7.0 ") {
            continue;
        }
        if let Some(words) = raw.strip_prefix("> ") {
            let words = split_words(words).map_err(|why| format!("line {line}: {why}"))?;
            add(Ask::Send(words), std::mem::take(&mut look));
            replying = true;
        } else if raw == "<" {
            add(Ask::Receive, std::mem::take(&mut look));
            replying = true;
        } else if raw.is_empty() {
            skipped = false;
            replying = false;
            steps.push(Step {
                line,
                ask: Ask::Switch('a'),
                look: Look::default(),
                expected: vec![],
            });
        } else if let Some(directive) = raw.strip_prefix('@') {
            replying = false;
            let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            match word {
                "any" => look.any = true,
                "unordered" => look.unordered = Some(rest.into()),
                "pick" => look.pick = rest.split(' ').map(str::to_owned).collect(),
                // The clock of this runner misses nothing, and its clients behave as sockets do.
                "near" | "socket" => {}
                "only" => skipped = !matches!(rest, "valkey" | "redis8" | "valkey9" | "latchkey"),
                "advance" => {
                    let ms = rest.parse().map_err(|_| format!("line {line}: {raw}"))?;
                    add(Ask::Advance(ms), Look::default());
                }
                "resp2" => add(Ask::Protocol(2), Look::default()),
                "resp3" => add(Ask::Protocol(3), Look::default()),
                _ if word.len() == 1 => {
                    add(Ask::Switch(word.chars().next().unwrap_or('a')), Look::default());
                }
                _ => return Err(format!("line {line}: unknown directive {raw}")),
            }
        } else if raw.starts_with('#') {
            replying = false;
        } else if !replying {
            return Err(format!("line {line}: a reply with no command: {raw}"));
        } else if let Some(step) = steps.last_mut().filter(|_| !skipped) {
            step.expected.push(raw.to_owned());
        }
    }
    Ok(steps)
}

/// Words of a command line, quoted as redis-cli takes them, with two brace forms of our own.
fn split_words(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b' ' => at += 1,
            quote @ (b'"' | b'\'') => {
                let (word, end) = quoted_word(bytes, at + 1, quote);
                if end == 0 || bytes.get(end).is_some_and(|&next| next != b' ') {
                    return Err(format!("unbalanced quotes: {text}"));
                }
                words.push(word);
                at = end;
            }
            _ => {
                let end = text[at..].find(' ').map_or(text.len(), |space| at + space);
                expand(&text[at..end], &mut words);
                at = end;
            }
        }
    }
    Ok(words)
}

/// The word that begins at `at` and the place behind its closing quote, 0 if there is none.
fn quoted_word(bytes: &[u8], mut at: usize, quote: u8) -> (Vec<u8>, usize) {
    let mut word = Vec::new();
    while at < bytes.len() {
        let (byte, len) = match (bytes[at], bytes.get(at + 1)) {
            (byte, _) if byte == quote => return (word, at + 1),
            (b'\\', Some(&next)) if quote == b'"' => escaped(bytes, at, next),
            (b'\\', Some(b'\'')) => (b'\'', 2),
            (byte, _) => (byte, 1),
        };
        word.push(byte);
        at += len;
    }
    (word, 0)
}

fn escaped(bytes: &[u8], at: usize, next: u8) -> (u8, usize) {
    let hex = bytes.get(at + 2..at + 4).and_then(|hex| std::str::from_utf8(hex).ok());
    match (next, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
        (b'x', Some(byte)) => (byte, 4),
        (b'n', _) => (b'\n', 2),
        (b'r', _) => (b'\r', 2),
        (b't', _) => (b'\t', 2),
        (b'b', _) => (8, 2),
        (b'a', _) => (7, 2),
        _ => (next, 2),
    }
}

/// `k{1..3}` is k1 k2 k3; `{100*ab}` is `ab` a hundred times over.
fn expand(word: &str, words: &mut Vec<Vec<u8>>) {
    let braces = word.split_once('{').and_then(|(before, rest)| {
        let (inner, after) = rest.split_once('}')?;
        Some((before, inner, after))
    });
    if let Some((before, inner, after)) = braces {
        let range = inner
            .split_once("..")
            .and_then(|(first, last)| Some(first.parse::<i64>().ok()?..=last.parse::<i64>().ok()?));
        if let Some(range) = range {
            words.extend(range.map(|n| format!("{before}{n}{after}").into_bytes()));
            return;
        }
        if let Some((count, part)) = inner.split_once('*')
            && let Ok(count) = count.parse::<usize>()
        {
            words.push(format!("{before}{}{after}", part.repeat(count)).into_bytes());
            return;
        }
    }
    words.push(word.as_bytes().to_vec());
}

/// The reply as lines, after what the step's directives make of it.
pub fn show(node: &Node, look: &Look) -> Vec<String> {
    let picked = pick(node, &look.pick);
    let mut node = picked.as_ref().unwrap_or(node).clone();
    if let Some(how) = &look.unordered {
        sort(&mut node, how);
    }
    let mut text = String::new();
    print(&node, "", look.any, &mut text);
    text.split('\n').map(str::to_owned).collect()
}

fn print(node: &Node, prefix: &str, shape: bool, out: &mut String) {
    let (mark, empty, items) = match node {
        Node::Array(items) => (')', "(empty array)", items),
        Node::Map(items) => ('#', "(empty hash)", items),
        Node::Set(items) => ('~', "(empty set)", items),
        Node::Push(items) => ('>', "(empty push)", items),
        leaf if shape => {
            let _ = write!(out, "({})", leaf.kind());
            return;
        }
        leaf => return out.push_str(&text(leaf)),
    };
    if items.is_empty() {
        return out.push_str(empty);
    }
    let size = if mark == '#' { 2 } else { 1 };
    let width = (items.len() / size).to_string().len();
    let inner = format!("{prefix}{}", " ".repeat(width + 2));
    for (i, group) in items.chunks(size).enumerate() {
        let lead = if i == 0 { "" } else { prefix };
        let newline = if i == 0 { "" } else { "\n" };
        let _ = write!(out, "{newline}{lead}{:width$}{mark} ", i + 1);
        print(&group[0], &inner, shape, out);
        if let Some(value) = group.get(1) {
            out.push_str(" => ");
            print(value, &inner, shape, out);
        }
    }
}

fn text(leaf: &Node) -> String {
    match leaf {
        Node::Status(text) => text.clone(),
        Node::Bulk(bytes) => quoted(bytes),
        Node::Verbatim(bytes) => format!("(verbatim) {}", quoted(bytes)),
        Node::Integer(value) => format!("(integer) {value}"),
        Node::Double(value) => format!("(double) {value}"),
        Node::Error(message) => format!("(error) {message}"),
        Node::BigNumber(digits) => format!("(bignum) {digits}"),
        Node::Bool(value) => format!("({value})"),
        other => format!("({})", other.kind()),
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            32..=126 => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// `@pick a b`: of a text of `a=1 b=2` or `a:1` lines, those named, in the text's order.
fn pick(node: &Node, names: &[String]) -> Option<Node> {
    let (Node::Bulk(bytes) | Node::Verbatim(bytes)) = node else { return None };
    if names.is_empty() {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let named = |word: &&str| {
        let name = word.split(['=', ':']).next().unwrap_or_default();
        names.iter().any(|wanted| wanted == name)
    };
    let words = text.split_whitespace().filter(named);
    Some(Node::Array(words.map(|word| Node::Bulk(word.as_bytes().to_vec())).collect()))
}

/// `@unordered`: sorted by how the elements print, so that equal contents print equally.
fn sort(node: &mut Node, how: &str) {
    let is_map = matches!(node, Node::Map(_));
    let (Node::Array(items) | Node::Map(items) | Node::Set(items) | Node::Push(items)) = node
    else {
        return;
    };
    if let Some(rest) = how.strip_prefix("scan") {
        if let Some(list) = items.get_mut(1) {
            sort(list, rest.trim_start());
        }
        return;
    }
    let key = |group: &[Node]| {
        let mut text = String::new();
        for item in group {
            print(&Node::Array(vec![item.clone()]), "", false, &mut text);
            text.push('\n');
        }
        text.pop();
        text
    };
    // RESP3 often nests what RESP2 gives in turns; nested pairs stay together by themselves.
    let in_turns = how == "pairs" && !matches!(items.first(), Some(Node::Array(_)));
    let size = if is_map || in_turns { 2 } else { 1 };
    let mut groups: Vec<_> = items.chunks(size).map(<[_]>::to_vec).collect();
    groups.sort_by_cached_key(|group| key(group));
    *items = groups.concat();
}
