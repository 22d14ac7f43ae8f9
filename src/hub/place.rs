//! A key of one database, as the registries look it up.

use hashbrown::Equivalent;

/// Owned: what a registry keeps.
pub type Place = (usize, Box<[u8]>);

/// Borrowed: what a running command asks for, without copying its key.
#[derive(Hash)]
pub struct At<'a>(pub usize, pub &'a [u8]);

impl Equivalent<Place> for At<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        self.0 == place.0 && *self.1 == *place.1
    }
}

/// A map from keys of databases.
pub type Places<T> = hashbrown::HashMap<Place, T, foldhash::fast::RandomState>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_borrowed_key_finds_the_owned_one() {
        let mut places = Places::default();
        places.insert((3, Box::from(&b"key"[..])), 1);
        assert_eq!(places.get(&At(3, b"key")), Some(&1));
        assert_eq!(places.get(&At(2, b"key")), None);
    }
}
