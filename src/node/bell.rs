//! The handle by which other threads wake the event loop of a copy of `lib/`.
//!
//! It knows JavaScript's function weakly, and strongly only while the copy waits for something: a
//! test runner loads a copy for every file, and each would keep its whole context in memory.

#![expect(unsafe_code, reason = "makes and answers a thread-safe function of Node-API")]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use napi::sys;

use super::wall::Wall;

/// See the module's header.
#[derive(Clone, Copy)]
pub struct Bell {
    pub handle: sys::napi_threadsafe_function,
    on_wake: sys::napi_ref,
}

impl Bell {
    /// A bell of this wall that does not keep the process alive.
    ///
    /// # Safety
    /// On the environment's thread; the wall is never freed, `on_wake` is a function.
    pub unsafe fn new(
        env: sys::napi_env,
        wall: *mut Wall,
        on_wake: sys::napi_value,
    ) -> Option<Self> {
        let (mut name, mut handle, mut reference) = (null_mut(), null_mut(), null_mut());
        // SAFETY: out-pointers live across the calls.
        unsafe {
            if sys::napi_create_reference(env, on_wake, 0, &raw mut reference)
                != sys::Status::napi_ok
            {
                return None;
            }
            sys::napi_create_string_latin1(env, c"latchkey".as_ptr(), 8, &raw mut name);
            let status = sys::napi_create_threadsafe_function(
                env,
                null_mut(),
                null_mut(),
                name,
                0,
                1,
                null_mut(),
                None,
                wall.cast(),
                Some(ring),
                &raw mut handle,
            );
            if status != sys::Status::napi_ok {
                return None;
            }
            sys::napi_unref_threadsafe_function(env, handle);
        }
        Some(Self { handle, on_wake: reference })
    }

    /// Keeps the process alive, and JavaScript's function.
    ///
    /// # Safety
    /// On the environment's thread.
    pub unsafe fn hold(self, env: sys::napi_env) {
        // SAFETY: both handles are the environment's.
        unsafe {
            sys::napi_reference_ref(env, self.on_wake, null_mut());
            sys::napi_ref_threadsafe_function(env, self.handle);
        }
    }

    /// Ends what `hold` began.
    ///
    /// # Safety
    /// On the environment's thread, once for each `hold`.
    pub unsafe fn release(self, env: sys::napi_env) {
        // SAFETY: both handles are the environment's.
        unsafe {
            sys::napi_reference_unref(env, self.on_wake, null_mut());
            sys::napi_unref_threadsafe_function(env, self.handle);
        }
    }
}

/// The event loop calls: events wait. If nobody is left to hear of them, the wall is closed.
unsafe extern "C" fn ring(
    env: sys::napi_env,
    _function: sys::napi_value,
    wall: *mut c_void,
    _data: *mut c_void,
) {
    if env.is_null() {
        return;
    }
    let wall = wall.cast::<Wall>();
    let (mut function, mut this) = (null_mut(), null_mut());
    // SAFETY: the wall is never freed, and this is its thread, outside of all its functions; it
    // is not borrowed while JavaScript runs.
    unsafe {
        let Some(bell) = (*wall).bell else { return };
        sys::napi_get_reference_value(env, bell.on_wake, &raw mut function);
        if function.is_null() {
            let _ = catch_unwind(AssertUnwindSafe(|| (*wall).close()));
            return;
        }
        sys::napi_get_undefined(env, &raw mut this);
        sys::napi_call_function(env, this, function, 0, null(), null_mut());
    }
}
