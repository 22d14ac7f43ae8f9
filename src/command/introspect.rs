//! COMMAND: what commands there are, told with the very shapes of a real server.

use serde_json::{Map, Value};

use super::facts::{self, Facts, flags_of};
use super::help::write_help;
use super::{Args, CONTAINER, Context, Keys, NO_KEYSPACE, Spec, TABLE as ALL, find, id_of, spec};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::types::glob::{self, Case};

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name                      arity keys        flags                    handler
    spec("command",                   -1, Keys::None, CONTAINER | NO_KEYSPACE, command),
    spec("command|count",              2, Keys::None, NO_KEYSPACE,             count),
    spec("command|docs",              -2, Keys::None, NO_KEYSPACE,             docs),
    spec("command|getkeys",           -3, Keys::None, NO_KEYSPACE,             getkeys),
    spec("command|getkeysandflags",   -3, Keys::None, NO_KEYSPACE,             getkeysandflags),
    spec("command|help",               2, Keys::None, NO_KEYSPACE,             help),
    spec("command|info",              -2, Keys::None, NO_KEYSPACE,             info),
    spec("command|list",              -2, Keys::None, NO_KEYSPACE,             list),
];

/// Commands that are told of, without their subcommands.
fn commands() -> impl Iterator<Item = (&'static Spec, &'static Facts)> {
    everything().filter(|(spec, _)| spec.container().is_none())
}

fn everything() -> impl Iterator<Item = (&'static Spec, &'static Facts)> {
    ALL.iter().filter_map(|spec| Some((*spec, facts::of(spec.name)?)))
}

/// A command or subcommand by its full name, in any case.
fn named(name: &[u8]) -> Option<(&'static Spec, &'static Facts)> {
    let spec = ALL[id_of(&std::str::from_utf8(name).ok()?.to_ascii_lowercase())?];
    Some((spec, facts::of(spec.name)?))
}

/// `COMMAND`: all there is to know of every command.
fn command(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.array(commands().count());
    commands().for_each(|(spec, facts)| write_info(cx.out, spec, facts));
    Ok(())
}

/// `COMMAND COUNT`
fn count(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.len(commands().count());
    Ok(())
}

/// `COMMAND INFO [command-name ...]`: nil for each that there is not.
fn info(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let names = args.rest();
    if names.is_empty() {
        return command(cx, args);
    }
    cx.out.array(names.len());
    for name in names {
        match named(name) {
            Some((spec, facts)) => write_info(cx.out, spec, facts),
            None => cx.out.nil_array(),
        }
    }
    Ok(())
}

fn write_info(out: &mut Reply, spec: &'static Spec, facts: &Facts) {
    out.array(10);
    out.bulk(spec.name.as_bytes());
    out.int(i64::from(spec.arity));
    write_words(out, facts.flags.iter().map(String::as_str));
    out.int(facts.first_key);
    out.int(facts.last_key);
    out.int(facts.step);
    write_words(out, facts.categories.iter().map(String::as_str));
    out.set(facts.tips.len());
    for tip in &facts.tips {
        out.bulk(tip.as_bytes());
    }
    out.set(facts.key_specs.len());
    for key_spec in &facts.key_specs {
        write_key_spec(out, key_spec);
    }
    let subcommands: Vec<_> =
        facts::subcommands(spec.name).filter_map(|sub| Some((sub, facts::of(sub.name)?))).collect();
    if subcommands.is_empty() {
        out.set(0);
    } else {
        out.array(subcommands.len());
    }
    for (sub, facts) in subcommands {
        write_info(out, sub, facts);
    }
}

/// A set of simple strings.
fn write_words<'a>(out: &mut Reply, words: impl Iterator<Item = &'a str>) {
    let at = out.set_later();
    let mut len = 0;
    for word in words {
        out.status(word);
        len += 1;
    }
    out.close(at, len);
}

fn write_key_spec(out: &mut Reply, key_spec: &Value) {
    let at = out.map_later();
    let mut pairs = 0;
    if let Some(notes) = key_spec.get("notes").and_then(Value::as_str) {
        out.bulk(b"notes");
        out.bulk(notes.as_bytes());
        pairs += 1;
    }
    out.bulk(b"flags");
    write_words(out, flags_of(key_spec));
    pairs += 1;
    for field in ["begin_search", "find_keys"] {
        let Some(search) = key_spec.get(field) else { continue };
        out.bulk(field.as_bytes());
        out.map(2);
        out.bulk(b"type");
        let sort = search.get("type").and_then(Value::as_str).unwrap_or("unknown");
        out.bulk(sort.as_bytes());
        out.bulk(b"spec");
        write_search(out, sort, search.get("spec").and_then(Value::as_object));
        pairs += 1;
    }
    out.close(at, pairs);
}

