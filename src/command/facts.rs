//! What real servers say about each command, for COMMAND and for whoever generates from it.
//!
//! Two files that `scripts/facts.mjs` writes and describes are part of the addon; they are read
//! when somebody first asks. Only commands of the table are ever told of.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{Spec, TABLE};

/// The facts of one command.
pub struct Facts {
    pub arity: i64,
    pub flags: Vec<String>,
    pub first_key: i64,
    pub last_key: i64,
    pub step: i64,
    pub categories: Vec<String>,
    pub tips: Vec<String>,
    pub key_specs: Vec<Value>,
    pub docs: Map<String, Value>,
}

const FROM_VALKEY: &str = include_str!("facts.json");
const OF_OURS: &str = include_str!("facts.local.json");

static FACTS: LazyLock<HashMap<String, Facts>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for text in [FROM_VALKEY, OF_OURS] {
        let rows: Map<String, Value> =
            serde_json::from_str(text).expect("the files are checked in and tested");
        all.extend(rows.into_iter().filter_map(|(name, row)| Some((name, parse(&row)?))));
    }
    all
});

/// `info` is `[arity, flags, first, last, step, categories, tips, key specs]`.
fn parse(row: &Value) -> Option<Facts> {
    let info = row.get("info")?;
    let texts = |at: usize| -> Vec<String> {
        let list = info.get(at).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let number = |at: usize| info.get(at).and_then(Value::as_i64).unwrap_or(0);
    Some(Facts {
        arity: number(0),
        flags: texts(1),
        first_key: number(2),
        last_key: number(3),
        step: number(4),
        categories: texts(5),
        tips: texts(6),
        key_specs: info.get(7).and_then(Value::as_array).cloned().unwrap_or_default(),
        docs: row.get("docs").and_then(Value::as_object).cloned().unwrap_or_default(),
    })
}

/// The facts of a command by its full name; rows that are only for tests have none.
pub fn of(name: &str) -> Option<&'static Facts> {
    FACTS.get(name)
}

/// The names of all commands that anything is known of, also of those that the table lacks.
pub fn names() -> impl Iterator<Item = &'static str> {
    FACTS.keys().map(String::as_str)
}

/// The subcommands of a container, in the order of the table.
pub fn subcommands(container: &str) -> impl Iterator<Item = &'static Spec> {
    TABLE.iter().copied().filter(move |spec| spec.container() == Some(container))
}

impl Facts {
    /// Do its words name keys? Channels stand where keys could, but are none.
    pub fn has_keys(&self) -> bool {
        self.key_specs.iter().any(|spec| !flags_of(spec).any(|flag| flag == "not_key"))
    }

    pub fn doc(&self, field: &str) -> &str {
        self.docs.get(field).and_then(Value::as_str).unwrap_or("")
    }
}

/// The flags of a key spec or of an argument.
pub fn flags_of(value: &Value) -> impl Iterator<Item = &str> {
    value.get("flags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
