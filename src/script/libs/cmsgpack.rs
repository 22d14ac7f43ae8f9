//! The library `cmsgpack`: MessagePack as lua-cmsgpack writes and reads it.
//!
//! Numbers take the shortest form, whole ones as integers, others as a float where that loses
//! nothing. A table with the keys 1 to n is an array, any other a map; below sixteen levels, and
//! for what has no form, there is nil. Reading keeps its place in a buffer instead of recursing,
//! while Lua's stack holds just what a server's does: its limit decides how deep is too deep.

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::buffer::Buffer;
use crate::script::frame::{Frame, to_i64};

const NESTING_MAX: u32 = 16;

const FACTS: [(&CStr, &str); 4] = [
    (c"_NAME", "cmsgpack"),
    (c"_VERSION", "lua-cmsgpack 0.4.0"),
    (c"_COPYRIGHT", "Copyright (C) 2012, Redis Ltd."),
    (c"_DESCRIPTION", "MessagePack C implementation for Lua"),
];

pub fn open(frame: Frame<'_>) {
    frame.push_table();
    frame.push_nil();
    frame.push_function(pack, 1);
    frame.set_field(-2, c"pack");
    frame.push_nil();
    frame.push_function(|frame| unpack(frame, 0, 0), 1);
    frame.set_field(-2, c"unpack");
    frame.push_nil();
    frame.push_function(unpack_one, 1);
    frame.set_field(-2, c"unpack_one");
    frame.push_nil();
    frame.push_function(unpack_limit, 1);
    frame.set_field(-2, c"unpack_limit");
    for (name, text) in FACTS {
        frame.push_bytes(text.as_bytes());
        frame.set_field(-2, name);
    }
    frame.set_global(c"cmsgpack");
}

// Writing

struct Packer<'call> {
    frame: Frame<'call>,
    out: Buffer<'call, u8>,
}

/// All arguments, one after the other.
fn pack(frame: Frame<'_>) -> c_int {
    let count = frame.top();
    if count == 0 {
        frame.argument_error(0, format_args!("MessagePack pack needs input."));
    }
    if !frame.reserve(count) {
        frame.argument_error(0, format_args!("Too many arguments for MessagePack pack."));
    }
    let mut packer = Packer { frame, out: Buffer::open(frame, 1) };
    for argument in 1..=count {
        frame.must_reserve(1, "in function mp_check");
        frame.push_copy(argument);
        packer.value(0);
        frame.pop(1);
    }
    frame.push_bytes(packer.out.as_slice());
    packer.out.close();
    1
}

