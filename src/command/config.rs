//! CONFIG: reading and changing settings while the store is in use.

use super::help::write_help;
use super::{Args, CONTAINER, Context, Keys, NO_KEYSPACE, NO_SCRIPT, Spec, container, spec};
use crate::bytes::{is_word, lossy};
use crate::error::{Error, Result};
use crate::hub::advice::{self, ADVICE, Advice};
use crate::hub::config::{FIXED, Fixed, PARAMETERS, Parameter};
use crate::hub::{Config, Hub};
use crate::types::glob::{self, Case};

const APART: u32 = NO_KEYSPACE | NO_SCRIPT;

#[rustfmt::skip]
pub static TABLE: &[Spec] = &[
    //   name             arity keys        flags      handler
    spec("config",           -2, Keys::None, CONTAINER, container),
    spec("config|get",       -3, Keys::None, APART,     get),
    spec("config|help",       2, Keys::None, NO_KEYSPACE, help),
    spec("config|resetstat",  2, Keys::None, APART,     resetstat),
    spec("config|rewrite",    2, Keys::None, APART,     super::config_rewrite::rewrite),
    spec("config|set",       -4, Keys::None, APART,     set),
];

/// `CONFIG GET parameter [parameter ...]`: names or patterns, each found one told once.
fn get(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let mut found: Vec<(String, String)> = Vec::new();
    for asked in args.rest() {
        let is_pattern = asked.iter().any(|byte| b"*?[".contains(byte));
        for (name, value) in everything(cx.hub) {
            let matches = if is_pattern {
                glob::matches(asked, name.as_bytes(), Case::Ignore)
            } else {
                asked.eq_ignore_ascii_case(name.as_bytes())
            };
            if matches && !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                // A name is given back as it was asked for.
                let shown = if is_pattern { name.to_owned() } else { lossy(asked) };
                found.push((shown, value));
            }
        }
    }
    cx.out.map(found.len());
    for (name, value) in &found {
        cx.out.bulk(name.as_bytes());
        cx.out.bulk(value.as_bytes());
    }
    Ok(())
}

/// Every setting with its value; older names count as settings of their own.
fn everything(hub: &Hub) -> impl Iterator<Item = (&'static str, String)> {
    let config = &hub.config;
    let password = lossy(&hub.acl.required_password());
    let texts = [("aclfile", hub.acl.file_path.lock().clone()), ("requirepass", password)];
    let changeable = PARAMETERS.iter().flat_map(|parameter| {
        let names = [Some(parameter.name), parameter.alias];
        names.into_iter().flatten().map(|name| (name, config.show(parameter)))
    });
    let advice = ADVICE.iter().map(|advice| (advice.name, config.advice.show(advice)));
    let changeable = changeable.chain(advice);
    changeable.chain(FIXED.iter().map(|fixed| (fixed.name, fixed.value.to_owned()))).chain(texts)
}

/// What a pair of CONFIG SET is about.
#[derive(Clone, Copy)]
enum Target {
    Parameter(&'static Parameter),
    Advice(&'static Advice),
    Fixed(&'static Fixed),
    Password,
}

/// The setting of this name, if it may be changed.
fn target(name: &[u8]) -> Result<Target> {
    let immutable = || failed(&lossy(name), "can't set immutable config");
    if is_word(name, "requirepass") {
        return Ok(Target::Password);
    }
    if let Some(parameter) = Config::find(name) {
        return if parameter.is_immutable() {
            Err(immutable())
        } else {
            Ok(Target::Parameter(parameter))
        };
    }
    if let Some(advice) = advice::find(name) {
        return if advice.is_immutable { Err(immutable()) } else { Ok(Target::Advice(advice)) };
    }
    match Config::find_fixed(name) {
        Some(fixed) if fixed.is_immutable => Err(immutable()),
        Some(fixed) => Ok(Target::Fixed(fixed)),
        None if is_word(name, "aclfile") => Err(immutable()),
        None => Err(unknown(name)),
    }
}

/// `CONFIG SET parameter value [parameter value ...]`: all of them or none.
fn set(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let words = args.rest();
    if !words.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let mut chosen: Vec<(&[u8], Target, &[u8])> = Vec::with_capacity(words.len() / 2);
    for pair in words.chunks_exact(2) {
        let target = target(pair[0])?;
        if chosen.iter().any(|(known, ..)| known.eq_ignore_ascii_case(pair[0])) {
            return Err(failed(&lossy(pair[0]), "duplicate parameter"));
        }
        chosen.push((pair[0], target, pair[1]));
    }
    // All names are looked at before the first value.
    let mut parsed = Vec::with_capacity(chosen.len());
    for (name, target, value) in &chosen {
        match target {
            Target::Parameter(parameter) => {
                let refused = |why: String| failed(parameter.name_asked(name), &why);
                parsed.push((parameter.index(), parameter.parse(value).map_err(refused)?));
            }
            Target::Advice(advice) => {
                let refused = |why: String| failed(advice.name, &why);
                advice.format.parse(value).map_err(refused)?;
            }
            Target::Fixed(fixed) => keep(fixed, value)?,
            Target::Password => {}
        }
    }
    let held = cx.config().changing.lock();
    for (index, value) in parsed {
        cx.config().set(index, value);
    }
    for (_, target, value) in chosen {
        match target {
            Target::Advice(advice) => {
                let refused = |why: String| failed(advice.name, &why);
                cx.config().advice.take(advice, value).map_err(refused)?;
            }
            Target::Password => cx.hub.acl.require_password(value),
            Target::Parameter(_) | Target::Fixed(_) => {}
        }
    }
    cx.hub.settings_changed(cx.space);
    drop(held);
    cx.out.ok();
    Ok(())
}

/// A setting with one possible value may be set to that.
fn keep(fixed: &Fixed, value: &[u8]) -> Result {
    if value.eq_ignore_ascii_case(fixed.value.as_bytes()) {
        return Ok(());
    }
    let why = format!("latchkey does not have this, the only value is '{}'", fixed.value);
    Err(failed(fixed.name, &why))
}

fn failed(name: &str, why: &str) -> Error {
    Error::text(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

fn unknown(name: &[u8]) -> Error {
    let name = lossy(name);
    Error::text(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
}

/// `CONFIG RESETSTAT`: the counters of INFO begin again.
fn resetstat(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.space.reset_stats();
    cx.hub.tally.reset();
    cx.hub.clients.reset_total();
    cx.hub.acl.log.reset_counts();
    cx.hub.network.reset();
    cx.out.ok();
    Ok(())
}

/// `CONFIG HELP`
fn help(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    write_help(
        cx,
        &[
            ("GET <pattern> [<pattern> ...]", "Settings whose names match, with their values."),
            ("REWRITE", "Writes the settings into the file they were read from."),
            ("RESETSTAT", "Lets the counters of INFO begin again."),
            ("SET <name> <value> [<name> <value> ...]", "Changes all of these settings, or none."),
        ],
    );
    Ok(())
}
