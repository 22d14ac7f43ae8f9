//! Plays `__test__/golden` on a bare engine, with a clock that stands still between `@advance`s.
//!
//! One test for all files: it reports every reply that is not as recorded, as file:line, so one
//! run shows the whole of a change. `GOLDEN=hash,zadd` in the environment plays only the files
//! whose path contains one of these.

mod transcript;
mod tree;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::{ClockOption, Engine, Options, Outcome};
use crate::hub::client::Protocol;
use crate::hub::{Client, Delivery, Handle, Mailbox};
use crate::reply::Reply;
use crate::store::Patience;
use transcript::{Ask, Step};
use tree::Node;

/// When the manual clock starts: late enough for any past deadline, before any future one.
const START_MS: u64 = 1_700_000_000_000;

/// What arrived without being asked for, and the client when it comes home.
#[derive(Default)]
struct Inbox(Mutex<Vec<Delivery>>);

impl Mailbox for Inbox {
    fn deliver(&self, _: &Handle, delivery: Delivery) {
        self.0.lock().push(delivery);
    }
}

/// One connection of a transcript.
struct Connection {
    client: Option<Box<Client>>,
    protocol: Protocol,
    inbox: Arc<Inbox>,
    /// Arrived and not yet taken by a `<` line.
    heard: Vec<Node>,
    closed: bool,
}

impl Connection {
    fn open(engine: &Engine) -> Self {
        let inbox = Arc::<Inbox>::default();
        let mailbox = Arc::clone(&inbox) as Arc<dyn Mailbox>;
        let mut client = engine.connect_from_network(mailbox, Protocol::Resp2);
        client.subscriber_mode = true;
        let client = Some(client);
        Self { client, protocol: Protocol::Resp2, inbox, heard: Vec::new(), closed: false }
    }

    /// Moves what arrived to where `<` finds it. `true` if a waiting command was answered.
    fn collect(&mut self) -> bool {
        let mut answered = false;
        for delivery in std::mem::take(&mut *self.inbox.0.lock()) {
            match delivery {
                Delivery::Push(reply) => self.heard.extend(Node::all(&reply, self.protocol)),
                Delivery::Answered(client, reply) => {
                    self.protocol = client.protocol;
                    self.client = Some(client);
                    self.heard.extend(Node::all(&reply, self.protocol));
                    answered = true;
                }
                Delivery::Closed => self.closed = true,
            }
        }
        answered
    }

    fn next(&mut self) -> Node {
        self.collect();
        match self.heard.is_empty() {
            false => self.heard.remove(0),
            true if self.closed => Node::Closed,
            true => Node::Nothing,
        }
    }

    fn send(&mut self, engine: &Engine, words: &[Vec<u8>]) -> Node {
        self.collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut out = Reply::new();
        let outcome = engine.call(&mut self.client, None, &words, &mut out, Patience::Waits);
        if outcome == Outcome::Waits {
            // Another connection's turn comes only after this one is known to wait.
            return if self.collect() { self.heard.remove(0) } else { Node::Blocked };
        }
        if let Some(client) = &mut self.client {
            self.protocol = client.protocol;
            if !client.takes_reply() {
                out.clear();
            }
        }
        let mut replies = Node::all(&out, self.protocol);
        let earlier = self.heard.len();
        self.collect();
        let pushes = words[0].to_ascii_lowercase().ends_with(b"subscribe");
        if pushes && self.heard.len() > earlier && !matches!(replies[..], [Node::Error(_)]) {
            return self.heard.remove(earlier);
        }
        if replies.is_empty() {
            return Node::Blocked;
        }
        let first = replies.remove(0);
        self.heard.extend(replies);
        first
    }
}

/// Plays the steps on a fresh engine; answers the complaints.
fn play(steps: &[Step], name: &str) -> Vec<String> {
    let clock = ClockOption::Manual(START_MS);
    let mut options = Options { clock, seed: Some(1), ..Options::default() };
    options.setting("enable-debug-command", "yes").expect("it is a setting");
    let engine = Engine::open(&options);
    let mut connections = HashMap::new();
    let mut who = 'a';
    let mut complaints = Vec::new();
    for step in steps {
        if let Ask::Switch(other) = step.ask {
            who = other;
            continue;
        }
        let known = connections.entry(who).or_insert_with(|| Connection::open(&engine));
        if known.closed && matches!(step.ask, Ask::Send(_)) {
            *known = Connection::open(&engine);
        }
        let node = match &step.ask {
            Ask::Send(words) => known.send(&engine, words),
            Ask::Receive => known.next(),
            Ask::Protocol(version) => {
                let version = version.to_string().into_bytes();
                known.send(&engine, &[b"HELLO".to_vec(), version]);
                continue;
            }
            Ask::Advance(ms) => {
                engine.advance(*ms);
                continue;
            }
            Ask::Switch(_) => continue,
        };
        let said = transcript::show(&node, &step.look);
        if said != step.expected {
            complaints.push(complain(name, step, &said));
        }
    }
    complaints
}

fn complain(name: &str, step: &Step, said: &[String]) -> String {
    let mut text = format!("{name}:{} {}\n", step.line, asked(step));
    for line in &step.expected {
        let _ = writeln!(text, "  - {line}");
    }
    for line in said {
        let _ = writeln!(text, "  + {line}");
    }
    text
}

fn asked(step: &Step) -> String {
    let Ask::Send(words) = &step.ask else { return "<".into() };
    let words: Vec<_> = words.iter().take(12).map(|word| word.escape_ascii().to_string()).collect();
    format!("> {}", words.join(" "))
}

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(under).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
}

#[test]
fn every_transcript_reads_as_a_real_server_wrote_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("__test__/golden");
    let wanted = std::env::var("GOLDEN").unwrap_or_default();
    let mut found = Vec::new();
    files(&root, &mut found);
    assert!(!found.is_empty(), "no transcripts in {}", root.display());
    let mut complaints = Vec::new();
    for path in found {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        if !wanted.split(',').any(|part| name.contains(part)) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the file was just listed");
        let steps = transcript::parse(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        complaints.extend(play(&steps, &name));
    }
    let count = complaints.len();
    assert!(count == 0, "{count} replies differ (- recorded, + ours)\n{}", complaints.join(""));
}
