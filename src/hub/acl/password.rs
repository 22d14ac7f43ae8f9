//! Passwords as they are kept: the hexadecimal digits of their SHA-256.

use sha2::{Digest, Sha256};

pub type Hash = [u8; 64];

/// The digits that stand for a password.
pub fn hash(password: &[u8]) -> Hash {
    let digits = hexadecimal(&Sha256::digest(password));
    digits.try_into().expect("32 bytes are 64 digits")
}

/// Two digits for each byte, in lower case.
pub fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.iter().map(|byte| [byte >> 4, byte & 15]);
    pairs.flatten().map(|digit| DIGITS[usize::from(digit)]).collect()
}

/// Digits that somebody else has made; lower case alone, so that each hash is spelled one way.
pub fn read_hash(digits: &[u8]) -> Option<Hash> {
    let hash = Hash::try_from(digits).ok()?;
    hash.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(hash)
}

/// Is it one of these? Takes as long whatever the digits are.
pub fn knows(passwords: &[Hash], asked: &Hash) -> bool {
    let difference = |known: &Hash| known.iter().zip(asked).fold(0, |all, (a, b)| all | (a ^ b));
    passwords.iter().map(difference).min() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_digits() {
        let secret = hash(b"abc");
        let digits = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(secret, *digits);
        assert!(knows(&[hash(b"x"), secret], &hash(b"abc")));
        assert!(!knows(&[hash(b"x"), secret], &hash(b"abd")));
        assert!(!knows(&[], &secret));
        assert_eq!(read_hash(digits), Some(secret));
        assert_eq!(read_hash(&digits.to_ascii_uppercase()), None);
        assert_eq!(read_hash(b"ba78"), None);
    }
}
