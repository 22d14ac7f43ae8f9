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
            Token::Bulk(text) | Token::Error(text) | Token::Status(text) => {
                String::from_utf8_lossy(text).into_owned()
            }
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
