//! The raw functions JavaScript calls, and their registration.
//!
//! Each has the wall as its data pointer, so nothing is looked up. Each catches panics: a fault
//! becomes an error that JavaScript throws or rejects with.

#![expect(unsafe_code, reason = "Node-API callbacks are C functions")]

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use napi::bindgen_prelude::{Env, JsObjectValue, Object};
use napi::sys;

use super::answer::Shape;
use super::bell::Bell;
use super::store;
use super::wall::{Kind, Wall, clean_up, state};
use crate::command::TABLE;
use crate::hub::client::Protocol;
use crate::store::DATABASES;

/// Values a positional call may have: where it goes, and eight words.
const ARGS_MAX: usize = 9;
/// The same of `callMany`, for which clearing the places costs more.
const MANY_MAX: usize = 129;
/// Flags that JavaScript ors to a command's id.
const BUFFERS: u32 = 0x1_0000;
const STRING_NUMBERS: u32 = 0x2_0000;
/// Bits of the first number that are the id with its flags; the client's handle is above them. Each
/// argument that is read costs some 3 ns.
const ID_BITS: u32 = 18;
/// The id of a command whose name comes with the words.
const BY_NAME: u32 = 0xFFFF;

/// The most doubles that `memory` gives in one go.
const MEMORY_MAX: usize = 1 << 16;

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Adds the raw functions to the module's exports.
pub fn register(env: Env, exports: &Object<'_>) -> napi::Result<()> {
    let functions: [(&str, Callback); 15] = [
        ("wall", another),
        ("memory", memory),
        ("attach", attach),
        ("connect", connect),
        ("logIn", log_in),
        ("disconnect", disconnect),
        ("call", call),
        ("callMany", call_many),
        ("callArray", call_array),
        ("take", take),
        ("next", next),
        ("hold", hold),
        ("release", release),
        ("pushBuffers", push_buffers),
        ("keyPositions", key_positions),
    ];
    let wall = Box::into_raw(Wall::new(env.raw()));
    for (name, callback) in functions {
        let mut made = null_mut();
        // SAFETY: the name lives for ever, and the wall is never freed: the functions outlive
        // whatever else points to it.
        let status = unsafe {
            let at = name.as_ptr().cast::<c_char>();
            let len = name.len() as isize;
            sys::napi_create_function(
                env.raw(),
                at,
                len,
                Some(callback),
                wall.cast(),
                &raw mut made,
            )
        };
        napi::check_status!(status)?;
        // SAFETY: the function was made just now in this environment.
        let function = unsafe { napi::Unknown::from_raw_unchecked(env.raw(), made) };
        let mut exports = *exports;
        exports.set_named_property(name, function)?;
    }
    // SAFETY: the hook gets the wall back once, when the environment ends.
    napi::check_status!(unsafe {
        sys::napi_add_env_cleanup_hook(env.raw(), Some(clean_up), wall.cast())
    })
}

/// `wall(into)`: the same functions once more, on a wall of their own. Test runners load the
/// JavaScript around this module for every file, and the module itself only once.
unsafe extern "C" fn another(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; the value is an argument of it.
    unsafe {
        enter(env, info, |call| {
            let into = Object::from_raw(env, call.args[0]);
            match register(Env::from_raw(env), &into) {
                Ok(()) => call.args[0],
                Err(_) => call.wall.fail(b"ERR wall() takes an object"),
            }
        })
    }
}

/// The arguments of one callback.
struct Call<'a> {
    wall: &'a mut Wall,
    args: &'a [sys::napi_value],
    count: usize,
}

/// Reads the arguments, runs the body, and turns a panic into an error.
#[inline]
unsafe fn enter(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(Call<'_>) -> sys::napi_value,
) -> sys::napi_value {
    // SAFETY: passed on from the caller.
    unsafe { enter_with::<ARGS_MAX>(env, info, body) }
}

/// As `enter`, with room for so many arguments.
#[inline]
unsafe fn enter_with<const ROOM: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(Call<'_>) -> sys::napi_value,
) -> sys::napi_value {
    let mut args = [null_mut(); ROOM];
    let mut count = ROOM;
    let mut data: *mut c_void = null_mut();
    // SAFETY: the out-pointers live across the call; the data pointer is the wall that
    // `register` leaked, used by one thread only.
    let wall = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            args.as_mut_ptr(),
            null_mut(),
            &raw mut data,
        );
        &mut *data.cast::<Wall>()
    };
    wall.env = env;
    let again = std::ptr::from_mut(wall);
    match catch_unwind(AssertUnwindSafe(|| body(Call { wall, args: &args, count }))) {
        Ok(value) => value,
        // SAFETY: the body, which had borrowed the wall, has unwound.
        Err(_) => unsafe {
            (*again).fail(b"ERR a fault inside latchkey stopped this call, please report it")
        },
    }
}

