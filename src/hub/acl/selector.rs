//! A set of permissions: which commands, on which keys, on which channels.
//!
//! Every user has one, and may have more: what any of them allows is allowed. Rules are applied
//! one by one and remembered only as far as is needed to print a shortest list that makes the same
//! permissions again, in the words a server prints.

use std::collections::BTreeMap;
use std::fmt;

use super::commands::{Commands, category};
use crate::types::glob::{self, Case};

/// Why a rule was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Unknown,
    Syntax,
    AfterAllKeys,
    AfterAllChannels,
    NoSuchPassword,
    BadHash,
    FirstArgOfSubcommand,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown command or category name in ACL",
            Self::Syntax => "Syntax error",
            Self::AfterAllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and \
                 does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AfterAllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid \
                 and does not have any effect. Try 'resetchannels' to start with an empty list of \
                 channels"
            }
            Self::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            Self::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase \
                 hexadecimal characters"
            }
            Self::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        })
    }
}

/// What is done to a key, or may be done to it. A command that does neither (EXISTS, TYPE) may
/// have any key that a pattern names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    pub reads: bool,
    pub writes: bool,
}

impl Access {
    pub const BOTH: Self = Self { reads: true, writes: true };

    fn covers(self, asked: Self) -> bool {
        (self.reads || !asked.reads) && (self.writes || !asked.writes)
    }

    fn prefix(self) -> &'static str {
        match (self.reads, self.writes) {
            (true, false) => "%R~",
            (false, true) => "%W~",
            _ => "~",
        }
    }
}

/// A channel among a command's words.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    pub at: usize,
    /// A pattern is allowed only if the very same one is.
    pub is_pattern: bool,
}

/// A command that somebody wants to run.
pub struct Request<'a> {
    pub id: usize,
    pub words: &'a [&'a [u8]],
    /// How many words its name takes.
    pub depth: usize,
    /// It is allowed to everybody (AUTH, HELLO).
    pub is_free: bool,
    pub keys: &'a [(usize, Access)],
    pub channels: &'a [Channel],
}

/// What a request fails on. Later ones weigh more where several selectors refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    Command,
    /// The key at this place among the words.
    Key(usize),
    Channel(usize),
}

#[derive(Debug, Clone)]
struct KeyPattern {
    access: Access,
    pattern: Box<[u8]>,
}

/// `All`, or what matches one of a list.
#[derive(Debug, Clone)]
enum Scope<T> {
    All,
    These(Vec<T>),
}

impl<T> Scope<T> {
    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn list(&self) -> &[T] {
        match self {
            Self::All => &[],
            Self::These(list) => list,
        }
    }
}

/// See the module's header.
#[derive(Debug, Clone)]
pub struct Selector {
    keys: Scope<KeyPattern>,
    channels: Scope<Box<[u8]>>,
    /// Everything, with no exception.
    all_commands: bool,
    /// Began with +@all: commands that are not known yet are allowed.
    allows_new: bool,
    allowed: Vec<u64>,
    /// First words with which a command is allowed that is not allowed otherwise.
    first_args: BTreeMap<usize, Vec<Box<[u8]>>>,
    /// `+` and `-` rules since the last of +@all and -@all, each once.
    command_rules: Vec<Box<[u8]>>,
}

/// May a user that is told nothing else of channels use them? (`acl-pubsub-default`)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PubSubDefault {
    AllChannels,
    #[default]
    ResetChannels,
}

impl Selector {
    /// One that allows nothing.
    pub fn new(channels: PubSubDefault) -> Self {
        let channels = match channels {
            PubSubDefault::AllChannels => Scope::All,
            PubSubDefault::ResetChannels => Scope::These(Vec::new()),
        };
        Self {
            keys: Scope::These(Vec::new()),
            channels,
            all_commands: false,
            allows_new: false,
            allowed: Vec::new(),
            first_args: BTreeMap::new(),
            command_rules: Vec::new(),
        }
    }

    /// One that allows everything.
    pub fn all() -> Self {
        let mut selector = Self::new(PubSubDefault::AllChannels);
        selector.keys = Scope::All;
        selector.set_all_commands(true);
        selector
    }

    pub fn is_unrestricted(&self) -> bool {
        self.all_commands && self.keys.is_all() && self.channels.is_all()
    }

    pub fn limits_keys(&self) -> bool {
        !self.keys.is_all()
    }

    pub fn allows_all_channels(&self) -> bool {
        self.channels.is_all()
    }

    /// The channel patterns, where they are limited.
    pub fn channels(&self) -> &[Box<[u8]>] {
        self.channels.list()
    }

