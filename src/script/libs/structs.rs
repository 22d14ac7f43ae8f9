//! The library `struct`: numbers and strings as fields of C structures.
//!
//! A format is a string of letters, ended by a zero byte: `b h l i T` signed, `B H L I` unsigned
//! (`i` and `I` with a size of up to 32), `f d`, `x` a byte of padding, `c` so many bytes, `s` up
//! to a zero byte. `<` and `>` choose the order of bytes, `!` the greatest alignment. What C leaves
//! open is answered as processors of the x86 family do: there most servers run.

use std::ffi::c_int;

use super::buffer::Buffer;
use crate::script::frame::{Frame, to_i64};

const INTEGER_SIZE_MAX: i32 = 32;
const ALIGNMENT_DEFAULT: i32 = 8;
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

pub fn open(frame: Frame<'_>) {
    frame.push_table();
    frame.push_nil();
    frame.push_function(pack, 1);
    frame.set_field(-2, c"pack");
    frame.push_function(unpack, 0);
    frame.set_field(-2, c"unpack");
    frame.push_function(size, 0);
    frame.set_field(-2, c"size");
    frame.set_global(c"struct");
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}

/// A walk through a format: the letter at hand, and what earlier ones have set.
struct Format<'call> {
    frame: Frame<'call>,
    rest: &'call [u8],
    order: Order,
    alignment: usize,
}

impl<'call> Format<'call> {
    fn new(frame: Frame<'call>) -> Self {
        let order = if cfg!(target_endian = "big") { Order::Big } else { Order::Little };
        Format { frame, rest: frame.check_bytes(1), order, alignment: 1 }
    }

    /// The next letter, and the size of its field.
    fn letter(&mut self) -> Option<(u8, usize)> {
        let (&letter, rest) = self.rest.split_first().filter(|(letter, _)| **letter != 0)?;
        self.rest = rest;
        let size = match letter {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.digits(1) as usize,
            b'i' | b'I' => {
                let size = self.digits(4);
                if size > INTEGER_SIZE_MAX {
                    self.frame.error(format_args!(
                        "integral size {size} is larger than limit of {INTEGER_SIZE_MAX}"
                    ));
                }
                size as usize
            }
            _ => 0,
        };
        Some((letter, size))
    }

    /// The number that follows.
    fn digits(&mut self, default: i32) -> i32 {
        let mut value: Option<i32> = None;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let shifted = value.unwrap_or(0).checked_mul(10);
            value = shifted.and_then(|shifted| shifted.checked_add(i32::from(digit - b'0')));
            if value.is_none() {
                self.frame.error(format_args!("integral size overflow"));
            }
            self.rest = rest;
        }
        value.unwrap_or(default)
    }

    /// How many bytes stand before a field that would begin at `at`.
    fn padding(&self, at: usize, letter: u8, size: usize) -> usize {
        if size == 0 || letter == b'c' {
            return 0;
        }
        // Sizes that are no power of two come out odd, but always the same.
        let mask = size.min(self.alignment) - 1;
        (mask + 1).wrapping_sub(at & mask) & mask
    }

    /// A letter that is no field.
    fn option(&mut self, letter: u8) {
        match letter {
            b' ' => {}
            b'<' => self.order = Order::Little,
            b'>' => self.order = Order::Big,
            b'!' => {
                let alignment = self.digits(ALIGNMENT_DEFAULT);
                if alignment.count_ones() != 1 {
                    self.frame.error(format_args!("alignment {alignment} is not a power of 2"));
                }
                self.alignment = alignment as usize;
            }
            _ => {
                self.frame.set_top(1);
                self.frame.quoting_argument_error(1, "invalid format option ", &[letter]);
            }
        }
    }
}

fn pack(frame: Frame<'_>) -> c_int {
    let mut format = Format::new(frame);
    // A missing argument counts as nil.
    frame.push_nil();
    let mut out: Buffer<'_, u8> = Buffer::open(frame, 1);
    let mut argument = 1;
    while let Some((letter, size)) = format.letter() {
        for _ in 0..format.padding(out.len(), letter, size) {
            out.push(0);
        }
        match letter {
            b'x' => out.push(0),
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' | b'f' | b'd' => {
                argument += 1;
                let value = frame.check_number(argument);
                let bits = match letter {
                    b'f' => u64::from((value as f32).to_bits()),
                    b'd' => value.to_bits(),
                    _ => to_bits(value),
                };
                put(&mut out, bits, format.order, size);
            }
            b'c' | b's' => {
                argument += 1;
                let bytes = frame.check_bytes(argument);
                let size = if size == 0 { bytes.len() } else { size };
                let Some(bytes) = bytes.get(..size) else {
                    frame.argument_error(argument + 1, format_args!("string too short"))
                };
                out.extend(bytes);
                if letter == b's' {
                    out.push(0);
                }
            }
            _ => format.option(letter),
        }
    }
    frame.push_bytes(out.as_slice());
    out.close();
    1
}