impl Call<'_> {
    /// The command whose words are the arguments.
    #[inline]
    unsafe fn run(self) -> sys::napi_value {
        // SAFETY: inside a callback; every value read is an argument of it.
        unsafe {
            let (handle, id) = self.place();
            let Some(spec) = TABLE.get((id & 0xFFFF) as usize) else {
                return self.wall.fail(b"ERR there is no command with this id");
            };
            self.wall.words.begin(Some(spec.name));
            if self.count > self.args.len() {
                return self.wall.signal(Kind::Odd);
            }
            for at in 1..self.count {
                if self.wall.words.read(self.wall.env, self.args[at]).is_err() {
                    return self.wall.signal(Kind::Odd);
                }
            }
            self.wall.run(handle, Some((id & 0xFFFF) as usize), Call::shape(id))
        }
    }

    #[inline]
    unsafe fn number(&self, at: usize) -> u32 {
        let mut value = 0;
        // SAFETY: the out-pointer lives across the call; a wrong type leaves 0.
        unsafe { sys::napi_get_value_uint32(self.wall.env, self.args[at], &raw mut value) };
        value
    }

    /// The client's handle and the command's id with its flags, as the first argument has both.
    #[inline]
    unsafe fn place(&self) -> (usize, u32) {
        let mut place = 0i64;
        // SAFETY: the out-pointer lives across the call; a wrong type leaves 0.
        unsafe { sys::napi_get_value_int64(self.wall.env, self.args[0], &raw mut place) };
        ((place >> ID_BITS) as usize, place as u32 & ((1 << ID_BITS) - 1))
    }

    fn shape(id: u32) -> Shape {
        Shape { buffers: id & BUFFERS != 0, string_numbers: id & STRING_NUMBERS != 0, resp2: false }
    }
}

/// `call(place, ...words)`
unsafe extern "C" fn call(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; every value read is an argument of it.
    unsafe { enter(env, info, |call| call.run()) }
}

/// `callMany(place, ...words)`: more words, in places of their own too. Taking them out of
/// an array costs several times as much.
unsafe extern "C" fn call_many(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: inside a callback; every value read is an argument of it.
    unsafe { enter_with::<MANY_MAX>(env, info, |call| call.run()) }
}

/// `callArray(place, words)`; with id 0xFFFF the first word is the command's name.
unsafe extern "C" fn call_array(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: inside a callback; every value read is an argument of it.
    unsafe {
        enter(env, info, |call| {
            let (handle, id) = call.place();
            let known = (id & 0xFFFF != BY_NAME).then_some((id & 0xFFFF) as usize);
            let spec = known.and_then(|id| TABLE.get(id));
            if known.is_some() && spec.is_none() {
                return call.wall.fail(b"ERR there is no command with this id");
            }
            call.wall.words.begin(spec.map(|spec| spec.name));
            if read_array(call.wall, call.args[1]).is_err() {
                return call.wall.signal(Kind::Odd);
            }
            call.wall.run(handle, known, Call::shape(id))
        })
    }
}

/// Adds every element of a JavaScript array to the words.
unsafe fn read_array(wall: &mut Wall, array: sys::napi_value) -> Result<(), super::words::Odd> {
    let env = wall.env;
    let mut len = 0;
    let mut scope = null_mut();
    // SAFETY: scopes are opened and closed in pairs; elements are read inside them.
    unsafe {
        if sys::napi_get_array_length(env, array, &raw mut len) != sys::Status::napi_ok {
            return Err(super::words::Odd);
        }
        sys::napi_open_handle_scope(env, &raw mut scope);
        let mut result = Ok(());
        for index in 0..len {
            let mut element = null_mut();
            sys::napi_get_element(env, array, index, &raw mut element);
            result = wall.words.read(env, element);
            if result.is_err() {
                break;
            }
            if index % 1024 == 1023 {
                sys::napi_close_handle_scope(env, scope);
                sys::napi_open_handle_scope(env, &raw mut scope);
            }
        }
        sys::napi_close_handle_scope(env, scope);
        result
    }
}

