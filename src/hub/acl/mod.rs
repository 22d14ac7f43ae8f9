//! Who may do what: the users of a store, and whom a client is.
//!
//! A client is the process itself, a stranger, or one of the users. The process itself may do
//! everything: whoever loads latchkey is inside already, so no password stands between it and its
//! own memory. A socket begins as a stranger if the default user asks for a password.
//!
//! Names of commands are not known on this floor: they come in as numbers, from a `Commands`.

mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

pub use user::User;

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
}

/// The users of one store.
pub struct Acl {
    /// Never deleted, so that strangers can be compared with it.
    pub default_user: Arc<User>,
    users: Mutex<BTreeMap<Box<[u8]>, Arc<User>>>,
}

impl Default for Acl {
    fn default() -> Self {
        let default_user = Arc::new(User::new(DEFAULT));
        let users = BTreeMap::from([(DEFAULT.into(), Arc::clone(&default_user))]);
        Self { default_user, users: Mutex::new(users) }
    }
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

    /// The user of this name, if the password is right and the user is on.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let user = self.user(name)?;
        user.accepts(password).then_some(user)
    }

    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.lock().get(name).cloned()
    }

    /// `requirepass`: the default user's only password; an empty one takes it away.
    pub fn require_password(&self, password: &[u8]) {
        self.default_user.require_password(password);
    }
}
