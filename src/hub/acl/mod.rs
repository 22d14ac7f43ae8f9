//! Who may do what: the users of a store, and whom a client is.
//!
//! A client is the process itself, a stranger, or one of the users. The process itself may do
//! everything: whoever loads latchkey is inside already, so no password stands between it and its
//! own memory. A socket begins as a stranger if the default user asks for a password.
//!
//! Names of commands are not known on this floor: they come in as numbers, from a `Commands`.

mod commands;
mod file;
mod log;
mod password;
mod selector;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

pub use commands::{CATEGORIES, Commands, Known, category};
pub use log::{Entry, Log, Reason};
pub use password::hexadecimal;
pub use selector::{Access, Channel, Denial, PubSubDefault, Request, Selector, has_spaces};
pub use user::{Rules, User};

/// The user that every connection begins as.
pub const DEFAULT: &[u8] = b"default";

/// Whom a client is.
#[derive(Clone, Default)]
pub enum Standing {
    /// The process that the store lives in: may do everything, as the default user.
    #[default]
    Owner,
    /// A connection that has not said who it is. It may do what the default user may, unless
    /// that one asks for a password.
    Stranger,
    User(Arc<User>),
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.name()))
    }
}

impl Standing {
    /// May it do whatever it likes? All that is looked at on the short way of a command.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        match self {
            Self::Owner => true,
            Self::Stranger => false,
            Self::User(user) => user.is_unrestricted(),
        }
    }

    /// The name that WHOAMI answers.
    pub fn name(&self) -> &[u8] {
        match self {
            Self::User(user) => &user.name,
            Self::Owner | Self::Stranger => DEFAULT,
        }
    }

    /// Is it this user, or about to become it?
    pub fn is_user(&self, user: &User) -> bool {
        match self {
            Self::Owner => false,
            Self::Stranger => *user.name == *DEFAULT,
            Self::User(own) => std::ptr::eq(&raw const **own, user),
        }
    }
}

/// The users of one store.
pub struct Acl {
    /// Never deleted, so that strangers can be compared with it.
    pub default_user: Arc<User>,
    users: Mutex<BTreeMap<Box<[u8]>, Arc<User>>>,
    pub log: Log,
    /// As CONFIG GET tells it; rules of the default user do not change it.
    required_password: Mutex<Vec<u8>>,
    pub file_path: Mutex<String>,
}

impl Default for Acl {
    fn default() -> Self {
        let default_user = Arc::new(User::new(DEFAULT, Rules::everything()));
        let users = BTreeMap::from([(DEFAULT.into(), Arc::clone(&default_user))]);
        Self {
            default_user,
            users: Mutex::new(users),
            log: Log::default(),
            required_password: Mutex::default(),
            file_path: Mutex::default(),
        }
    }
}

/// A user whose rules were changed, with what they were: its clients may listen to what is
/// forbidden now. `None` stands for a user that was deleted.
pub struct Change {
    pub user: Arc<User>,
    pub rules: Option<(Arc<Rules>, Arc<Rules>)>,
}

impl Acl {
    /// Whom a connection from elsewhere is before it has said anything.
    pub fn newcomer(&self) -> Standing {
        if self.default_user.needs_password() {
            Standing::Stranger
        } else {
            Standing::User(Arc::clone(&self.default_user))
        }
    }

    /// Must the client say who it is before anything else?
    #[inline]
    pub fn must_authenticate(&self, standing: &Standing) -> bool {
        matches!(standing, Standing::Stranger) && self.default_user.needs_password()
    }

    /// The user whose rules hold for a client; `None` if it may do everything.
    pub fn limits<'a>(&'a self, standing: &'a Standing) -> Option<&'a User> {
        let user = match standing {
            Standing::Owner => return None,
            Standing::Stranger => &self.default_user,
            Standing::User(user) => user,
        };
        Some(user).filter(|user| !user.is_unrestricted()).map(|user| &**user)
    }