fn unpack(frame: Frame<'_>) -> c_int {
    let mut format = Format::new(frame);
    let data = frame.check_bytes(2);
    let offset = frame.optional_integer(3, 1) as usize;
    if offset == 0 {
        frame.argument_error(3, format_args!("offset must be 1 or greater"));
    }
    let mut at = offset.wrapping_sub(1);
    frame.set_top(2);
    while let Some((letter, size)) = format.letter() {
        at = at.wrapping_add(format.padding(at, letter, size));
        let field = need(frame, data, at, size);
        // One of them for the place behind the last field.
        frame.must_reserve(2, "too many results");
        let mut taken = size;
        match letter {
            b'x' => {}
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bits = take(field, format.order);
                frame.push_number(if letter.is_ascii_lowercase() {
                    signed(bits, size) as f64
                } else {
                    bits as f64
                });
            }
            b'f' => {
                let bits = take(field, format.order) as u32;
                frame.push_number(f64::from(f32::from_bits(bits)));
            }
            b'd' => frame.push_number(f64::from_bits(take(field, format.order))),
            b'c' if size > 0 => frame.push_bytes(field),
            b'c' => {
                if frame.top() == 2 || !frame.is_number(-1) {
                    frame.error(format_args!("format 'c0' needs a previous size"));
                }
                taken = to_bits(frame.number(-1)) as usize;
                frame.pop(1);
                frame.push_bytes(need(frame, data, at, taken));
            }
            b's' => {
                let rest = data.get(at..).unwrap_or_default();
                let Some(len) = memchr::memchr(0, rest) else {
                    frame.error(format_args!("unfinished string in data"))
                };
                frame.push_bytes(rest.get(..len).unwrap_or_default());
                taken = len + 1;
            }
            _ => format.option(letter),
        }
        at = at.wrapping_add(taken);
    }
    frame.push_number(at.wrapping_add(1) as i64 as f64);
    frame.top() - 2
}

fn size(frame: Frame<'_>) -> c_int {
    let mut format = Format::new(frame);
    let mut at: usize = 0;
    while let Some((letter, size)) = format.letter() {
        at = at.wrapping_add(format.padding(at, letter, size));
        match letter {
            b's' => frame.argument_error(1, format_args!("option 's' has no fixed size")),
            b'c' if size == 0 => {
                frame.argument_error(1, format_args!("option 'c0' has no fixed size"))
            }
            // Letters that mean nothing take no room; nobody asked for more.
            _ if letter.is_ascii_alphanumeric() => {}
            _ => format.option(letter),
        }
        at = at.wrapping_add(size);
    }
    frame.push_number(at as i64 as f64);
    1
}

fn need<'call>(frame: Frame<'call>, data: &'call [u8], at: usize, size: usize) -> &'call [u8] {
    match data.get(at..at.saturating_add(size)) {
        Some(field) => field,
        None => frame.argument_error(2, format_args!("data string too short")),
    }
}

/// A double as an integer of 64 bits, signed if it is negative.
fn to_bits(value: f64) -> u64 {
    if value >= TWO_TO_63 {
        to_i64(value - TWO_TO_63) as u64 ^ (1 << 63)
    } else {
        to_i64(value) as u64
    }
}

/// Writes the lowest bytes; those beyond eight are zero.
fn put(out: &mut Buffer<'_, u8>, bits: u64, order: Order, size: usize) {
    let byte = |index: usize| if index < 8 { (bits >> (8 * index)) as u8 } else { 0 };
    for index in 0..size {
        out.push(byte(if order == Order::Little { index } else { size - 1 - index }));
    }
}

/// Reads an integer; of more than eight bytes the lowest ones.
fn take(field: &[u8], order: Order) -> u64 {
    let add = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    match order {
        Order::Little => field.iter().rev().fold(0, add),
        Order::Big => field.iter().fold(0, add),
    }
}

/// Extends the sign of an integer of so many bytes; shifts count modulo 64.
fn signed(bits: u64, size: usize) -> i64 {
    let mask = u64::MAX.wrapping_shl((size as u32).wrapping_mul(8).wrapping_sub(1));
    (if bits & mask == 0 { bits } else { bits | mask }) as i64
}
