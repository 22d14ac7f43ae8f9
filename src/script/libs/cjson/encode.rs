//! `cjson.encode`.
//!
//! ```text
//!   stack     table  key  table  key  value      what is being written, and where in it we are
//!   levels    object      array                  a place in the second buffer for each table
//! ```
//!
//! A loop instead of recursion: scripts may set the greatest depth, and only Lua's stack, which
//! holds just what a server's does, then limits it.

use std::ffi::c_int;

use mlua::ffi;

use super::{OFF, ON, Settings, settings};
use crate::script::frame::Frame;
use crate::script::libs::buffer::Buffer;
use crate::script::libs::number;

struct Writer<'call> {
    frame: Frame<'call>,
    settings: &'call Settings,
    out: Buffer<'call, u8>,
    levels: Buffer<'call, Level>,
}

/// How many values of an array have been begun, and how many it has; an object has none.
#[derive(Clone, Copy)]
struct Level {
    begun: i32,
    len: i32,
}

pub fn encode(frame: Frame<'_>) -> c_int {
    if frame.top() != 1 {
        frame.argument_error(1, format_args!("expected 1 argument"));
    }
    let out = Buffer::open(frame, 2);
    let levels = Buffer::open(frame, 3);
    let mut writer = Writer { frame, settings: settings(frame), out, levels };
    while writer.value() {}
    frame.push_bytes(writer.out.as_slice());
    writer.out.close();
    writer.levels.close();
    1
}

impl Writer<'_> {
    /// Writes the value on top, or the beginning of a table, and puts the next one there; false
    /// when there is none.
    fn value(&mut self) -> bool {
        let frame = self.frame;
        match frame.kind(-1) {
            ffi::LUA_TSTRING => self.string(-1),
            ffi::LUA_TNUMBER => self.number(-1),
            ffi::LUA_TBOOLEAN => {
                self.out.extend(if frame.boolean(-1) { b"true" } else { b"false" });
            }
            ffi::LUA_TNIL => self.out.extend(b"null"),
            ffi::LUA_TLIGHTUSERDATA if frame.pointer(-1).is_null() => self.out.extend(b"null"),
            ffi::LUA_TTABLE => self.open(),
            _ => self.refuse(-1, "type not supported"),
        }
        self.next()
    }

    /// Begins the table on top: as if a first value of it had just been written.
    fn open(&mut self) {
        let frame = self.frame;
        let depth = self.levels.len() + 1;
        let allowed =
            i32::try_from(depth).is_ok_and(|depth| depth <= self.settings.encode_max_depth.get());
        if !allowed || !frame.reserve(3) {
            frame.error(format_args!("Cannot serialise, excessive nesting ({depth})"));
        }
        let len = self.array_length();
        self.out.push(if len > 0 { b'[' } else { b'{' });
        self.levels.push(Level { begun: 0, len });
        if len <= 0 {
            frame.push_nil();
        }
        frame.push_nil();
    }

    /// Drops the finished value on top and puts the next one there.
    fn next(&mut self) -> bool {
        let frame = self.frame;
        loop {
            let Some(level) = self.levels.last_mut() else { return false };
            frame.pop(1);
            let first = level.begun == 0;
            if level.len > 0 {
                if level.begun < level.len {
                    level.begun += 1;
                    let index = level.begun;
                    if !first {
                        self.out.push(b',');
                    }
                    frame.raw_get_at(-1, index);
                    return true;
                }
                self.out.push(b']');
            } else {
                level.begun = 1;
                if frame.next(-2) {
                    if !first {
                        self.out.push(b',');
                    }
                    self.key();
                    return true;
                }
                self.out.push(b'}');
            }
            self.levels.pop();
        }
    }

    fn key(&mut self) {
        match self.frame.kind(-2) {
            ffi::LUA_TNUMBER => {
                self.out.push(b'"');
                self.number(-2);
                self.out.push(b'"');
            }
            ffi::LUA_TSTRING => self.string(-2),
            _ => self.refuse(-2, "table key must be a number or string"),
        }
        self.out.push(b':');
    }

    fn refuse(&self, index: c_int, reason: &str) -> ! {
        let kind = self.frame.kind_name(index);
        self.frame.error(format_args!("Cannot serialise {kind}: {reason}"))
    }

    /// The greatest key of the table on top if all are whole and positive; else nothing positive.
    fn array_length(&self) -> i32 {
        let frame = self.frame;
        let (mut max, mut items): (i32, i32) = (0, 0);
        frame.push_nil();
        while frame.next(-2) {
            frame.pop(1);
            let key = if frame.kind(-1) == ffi::LUA_TNUMBER { frame.number(-1) } else { 0.0 };
            if key < 1.0 || key.floor() != key {
                frame.pop(1);
                return -1;
            }
            if key > f64::from(max) {
                // What does not fit 32 bits becomes the least number, as in C.
                max = if key <= f64::from(i32::MAX) { key as i32 } else { i32::MIN };
            }
            items = items.wrapping_add(1);
        }
        let (ratio, safe) = (self.settings.sparse_ratio.get(), self.settings.sparse_safe.get());
        if ratio > 0 && max > items.wrapping_mul(ratio) && max > safe {
            if self.settings.sparse_convert.get() == OFF {
                self.refuse(-1, "excessively sparse array");
            }
            return -1;
        }
        max
    }

    fn number(&mut self, index: c_int) {
        let value = self.frame.number(index);
        if !value.is_finite() {
            match self.settings.encode_invalid_numbers.get() {
                OFF => self.refuse(index, "must not be NaN or Inf"),
                ON if value.is_nan() => return self.out.extend(b"nan"),
                ON => {}
                _ => return self.out.extend(b"null"),
            }
        }
        let digits = self.settings.number_precision.get() as usize;
        self.out.extend(number::print(value, digits).as_bytes());
    }

    fn string(&mut self, index: c_int) {
        let mut rest = self.frame.bytes(index);
        self.out.push(b'"');
        while let Some(at) = rest.iter().position(|byte| is_escaped(*byte)) {
            let (plain, from) = rest.split_at(at);
            self.out.extend(plain);
            let Some((&byte, after)) = from.split_first() else { break };
            self.escape(byte);
            rest = after;
        }
        self.out.extend(rest);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0c => b'f',
            b'\r' => b'r',
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[digit as usize]);
                return self.out.extend(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        };
        self.out.extend(&[b'\\', letter]);
    }
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | b'/' | 0x7f)
}
