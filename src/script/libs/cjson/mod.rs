//! The library `cjson`: JSON as lua-cjson writes and reads it.
//!
//! `serde_json` is of no use here: the grammar is wider (hexadecimal numbers, `nan`, anything in
//! strings but a zero byte), messages name tokens and characters, and text goes straight to and
//! from Lua's stack. What scripts can set lives in a record that all functions of one table share;
//! `cjson.new` makes another table with its own.

#![expect(unsafe_code, reason = "the record of settings is in memory of Lua's")]

mod decode;
mod encode;

use std::cell::Cell;
use std::ffi::{CStr, c_int};

use mlua::ffi;

use crate::script::frame::Frame;

pub fn open(frame: Frame<'_>) {
    new(frame);
    frame.set_global(c"cjson");
}

/// In every function's first upvalue.
struct Settings {
    sparse_convert: Cell<i32>,
    sparse_ratio: Cell<i32>,
    sparse_safe: Cell<i32>,
    encode_max_depth: Cell<i32>,
    decode_max_depth: Cell<i32>,
    encode_invalid_numbers: Cell<i32>,
    decode_invalid_numbers: Cell<i32>,
    /// Changes nothing: buffers are kept as long as they are small.
    keep_buffer: Cell<i32>,
    number_precision: Cell<i32>,
}

impl Settings {
    fn new() -> Self {
        Settings {
            sparse_convert: Cell::new(0),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
            encode_max_depth: Cell::new(1000),
            decode_max_depth: Cell::new(1000),
            encode_invalid_numbers: Cell::new(0),
            decode_invalid_numbers: Cell::new(1),
            keep_buffer: Cell::new(1),
            number_precision: Cell::new(14),
        }
    }
}

/// What `encode_invalid_numbers` may be.
const OFF: i32 = 0;
const ON: i32 = 1;

fn settings(frame: Frame<'_>) -> &Settings {
    let record: *const Settings = frame.pointer(Frame::upvalue(1)).cast();
    // SAFETY: `new` put the record there, and Lua keeps it while the function runs.
    unsafe { &*record }
}

/// Pushes a table of functions with fresh settings.
fn new(frame: Frame<'_>) -> c_int {
    frame.push_table();
    let record: *mut Settings = frame.push_memory(size_of::<Settings>()).cast();
    // SAFETY: the memory is as large as that, and aligned for more.
    unsafe { record.write(Settings::new()) };
    add_with_buffers(frame, c"encode", encode::encode);
    add_with_buffers(frame, c"decode", decode::decode);
    add(frame, c"encode_sparse_array", set_sparse_array);
    add(frame, c"encode_max_depth", |frame| {
        set_integer(frame, |all| &all.encode_max_depth, 1, i32::MAX)
    });
    add(frame, c"decode_max_depth", |frame| {
        set_integer(frame, |all| &all.decode_max_depth, 1, i32::MAX)
    });
    add(frame, c"encode_number_precision", |frame| {
        set_integer(frame, |all| &all.number_precision, 1, 14)
    });
    add(frame, c"encode_keep_buffer", |frame| set_choice(frame, |all| &all.keep_buffer, &ON_OFF));
    add(frame, c"encode_invalid_numbers", |frame| {
        set_choice(frame, |all| &all.encode_invalid_numbers, &["off", "on", "null"])
    });
    add(frame, c"decode_invalid_numbers", |frame| {
        set_choice(frame, |all| &all.decode_invalid_numbers, &ON_OFF)
    });
    add(frame, c"new", new);
    frame.pop(1);
    frame.push_null();
    frame.set_field(-2, c"null");
    frame.push_bytes(b"cjson");
    frame.set_field(-2, c"_NAME");
    frame.push_bytes(b"2.1.0");
    frame.set_field(-2, c"_VERSION");
    1
}

/// With the table and the record on top: a function that knows the record.
fn add(frame: Frame<'_>, name: &CStr, function: impl Fn(Frame<'_>) -> c_int + Copy) {
    frame.push_copy(-1);
    frame.push_function(function, 1);
    frame.set_field(-3, name);
}

/// As `add`; upvalues two and three are places for buffers.
fn add_with_buffers(frame: Frame<'_>, name: &CStr, function: impl Fn(Frame<'_>) -> c_int + Copy) {
    frame.push_copy(-1);
    frame.push_nil();
    frame.push_nil();
    frame.push_function(function, 3);
    frame.set_field(-3, name);
}

type Setting = fn(&Settings) -> &Cell<i32>;

const ON_OFF: [&str; 2] = ["off", "on"];

/// Arguments up to so many; what is missing counts as nil.
fn take_arguments(frame: Frame<'_>, count: c_int) {
    if frame.top() > count {
        frame.argument_error(count + 1, format_args!("found too many arguments"));
    }
    frame.set_top(count);
}

fn set_integer(frame: Frame<'_>, setting: Setting, min: i32, max: i32) -> c_int {
    take_arguments(frame, 1);
    integer_option(frame, 1, setting(settings(frame)), min, max)
}

/// Sets what an argument asks for, and pushes what then holds.
fn integer_option(
    frame: Frame<'_>,
    argument: c_int,
    setting: &Cell<i32>,
    min: i32,
    max: i32,
) -> c_int {
    if frame.kind(argument) != ffi::LUA_TNIL {
        let value = frame.check_integer(argument) as i32;
        if !(min..=max).contains(&value) {
            // The first argument is blamed, whichever it was.
            frame.argument_error(1, format_args!("expected integer between {min} and {max}"));
        }
        setting.set(value);
    }
    frame.push_number(f64::from(setting.get()));
    1
}

fn set_choice(frame: Frame<'_>, setting: Setting, names: &[&str]) -> c_int {
    take_arguments(frame, 1);
    choice_option(frame, 1, setting(settings(frame)), names)
}

/// As `integer_option`, for names of which the first two stand for false and true.
fn choice_option(frame: Frame<'_>, argument: c_int, setting: &Cell<i32>, names: &[&str]) -> c_int {
    match frame.kind(argument) {
        ffi::LUA_TNIL => {}
        ffi::LUA_TBOOLEAN => setting.set(i32::from(frame.boolean(argument))),
        _ => {
            let word = until_zero(frame.check_bytes(argument));
            match names.iter().position(|name| name.as_bytes() == word) {
                Some(choice) => setting.set(choice as i32),
                None => frame.quoting_argument_error(argument, "invalid option ", word),
            }
        }
    }
    match setting.get() {
        choice @ (OFF | ON) => frame.push_boolean(choice == ON),
        choice => frame.push_bytes(names.get(choice as usize).map_or(b"", |name| name.as_bytes())),
    }
    1
}

/// Whether sparse arrays become objects, from which ratio of holes on, and up to which length they
/// never do.
fn set_sparse_array(frame: Frame<'_>) -> c_int {
    take_arguments(frame, 3);
    let all = settings(frame);
    choice_option(frame, 1, &all.sparse_convert, &ON_OFF);
    integer_option(frame, 2, &all.sparse_ratio, 0, i32::MAX);
    integer_option(frame, 3, &all.sparse_safe, 0, i32::MAX);
    3
}

/// The string as C sees it.
fn until_zero(bytes: &[u8]) -> &[u8] {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}
