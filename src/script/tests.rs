//! A machine that a panic went through.

use std::ffi::c_int;

use super::frame::Frame;
use super::sandbox::{World, push_globals};
use super::{Ended, Host, Kind, Machine, Shapes, Task, Watch};
use crate::reply::{Reply, Token};

struct Nobody;

impl Host for Nobody {
    fn call(&mut self, _words: &[&[u8]], _shapes: Shapes, out: &mut Reply) {
        out.ok();
    }

    fn may_call(&mut self, _words: &[&[u8]]) -> Option<bool> {
        None
    }

    fn log(&mut self, _level: u8, _message: &[u8]) {}
}

fn fail(_: Frame<'_>) -> c_int {
    panic!("on purpose")
}

fn run(machine: &mut Machine, text: &[u8]) -> (Ended, Vec<u8>) {
    let entry = machine.compile(text, c"@user_script").unwrap();
    let task = Task { entry, kind: Kind::Script, name: b"it", keys: &[], args: &[] };
    let mut out = Reply::new();
    let ended = machine.run(&task, &mut Nobody, &Watch::default(), &mut out);
    match out.first() {
        Some(Token::Error(words) | Token::Bulk(words)) => (ended, words.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_panic_below_lua_ends_the_script_and_says_that_the_machine_is_broken() {
    let words = b"ERR a fault in latchkey interrupted the script".to_vec();
    for text in [&b"fail()"[..], b"pcall(fail)", b"coroutine.wrap(function() fail() end)()"] {
        let mut machine = Machine::new(World::Scripts, 1).unwrap();
        assert_eq!(run(&mut machine, b"return 'fine'"), (Ended::Done, b"fine".to_vec()));
        let frame = machine.frame();
        push_globals(frame);
        frame.push_function(fail, 0);
        frame.set_field(-2, c"fail");
        frame.set_top(0);
        assert_eq!(run(&mut machine, text), (Ended::Broken, words.clone()));
        assert_eq!(machine.take_errors(), Some(vec!["ERR".to_owned()]));
    }
}
