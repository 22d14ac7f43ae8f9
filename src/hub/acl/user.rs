//! One user: who may become it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use sha2::{Digest, Sha256};

/// A password as it is kept: the hexadecimal digits of its SHA-256.
pub type Hash = [u8; 64];

/// What a user may do, as it is at one moment.
#[derive(Clone)]
pub struct Rules {
    pub is_on: bool,
    /// Any password will do.
    pub no_password: bool,
    pub passwords: Vec<Hash>,
}

/// A user. Clients that are it share it, so that a change reaches them at once.
pub struct User {
    pub name: Box<[u8]>,
    rules: RwLock<Arc<Rules>>,
    unrestricted: AtomicBool,
}

impl User {
    /// A user that may do everything and needs no password, as the default one begins.
    pub fn new(name: &[u8]) -> Self {
        let rules = Rules { is_on: true, no_password: true, passwords: Vec::new() };
        Self {
            name: name.into(),
            rules: RwLock::new(Arc::new(rules)),
            unrestricted: AtomicBool::new(true),
        }
    }

    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted.load(Ordering::Relaxed)
    }

    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read())
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

    pub(super) fn require_password(&self, password: &[u8]) {
        let mut rules = self.rules.write();
        let changed = Arc::make_mut(&mut rules);
        changed.no_password = password.is_empty();
        changed.passwords.clear();
        if !password.is_empty() {
            changed.passwords.push(hash(password));
        }
    }
}

/// Is it one of these? Takes as long whatever the digits are.
fn knows(passwords: &[Hash], asked: &Hash) -> bool {
    let difference = |known: &Hash| known.iter().zip(asked).fold(0, |all, (a, b)| all | (a ^ b));
    passwords.iter().map(difference).min() == Some(0)
}

/// The digits that stand for a password.
pub fn hash(password: &[u8]) -> Hash {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [0; 64];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(Sha256::digest(password)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    hex
}
