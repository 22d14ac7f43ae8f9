//! `redis.call` and its kin: what scripts find in the table `redis`, which is `server` as well.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::ffi::{self, lua_CFunction};
use smallvec::SmallVec;

use super::Shapes;
use super::cache::sha1_hex;
use super::convert::{push_error, push_field, push_reply};
use super::failure::raise_stop;
use super::frame::Frame;
use super::machine::{Run, mind_watch, run_of};
use crate::bytes::write_double;

/// The low bits of the generator's state after a script has seeded it.
const SEEDED: u64 = 0x330E;

/// One more than the largest number that the generator's 31 bits make.
const DICE_MAX: f64 = 2_147_483_647.0;

/// What the table `redis` has that is called.
pub const FUNCTIONS: &[(&CStr, lua_CFunction)] = &[
    (c"call", Frame::function(call)),
    (c"pcall", Frame::function(pcall_command)),
    (c"log", Frame::function(log)),
    (c"sha1hex", Frame::function(sha1hex)),
    (c"error_reply", Frame::function(error_reply)),
    (c"status_reply", Frame::function(status_reply)),
    (c"setresp", Frame::function(setresp)),
    (c"set_repl", Frame::function(set_repl)),
    (c"replicate_commands", Frame::function(replicate_commands)),
    (c"breakpoint", Frame::function(breakpoint)),
    (c"debug", Frame::function(debug)),
    (c"acl_check_cmd", Frame::function(acl_check_cmd)),
];

/// And its numbers.
pub const NUMBERS: &[(&CStr, i32)] = &[
    (c"LOG_DEBUG", 0),
    (c"LOG_VERBOSE", 1),
    (c"LOG_NOTICE", 2),
    (c"LOG_WARNING", 3),
    (c"REPL_NONE", 0),
    (c"REPL_AOF", 1),
    (c"REPL_SLAVE", 2),
    (c"REPL_REPLICA", 2),
    (c"REPL_ALL", 3),
    (c"REDIS_VERSION_NUM", 0x0007_0204),
    (c"VALKEY_VERSION_NUM", 0x0008_0001),
];

/// And its texts: the version whose behaviour this is.
pub const TEXTS: &[(&CStr, &CStr)] =
    &[(c"REDIS_VERSION", c"7.2.4"), (c"VALKEY_VERSION", c"8.0.1"), (c"SERVER_NAME", c"valkey")];

/// Raises a table with these words, as a failed command does.
fn raise_words(frame: Frame<'_>, words: &[u8]) -> ! {
    push_field(frame, c"err", words);
    frame.throw()
}

fn call(frame: Frame<'_>) -> c_int {
    if call_command(frame) {
        frame.throw();
    }
    1
}

fn pcall_command(frame: Frame<'_>) -> c_int {
    call_command(frame);
    1
}

/// Calls the command whose words are on the stack, and leaves its reply there. Is it an error?
fn call_command(frame: Frame<'_>) -> bool {
    let run = run_of(frame);
    mind_watch(frame, run);
    if let Some(refusal) = refuse_words(frame) {
        push_field(frame, c"err", refusal);
        return true;
    }
    let called = catch_unwind(AssertUnwindSafe(|| {
        let run = run_of(frame);
        with_words(frame, run, |run, words| {
            let shapes = run.shapes;
            let mut reply = std::mem::take(&mut run.reply);
            reply.clear();
            run.host().call(words, shapes, &mut reply);
            run.reply = reply;
        });
    }));
    frame.set_top(0);
    if called.is_err() {
        push_error(frame, b"ERR a fault in latchkey interrupted the command");
        return true;
    }
    let run = run_of(frame);
    push_reply(frame, &run.reply, run.shapes)
}

/// Why the words on the stack are none.
fn refuse_words(frame: Frame<'_>) -> Option<&'static [u8]> {
    let count = frame.top();
    if count == 0 {
        return Some(b"ERR Please specify at least one argument for this call");
    }
    let is_word = |at| matches!(frame.kind(at), ffi::LUA_TSTRING | ffi::LUA_TNUMBER);
    (!(1..=count).all(is_word))
        .then_some(b"ERR Command arguments must be strings or integers".as_slice())
}

/// Hands the words on the stack over; numbers are printed first, in the digits of a server.
fn with_words(frame: Frame<'_>, run: &mut Run, work: impl FnOnce(&mut Run, &[&[u8]])) {
    let count = frame.top();
    let mut digits = std::mem::take(&mut run.digits);
    let mut ends = SmallVec::<[usize; 8]>::new();
    for at in (1..=count).filter(|at| frame.kind(*at) == ffi::LUA_TNUMBER) {
        write_number(&mut digits, frame.number(at));
        ends.push(digits.len());
    }
    let mut words = SmallVec::<[&[u8]; 16]>::new();
    let (mut start, mut next) = (0, ends.iter());
    for at in 1..=count {
        if frame.kind(at) == ffi::LUA_TNUMBER {
            let end = *next.next().expect("every number was printed");
            words.push(&digits[start..end]);
            start = end;
        } else {
            words.push(frame.text(at));
        }
    }
    work(run, &words);
    drop(words);
    digits.clear();
    run.digits = digits;
}

/// Whole numbers without a point.
fn write_number(out: &mut Vec<u8>, value: f64) {
    let whole = value as i64;
    if whole as f64 == value && whole != i64::MAX {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else {
        write_double(out, value);
    }
}

fn acl_check_cmd(frame: Frame<'_>) -> c_int {
    if let Some(refusal) = refuse_words(frame) {
        raise_words(frame, refusal);
    }
    let mut allowed = None;
    let answer = &mut allowed;
    let asked = catch_unwind(AssertUnwindSafe(|| {
        let run = run_of(frame);
        with_words(frame, run, |run, words| *answer = run.host().may_call(words));
    }));
    match (asked, allowed) {
        (Ok(()), Some(allowed)) => frame.push_boolean(allowed),
        _ => raise_words(frame, b"ERR Invalid command passed to server.acl_check_cmd()"),
    }
    1
}

fn log(frame: Frame<'_>) -> c_int {
    let count = frame.top();
    if count < 2 {
        raise_words(frame, b"ERR server.log() requires two arguments or more.");
    }
    if frame.kind(1) != ffi::LUA_TNUMBER {
        raise_words(frame, b"ERR First argument must be a number (log level).");
    }
    let level = frame.number(1);
    if !(0.0..=3.0).contains(&level) {
        raise_words(frame, b"ERR Invalid log level.");
    }
    frame.remove(1);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let run = run_of(frame);
        with_words(frame, run, |run, words| run.host().log(level as u8, &words.join(&b' ')));
    }));
    0
}

