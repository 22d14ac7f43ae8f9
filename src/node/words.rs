//! JavaScript values in: words for a command, in one buffer that is used again and again.
//!
//! Strings come as UTF-8, a lone surrogate as U+FFFD; numbers as JavaScript prints them; Buffers
//! and other views of bytes as they are; `undefined` and `null` are empty. Anything else is "odd":
//! the JavaScript layer knows how ioredis spells it and calls again.

#![expect(unsafe_code, reason = "reads JavaScript values through raw Node-API")]

use std::ffi::{c_char, c_void};

use napi::sys;
use smallvec::SmallVec;

use crate::engine::Bundle;

/// Room for a word before its length is known.
const GUESS: usize = 512;

/// Words that a call has most times, its name included.
const FEW: usize = 8;

/// UTF-16 units of a word that is read the quick way, its closing zero included.
const SHORT: usize = 256;

/// A value that is neither string, number, bytes nor nothing.
pub struct Odd;

/// The words of one call.
pub struct Words {
    /// The command's name where the table has it, else empty: then it is the first of the others.
    name: &'static [u8],
    bytes: Vec<u8>,
    ends: Vec<usize>,
    units: Box<[u16; SHORT]>,
}

impl Default for Words {
    fn default() -> Self {
        let units = Box::new([0; SHORT]);
        Self { name: b"", bytes: Vec::new(), ends: Vec::new(), units }
    }
}

impl Bundle for Words {
    fn slices(&self) -> SmallVec<[&[u8]; 12]> {
        self.slices()
    }
}

impl Words {
    /// Begins a call of a command, or of whichever the first word names. Keeps the memory, unless
    /// one huge value, or very many, made it huge.
    #[inline]
    pub fn begin(&mut self, name: Option<&'static str>) {
        if self.bytes.capacity() > 1 << 20 || self.ends.capacity() > 1 << 16 {
            *self = Self::default();
        }
        self.name = name.unwrap_or_default().as_bytes();
        self.bytes.clear();
        self.ends.clear();
    }

    /// Hands the words over as slices.
    #[inline]
    pub fn with_slices<R>(&self, use_them: impl FnOnce(&[&[u8]]) -> R) -> R {
        if self.ends.len() >= FEW {
            return use_them(&self.slices());
        }
        // In place: moving a list that was just filled stalls the processor.
        let mut few = [self.name; FEW];
        let mut from = 0;
        for (slice, &end) in few[1..].iter_mut().zip(&self.ends) {
            *slice = &self.bytes[from..end];
            from = end;
        }
        use_them(&few[usize::from(self.name.is_empty())..=self.ends.len()])
    }

    /// The words as slices, however many they are.
    pub fn slices(&self) -> SmallVec<[&[u8]; 12]> {
        let mut from = 0;
        let mut slices = SmallVec::new();
        if !self.name.is_empty() {
            slices.push(self.name);
        }
        for &end in &self.ends {
            slices.push(&self.bytes[from..end]);
            from = end;
        }
        slices
    }

    /// Copies to keep for later.
    pub fn owned(&self) -> Vec<Box<[u8]>> {
        self.slices().iter().map(|word| Box::from(*word)).collect()
    }

