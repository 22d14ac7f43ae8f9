//! `redis.call` and its kin: what scripts find in the table `redis`, which is `server` as well.

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::ffi::{self, lua_CFunction, lua_State};
use smallvec::SmallVec;

use super::Shapes;
use super::cache::sha1_hex;
use super::convert::{push_error, push_field, push_reply};
use super::machine::{Run, mind_watch, push_text, raise_stop, run_of, text_at};
use crate::bytes::write_double;

/// The low bits of the generator's state after a script has seeded it.
const SEEDED: u64 = 0x330E;

/// One more than the largest number that the generator's 31 bits make.
const DICE_MAX: f64 = 2_147_483_647.0;

/// What the table `redis` has that is called.
pub const FUNCTIONS: &[(&CStr, lua_CFunction)] = &[
    (c"call", call),
    (c"pcall", pcall_command),
    (c"log", log),
    (c"sha1hex", sha1hex),
    (c"error_reply", error_reply),
    (c"status_reply", status_reply),
    (c"setresp", setresp),
    (c"set_repl", set_repl),
    (c"replicate_commands", replicate_commands),
    (c"breakpoint", breakpoint),
    (c"debug", debug),
    (c"acl_check_cmd", acl_check_cmd),
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
#[expect(unsafe_code, reason = "leaves by longjmp")]
unsafe fn raise_words(state: *mut lua_State, words: &[u8]) -> ! {
    // SAFETY: called by C functions of Lua that own nothing.
    unsafe {
        push_error(state, words);
        ffi::lua_error(state)
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if call_command(state) {
            ffi::lua_error(state);
        }
        1
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn pcall_command(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        call_command(state);
        1
    }
}

/// Calls the command whose words are on the stack, and leaves its reply there. Is it an error?
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn call_command(state: *mut lua_State) -> bool {
    // SAFETY: inside a C function of Lua; what Rust allocates is gone before Lua may leave.
    unsafe {
        let run = run_of(state);
        mind_watch(state, run);
        if let Some(refusal) = refuse_words(state) {
            push_error(state, refusal);
            return true;
        }
        let called = catch_unwind(AssertUnwindSafe(|| {
            let run = run_of(state);
            with_words(state, run, |run, words| {
                let shapes = run.shapes;
                let mut reply = std::mem::take(&mut run.reply);
                reply.clear();
                run.host().call(words, shapes, &mut reply);
                run.reply = reply;
            });
        }));
        ffi::lua_settop(state, 0);
        if called.is_err() {
            push_error(state, b"ERR a fault in latchkey interrupted the command");
            return true;
        }
        let run = run_of(state);
        push_reply(state, &run.reply, run.shapes)
    }
}

/// Why the words on the stack are none.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn refuse_words(state: *mut lua_State) -> Option<&'static [u8]> {
    // SAFETY: looks only at types.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Some(b"ERR Please specify at least one argument for this call");
        }
        let is_word = |at| matches!(ffi::lua_type(state, at), ffi::LUA_TSTRING | ffi::LUA_TNUMBER);
        (!(1..=count).all(is_word))
            .then_some(b"ERR Command arguments must be strings or integers".as_slice())
    }
}

/// Hands the words on the stack over; numbers are printed first, in the digits of a server.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn with_words(state: *mut lua_State, run: &mut Run, work: impl FnOnce(&mut Run, &[&[u8]])) {
    // SAFETY: strings are not converted, and stay on the stack for as long as they are borrowed.
    unsafe {
        let count = ffi::lua_gettop(state);
        let mut digits = std::mem::take(&mut run.digits);
        let mut ends = SmallVec::<[usize; 8]>::new();
        for at in (1..=count).filter(|at| ffi::lua_type(state, *at) == ffi::LUA_TNUMBER) {
            write_number(&mut digits, ffi::lua_tonumber(state, at));
            ends.push(digits.len());
        }
        let mut words = SmallVec::<[&[u8]; 16]>::new();
        let (mut start, mut next) = (0, ends.iter());
        for at in 1..=count {
            if ffi::lua_type(state, at) == ffi::LUA_TNUMBER {
                let end = *next.next().expect("every number was printed");
                words.push(&digits[start..end]);
                start = end;
            } else {
                words.push(text_at(state, at));
            }
        }
        work(run, &words);
        drop(words);
        digits.clear();
        run.digits = digits;
    }
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

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn acl_check_cmd(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if let Some(refusal) = refuse_words(state) {
            raise_words(state, refusal);
        }
        let mut allowed = None;
        let answer = &mut allowed;
        let asked = catch_unwind(AssertUnwindSafe(|| {
            let run = run_of(state);
            with_words(state, run, |run, words| *answer = run.host().may_call(words));
        }));
        match (asked, allowed) {
            (Ok(()), Some(allowed)) => ffi::lua_pushboolean(state, c_int::from(allowed)),
            _ => raise_words(state, b"ERR Invalid command passed to server.acl_check_cmd()"),
        }
        1
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn log(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count < 2 {
            raise_words(state, b"ERR server.log() requires two arguments or more.");
        }
        if ffi::lua_type(state, 1) != ffi::LUA_TNUMBER {
            raise_words(state, b"ERR First argument must be a number (log level).");
        }
        let level = ffi::lua_tonumber(state, 1);
        if !(0.0..=3.0).contains(&level) {
            raise_words(state, b"ERR Invalid log level.");
        }
        ffi::lua_remove(state, 1);
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let run = run_of(state);
            with_words(state, run, |run, words| run.host().log(level as u8, &words.join(&b' ')));
        }));
        0
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn sha1hex(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            raise_words(state, b"ERR wrong number of arguments");
        }
        // Makes a string of a number; anything else counts as an empty one.
        let mut len = 0;
        let start = ffi::lua_tolstring(state, 1, &raw mut len);
        let text =
            if start.is_null() { &[] } else { std::slice::from_raw_parts(start.cast(), len) };
        push_text(state, &sha1_hex(text));
        1
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn error_reply(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if ffi::lua_gettop(state) != 1 || ffi::lua_type(state, 1) != ffi::LUA_TSTRING {
            push_field(state, c"err", b"ERR wrong number or type of arguments");
            return 1;
        }
        let text = text_at(state, 1);
        let text = text.strip_prefix(b"-").unwrap_or(text);
        // A single word is no code: it gets one.
        ffi::lua_createtable(state, 0, 1);
        if memchr::memchr(b' ', text).is_none() {
            push_text(state, b"ERR ");
            push_text(state, text);
            ffi::lua_concat(state, 2);
        } else {
            push_text(state, text);
        }
        ffi::lua_setfield(state, -2, c"err".as_ptr());
        1
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn status_reply(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if ffi::lua_gettop(state) == 1 && ffi::lua_type(state, 1) == ffi::LUA_TSTRING {
            push_field(state, c"ok", text_at(state, 1));
        } else {
            push_field(state, c"err", b"ERR wrong number or type of arguments");
        }
        1
    }
}

