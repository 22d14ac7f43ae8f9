//! Replies become Lua values, Lua values become replies, by the rules of a server.
//!
//! Everything here runs inside `lua_pcall` and may be left by an error of Lua at any call; nothing
//! on the way owns memory.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};

use super::Shapes;
use super::machine::{push_text, text_at};
use crate::bytes::write_double;
use crate::reply::{Later, Reply, Token, Tokens};

/// Pushes a reply as the value that `redis.call` returns. Is it an error?
///
/// # Safety
/// Only where Lua is protected.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn push_reply(state: *mut lua_State, reply: &Reply, shapes: Shapes) -> bool {
    let mut tokens = reply.tokens();
    // SAFETY: the caller's promise.
    unsafe { push_value(state, &mut tokens, shapes) };
    matches!(reply.first(), Some(Token::Error(_)))
}

#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_value(state: *mut lua_State, tokens: &mut Tokens<'_>, shapes: Shapes) {
    let is_resp3 = shapes == Shapes::Resp3;
    // SAFETY: the caller's promise.
    unsafe {
        // The commands nest their replies a few levels deep at most; each takes a few places.
        ffi::luaL_checkstack_(state, 8, c"reply".as_ptr());
        match tokens.next().unwrap_or(Token::Nil) {
            Token::Nil | Token::NilArray if is_resp3 => ffi::lua_pushnil(state),
            Token::Nil | Token::NilArray => ffi::lua_pushboolean(state, 0),
            Token::Int(value) => ffi::lua_pushnumber(state, value as f64),
            Token::Bulk(text) => push_text(state, text),
            Token::Ok => push_field(state, c"ok", b"OK"),
            Token::Status(text) => push_field(state, c"ok", text),
            Token::Error(words) => push_error(state, words),
            Token::Bool(value) if is_resp3 => ffi::lua_pushboolean(state, c_int::from(value)),
            Token::Bool(value) => ffi::lua_pushnumber(state, f64::from(u8::from(value))),
            Token::Double(value) if is_resp3 => {
                ffi::lua_createtable(state, 0, 1);
                ffi::lua_pushnumber(state, value);
                ffi::lua_setfield(state, -2, c"double".as_ptr());
            }
            Token::Double(value) => {
                let mut digits = smallvec::SmallVec::<[u8; 32]>::new();
                write_double(&mut digits, value);
                push_text(state, &digits);
            }
            Token::DoubleText(digits) if is_resp3 => {
                ffi::lua_createtable(state, 0, 1);
                push_text(state, digits);
                ffi::lua_pushnumber(state, ffi::lua_tonumber(state, -1));
                ffi::lua_setfield(state, -3, c"double".as_ptr());
                ffi::lua_settop(state, -2);
            }
            Token::BigNumber(digits) if is_resp3 => push_field(state, c"big_number", digits),
            Token::Verbatim(text) if is_resp3 => {
                ffi::lua_createtable(state, 0, 1);
                ffi::lua_createtable(state, 0, 2);
                push_text(state, text);
                ffi::lua_setfield(state, -2, c"string".as_ptr());
                push_text(state, b"txt");
                ffi::lua_setfield(state, -2, c"format".as_ptr());
                ffi::lua_setfield(state, -2, c"verbatim_string".as_ptr());
            }
            Token::DoubleText(text) | Token::BigNumber(text) | Token::Verbatim(text) => {
                push_text(state, text);
            }
            Token::Map(pairs) if is_resp3 => {
                push_keyed(state, tokens, shapes, c"map", pairs, Values::Follow);
            }
            Token::Set(len) if is_resp3 => {
                push_keyed(state, tokens, shapes, c"set", len, Values::AreTrue);
            }
            token @ (Token::Array(_) | Token::Push(_) | Token::Set(_) | Token::Map(_)) => {
                let len = token.children();
                ffi::lua_createtable(state, len as c_int, 0);
                for place in 1..=len as c_int {
                    push_value(state, tokens, shapes);
                    ffi::lua_rawseti_(state, -2, place);
                }
            }
        }
    }
}

/// What belongs to each key of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Follow,
    AreTrue,
}

/// Pushes `{ name = { key = value, ... } }`.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn push_keyed(
    state: *mut lua_State,
    tokens: &mut Tokens<'_>,
    shapes: Shapes,
    name: &CStr,
    len: usize,
    values: Values,
) {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_createtable(state, 0, len as c_int);
        for _ in 0..len {
            push_value(state, tokens, shapes);
            match values {
                Values::Follow => push_value(state, tokens, shapes),
                Values::AreTrue => ffi::lua_pushboolean(state, 1),
            }
            ffi::lua_rawset(state, -3);
        }
        ffi::lua_setfield(state, -2, name.as_ptr());
    }
}

/// Pushes `{ name = text }`.
///
/// # Safety
/// Only where Lua is protected.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn push_field(state: *mut lua_State, name: &CStr, text: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, text);
        ffi::lua_setfield(state, -2, name.as_ptr());
    }
}

