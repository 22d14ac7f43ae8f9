//! Who may do what: strangers, users, and the process itself.

use std::sync::Arc;

use super::{ClockOption, Engine, Options};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::{Reply, Token};
use crate::store::Patience;

struct Nobody;

impl Mailbox for Nobody {
    fn deliver(&self, _: &Handle, _: Delivery) {}
}

/// A client with the engine it talks to.
struct Person(Arc<Engine>, Option<Box<Client>>);

impl Person {
    fn inside(engine: &Arc<Engine>) -> Self {
        let client = engine.connect(Arc::new(Nobody), Protocol::Resp2);
        Self(Arc::clone(engine), Some(client))
    }

    fn outside(engine: &Arc<Engine>) -> Self {
        let client = engine.connect_from_network(Arc::new(Nobody), Protocol::Resp2);
        Self(Arc::clone(engine), Some(client))
    }

    fn say(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut out = Reply::new();
        self.0.call(&mut self.1, None, &words, &mut out, Patience::Waits);
        let shown = out.tokens().map(|token| match token {
            Token::Bulk(text)
            | Token::Error(text)
            | Token::Status(text)
            | Token::Verbatim(text) => String::from_utf8_lossy(text).into_owned(),
            Token::Ok => "OK".into(),
            other => format!("{other:?}"),
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

fn open() -> Arc<Engine> {
    let clock = ClockOption::Manual(1_000_000);
    Engine::open(&Options { clock, seed: Some(1), ..Options::default() })
}

#[test]
fn a_password_stands_before_sockets_and_not_before_the_process_itself() {
    let engine = open();
    let mut early = Person::outside(&engine);
    engine.hub.acl.require_password(b"secret");
    assert_eq!(early.say("SET k v"), "OK", "who is in stays in");
    let mut late = Person::outside(&engine);
    assert!(engine.must_authenticate(late.1.as_ref().expect("it is at home")));
    assert_eq!(late.say("GET k"), "NOAUTH Authentication required.");
    assert!(late.say("AUTH wrong").starts_with("WRONGPASS "));
    assert_eq!(late.say("AUTH secret"), "OK");
    assert_eq!(late.say("GET k"), "v");
    assert_eq!(late.say("RESET"), "RESET");
    assert_eq!(late.say("GET k"), "NOAUTH Authentication required.");
    let mut inside = Person::inside(&engine);
    assert_eq!(inside.say("GET k"), "v");
    assert_eq!(inside.say("RESET"), "RESET");
    assert_eq!(inside.say("GET k"), "v");
}

#[test]
fn what_was_refused_is_told_newest_first_and_counted() {
    let engine = open();
    let mut admin = Person::inside(&engine);
    admin.say("ACL SETUSER bob on nopass ~a* +get +multi");
    let mut bob = Person::outside(&engine);
    assert!(bob.say("AUTH bob x").starts_with("OK"));
    bob.say("GET b");
    engine.space.clock.advance(59_999);
    bob.say("GET b");
    bob.say("PING");
    bob.say("MULTI");
    bob.say("GET b");
    let mut stranger = Person::outside(&engine);
    stranger.say("AUTH nobody x");
    let told = admin.say("ACL LOG 100");
    let told: Vec<&str> = told.split("count ").skip(1).collect();
    let begins = [
        "Int(1) reason auth context toplevel object AUTH username nobody age-seconds Double(0.0)",
        "Int(1) reason key context multi object b username bob age-seconds Double(0.0)",
        "Int(1) reason command context toplevel object ping username bob age-seconds Double(0.0)",
        "Int(2) reason key context toplevel object b username bob age-seconds Double(0.0)",
    ];
    assert_eq!(told.len(), begins.len());
    for (entry, begin) in told.iter().zip(begins) {
        assert!(entry.starts_with(begin), "{entry}");
    }
    assert!(told[1].contains(" client-info id=2 ") && told[1].contains(" cmd=get user=bob "));
    assert!(told[3].contains(
        "entry-id Int(0) timestamp-created Int(1000000) timestamp-last-updated Int(1059999)"
    ));
    engine.space.clock.advance(60_001);
    bob.say("DISCARD");
    bob.say("PING");
    assert!(admin.say("ACL LOG 1").contains("Int(1) reason command"), "a minute has passed");
    let stats = admin.say("INFO stats");
    assert!(stats.contains("acl_access_denied_auth:1"));
    assert!(stats.contains("acl_access_denied_key:3"));
}

#[test]
fn users_are_kept_in_a_file() {
    let engine = open();
    let mut admin = Person::inside(&engine);
    let folder = std::env::temp_dir().join(format!("latchkey-acl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is a folder for temporary files");
    let path = folder.join("users.acl");
    let shown = path.display().to_string();
    engine.hub.acl.file_path.lock().clone_from(&shown);
    let missing =
        format!("ERR Error loading ACLs, opening file '{shown}': No such file or directory");
    assert_eq!(admin.say("ACL LOAD"), missing);
    admin.say("ACL SETUSER bob on nopass ~* +@all (%R~x resetchannels +get)");
    assert_eq!(admin.say("ACL SAVE"), "OK");
    let saved = std::fs::read_to_string(&path).expect("it was just saved");
    let bob = "user bob on nopass sanitize-payload ~* resetchannels +@all \
               (%R~x resetchannels -@all +get)\n";
    assert_eq!(saved, format!("{bob}user default on nopass sanitize-payload ~* &* +@all\n"));
    let mut user = Person::outside(&engine);
    assert_eq!(user.say("AUTH bob x"), "OK");
    let write = |text: &str| std::fs::write(&path, text).expect("it can be written");
    write("user eve on >p ~* &* +@all -gett &x ~y %z\nfoo\n\n \nuser eve\nuser \t x\nuser a\tb");
    let told = admin.say("ACL LOAD");
    let wanted = [
        "ERR PATH:1: Error in applying operation '-gett': Unknown command or category name in ",
        "ACL. PATH:1: Adding a pattern after the * pattern (or the 'allchannels' flag) is not ",
        "valid and does not have any effect. Try 'resetchannels' to start with an empty list of ",
        "channels. PATH:2 should start with user keyword followed by the username. WARNING: ",
        "Duplicate user 'eve' found on line 5. 'PATH:6: username '\t' contains invalid ",
        "characters. 'PATH:7: username 'a\tb' contains invalid characters. WARNING: ACL errors ",
        "detected, no change to the previously active ACL rules was performed",
    ];
    assert_eq!(told.replace(&shown, "PATH"), wanted.concat());
    assert_eq!(user.say("PING"), "PONG");
    write("user bob on nopass ~* -@all +get\n");
    assert_eq!(admin.say("ACL LOAD"), "OK");
    assert_eq!(user.say("PING"), "NOPERM User bob has no permissions to run the 'ping' command");
    assert_eq!(user.say("GET x"), "Nil");
    write("");
    assert_eq!(admin.say("ACL LOAD"), "OK");
    assert_eq!(user.say("GET x"), "ERR Connection is closed.", "there is no bob any more");
    assert_eq!(admin.say("ACL USERS"), "Array(1) default");
    std::fs::remove_dir_all(&folder).expect("nobody else is in there");
}