fn sha1hex(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 {
        raise_words(frame, b"ERR wrong number of arguments");
    }
    // A number has a text; anything else counts as an empty one.
    frame.push_bytes(&sha1_hex(frame.bytes(1)));
    1
}

fn error_reply(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 || frame.kind(1) != ffi::LUA_TSTRING {
        push_field(frame, c"err", b"ERR wrong number or type of arguments");
        return 1;
    }
    let text = frame.text(1);
    let text = text.strip_prefix(b"-").unwrap_or(text);
    // A single word is no code: it gets one.
    frame.push_table_for(0, 1);
    if memchr::memchr(b' ', text).is_none() {
        frame.push_bytes(b"ERR ");
        frame.push_bytes(text);
        frame.concat(2);
    } else {
        frame.push_bytes(text);
    }
    frame.set_field(-2, c"err");
    1
}

fn status_reply(frame: Frame<'_>) -> c_int {
    if frame.top() == 1 && frame.kind(1) == ffi::LUA_TSTRING {
        push_field(frame, c"ok", frame.text(1));
    } else {
        push_field(frame, c"err", b"ERR wrong number or type of arguments");
    }
    1
}

fn setresp(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 {
        raise_words(frame, b"ERR server.setresp() requires one argument.");
    }
    let shapes = match frame.number(1) as i64 {
        2 => Shapes::Resp2,
        3 => Shapes::Resp3,
        _ => raise_words(frame, b"ERR RESP version must be 2 or 3."),
    };
    run_of(frame).shapes = shapes;
    0
}

/// There is nobody yet to replicate to: what is asked for is looked at, and holds.
fn set_repl(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 {
        raise_words(frame, b"ERR server.set_repl() requires one argument.");
    }
    let flags = frame.number(1) as i64;
    if flags & !3 != 0 {
        raise_words(
            frame,
            b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or \
              REPL_NONE.",
        );
    }
    0
}

/// Effects are what is replicated, always.
fn replicate_commands(frame: Frame<'_>) -> c_int {
    frame.push_boolean(true);
    1
}

/// No debugger is there to stop for.
fn breakpoint(frame: Frame<'_>) -> c_int {
    frame.push_boolean(false);
    1
}

/// Prints to a debugger, and none is there.
fn debug(_: Frame<'_>) -> c_int {
    0
}

/// `pcall` of Lua, but an error that is a table with words becomes those words.
pub fn pcall(frame: Frame<'_>) -> c_int {
    if frame.kind(1) == ffi::LUA_TNONE {
        // A server calls what it has put there itself.
        frame.push_boolean(false);
        frame.push_bytes(b"attempt to call a boolean value");
        return 2;
    }
    frame.push_boolean(true);
    frame.insert(1);
    let count = frame.top() - 2;
    if !frame.try_call(count) {
        if let Some(stop) = run_of(frame).stop {
            raise_stop(frame, stop);
        }
        frame.remove(1);
        if frame.kind(-1) == ffi::LUA_TTABLE {
            frame.push_bytes(b"err");
            frame.raw_get(-2);
            if frame.kind(-1) == ffi::LUA_TSTRING {
                frame.replace(-2);
            } else {
                frame.pop(1);
            }
        }
        frame.push_boolean(false);
        frame.insert(1);
    }
    frame.top()
}

/// The next 31 bits of chance: the generator is lrand48's, so scripts choose as on a server.
fn roll(dice: &mut u64) -> f64 {
    *dice = (dice.wrapping_mul(0x5_DEEC_E66D) + 0xB) & 0xFFFF_FFFF_FFFF;
    (*dice >> 17) as f64 % DICE_MAX / DICE_MAX
}

/// `math.random`.
pub fn random(frame: Frame<'_>) -> c_int {
    let chance = roll(&mut run_of(frame).dice);
    let count = frame.top();
    let (low, high, at) = match count {
        0 => {
            frame.push_number(chance);
            return 1;
        }
        1 => (1, frame.check_integer(1) as i32, 1),
        2 => (frame.check_integer(1) as i32, frame.check_integer(2) as i32, 2),
        _ => frame.error(format_args!("wrong number of arguments")),
    };
    if low > high {
        frame.argument_error(at, format_args!("interval is empty"));
    }
    let span = f64::from(high) - f64::from(low) + 1.0;
    frame.push_number((chance * span).floor() + f64::from(low));
    1
}

/// `math.randomseed`.
pub fn randomseed(frame: Frame<'_>) -> c_int {
    let seed = frame.check_integer(1) as u32;
    run_of(frame).dice = u64::from(seed) << 16 | SEEDED;
    0
}