/// How keys are found, with its fields in the server's order.
fn write_search(out: &mut Reply, sort: &str, how: Option<&Map<String, Value>>) {
    let fields: &[&str] = match sort {
        "index" => &["index"],
        "keyword" => &["keyword", "startfrom"],
        "range" => &["lastkey", "keystep", "limit"],
        "keynum" => &["keynumidx", "firstkey", "keystep"],
        _ => &[],
    };
    let values: Vec<_> =
        fields.iter().filter_map(|field| Some((*field, how?.get(*field)?))).collect();
    out.map(values.len());
    for (field, value) in values {
        out.bulk(field.as_bytes());
        match value.as_i64() {
            Some(number) => out.int(number),
            None => out.bulk(value.as_str().unwrap_or("").as_bytes()),
        }
    }
}

/// `COMMAND DOCS [command-name ...]`: what there is not is left out.
fn docs(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let names = args.rest();
    let chosen: Vec<_> = if names.is_empty() {
        commands().collect()
    } else {
        names.iter().filter_map(|name| named(name)).collect()
    };
    cx.out.map(chosen.len());
    for (spec, facts) in chosen {
        write_docs(cx.out, spec, facts);
    }
    Ok(())
}

fn write_docs(out: &mut Reply, spec: &'static Spec, facts: &Facts) {
    out.bulk(spec.name.as_bytes());
    let at = out.map_later();
    let mut pairs = 0;
    for field in [
        "summary",
        "since",
        "group",
        "complexity",
        "module",
        "doc_flags",
        "deprecated_since",
        "replaced_by",
        "history",
        "arguments",
    ] {
        let Some(value) = facts.docs.get(field) else { continue };
        out.bulk(field.as_bytes());
        write_doc_field(out, field, value);
        pairs += 1;
    }
    let subcommands: Vec<_> =
        facts::subcommands(spec.name).filter_map(|sub| Some((sub, facts::of(sub.name)?))).collect();
    if !subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(subcommands.len());
        pairs += 1;
    }
    for (sub, facts) in subcommands {
        write_docs(out, sub, facts);
    }
    out.close(at, pairs);
}

fn write_doc_field(out: &mut Reply, field: &str, value: &Value) {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match field {
        "doc_flags" | "flags" => write_words(out, list.iter().filter_map(Value::as_str)),
        "history" => {
            out.set(list.len());
            for change in list {
                let parts = change.as_array().map(Vec::as_slice).unwrap_or_default();
                out.array(parts.len());
                for part in parts {
                    out.bulk(part.as_str().unwrap_or("").as_bytes());
                }
            }
        }
        "arguments" => {
            out.array(list.len());
            for argument in list {
                write_argument(out, argument);
            }
        }
        _ => match value.as_i64() {
            Some(number) => out.int(number),
            None => out.bulk(value.as_str().unwrap_or("").as_bytes()),
        },
    }
}

fn write_argument(out: &mut Reply, argument: &Value) {
    let at = out.map_later();
    let mut pairs = 0;
    for field in [
        "name",
        "type",
        "display_text",
        "key_spec_index",
        "token",
        "summary",
        "since",
        "deprecated_since",
        "flags",
        "arguments",
    ] {
        let Some(value) = argument.get(field) else { continue };
        out.bulk(field.as_bytes());
        write_doc_field(out, field, value);
        pairs += 1;
    }
    out.close(at, pairs);
}

/// `COMMAND LIST [FILTERBY <MODULE name | ACLCAT category | PATTERN pattern>]`
fn list(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let names: Vec<&str> = match args.rest() {
        [] => everything().map(|(spec, _)| spec.name).collect(),
        // Modules are a server's; there are none here.
        [by, how, _] if is_word(by, "FILTERBY") && is_word(how, "MODULE") => Vec::new(),
        [by, how, category] if is_word(by, "FILTERBY") && is_word(how, "ACLCAT") => {
            let category = format!("@{}", lossy(category).to_ascii_lowercase());
            everything()
                .filter(|(_, facts)| facts.categories.contains(&category))
                .map(|(spec, _)| spec.name)
                .collect()
        }
        [by, how, pattern] if is_word(by, "FILTERBY") && is_word(how, "PATTERN") => everything()
            .map(|(spec, _)| spec.name)
            .filter(|name| glob::matches(pattern, name.as_bytes(), Case::Ignore))
            .collect(),
        _ => return Err(Error::Syntax),
    };
    cx.out.array(names.len());
    for name in names {
        cx.out.bulk(name.as_bytes());
    }
    Ok(())
}

