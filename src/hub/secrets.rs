//! Which words of a command nobody else may see: passwords.

/// What stands in the place of a secret.
const HIDDEN: &[u8] = b"(redacted)";

/// The words as others may see them.
pub fn hide<'a>(words: &'a [&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    let is = |at: usize, name: &str| {
        words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let secret = if is(0, "auth") {
        1..words.len()
    } else if is(0, "acl") && (is(1, "setuser") || is(1, "getuser")) {
        2..words.len()
    } else if is(0, "hello") {
        let at = (2..words.len()).find(|at| is(*at, "auth")).unwrap_or(words.len());
        at + 1..at + 3
    } else if is(0, "config") && is(1, "set") {
        let at = (2..words.len()).step_by(2).find(|at| is(*at, "requirepass"));
        let at = at.unwrap_or(words.len());
        at + 1..at + 2
    } else {
        0..0
    };
    let show =
        move |(at, word): (usize, &&'a [u8])| if secret.contains(&at) { HIDDEN } else { *word };
    words.iter().enumerate().map(show)
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn passwords_are_hidden_and_nothing_else() {
        for (given, shown) in [
            ("AUTH p", "AUTH *"),
            ("auth u p", "auth * *"),
            ("HELLO 3 AUTH u p SETNAME n", "HELLO 3 AUTH * * SETNAME n"),
            ("HELLO 3 SETNAME n", "HELLO 3 SETNAME n"),
            ("CONFIG SET maxmemory 1 requirepass p", "CONFIG SET maxmemory 1 requirepass *"),
            ("ACL SETUSER u >p", "ACL SETUSER * *"),
            ("SET auth p", "SET auth p"),
        ] {
            let words: Vec<&[u8]> = given.split(' ').map(str::as_bytes).collect();
            let told: Vec<_> = hide(&words).map(String::from_utf8_lossy).collect();
            assert_eq!(told.join(" ").replace("(redacted)", "*"), shown);
        }
    }
}
