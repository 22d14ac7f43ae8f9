//! The library `bit`: operations on 32 bits, as Lua BitOp has them.
//!
//! A number is taken modulo 2^32, rounded half to even; results are signed.

use std::ffi::c_int;

use mlua::ffi;

use crate::script::frame::Frame;

pub fn open(frame: Frame<'_>) {
    frame.push_table();
    frame.push_function(|frame| answer(frame, argument(frame, 1)), 0);
    frame.set_field(-2, c"tobit");
    frame.push_function(|frame| answer(frame, !argument(frame, 1)), 0);
    frame.set_field(-2, c"bnot");
    frame.push_function(|frame| fold(frame, |left, right| left & right), 0);
    frame.set_field(-2, c"band");
    frame.push_function(|frame| fold(frame, |left, right| left | right), 0);
    frame.set_field(-2, c"bor");
    frame.push_function(|frame| fold(frame, |left, right| left ^ right), 0);
    frame.set_field(-2, c"bxor");
    frame.push_function(|frame| shift(frame, |bits, by| bits << by), 0);
    frame.set_field(-2, c"lshift");
    frame.push_function(|frame| shift(frame, |bits, by| bits >> by), 0);
    frame.set_field(-2, c"rshift");
    frame.push_function(|frame| shift(frame, |bits, by| (bits as i32 >> by) as u32), 0);
    frame.set_field(-2, c"arshift");
    frame.push_function(|frame| shift(frame, u32::rotate_left), 0);
    frame.set_field(-2, c"rol");
    frame.push_function(|frame| shift(frame, u32::rotate_right), 0);
    frame.set_field(-2, c"ror");
    frame.push_function(|frame| answer(frame, argument(frame, 1).swap_bytes()), 0);
    frame.set_field(-2, c"bswap");
    frame.push_function(to_hex, 0);
    frame.set_field(-2, c"tohex");
    frame.set_global(c"bit");
}

fn argument(frame: Frame<'_>, index: c_int) -> u32 {
    /// Added to a double, it moves the whole part into the lowest bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    let bits = (frame.number(index) + MAGIC).to_bits() as u32;
    if bits == 0 && !frame.is_number(index) {
        frame.type_error(index, c"number");
    }
    bits
}

fn answer(frame: Frame<'_>, bits: u32) -> c_int {
    frame.push_number(f64::from(bits as i32));
    1
}

fn fold(frame: Frame<'_>, operation: fn(u32, u32) -> u32) -> c_int {
    let mut bits = argument(frame, 1);
    // From the last one down: so it is decided which of several bad ones is named.
    for index in (2..=frame.top()).rev() {
        bits = operation(bits, argument(frame, index));
    }
    answer(frame, bits)
}

fn shift(frame: Frame<'_>, operation: fn(u32, u32) -> u32) -> c_int {
    let bits = argument(frame, 1);
    let by = argument(frame, 2) & 31;
    answer(frame, operation(bits, by))
}

/// Eight digits, or so many as are asked for; capital letters for a negative number of them.
fn to_hex(frame: Frame<'_>) -> c_int {
    let mut bits = argument(frame, 1);
    let asked = if frame.kind(2) == ffi::LUA_TNONE { 8 } else { argument(frame, 2) as i32 };
    let alphabet = if asked < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let count = asked.unsigned_abs().min(8) as usize;
    let mut digits = [0; 8];
    for digit in digits.iter_mut().take(count).rev() {
        *digit = alphabet[bits as usize & 15];
        bits >>= 4;
    }
    frame.push_bytes(digits.get(..count).unwrap_or_default());
    1
}