/// The command that words call, and where its keys stand among them.
fn keys_of(words: &[&[u8]]) -> Result<(&'static Spec, &'static Facts, Vec<usize>)> {
    let spec = match find(words) {
        Ok(id) => ALL[id],
        Err(Some(container)) if words.len() == 1 => container,
        Err(_) => return Err(Error::Plain("ERR Invalid command specified")),
    };
    let facts = facts::of(spec.name).ok_or(Error::Plain("ERR Invalid command specified"))?;
    if !facts.has_keys() {
        return Err(Error::Plain("ERR The command has no key arguments"));
    }
    if !spec.takes(words.len()) {
        return Err(Error::Plain("ERR Invalid number of arguments specified for command"));
    }
    let may_lack_keys = facts.flags.iter().any(|flag| flag == "no_mandatory_keys");
    let positions = match spec.keys.positions(words) {
        None if may_lack_keys => Vec::new(),
        positions => {
            positions.ok_or(Error::Plain("ERR Invalid arguments specified for command"))?
        }
    };
    Ok((spec, facts, positions))
}

/// `COMMAND GETKEYS command [arg ...]`
fn getkeys(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.rest();
    let (_, _, positions) = keys_of(words)?;
    cx.out.array(positions.len());
    for at in positions {
        cx.out.bulk(words[at]);
    }
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command [arg ...]`: each key with what is done to it.
fn getkeysandflags(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.rest();
    let (spec, facts, positions) = keys_of(words)?;
    let by_spec: Vec<Vec<usize>> =
        facts.key_specs.iter().map(|key_spec| positions_of(key_spec, words)).collect();
    cx.out.array(positions.len());
    for at in positions {
        cx.out.array(2);
        cx.out.bulk(words[at]);
        let of_key = by_spec.iter().position(|found| found.contains(&at));
        // What no key spec finds, the last one is about: where SORT stores.
        let of_key = of_key.unwrap_or(by_spec.len() - 1);
        let is_set = spec.name == "set";
        if is_set && !words.iter().skip(3).any(|word| is_word(word, "GET")) {
            write_words(cx.out, ["OW", "update"].into_iter());
        } else {
            let flags = facts.key_specs.get(of_key).into_iter().flat_map(flags_of);
            write_words(
                cx.out,
                flags.filter(|flag| !["variable_flags", "incomplete"].contains(flag)),
            );
        }
    }
    Ok(())
}

/// The keys that one key spec finds.
pub fn positions_of(key_spec: &Value, words: &[&[u8]]) -> Vec<usize> {
    let field =
        |part: &str, name: &str| key_spec.get(part).and_then(|part| part.get(name).cloned());
    let number = |how: &Option<Value>, name: &str| {
        how.as_ref().and_then(|how| how.get(name)).and_then(Value::as_i64).unwrap_or(0)
    };
    let (begin, search) = (field("begin_search", "spec"), field("find_keys", "spec"));
    let first = match field("begin_search", "type").as_ref().and_then(Value::as_str) {
        Some("index") => number(&begin, "index"),
        Some("keyword") => {
            let word = begin.as_ref().and_then(|how| how.get("keyword")).and_then(Value::as_str);
            let from = number(&begin, "startfrom").max(1) as usize;
            let found = words.iter().skip(from).position(|at| is_word(at, word.unwrap_or("")));
            match found {
                Some(at) => (from + at + 1) as i64,
                None => return Vec::new(),
            }
        }
        _ => return Vec::new(),
    };
    let len = words.len() as i64;
    let (start, end, step) = match field("find_keys", "type").as_ref().and_then(Value::as_str) {
        Some("range") => {
            let (last, limit) = (number(&search, "lastkey"), number(&search, "limit"));
            let end = match (last, limit) {
                (last, _) if last >= 0 => first + last,
                (-1, limit) if limit > 1 => first + (len - first) / limit - 1,
                (last, _) => len + last,
            };
            (first, end, number(&search, "keystep"))
        }
        Some("keynum") => {
            let at = first + number(&search, "keynumidx");
            let count = words.get(at as usize).and_then(|word| parse_int(word)).unwrap_or(0);
            let (start, step) = (first + number(&search, "firstkey"), number(&search, "keystep"));
            (start, start + (count - 1) * step, step)
        }
        _ => return Vec::new(),
    };
    let end = end.min(len - 1);
    (start..=end).step_by(step.max(1) as usize).map(|at| at as usize).collect()
}

/// `COMMAND HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("(no subcommand)", "All there is to know of every command."),
            ("COUNT", "How many commands there are."),
            ("DOCS [<command-name> ...]", "What commands do, and their arguments."),
            ("GETKEYS <full-command>", "Which words of a command are keys."),
            ("GETKEYSANDFLAGS <full-command>", "The same, with what is done to each key."),
            ("INFO [<command-name> ...]", "All there is to know of these commands."),
            ("LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <value>]", "The names of commands."),
        ],
    );
    Ok(())
}