    /// Adds a JavaScript value.
    ///
    /// # Safety
    /// Must be called on the environment's thread, with a live value of it.
    #[inline]
    pub unsafe fn read(&mut self, env: sys::napi_env, value: sys::napi_value) -> Result<(), Odd> {
        // SAFETY: passed on from the caller.
        unsafe {
            match self.read_short(env, value) {
                Ok(true) => {}
                Ok(false) => {
                    self.read_string(env, value);
                }
                // Not a string.
                Err(Odd) => self.read_other(env, value)?,
            }
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// Reads a short string of ASCII, which most words are: copying its units and narrowing them
    /// takes half as long as having V8 write UTF-8. `false` if it is something longer or more.
    #[inline]
    unsafe fn read_short(
        &mut self,
        env: sys::napi_env,
        value: sys::napi_value,
    ) -> Result<bool, Odd> {
        let mut len = 0;
        // SAFETY: Node-API writes at most so many units, its closing zero included.
        let status = unsafe {
            let at = self.units.as_mut_ptr();
            sys::napi_get_value_string_utf16(env, value, at, SHORT, &raw mut len)
        };
        if status != sys::Status::napi_ok {
            return Err(Odd);
        }
        let units = &self.units[..len];
        if len == SHORT - 1 {
            return Ok(false);
        }
        self.bytes.reserve(SHORT);
        let mut all = 0;
        for (byte, unit) in self.bytes.spare_capacity_mut().iter_mut().zip(units) {
            all |= unit;
            byte.write(*unit as u8);
        }
        if all > 0x7F {
            return Ok(false);
        }
        // SAFETY: so many bytes were written behind the others just now.
        unsafe { self.bytes.set_len(self.bytes.len() + len) };
        Ok(true)
    }

    /// Reads any string as UTF-8.
    unsafe fn read_string(&mut self, env: sys::napi_env, value: sys::napi_value) -> i32 {
        self.bytes.reserve(GUESS);
        let start = self.bytes.len();
        let room = self.bytes.capacity() - start;
        let mut len = 0;
        // SAFETY: `room` bytes are writable behind `start`; Node-API writes at most so many,
        // its closing zero included, and says how many of them are text.
        unsafe {
            let at = self.bytes.as_mut_ptr().add(start).cast::<c_char>();
            let status = sys::napi_get_value_string_utf8(env, value, at, room, &raw mut len);
            if status != sys::Status::napi_ok {
                return status;
            }
            // The longest character takes four bytes: with less room left there may be more.
            if len + 5 > room {
                let mut whole = 0;
                sys::napi_get_value_string_utf8(
                    env,
                    value,
                    std::ptr::null_mut(),
                    0,
                    &raw mut whole,
                );
                self.bytes.reserve(whole + 1);
                let at = self.bytes.as_mut_ptr().add(start).cast::<c_char>();
                sys::napi_get_value_string_utf8(env, value, at, whole + 1, &raw mut len);
            }
            self.bytes.set_len(start + len);
        }
        sys::Status::napi_ok
    }

    unsafe fn read_other(&mut self, env: sys::napi_env, value: sys::napi_value) -> Result<(), Odd> {
        let mut number = 0f64;
        // SAFETY: out-pointers live across the calls; bytes are copied before anything else
        // could move or free them.
        unsafe {
            if sys::napi_get_value_double(env, value, &raw mut number) == sys::Status::napi_ok {
                // The cast saturates: what is no such integer does not come back the same.
                let int = number as i64;
                if int as f64 != number || int.unsigned_abs() > 9_007_199_254_740_991 {
                    return Err(Odd);
                }
                self.bytes.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
                return Ok(());
            }
            let mut is_bytes = false;
            sys::napi_is_buffer(env, value, &raw mut is_bytes);
            if !is_bytes {
                return nothing(env, value);
            }
            let (mut at, mut len) = (std::ptr::null_mut::<c_void>(), 0);
            let status = sys::napi_get_buffer_info(env, value, &raw mut at, &raw mut len);
            if status != sys::Status::napi_ok {
                return Err(Odd);
            }
            if len > 0 {
                self.bytes.extend_from_slice(std::slice::from_raw_parts(at.cast::<u8>(), len));
            }
        }
        Ok(())
    }
}

/// `undefined` and `null` are empty words: queues pass them along for what was not given.
unsafe fn nothing(env: sys::napi_env, value: sys::napi_value) -> Result<(), Odd> {
    let mut kind = 0;
    // SAFETY: the out-pointer lives across the call; the caller passes a live value.
    unsafe { sys::napi_typeof(env, value, &raw mut kind) };
    let is_nothing = matches!(kind, sys::ValueType::napi_undefined | sys::ValueType::napi_null);
    if is_nothing { Ok(()) } else { Err(Odd) }
}
