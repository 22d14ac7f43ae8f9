//! Every row of the table against what real servers say of the command.

use super::introspect::positions_of;
use super::*;

/// Rows of the table with their facts; faults on demand have none.
fn rows() -> impl Iterator<Item = (&'static Spec, &'static facts::Facts)> {
    TABLE.iter().filter(|spec| !spec.name.starts_with("debug")).map(|spec| {
        let facts = facts::of(spec.name);
        (*spec, facts.unwrap_or_else(|| panic!("no facts about '{}'", spec.name)))
    })
}

#[test]
fn rows_say_what_servers_say() {
    let mut wrong = Vec::new();
    for (spec, facts) in rows() {
        if i64::from(spec.arity) != facts.arity {
            wrong.push(format!("{}: arity {}, not {}", spec.name, facts.arity, spec.arity));
        }
        for (flag, name) in FLAG_NAMES {
            if spec.is(flag) != facts.flags.iter().any(|known| known == name) {
                let verb = if spec.is(flag) { "is not" } else { "is" };
                wrong.push(format!("{}: {verb} {name}", spec.name));
            }
        }
        let keys = spec.keys.first_last_step();
        if facts.has_keys() && keys != (facts.first_key, facts.last_key, facts.step) {
            let said = (facts.first_key, facts.last_key, facts.step);
            wrong.push(format!("{}: keys {said:?}, not {keys:?}", spec.name));
        }
        if !facts.has_keys() && spec.keys != Keys::None {
            wrong.push(format!("{}: has no keys", spec.name));
        }
    }
    assert!(wrong.is_empty(), "servers say\n  {}", wrong.join("\n  "));
}

#[test]
fn rows_find_the_keys_that_servers_find() {
    for (spec, facts) in rows().filter(|(_, facts)| facts.has_keys()) {
        let mut words: Vec<&[u8]> = vec![b"word"; 7];
        match spec.keys {
            Keys::Counted { at, .. } => words[usize::from(at)] = b"2",
            Keys::Streams if spec.name == "xread" => (words[1], words[2]) = (b"NOACK", b"STREAMS"),
            Keys::Streams => (words[1], words[4]) = (b"GROUP", b"STREAMS"),
            _ if spec.arity > 0 => words.truncate(spec.arity as usize),
            _ => {}
        }
        let mut said: Vec<usize> =
            facts.key_specs.iter().flat_map(|key_spec| positions_of(key_spec, &words)).collect();
        said.sort_unstable();
        let mut found = spec.keys.positions(&words).unwrap_or_default();
        found.sort_unstable();
        assert_eq!(found, said, "{}", spec.name);
    }
}

#[test]
fn every_container_has_its_subcommands_and_the_other_way_round() {
    for spec in TABLE.iter() {
        let has_some = facts::subcommands(spec.name).next().is_some();
        assert_eq!(spec.is(CONTAINER), has_some, "{}", spec.name);
        if let Some(container) = spec.container() {
            assert!(id_of(container).is_some(), "{container}");
        }
    }
}

#[test]
fn names_are_written_once_and_in_lower_case() {
    for (id, spec) in TABLE.iter().enumerate() {
        assert_eq!(id_of(spec.name), Some(id), "{} stands twice", spec.name);
        assert_eq!(spec.name, spec.name.to_ascii_lowercase());
    }
}

#[test]
fn javascript_is_told_every_row_by_its_id() {
    let table: serde_json::Value = serde_json::from_str(&table_json()).expect("it is JSON");
    let rows = table.as_array().expect("it is an array");
    assert_eq!(rows.len(), TABLE.len());
    let get = &rows[id_of("get").expect("GET is a command")];
    assert_eq!(get["name"], "get");
    assert_eq!(get["firstKey"], 1);
    assert_eq!(get["flags"], serde_json::json!(["readonly", "fast"]));
    let config_get = &rows[id_of("config|get").expect("CONFIG GET is a command")];
    assert_eq!(config_get["container"], "config");
}