/// `take(list?, tokens?)`: what the last answer left behind.
unsafe extern "C" fn take(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; the token array's own length bounds what is written.
    unsafe {
        enter(env, info, |call| match call.count {
            0 => call.wall.take_text(),
            1 => call.wall.take_list(call.args[0], None),
            _ => match typed_array::<f64>(env, call.args[1]) {
                Some(tokens) => call.wall.take_list(call.args[0], Some(tokens)),
                None => call.wall.take_list(call.args[0], None),
            },
        })
    }
}

/// `next()`: one event; state[EVENT] tells which.
unsafe extern "C" fn next(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback.
    unsafe { enter(env, info, |call| call.wall.next()) }
}

/// `connect(storeId, db, protocol)`: a client's handle.
unsafe extern "C" fn connect(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback.
    unsafe {
        enter(env, info, |call| {
            let (store, db, protocol) = (call.number(0), call.number(1), call.number(2));
            if !call.wall.is_attached() {
                return call.wall.fail(b"ERR attach() must be called first");
            }
            let Some(engine) = store::by_id(store) else {
                return call.wall.fail(b"ERR the store is closed");
            };
            let protocol = if protocol == 3 { Protocol::Resp3 } else { Protocol::Resp2 };
            let db = db as usize;
            if db >= DATABASES {
                return call.wall.fail(b"ERR DB index is out of range");
            }
            // The database itself is made by the first command that needs it: here somebody might
            // be in the way, and nobody may wait.
            let handle = call.wall.connect(engine, db, protocol);
            let mut made = null_mut();
            sys::napi_create_uint32(env, handle as u32, &raw mut made);
            made
        })
    }
}

/// `logIn(handle, username, password)`: makes a client that has just come a user, at once.
unsafe extern "C" fn log_in(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; what is read are arguments of it.
    unsafe {
        enter(env, info, |call| {
            let mut words = std::mem::take(&mut call.wall.words);
            words.begin(Some("auth"));
            let is_read = call.args[1..3].iter().all(|word| words.read(env, *word).is_ok());
            let slot = call.wall.slot(call.number(0) as usize);
            let told = match slot.and_then(|slot| Some((&slot.engine, slot.home.as_mut()?))) {
                Some((engine, client)) if is_read => {
                    let given = words.slices();
                    engine.log_in(client, given[1], given[2]).map_err(|why| why.to_string())
                }
                _ => Err("ERR username and password are texts".to_owned()),
            };
            call.wall.words = words;
            match told {
                Ok(()) => null_mut(),
                Err(why) => call.wall.fail(why.as_bytes()),
            }
        })
    }
}

/// `disconnect(handle)`; a handle that is closed already is ignored.
unsafe extern "C" fn disconnect(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: inside a callback.
    unsafe {
        enter(env, info, |call| {
            let handle = call.number(0) as usize;
            call.wall.disconnect(handle);
            null_mut()
        })
    }
}

/// `hold()`: the process stays alive.
unsafe extern "C" fn hold(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback, on the thread that made the handle.
    unsafe {
        enter(env, info, |call| {
            if let Some(bell) = call.wall.bell {
                bell.hold(env);
            }
            null_mut()
        })
    }
}

/// `release()`: the process may end.
unsafe extern "C" fn release(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback, on the thread that made the handle.
    unsafe {
        enter(env, info, |call| {
            if let Some(bell) = call.wall.bell {
                bell.release(env);
            }
            null_mut()
        })
    }
}

/// `pushBuffers(handle, 0 | 1)`: shall pushes carry Buffers?
unsafe extern "C" fn push_buffers(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: inside a callback.
    unsafe {
        enter(env, info, |call| {
            let (handle, buffers) = (call.number(0) as usize, call.number(1) != 0);
            if let Some(slot) = call.wall.slot(handle) {
                slot.push_buffers = buffers;
            }
            null_mut()
        })
    }
}

