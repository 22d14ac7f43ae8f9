//! Rules in, permissions and the shortest rules out.

use super::*;

fn commands() -> Commands {
    let row = |name, subcommands: &[usize], in_categories: &[&str]| {
        let bits = in_categories.iter().fold(0, |bits, name| bits | category(name.as_bytes()));
        Known { name, subcommands: subcommands.to_vec(), categories: bits }
    };
    Commands::new(vec![
        row("get", &[], &["read", "fast"]),
        row("set", &[], &["write", "slow"]),
        row("config", &[3, 4], &["slow"]),
        row("config|get", &[], &["admin", "slow"]),
        row("config|set", &[], &["admin", "slow"]),
        row("select", &[], &["fast", "connection"]),
    ])
}

fn rules(words: &str) -> Rules {
    let mut rules = Rules::nothing(PubSubDefault::ResetChannels);
    let commands = commands();
    let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    for rule in merge_selectors(&words).expect("parentheses are closed") {
        let applied = rules.apply(&rule, PubSubDefault::ResetChannels, &commands);
        applied.unwrap_or_else(|fault| panic!("{}: {fault}", rule.escape_ascii()));
    }
    rules
}

fn show(words: &str) -> String {
    String::from_utf8(rules(words).show()).expect("rules are text")
}

fn check(rules: &Rules, line: &str, keys: &[(usize, Access)]) -> Result<(), Denial> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let known = commands();
    let id = known.find(words[0]).expect("it is a command");
    let (id, depth) = match words.get(1).filter(|_| !known.get(id).subcommands.is_empty()) {
        Some(sub) => {
            let name = [words[0], b"|", sub].concat();
            (known.find(&name).expect("it is a subcommand"), 2)
        }
        None => (id, 1),
    };
    rules.check(&Request { id, words: &words, depth, is_free: false, keys, channels: &[] })
}

const WRITE: Access = Access { reads: false, writes: true };
const READ: Access = Access { reads: true, writes: false };

#[test]
fn rules_are_printed_in_a_servers_order() {
    assert_eq!(show("on"), "on sanitize-payload resetchannels -@all");
    assert_eq!(show("on nopass ~* &* +@all"), "on nopass sanitize-payload ~* &* +@all",);
    assert_eq!(
        show("%R~a %W~a %w~b &c +@read +GET -config|set +Config +select|0 (~x +get)"),
        "off sanitize-payload ~a %W~b resetchannels &c -@all +@read +get +config +select|0 \
         (~x resetchannels -@all +get)",
    );
    assert_eq!(show("+get -get +@all -get ~x reset"), "off sanitize-payload resetchannels -@all");
}

#[test]
fn a_command_is_allowed_by_its_name_its_category_or_its_first_word() {
    let user = rules("allkeys +@admin -config|set +select|0");
    assert_eq!(check(&user, "config get x", &[]), Ok(()));
    assert_eq!(check(&user, "config set x y", &[]), Err(Denial::Command));
    assert_eq!(check(&user, "select 0", &[]), Ok(()));
    assert_eq!(check(&user, "select 1", &[]), Err(Denial::Command));
    assert!(!user.selectors[0].is_unrestricted());
    let user = rules("allkeys allchannels allcommands -get +get");
    assert_eq!(check(&user, "get x", &[]), Ok(()));
    assert!(rules("allkeys allchannels allcommands").selectors[0].is_unrestricted());
}

#[test]
fn what_any_selector_allows_is_allowed() {
    let user = rules("+get %R~r* (+set %W~w*)");
    assert_eq!(check(&user, "get r1", &[(1, READ)]), Ok(()));
    assert_eq!(check(&user, "get w1", &[(1, READ)]), Err(Denial::Key(1)));
    assert_eq!(check(&user, "set w1 v", &[(1, WRITE)]), Ok(()));
    assert_eq!(check(&user, "set w1 v", &[(1, Access::BOTH)]), Err(Denial::Key(1)));
    assert_eq!(check(&user, "select 1", &[]), Err(Denial::Command));
    assert_eq!(check(&user, "get w1", &[(1, Access::default())]), Err(Denial::Key(1)));
}

#[test]
fn a_deleted_user_may_do_nothing() {
    let acl = Acl::default();
    let commands = commands();
    let channels = PubSubDefault::ResetChannels;
    let words: [&[u8]; 5] = [b"on", b"nopass", b"~*", b"&*", b"+@all"];
    assert!(acl.set_user(b"bob", &words, channels, &commands).is_ok());
    let bob = acl.authenticate(b"bob", b"any").expect("he is on");
    assert!(bob.is_unrestricted());
    assert!(acl.delete_user(b"bob").is_some());
    assert!(!bob.is_unrestricted());
    assert_eq!(check(&bob.rules(), "get x", &[]), Err(Denial::Command));
    assert!(acl.authenticate(b"bob", b"any").is_none());
}
