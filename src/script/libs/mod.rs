//! The libraries that scripts find beside Lua's own: `bit`, `cjson`, `cmsgpack` and `struct`.
//!
//! They answer, and refuse, as those of a server do, down to the messages. No input may make them
//! recurse, or allocate memory that Lua does not count.

#![expect(unsafe_code, reason = "the libraries are opened on Lua's own stack")]

mod bit;
mod buffer;
mod cjson;
mod cmsgpack;
mod number;
mod structs;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_int};

use mlua::ffi;

use crate::script::frame::Frame;

/// The functions that keep buffers.
const BUFFERED: [(&CStr, &CStr); 7] = [
    (c"cjson", c"encode"),
    (c"cjson", c"decode"),
    (c"cmsgpack", c"pack"),
    (c"cmsgpack", c"unpack"),
    (c"cmsgpack", c"unpack_one"),
    (c"cmsgpack", c"unpack_limit"),
    (c"struct", c"pack"),
];

/// Where the registry has them: scripts' globals are not where libraries were opened.
static BUFFERED_KEY: u8 = 0;

/// Sets the globals `bit`, `cjson`, `cmsgpack` and `struct`.
pub fn open(lua: &mlua::Lua) -> mlua::Result<()> {
    let fill = |state| {
        // SAFETY: `exec_raw` calls us with the state of a protected call.
        let frame = unsafe { Frame::new(state) };
        bit::open(frame);
        cjson::open(frame);
        cmsgpack::open(frame);
        structs::open(frame);
        note_buffered(frame);
    };
    // SAFETY: the closure owns nothing that an error would have to drop, and leaves no results.
    unsafe { lua.exec_raw((), fill) }
}

fn note_buffered(frame: Frame<'_>) {
    frame.push_pointer(std::ptr::from_ref(&BUFFERED_KEY).cast_mut().cast());
    frame.push_table();
    for ((library, name), place) in BUFFERED.into_iter().zip(1..) {
        frame.push_global(library);
        frame.push_field(-1, name);
        frame.remove(-2);
        frame.raw_set_at(-2, place);
    }
    frame.raw_set(ffi::LUA_REGISTRYINDEX);
}

/// Gives back the large buffers of functions that failed, so that the garbage collector finds
/// them. Allocates nothing; to be called between runs.
pub fn release(frame: Frame<'_>) {
    frame.push_pointer(std::ptr::from_ref(&BUFFERED_KEY).cast_mut().cast());
    frame.raw_get(ffi::LUA_REGISTRYINDEX);
    for place in 1..=BUFFERED.len() {
        frame.raw_get_at(-1, place as c_int);
        buffer::release(frame);
        frame.pop(1);
    }
    frame.pop(1);
}