impl Packer<'_> {
    /// The value on top, which stays there.
    fn value(&mut self, level: u32) {
        let frame = self.frame;
        match frame.kind(-1) {
            ffi::LUA_TSTRING => self.string(),
            ffi::LUA_TBOOLEAN => self.out.push(if frame.boolean(-1) { 0xc3 } else { 0xc2 }),
            ffi::LUA_TNUMBER => self.number(frame.number(-1)),
            ffi::LUA_TTABLE if level < NESTING_MAX => match self.array_length() {
                Some(len) => self.array(len, level),
                None => self.map(level),
            },
            _ => self.out.push(0xc0),
        }
    }

    fn string(&mut self) {
        let bytes = self.frame.bytes(-1);
        let len = bytes.len();
        match len {
            0..=31 => self.out.push(0xa0 | len as u8),
            32..=0xff => self.out.extend(&[0xd9, len as u8]),
            _ => self.length(0xda, len),
        }
        self.out.extend(bytes);
    }

    /// A head of one byte with the length in two, or the next head with it in four.
    fn length(&mut self, head: u8, len: usize) {
        if let Ok(len) = u16::try_from(len) {
            self.out.push(head);
            self.out.extend(&len.to_be_bytes());
        } else {
            self.out.push(head + 1);
            self.out.extend(&(len as u32).to_be_bytes());
        }
    }

    fn number(&mut self, value: f64) {
        let whole = to_i64(value);
        if whole as f64 == value && value.is_finite() {
            return self.integer(whole);
        }
        let short = value as f32;
        if f64::from(short) == value {
            self.out.push(0xca);
            self.out.extend(&short.to_be_bytes());
        } else {
            self.out.push(0xcb);
            self.out.extend(&value.to_be_bytes());
        }
    }

    fn integer(&mut self, value: i64) {
        let bytes = value.to_be_bytes();
        let (head, size) = match value {
            -32..=0x7f => return self.out.push(value as u8),
            0x80..=0xff => (0xcc, 1),
            0x100..=0xffff => (0xcd, 2),
            0x1_0000..=0xffff_ffff => (0xce, 4),
            0x1_0000_0000.. => (0xcf, 8),
            -0x80..=-33 => (0xd0, 1),
            -0x8000..=-0x81 => (0xd1, 2),
            -0x8000_0000..=-0x8001 => (0xd2, 4),
            _ => (0xd3, 8),
        };
        self.out.push(head);
        self.out.extend(bytes.get(8 - size..).unwrap_or_default());
    }

    /// How many there are, if the keys of the table on top are 1, 2, and so on.
    fn array_length(&self) -> Option<i32> {
        let frame = self.frame;
        frame.must_reserve(2, "in function table_is_an_array");
        let (mut count, mut max) = (0, 0);
        frame.push_nil();
        while frame.next(-2) {
            frame.pop(1);
            let key = if frame.kind(-1) == ffi::LUA_TNUMBER { frame.number(-1) } else { 0.0 };
            // What is no such key turns into one that cannot be.
            let whole = key as i32;
            if whole <= 0 || f64::from(whole) != key {
                frame.pop(1);
                return None;
            }
            max = whole.max(max);
            count += 1;
        }
        (count == max).then_some(count)
    }

    fn array(&mut self, len: i32, level: u32) {
        match len {
            0..=15 => self.out.push(0x90 | len as u8),
            _ => self.length(0xdc, len as usize),
        }
        self.frame.must_reserve(2, "in function mp_encode_lua_table_as_array");
        for index in 1..=len {
            self.frame.raw_get_at(-1, index);
            self.value(level + 1);
            self.frame.pop(1);
        }
    }

    fn map(&mut self, level: u32) {
        let frame = self.frame;
        frame.must_reserve(3, "in function mp_encode_lua_table_as_map");
        let mut len = 0;
        frame.push_nil();
        while frame.next(-2) {
            frame.pop(1);
            len += 1;
        }
        match len {
            0..=15 => self.out.push(0x80 | len as u8),
            _ => self.length(0xde, len),
        }
        frame.push_nil();
        while frame.next(-2) {
            frame.push_copy(-2);
            self.value(level + 1);
            frame.pop(1);
            self.value(level + 1);
            frame.pop(1);
        }
    }
}

// Reading

fn unpack_one(frame: Frame<'_>) -> c_int {
    let offset = frame.optional_integer(2, 0);
    frame.set_top(frame.top().min(1));
    unpack(frame, 1, offset)
}

fn unpack_limit(frame: Frame<'_>) -> c_int {
    let limit = frame.check_integer(2);
    let offset = frame.optional_integer(3, 0);
    frame.set_top(1);
    unpack(frame, limit, offset)
}

/// So many values from there on, before them the place of the next one; or, with neither limit nor
/// offset, all values and no place.
fn unpack(frame: Frame<'_>, limit: i64, offset: i64) -> c_int {
    let data = frame.check_bytes(1);
    let len = data.len();
    if offset < 0 || limit < 0 {
        frame.error(format_args!(
            "Invalid request to unpack with offset of {} and limit of {}.",
            offset as i32, len as i32
        ));
    }
    let Some(rest) = data.get(offset as usize..) else {
        frame.error(format_args!(
            "Start offset {} greater than input length {}.",
            offset as i32, len as i32
        ))
    };
    let all = limit == 0 && offset == 0;
    let limit = if all { i64::from(i32::MAX) } else { limit };
    let mut unpacker = Unpacker { frame, rest, open: Buffer::open(frame, 1) };
    let mut count = 0;
    while !unpacker.rest.is_empty() && i64::from(count) < limit {
        unpacker.value();
        count += 1;
    }
    let rest = unpacker.rest.len();
    unpacker.open.close();
    if !all {
        frame.must_reserve(1, "in function mp_unpack_full");
        frame.push_number(if rest == 0 { -1.0 } else { (len - rest) as f64 });
        frame.insert(2);
        count += 1;
    }
    count
}

/// An array or a map that is being filled: its table is on the stack, and above it the index or
/// the key of the value that comes next.
#[derive(Clone, Copy)]
struct Open {
    shape: Shape,
    /// Values of an array, keys and values of a map.
    left: u64,
    /// Where the next value of an array goes.
    index: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Array,
    Map,
}

struct Unpacker<'call> {
    frame: Frame<'call>,
    rest: &'call [u8],
    open: Buffer<'call, Open>,
}

