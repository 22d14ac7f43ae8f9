//! The users of an ACL file: `user <name> <rules>` on each line, nothing else but empty lines.
//!
//! Everything wrong in the file is told at once, in the words of a server, on one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::commands::Commands;
use super::merge_selectors;
use super::selector::{Fault, PubSubDefault, has_spaces};
use super::user::Rules;

pub type Loaded = BTreeMap<Box<[u8]>, Rules>;

const UNCHANGED: &str = "WARNING: ACL errors detected, no change to the previously active ACL \
                         rules was performed";

/// Reads a whole file; `Err` holds everything that is wrong with it.
pub fn read(
    text: &[u8],
    path: &str,
    channels: PubSubDefault,
    commands: &Commands,
) -> Result<Loaded, String> {
    let mut loaded = Loaded::new();
    let mut faults = String::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let words: Vec<&[u8]> = line.trim_ascii().split(|byte| *byte == b' ').collect();
        if words == [b""] {
            continue;
        }
        let place = format!("{path}:{}", at + 1);
        if let Err(fault) = read_line(&words, &place, at + 1, channels, commands, &mut loaded) {
            faults += &fault;
        }
    }
    if faults.is_empty() { Ok(loaded) } else { Err(faults + UNCHANGED) }
}

fn read_line(
    words: &[&[u8]],
    place: &str,
    number: usize,
    channels: PubSubDefault,
    commands: &Commands,
    loaded: &mut Loaded,
) -> Result<(), String> {
    let [b"user", name, rules @ ..] = words else {
        return Err(format!("{place} should start with user keyword followed by the username. "));
    };
    let shown = String::from_utf8_lossy(name);
    if has_spaces(name) {
        return Err(format!("'{place}: username '{shown}' contains invalid characters. "));
    }
    if loaded.contains_key(*name) {
        return Err(format!("WARNING: Duplicate user '{shown}' found on line {number}. "));
    }
    let mut user = Rules::nothing(channels);
    let told = apply(&mut user, rules, place, channels, commands);
    loaded.insert((*name).into(), user);
    told
}

/// Every unknown command is told, of other faults the first: it may be the cause of later ones.
fn apply(
    user: &mut Rules,
    rules: &[&[u8]],
    place: &str,
    channels: PubSubDefault,
    commands: &Commands,
) -> Result<(), String> {
    let merged = merge_selectors(rules)
        .map_err(|_| format!("{place}: Unmatched parenthesis in selector definition."))?;
    let mut faults = String::new();
    let mut is_told = false;
    for rule in merged {
        let rule = rule.trim_ascii();
        match user.apply(rule, channels, commands) {
            Ok(()) => {}
            Err(fault @ Fault::Unknown) => {
                let rule = String::from_utf8_lossy(rule);
                // Writing to a String cannot fail.
                let _ = write!(faults, "{place}: Error in applying operation '{rule}': {fault}. ");
            }
            Err(_) if is_told => {}
            Err(fault) => {
                is_told = true;
                let _ = write!(faults, "{place}: {fault}. ");
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