    /// The user of this name, if the password is right and the user is on.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let user = self.user(name)?;
        user.accepts(password).then_some(user)
    }

    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.lock().get(name).cloned()
    }

    /// All users, by name.
    pub fn users(&self) -> Vec<Arc<User>> {
        self.users.lock().values().cloned().collect()
    }

    /// `requirepass`: the default user's only password; an empty one takes it away.
    pub fn require_password(&self, password: &[u8]) {
        self.default_user.require_password(password);
        *self.required_password.lock() = password.to_vec();
    }

    pub fn required_password(&self) -> Vec<u8> {
        self.required_password.lock().clone()
    }

    /// Makes or changes a user by all of these rules, or by none of them: `Err` says why, in the
    /// server's words.
    pub fn set_user(
        &self,
        name: &[u8],
        rules: &[&[u8]],
        channels: PubSubDefault,
        commands: &Commands,
    ) -> Result<Change, String> {
        let merged = merge_selectors(rules).map_err(|open| {
            let open = String::from_utf8_lossy(open);
            format!("Unmatched parenthesis in acl selector starting at '{open}'.")
        })?;
        let mut users = self.users.lock();
        let known = users.get(name).cloned();
        let before = known.as_ref().map(|user| user.rules());
        let mut after = before.as_deref().cloned().unwrap_or_else(|| Rules::nothing(channels));
        for rule in &merged {
            after.apply(rule, channels, commands).map_err(|fault| {
                let rule = String::from_utf8_lossy(rule);
                format!("Error in ACL SETUSER modifier '{rule}': {fault}")
            })?;
        }
        let Some((user, before)) = known.zip(before) else {
            let user = Arc::new(User::new(name, after));
            users.insert(name.into(), Arc::clone(&user));
            let rules = user.rules();
            return Ok(Change { user, rules: Some((Arc::clone(&rules), rules)) });
        };
        user.set_rules(after);
        let rules = Some((before, user.rules()));
        Ok(Change { user, rules })
    }

    /// Deletes a user; what still is that user may do nothing from now on.
    pub fn delete_user(&self, name: &[u8]) -> Option<Change> {
        let user = self.users.lock().remove(name)?;
        Some(removed(user))
    }

    /// Takes the users of a file in place of those there are. `path` is for complaints: if there
    /// are any, nothing changes.
    pub fn load(
        &self,
        text: &[u8],
        path: &str,
        channels: PubSubDefault,
        commands: &Commands,
    ) -> Result<Vec<Change>, String> {
        let mut loaded = file::read(text, path, channels, commands)?;
        loaded.entry(DEFAULT.into()).or_insert_with(Rules::everything);
        let mut users = self.users.lock();
        let mut changes = Vec::new();
        users.retain(|name, user| {
            let stays = loaded.contains_key(name);
            if !stays {
                changes.push(removed(Arc::clone(user)));
            }
            stays
        });
        for (name, rules) in loaded {
            if let Some(user) = users.get(&name) {
                let before = user.rules();
                user.set_rules(rules);
                let rules = Some((before, user.rules()));
                changes.push(Change { user: Arc::clone(user), rules });
            } else {
                let user = Arc::new(User::new(&name, rules));
                users.insert(name, user);
            }
        }
        Ok(changes)
    }

    /// The users as a file holds them.
    pub fn show(&self) -> Vec<u8> {
        let lines = self.users().into_iter().map(|user| [&*user.show(), b"\n"].concat());
        lines.flatten().collect()
    }
}

fn removed(user: Arc<User>) -> Change {
    user.set_rules(Rules::nothing(PubSubDefault::ResetChannels));
    Change { user, rules: None }
}

/// Joins what stands in parentheses over several words. `Err` is the word that opens one which
/// is never closed.
fn merge_selectors<'a>(rules: &[&'a [u8]]) -> Result<Vec<Vec<u8>>, &'a [u8]> {
    let mut merged = Vec::with_capacity(rules.len());
    let mut open: Option<(&'a [u8], Vec<u8>)> = None;
    for rule in rules {
        let closes = rule.ends_with(b")");
        match open.take() {
            Some((first, mut selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(rule);
                if closes {
                    merged.push(selector);
                } else {
                    open = Some((first, selector));
                }
            }
            None if rule.starts_with(b"(") && !closes => open = Some((rule, rule.to_vec())),
            None => merged.push(rule.to_vec()),
        }
    }
    match open {
        Some((first, _)) => Err(first),
        None => Ok(merged),
    }
}
