//! Growing memory that Lua owns, so that a library's function may fail at any point.
//!
//! Errors jump over Rust's frames and run no destructors, so a `Vec` would be lost, and a script's
//! limit of memory would not count it. The bytes of a buffer are a userdata in an upvalue of the
//! function instead. The next call finds them there and allocates nothing; what became large is
//! given back when the function returns, and after one that failed by `release`.

#![expect(unsafe_code, reason = "the memory is Lua's")]

use std::ffi::c_int;
use std::mem;
use std::slice;

use mlua::ffi;

use crate::script::frame::Frame;

/// What is kept from call to call.
const KEPT_BYTES: usize = 64 * 1024;
const FIRST_BYTES: usize = 256;

/// A vector of plain values. One upvalue serves one buffer at a time.
pub struct Buffer<'call, T: Copy> {
    frame: Frame<'call>,
    upvalue: c_int,
    start: *mut T,
    len: usize,
    room: usize,
}

impl<'call, T: Copy> Buffer<'call, T> {
    /// Begins an empty one in the memory that the function's upvalue of this number has.
    pub fn open(frame: Frame<'call>, upvalue: c_int) -> Self {
        const { assert!(!mem::needs_drop::<T>() && align_of::<T>() <= 8 && size_of::<T>() > 0) };
        let upvalue = Frame::upvalue(upvalue);
        let start = frame.pointer(upvalue);
        let bytes = if start.is_null() { 0 } else { frame.length(upvalue) };
        let buffer =
            Buffer { frame, upvalue, start: start.cast(), len: 0, room: bytes / size_of::<T>() };
        if bytes > KEPT_BYTES { buffer.emptied() } else { buffer }
    }

    fn emptied(mut self) -> Self {
        self.frame.push_nil();
        self.frame.replace(self.upvalue);
        self.start = std::ptr::null_mut();
        (self.len, self.room) = (0, 0);
        self
    }

    /// Gives back what is too much to keep. Functions that fail leave that to their next call.
    pub fn close(self) {
        if self.room * size_of::<T>() > KEPT_BYTES {
            self.emptied();
        }
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn as_slice(&self) -> &[T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: so many were written, and the upvalue keeps the memory.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }

    pub fn last_mut(&mut self) -> Option<&mut T> {
        let last = self.len.checked_sub(1)?;
        // SAFETY: it was written; nobody else knows the memory.
        Some(unsafe { &mut *self.start.add(last) })
    }

    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    /// Takes one slot of Lua's stack while it grows.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len == self.room {
            self.grow(1);
        }
        // SAFETY: there is room for one more.
        unsafe { self.start.add(self.len).write(value) };
        self.len += 1;
    }

    /// Takes one slot of Lua's stack while it grows.
    #[inline]
    pub fn extend(&mut self, values: &[T]) {
        if values.len() > self.room - self.len {
            self.grow(values.len());
        }
        // SAFETY: there is room, in memory that is no part of `values`: nobody else knows it.
        unsafe {
            self.start.add(self.len).copy_from_nonoverlapping(values.as_ptr(), values.len());
        }
        self.len += values.len();
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let size = size_of::<T>();
        // What Lua cannot allocate it refuses, also if it is this.
        let least = self.len.saturating_add(more).saturating_mul(size);
        let bytes = least.max(self.room.saturating_mul(2 * size)).max(FIRST_BYTES);
        let start: *mut T = self.frame.push_memory(bytes).cast();
        if self.len > 0 {
            // SAFETY: both are memory of Lua's that holds as much, and they are apart.
            unsafe { start.copy_from_nonoverlapping(self.start, self.len) };
        }
        self.frame.replace(self.upvalue);
        (self.start, self.room) = (start, bytes / size);
    }
}

/// Gives back what a function, on top of the stack, left large when it failed. Allocates nothing.
pub fn release(frame: Frame<'_>) {
    let state = frame.state();
    let mut number = 1;
    // SAFETY: the function stays on top; an upvalue that is not there pushes nothing.
    while unsafe { !ffi::lua_getupvalue(state, -1, number).is_null() } {
        let is_large = frame.kind(-1) == ffi::LUA_TUSERDATA && frame.length(-1) > KEPT_BYTES;
        frame.pop(1);
        if is_large {
            frame.push_nil();
            // SAFETY: it was there.
            unsafe { ffi::lua_setupvalue(state, -2, number) };
        }
        number += 1;
    }
}
