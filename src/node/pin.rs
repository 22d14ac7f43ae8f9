//! Keeps the addon in memory once it was loaded.
//!
//! Node.js unloads an addon with the last worker that used it, but our threads may still run
//! its code. On linux-gnu a linker flag of napi-build prevents that; elsewhere we hold a
//! reference to ourselves.

#![expect(unsafe_code, reason = "asks the dynamic loader for a reference to this very library")]

use std::sync::Once;

/// Takes the reference, once per process.
pub fn stay_loaded() {
    static ONCE: Once = Once::new();
    ONCE.call_once(hold_library);
}

#[cfg(unix)]
fn hold_library() {
    use std::ffi::{c_char, c_int, c_void};

    #[repr(C)]
    struct DlInfo {
        file_name: *const c_char,
        base: *mut c_void,
        symbol_name: *const c_char,
        symbol: *mut c_void,
    }

    unsafe extern "C" {
        fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
        fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    }

    const RTLD_LAZY: c_int = 1;
    let mut info = DlInfo {
        file_name: std::ptr::null(),
        base: std::ptr::null_mut(),
        symbol_name: std::ptr::null(),
        symbol: std::ptr::null_mut(),
    };
    // SAFETY: `info` outlives the call, and the file name it fills in is the loader's own.
    unsafe {
        let here: fn() = stay_loaded;
        if dladdr(here as *const c_void, &raw mut info) != 0 && !info.file_name.is_null() {
            // Opening what is open adds a reference; it is never given back.
            dlopen(info.file_name, RTLD_LAZY);
        }
    }
}

#[cfg(windows)]
fn hold_library() {
    use std::ffi::c_void;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, address: *const c_void, module: *mut *mut c_void) -> i32;
    }

    const PIN: u32 = 1;
    const FROM_ADDRESS: u32 = 4;
    let mut module = std::ptr::null_mut();
    // SAFETY: the address lies in this library, and `module` outlives the call.
    unsafe {
        let here: fn() = stay_loaded;
        GetModuleHandleExW(PIN | FROM_ADDRESS, here as *const c_void, &raw mut module);
    }
}

#[cfg(not(any(unix, windows)))]
fn hold_library() {}