    /// Applies one rule about keys, channels or commands.
    pub fn apply(&mut self, rule: &[u8], commands: &Commands) -> Result<(), Fault> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.keys = Scope::All,
            b"resetkeys" => self.keys = Scope::These(Vec::new()),
            b"allchannels" | b"&*" => self.channels = Scope::All,
            b"resetchannels" => self.channels = Scope::These(Vec::new()),
            b"allcommands" | b"+@all" => self.set_all_commands(true),
            b"nocommands" | b"-@all" => self.set_all_commands(false),
            _ => match *rule {
                [b'~', ref pattern @ ..] => self.add_keys(pattern, Access::BOTH)?,
                [b'%', ..] if self.keys.is_all() => return Err(Fault::AfterAllKeys),
                [b'%', ref rest @ ..] => {
                    let (access, pattern) = read_access(rest)?;
                    self.add_keys(pattern, access)?;
                }
                [b'&', ref pattern @ ..] => self.add_channels(pattern)?,
                [sign @ (b'+' | b'-'), b'@', ref name @ ..] => {
                    self.set_category(name, sign == b'+', commands)?;
                }
                [b'+', ref name @ ..] => self.allow(name, commands)?,
                [b'-', ref name @ ..] => {
                    let id = commands.find(name).ok_or(Fault::Unknown)?;
                    self.set_command(id, false, commands);
                    self.remember(commands.get(id).name.as_bytes(), false);
                }
                _ => return Err(Fault::Syntax),
            },
        }
        Ok(())
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), Fault> {
        let Scope::These(patterns) = &mut self.keys else { return Err(Fault::AfterAllKeys) };
        if has_spaces(pattern) {
            return Err(Fault::Syntax);
        }
        match patterns.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.access.reads |= access.reads;
                known.access.writes |= access.writes;
            }
            None => patterns.push(KeyPattern { access, pattern: pattern.into() }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), Fault> {
        let Scope::These(patterns) = &mut self.channels else {
            return Err(Fault::AfterAllChannels);
        };
        if has_spaces(pattern) {
            return Err(Fault::Syntax);
        }
        if !patterns.iter().any(|known| **known == *pattern) {
            patterns.push(pattern.into());
        }
        Ok(())
    }

    fn set_all_commands(&mut self, allows: bool) {
        self.all_commands = allows;
        self.allows_new = allows;
        self.allowed.clear();
        self.first_args.clear();
        self.command_rules.clear();
    }

    /// `+command`, `+container|subcommand`, or `+command|first-word`.
    fn allow(&mut self, name: &[u8], commands: &Commands) -> Result<(), Fault> {
        let Some(bar) = name.iter().rposition(|byte| *byte == b'|') else {
            let id = commands.find(name).ok_or(Fault::Unknown)?;
            self.set_command(id, true, commands);
            self.remember(commands.get(id).name.as_bytes(), true);
            return Ok(());
        };
        let (front, first) = (&name[..bar], &name[bar + 1..]);
        let id = commands.find(front).ok_or(Fault::Unknown)?;
        if commands.get(id).name.contains('|') {
            return Err(Fault::FirstArgOfSubcommand);
        }
        if first.is_empty() {
            return Err(Fault::Syntax);
        }
        if commands.get(id).subcommands.is_empty() {
            let known = self.first_args.entry(id).or_default();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(first)) {
                known.push(first.into());
            }
        } else {
            let sub = commands.find(name).ok_or(Fault::Unknown)?;
            self.set_command(sub, true, commands);
        }
        self.remember(name, true);
        Ok(())
    }

    fn set_category(
        &mut self,
        name: &[u8],
        allows: bool,
        commands: &Commands,
    ) -> Result<(), Fault> {
        let bit = category(name);
        if bit == 0 {
            return Err(Fault::Unknown);
        }
        self.remember(&[b"@", name].concat(), allows);
        for id in commands.of_category(bit) {
            self.set_command(id, allows, commands);
        }
        Ok(())
    }

    /// Allows or denies a command, and its subcommands with it.
    fn set_command(&mut self, id: usize, allows: bool, commands: &Commands) {
        // Until something is denied, all are allowed without being noted one by one.
        if self.all_commands {
            self.allowed = vec![u64::MAX; commands.len().div_ceil(64)];
        }
        self.allowed.resize(commands.len().div_ceil(64), 0);
        self.first_args.remove(&id);
        for id in commands.get(id).subcommands.iter().copied().chain([id]) {
            if allows {
                self.allowed[id / 64] |= 1 << (id % 64);
            } else {
                self.allowed[id / 64] &= !(1 << (id % 64));
                self.all_commands = false;
            }
        }
    }

    /// Notes a rule about commands. It takes the place of earlier ones that say the same, or that
    /// speak of a subcommand of what it speaks of.
    fn remember(&mut self, rule: &[u8], allows: bool) {
        let rule = rule.to_ascii_lowercase();
        self.command_rules.retain(|known| {
            let same = known[1..].strip_prefix(rule.as_slice());
            !same.is_some_and(|rest| rest.is_empty() || rest[0] == b'|')
        });
        let sign: &[u8] = if allows { b"+" } else { b"-" };
        self.command_rules.push([sign, &rule].concat().into());
    }

    fn is_allowed(&self, id: usize) -> bool {
        self.allowed.get(id / 64).is_some_and(|word| word >> (id % 64) & 1 != 0)
    }

    /// May a command be run with these words?
    pub fn check(&self, asked: &Request<'_>) -> Result<(), Denial> {
        if !self.all_commands && !asked.is_free && !self.is_allowed(asked.id) {
            let first = asked.words.get(asked.depth);
            let known = self.first_args.get(&asked.id).zip(first);
            if !known.is_some_and(|(list, first)| {
                list.iter().any(|known| known.eq_ignore_ascii_case(first))
            }) {
                return Err(Denial::Command);
            }
        }
        for (at, access) in asked.keys {
            if !self.may_touch(asked.words[*at], *access) {
                return Err(Denial::Key(*at));
            }
        }
        for channel in asked.channels {
            if !self.may_hear(asked.words[channel.at], channel.is_pattern) {
                return Err(Denial::Channel(channel.at));
            }
        }
        Ok(())
    }

    fn may_touch(&self, key: &[u8], access: Access) -> bool {
        let Scope::These(patterns) = &self.keys else { return true };
        patterns.iter().any(|known| {
            known.access.covers(access) && glob::matches(&known.pattern, key, Case::Sensitive)
        })
    }

    /// May any key be touched so?
    pub fn may_touch_all(&self, access: Access) -> bool {
        let Scope::These(patterns) = &self.keys else { return true };
        patterns.iter().any(|known| known.access.covers(access) && *known.pattern == *b"*")
    }

    pub fn may_hear(&self, channel: &[u8], is_pattern: bool) -> bool {
        let Scope::These(patterns) = &self.channels else { return true };
        patterns.iter().any(|known| {
            if is_pattern {
                **known == *channel
            } else {
                glob::matches(known, channel, Case::Sensitive)
            }
        })
    }

    /// The rules about keys, as GETUSER tells them.
    pub fn show_keys(&self) -> Vec<u8> {
        match &self.keys {
            Scope::All => b"~*".to_vec(),
            Scope::These(patterns) => {
                let shown: Vec<_> = patterns
                    .iter()
                    .map(|known| [known.access.prefix().as_bytes(), &known.pattern].concat())
                    .collect();
                shown.join(&b' ')
            }
        }
    }

    /// The rules about channels, as GETUSER tells them.
    pub fn show_channels(&self) -> Vec<u8> {
        match &self.channels {
            Scope::All => b"&*".to_vec(),
            Scope::These(patterns) => {
                let shown: Vec<_> =
                    patterns.iter().map(|known| [b"&".as_slice(), known].concat()).collect();
                shown.join(&b' ')
            }
        }
    }

    /// The rules about commands, as GETUSER tells them.
    pub fn show_commands(&self) -> Vec<u8> {
        let mut shown = if self.allows_new { b"+@all".to_vec() } else { b"-@all".to_vec() };
        for rule in &self.command_rules {
            shown.push(b' ');
            shown.extend_from_slice(rule);
        }
        shown
    }

    /// All rules on a line, as LIST tells them.
    pub fn show(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        parts.push(self.show_keys());
        if !self.channels.is_all() {
            parts.push(b"resetchannels".to_vec());
        }
        parts.push(self.show_channels());
        parts.push(self.show_commands());
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }
}

/// The `R`, `W` or both before `~pattern`.
fn read_access(rule: &[u8]) -> Result<(Access, &[u8]), Fault> {
    let end = rule.iter().position(|byte| *byte == b'~').unwrap_or(rule.len());
    let mut access = Access::default();
    for letter in &rule[..end] {
        match letter.to_ascii_uppercase() {
            b'R' if !access.reads => access.reads = true,
            b'W' if !access.writes => access.writes = true,
            _ => return Err(Fault::Syntax),
        }
    }
    if access == Access::default() {
        return Err(Fault::Syntax);
    }
    Ok((access, rule.get(end + 1..).unwrap_or_default()))
}

/// Names and patterns are printed between spaces, so they hold none.
pub fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b'\t'..=b'\r' | b' '))
}
