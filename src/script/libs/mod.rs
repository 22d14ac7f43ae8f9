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

use crate::script::frame::Frame;

/// Sets the globals `bit`, `cjson`, `cmsgpack` and `struct`.
pub fn open(lua: &mlua::Lua) -> mlua::Result<()> {
    let fill = |state| {
        // SAFETY: `exec_raw` calls us with the state of a protected call.
        let frame = unsafe { Frame::new(state) };
        bit::open(frame);
        cjson::open(frame);
        cmsgpack::open(frame);
        structs::open(frame);
    };
    // SAFETY: the closure owns nothing that an error would have to drop, and leaves no results.
    unsafe { lua.exec_raw((), fill) }
}