/// Pushes an error as scripts see it. The command that failed was counted already.
///
/// # Safety
/// Only where Lua is protected.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn push_error(state: *mut lua_State, words: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe {
        push_field(state, c"err", words);
        ffi::lua_pushboolean(state, 1);
        ffi::lua_setfield(state, -2, c"ignore_error_stats_update".as_ptr());
    }
}

/// Writes the value on top of the stack as a reply, and takes it off.
///
/// # Safety
/// Only where Lua is protected.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
pub unsafe fn write_value(state: *mut lua_State, out: &mut Reply, shapes: Shapes) {
    // SAFETY: the caller's promise; the stack was asked for room.
    unsafe {
        if ffi::lua_checkstack(state, 4) == 0 {
            out.error_text(b"ERR reached lua stack limit");
            ffi::lua_settop(state, -2);
            return;
        }
        match ffi::lua_type(state, -1) {
            ffi::LUA_TSTRING => out.bulk(text_at(state, -1)),
            ffi::LUA_TNUMBER => out.int(truncated(ffi::lua_tonumber(state, -1))),
            ffi::LUA_TBOOLEAN => {
                let value = ffi::lua_toboolean(state, -1) != 0;
                match (shapes, value) {
                    (Shapes::Resp3, value) => out.bool(value),
                    (Shapes::Resp2, true) => out.int(1),
                    (Shapes::Resp2, false) => out.nil(),
                }
            }
            ffi::LUA_TTABLE => return write_table(state, out, shapes),
            _ => out.nil(),
        }
        ffi::lua_settop(state, -2);
    }
}

/// A number as an integer, as C makes one of it.
fn truncated(value: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    if fits { value as i64 } else { i64::MIN }
}

/// Pushes a field of the table on top of the stack, and says what it is.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn field(state: *mut lua_State, name: &CStr) -> c_int {
    // SAFETY: as for `write_value`.
    unsafe {
        ffi::lua_pushstring_(state, name.as_ptr());
        ffi::lua_rawget_(state, -2);
        ffi::lua_type(state, -1)
    }
}

/// A table may be an error, a status, one of RESP3's shapes, or an array.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn write_table(state: *mut lua_State, out: &mut Reply, shapes: Shapes) {
    // SAFETY: as for `write_value`.
    unsafe {
        let done = |pushed: c_int| ffi::lua_settop(state, -pushed - 1);
        if field(state, c"err") == ffi::LUA_TSTRING {
            out.error_text(text_at(state, -1));
            return done(2);
        }
        done(1);
        if field(state, c"ok") == ffi::LUA_TSTRING {
            write_status(out, text_at(state, -1));
            return done(2);
        }
        done(1);
        if field(state, c"double") == ffi::LUA_TNUMBER {
            out.double(ffi::lua_tonumber(state, -1));
            return done(2);
        }
        done(1);
        if field(state, c"map") == ffi::LUA_TTABLE {
            let later = out.map_later();
            write_keyed(state, out, shapes, later, Values::Follow);
            return done(2);
        }
        done(1);
        if field(state, c"set") == ffi::LUA_TTABLE {
            let later = out.set_later();
            write_keyed(state, out, shapes, later, Values::AreTrue);
            return done(2);
        }
        done(1);
        if field(state, c"big_number") == ffi::LUA_TSTRING {
            let digits = text_at(state, -1);
            out.big_number(digits);
            return done(2);
        }
        done(1);
        let top = ffi::lua_gettop(state);
        if field(state, c"verbatim_string") == ffi::LUA_TTABLE
            && field(state, c"format") == ffi::LUA_TSTRING
        {
            done(1);
            if field(state, c"string") == ffi::LUA_TSTRING {
                out.verbatim(text_at(state, -1));
                return done(3);
            }
        }
        ffi::lua_settop(state, top);
        let later = out.array_later();
        let mut len = 0;
        loop {
            ffi::lua_rawgeti_(state, -1, len as c_int + 1);
            if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
                break;
            }
            write_value(state, out, shapes);
            len += 1;
        }
        out.close(later, len);
        done(2);
    }
}

/// A status is one line.
fn write_status(out: &mut Reply, text: &[u8]) {
    if text == b"OK" {
        return out.ok();
    }
    if memchr::memchr2(b'\r', b'\n', text).is_none() {
        return out.token(Token::Status(text));
    }
    let line: Vec<u8> =
        text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect();
    out.token(Token::Status(&line));
}

/// Writes the keys of the table on top of the stack, with their values or without.
#[expect(unsafe_code, reason = "calls Lua's C interface")]
unsafe fn write_keyed(
    state: *mut lua_State,
    out: &mut Reply,
    shapes: Shapes,
    later: Later,
    values: Values,
) {
    // SAFETY: as for `write_value`.
    unsafe {
        let mut len = 0;
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, -2) != 0 {
            ffi::lua_pushvalue(state, -2);
            write_value(state, out, shapes);
            match values {
                Values::Follow => write_value(state, out, shapes),
                Values::AreTrue => ffi::lua_settop(state, -2),
            }
            len += 1;
        }
        out.close(later, len);
    }
}
