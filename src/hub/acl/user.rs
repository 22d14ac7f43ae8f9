//! One user: who may become it, and what it may do then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use super::commands::Commands;
use super::password::{Hash, hash, knows, read_hash};
use super::selector::{Access, Denial, Fault, PubSubDefault, Request, Selector};
use crate::quoting;

/// What a user may do, as it is at one moment.
#[derive(Debug, Clone)]
pub struct Rules {
    pub is_on: bool,
    /// Any password will do.
    pub no_password: bool,
    /// What RESTORE is given by this user is taken to be sound.
    pub skips_sanitizing: bool,
    pub passwords: Vec<Hash>,
    /// The user's own permissions, then those in parentheses. Never empty.
    pub selectors: Vec<Selector>,
}

/// A user. Clients that are it share it, so that a change reaches them at once.
pub struct User {
    pub name: Box<[u8]>,
    rules: RwLock<Arc<Rules>>,
    /// May it do everything? Kept beside the rules, for the short way of a command.
    unrestricted: AtomicBool,
}

impl Rules {
    /// A user that has just been made: off, and allowed nothing.
    pub fn nothing(channels: PubSubDefault) -> Self {
        Self {
            is_on: false,
            no_password: false,
            skips_sanitizing: false,
            passwords: Vec::new(),
            selectors: vec![Selector::new(channels)],
        }
    }

    /// The default user as it begins: on, without a password, allowed everything.
    pub fn everything() -> Self {
        Self {
            is_on: true,
            no_password: true,
            skips_sanitizing: false,
            passwords: Vec::new(),
            selectors: vec![Selector::all()],
        }
    }

    /// Applies one rule of ACL SETUSER.
    pub fn apply(
        &mut self,
        rule: &[u8],
        channels: PubSubDefault,
        commands: &Commands,
    ) -> Result<(), Fault> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"skip-sanitize-payload" => self.skips_sanitizing = true,
            b"sanitize-payload" => self.skips_sanitizing = false,
            b"nopass" => self.set_no_password(true),
            b"resetpass" => self.set_no_password(false),
            b"clearselectors" => self.selectors.truncate(1),
            b"reset" => *self = Self::nothing(channels),
            _ => match *rule {
                [b'>', ref password @ ..] => self.add_password(hash(password)),
                [b'#', ref digits @ ..] => {
                    self.add_password(read_hash(digits).ok_or(Fault::BadHash)?);
                }
                [b'<', ref password @ ..] => self.remove_password(hash(password))?,
                [b'!', ref digits @ ..] => {
                    self.remove_password(read_hash(digits).ok_or(Fault::BadHash)?)?;
                }
                [b'(', ref inner @ .., b')'] => {
                    let mut selector = Selector::new(channels);
                    // Quotes that are not closed leave nothing, as on a server.
                    for rule in quoting::words(inner).unwrap_or_default() {
                        selector.apply(&rule, commands)?;
                    }
                    self.selectors.push(selector);
                }
                _ => self.selectors[0].apply(rule, commands)?,
            },
        }
        Ok(())
    }

    fn set_no_password(&mut self, no_password: bool) {
        self.no_password = no_password;
        self.passwords.clear();
    }

    fn add_password(&mut self, hash: Hash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.no_password = false;
    }

    fn remove_password(&mut self, hash: Hash) -> Result<(), Fault> {
        let at = self.passwords.iter().position(|known| *known == hash);
        self.passwords.remove(at.ok_or(Fault::NoSuchPassword)?);
        Ok(())
    }

    fn is_unrestricted(&self) -> bool {
        self.selectors.iter().any(Selector::is_unrestricted)
    }

    /// Must the keys of a command be known before it can be checked?
    pub fn limits_keys(&self) -> bool {
        self.selectors.iter().any(Selector::limits_keys)
    }

    /// May a command be run with these words? Each selector is asked; the weightiest denial
    /// is told.
    pub fn check(&self, asked: &Request<'_>) -> Result<(), Denial> {
        let mut told = Denial::Command;
        for selector in &self.selectors {
            match selector.check(asked) {
                Ok(()) => return Ok(()),
                Err(denial) => told = told.max(denial),
            }
        }
        Err(told)
    }

    /// May the command be run with these words, by a selector that may touch every key so?
    pub fn may_with_all_keys(&self, asked: &Request<'_>, access: Access) -> bool {
        let may = |each: &Selector| each.check(asked).is_ok() && each.may_touch_all(access);
        self.selectors.iter().any(may)
    }

    pub fn allows_all_channels(&self) -> bool {
        self.selectors.iter().any(Selector::allows_all_channels)
    }

    /// Every channel pattern, of all selectors.
    pub fn channels(&self) -> impl Iterator<Item = &[u8]> {
        self.selectors.iter().flat_map(|each| each.channels().iter().map(|pattern| &**pattern))
    }

    /// May this channel be listened to?
    pub fn may_hear(&self, channel: &[u8]) -> bool {
        self.selectors.iter().any(|each| each.may_hear(channel, false))
    }

    /// The user's switches, in a server's order.
    pub fn flags(&self) -> Vec<&'static str> {
        let sanitizing =
            if self.skips_sanitizing { "skip-sanitize-payload" } else { "sanitize-payload" };
        let mut flags = vec![if self.is_on { "on" } else { "off" }];
        flags.extend(self.no_password.then_some("nopass"));
        flags.push(sanitizing);
        flags
    }

    /// The rules that make this user again.
    pub fn show(&self) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> =
            self.flags().into_iter().map(|flag| flag.as_bytes().to_vec()).collect();
        parts.extend(self.passwords.iter().map(|hash| [b"#".as_slice(), hash].concat()));
        for (at, selector) in self.selectors.iter().enumerate() {
            let shown = selector.show();
            parts.push(if at == 0 { shown } else { [b"(", &*shown, b")"].concat() });
        }
        parts.join(&b' ')
    }
}

impl User {
    pub fn new(name: &[u8], rules: Rules) -> Self {
        let unrestricted = AtomicBool::new(rules.is_unrestricted());
        Self { name: name.into(), rules: RwLock::new(Arc::new(rules)), unrestricted }
    }

    /// The line that makes this user again.
    pub fn show(&self) -> Vec<u8> {
        [b"user ".as_slice(), &self.name, b" ", &self.rules().show()].concat()
    }

    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted.load(Ordering::Relaxed)
    }

    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read())
    }

    pub fn set_rules(&self, rules: Rules) {
        let mut held = self.rules.write();
        self.unrestricted.store(rules.is_unrestricted(), Ordering::Relaxed);
        *held = Arc::new(rules);
    }

    /// Must a connection say who it is to be this user?
    pub fn needs_password(&self) -> bool {
        let rules = self.rules.read();
        !rules.no_password || !rules.is_on
    }

    /// May somebody with this password become the user?
    pub fn accepts(&self, password: &[u8]) -> bool {
        let rules = self.rules();
        rules.is_on && (rules.no_password || knows(&rules.passwords, &hash(password)))
    }

    /// As CONFIG SET requirepass has it; an empty password is none.
    pub(super) fn require_password(&self, password: &[u8]) {
        let mut rules = Rules::clone(&self.rules());
        rules.set_no_password(password.is_empty());
        if !password.is_empty() {
            rules.add_password(hash(password));
        }
        self.set_rules(rules);
    }
}
