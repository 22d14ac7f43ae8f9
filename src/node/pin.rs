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
    let here: fn() = stay_loaded;
    // SAFETY: `info` is plain data that outlives the call, and the file name that is filled in
    // is the loader's own.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        let found = libc::dladdr(here as *const libc::c_void, &raw mut info);
        if found != 0 && !info.dli_fname.is_null() {
            // Opening what is open adds a reference; it is never given back.
            libc::dlopen(info.dli_fname, libc::RTLD_LAZY);
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