#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn setresp(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            raise_words(state, b"ERR server.setresp() requires one argument.");
        }
        let shapes = match ffi::lua_tonumber(state, 1) as i64 {
            2 => Shapes::Resp2,
            3 => Shapes::Resp3,
            _ => raise_words(state, b"ERR RESP version must be 2 or 3."),
        };
        run_of(state).shapes = shapes;
        0
    }
}

/// There is nobody yet to replicate to: what is asked for is looked at, and holds.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn set_repl(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            raise_words(state, b"ERR server.set_repl() requires one argument.");
        }
        let flags = ffi::lua_tonumber(state, 1) as i64;
        if flags & !3 != 0 {
            raise_words(
                state,
                b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or \
                  REPL_NONE.",
            );
        }
        0
    }
}

/// Effects are what is replicated, always.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn replicate_commands(state: *mut lua_State) -> c_int {
    // SAFETY: pushes one value.
    unsafe { ffi::lua_pushboolean(state, 1) };
    1
}

/// No debugger is there to stop for.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn breakpoint(state: *mut lua_State) -> c_int {
    // SAFETY: pushes one value.
    unsafe { ffi::lua_pushboolean(state, 0) };
    1
}

/// Prints to a debugger, and none is there.
#[expect(unsafe_code, reason = "a C function of Lua")]
unsafe extern "C-unwind" fn debug(_: *mut lua_State) -> c_int {
    0
}

/// `pcall` of Lua, but an error that is a table with words becomes those words.
///
/// # Safety
/// A C function of Lua.
#[expect(unsafe_code, reason = "a C function of Lua")]
pub unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        ffi::luaL_checkany(state, 1);
        ffi::lua_pushboolean(state, 1);
        ffi::lua_insert(state, 1);
        let count = ffi::lua_gettop(state) - 2;
        if ffi::lua_pcall(state, count, ffi::LUA_MULTRET, 0) != ffi::LUA_OK {
            if let Some(stop) = run_of(state).stop {
                raise_stop(state, stop);
            }
            ffi::lua_remove(state, 1);
            if ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
                ffi::lua_pushstring_(state, c"err".as_ptr());
                ffi::lua_rawget_(state, -2);
                if ffi::lua_type(state, -1) == ffi::LUA_TSTRING {
                    ffi::lua_replace(state, -2);
                } else {
                    ffi::lua_settop(state, -2);
                }
            }
            ffi::lua_pushboolean(state, 0);
            ffi::lua_insert(state, 1);
        }
        ffi::lua_gettop(state)
    }
}

/// The next 31 bits of chance: the generator is lrand48's, so scripts choose as on a server.
fn roll(dice: &mut u64) -> f64 {
    *dice = (dice.wrapping_mul(0x5_DEEC_E66D) + 0xB) & 0xFFFF_FFFF_FFFF;
    (*dice >> 17) as f64 % DICE_MAX / DICE_MAX
}

/// `math.random`.
///
/// # Safety
/// A C function of Lua.
#[expect(unsafe_code, reason = "a C function of Lua")]
pub unsafe extern "C-unwind" fn random(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        let chance = roll(&mut run_of(state).dice);
        let count = ffi::lua_gettop(state);
        let (low, high, at) = match count {
            0 => {
                ffi::lua_pushnumber(state, chance);
                return 1;
            }
            1 => (1, ffi::luaL_checkinteger(state, 1) as c_int, 1),
            2 => {
                let low = ffi::luaL_checkinteger(state, 1) as c_int;
                (low, ffi::luaL_checkinteger(state, 2) as c_int, 2)
            }
            _ => return ffi::luaL_error(state, c"wrong number of arguments".as_ptr()),
        };
        if low > high {
            return ffi::luaL_argerror(state, at, c"interval is empty".as_ptr());
        }
        let span = f64::from(high) - f64::from(low) + 1.0;
        ffi::lua_pushnumber(state, (chance * span).floor() + f64::from(low));
        1
    }
}

/// `math.randomseed`.
///
/// # Safety
/// A C function of Lua.
#[expect(unsafe_code, reason = "a C function of Lua")]
pub unsafe extern "C-unwind" fn randomseed(state: *mut lua_State) -> c_int {
    // SAFETY: owns nothing while Lua may leave.
    unsafe {
        let seed = ffi::luaL_checkinteger(state, 1) as u32;
        run_of(state).dice = u64::from(seed) << 16 | SEEDED;
        0
    }
}