impl<'call> Unpacker<'call> {
    /// Pushes the next value.
    fn value(&mut self) {
        self.open.clear();
        loop {
            self.item();
            // A value has been pushed, or a table that waits for its first one.
            loop {
                let frame = self.frame;
                let Some(open) = self.open.last_mut() else { return };
                if open.left > 0 {
                    open.left -= 1;
                    if open.shape == Shape::Array {
                        frame.push_number(f64::from(open.index));
                        open.index += 1;
                    }
                    break;
                }
                self.open.pop();
                if !self.store() {
                    return;
                }
            }
        }
    }

    /// Puts the finished value on top into what it belongs to; false if that is nothing.
    fn store(&mut self) -> bool {
        let Some(open) = self.open.last_mut() else { return false };
        // In a map, every second one is a key, and stays.
        if open.shape == Shape::Array || open.left % 2 == 0 {
            self.frame.raw_set(-3);
        }
        true
    }

    fn item(&mut self) {
        let frame = self.frame;
        let Some(&head) = self.rest.first() else { self.missing() };
        frame.must_reserve(
            1,
            "too many return values at once; use unpack_one or unpack_limit instead.",
        );
        match head {
            0x80..=0x8f => return self.begin(Shape::Map, 0, head & 0xf),
            0x90..=0x9f => return self.begin(Shape::Array, 0, head & 0xf),
            0xdc => return self.begin(Shape::Array, 2, 0),
            0xdd => return self.begin(Shape::Array, 4, 0),
            0xde => return self.begin(Shape::Map, 2, 0),
            0xdf => return self.begin(Shape::Map, 4, 0),
            0x00..=0x7f => frame.push_number(f64::from(self.unsigned(0, head) as u32)),
            0xe0..=0xff => {
                self.unsigned(0, 0);
                frame.push_number(f64::from(head as i8));
            }
            0xa0..=0xbf => self.string(0, head & 0x1f),
            0xd9 => self.string(1, 0),
            0xda => self.string(2, 0),
            0xdb => self.string(4, 0),
            0xc0 => {
                self.unsigned(0, 0);
                frame.push_nil();
            }
            0xc2 | 0xc3 => {
                self.unsigned(0, 0);
                frame.push_boolean(head == 0xc3);
            }
            0xca => frame.push_number(f64::from(f32::from_bits(self.unsigned(4, 0) as u32))),
            0xcb => frame.push_number(f64::from_bits(self.unsigned(8, 0))),
            0xcc => frame.push_number(self.unsigned(1, 0) as f64),
            0xcd => frame.push_number(self.unsigned(2, 0) as f64),
            0xce => frame.push_number(self.unsigned(4, 0) as f64),
            // Large unsigned ones come out negative.
            0xcf | 0xd3 => frame.push_number(self.unsigned(8, 0) as i64 as f64),
            0xd0 => frame.push_number(f64::from(self.unsigned(1, 0) as i8)),
            0xd1 => frame.push_number(f64::from(self.unsigned(2, 0) as i16)),
            0xd2 => frame.push_number(f64::from(self.unsigned(4, 0) as i32)),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => {
                frame.error(format_args!("Bad data format in input."))
            }
        }
        self.store();
    }

    fn missing(&self) -> ! {
        self.frame.error(format_args!("Missing bytes in input."))
    }

    fn bytes(&mut self, count: usize) -> &'call [u8] {
        let Some((bytes, rest)) = self.rest.split_at_checked(count) else { self.missing() };
        self.rest = rest;
        bytes
    }

    /// Passes the head and reads so many bytes after it as a number, in place of `without` bytes.
    fn unsigned(&mut self, size: usize, without: u8) -> u64 {
        let bytes = self.bytes(1 + size).get(1..).unwrap_or_default();
        bytes.iter().fold(u64::from(without), |value, byte| value << 8 | u64::from(*byte))
    }

    fn string(&mut self, size: usize, without: u8) {
        let len = self.unsigned(size, without);
        let bytes = self.bytes(len as usize);
        self.frame.push_bytes(bytes);
    }

    fn begin(&mut self, shape: Shape, size: usize, without: u8) {
        let len = self.unsigned(size, without);
        let left = if shape == Shape::Map { 2 * len } else { len };
        self.open.push(Open { shape, left, index: 1 });
        self.frame.push_table();
        if shape == Shape::Array {
            self.frame.must_reserve(1, "in function mp_decode_to_lua_array");
        }
    }
}