/// `keyPositions(id, words)`: which of the words after the command's name are keys.
unsafe extern "C" fn key_positions(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: inside a callback; values are made in its environment.
    unsafe {
        enter(env, info, |call| {
            let id = (call.number(0) & 0xFFFF) as usize;
            let mut made = null_mut();
            sys::napi_create_array(env, &raw mut made);
            let Some(spec) = TABLE.get(id) else { return made };
            call.wall.words.begin(Some(spec.name));
            if read_array(call.wall, call.args[1]).is_err() {
                return call.wall.signal(Kind::Odd);
            }
            let words = call.wall.words.slices();
            let id = crate::command::resolve(id, &words).unwrap_or(id);
            let positions = TABLE[id].keys.positions(&words).unwrap_or_default();
            for (index, position) in positions.into_iter().enumerate() {
                let mut number = null_mut();
                sys::napi_create_uint32(env, position as u32 - 1, &raw mut number);
                sys::napi_set_element(env, made, index as u32, number);
            }
            made
        })
    }
}

/// `memory(bytes)`: memory for the arrays of `attach`, which is never given back. An array over
/// memory of its own would have to be kept, and with it the context it was made in.
unsafe extern "C" fn memory(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; the memory is leaked.
    unsafe {
        enter(env, info, |call| {
            let doubles = (call.number(0) as usize).div_ceil(8).min(MEMORY_MAX);
            let place = Box::leak(vec![0.0f64; doubles].into_boxed_slice()).as_mut_ptr().cast();
            let (len, mut made) = (doubles * 8, null_mut());
            let none = null_mut();
            sys::napi_create_external_arraybuffer(env, place, len, None, none, &raw mut made);
            call.wall.given.push(place);
            made
        })
    }
}

/// `attach(state: Int32Array, tokens: Float64Array, onWake)`: once, before anything else.
unsafe extern "C" fn attach(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: inside a callback; the arrays show memory that is never given back, or are
    // referenced for ever; the wake-up handle is made on this thread.
    unsafe {
        enter(env, info, |call| {
            let (Some(state), Some(tokens)) =
                (typed_array::<i32>(env, call.args[0]), typed_array::<f64>(env, call.args[1]))
            else {
                return call.wall.fail(b"ERR attach() takes an Int32Array and a Float64Array");
            };
            if state.len() < state::LEN || call.wall.is_attached() {
                return call.wall.fail(b"ERR attach() is called once, with 16 places of state");
            }
            let places = [state.as_mut_ptr().cast::<c_void>(), tokens.as_mut_ptr().cast()];
            for (place, array) in places.iter().zip(call.args.iter().copied()) {
                if !call.wall.given.contains(place) {
                    let mut reference = null_mut();
                    sys::napi_create_reference(env, array, 1, &raw mut reference);
                }
            }
            let wall = std::ptr::from_mut(call.wall);
            let Some(bell) = Bell::new(env, wall, call.args[2]) else {
                return call.wall.fail(b"ERR attach() could not make its wake-up handle");
            };
            call.wall.attach(state.as_mut_ptr(), tokens, bell);
            null_mut()
        })
    }
}

/// The memory of a typed array of `T`s.
unsafe fn typed_array<'a, T: Element>(
    env: sys::napi_env,
    value: sys::napi_value,
) -> Option<&'a mut [T]> {
    let (mut kind, mut len, mut at) = (0, 0, null_mut());
    // SAFETY: out-pointers live across the call; the memory belongs to the array, whose element
    // type and length are checked.
    unsafe {
        let status = sys::napi_get_typedarray_info(
            env,
            value,
            &raw mut kind,
            &raw mut len,
            &raw mut at,
            null_mut(),
            null_mut(),
        );
        (status == sys::Status::napi_ok && kind == T::KIND)
            .then(|| std::slice::from_raw_parts_mut(at.cast::<T>(), len))
    }
}

/// An element type of a typed array.
trait Element {
    const KIND: sys::napi_typedarray_type;
}

impl Element for i32 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::int32_array;
}

impl Element for f64 {
    const KIND: sys::napi_typedarray_type = sys::TypedarrayType::float64_array;
}
