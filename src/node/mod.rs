//! The wall to JavaScript: the only Rust that knows it.
//!
//! ```text
//! JS thread ── Wall (one per load of the addon in a thread)
//!                ├ slots: the clients opened here, with the store each talks to
//!                ├ reply: the buffer that every answer passes through
//!                └ inbox: what arrives from elsewhere, in order
//! ```
//!
//! Commands come in through raw Node-API functions (`entry`): a `#[napi]` function costs as much
//! as the whole command. Whatever is not called millions of times is a `#[napi]` item (`store`).
//! No panic leaves an entry, no Node-API call is made while a lock of a store is held, and
//! errors, arrays and objects are born in JavaScript: native code only fills them.

mod answer;
mod bell;
mod call;
mod entry;
mod inbox;
mod pin;
mod server;
mod store;
mod wall;
mod words;

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

#[napi(module_exports)]
fn exports(exports: Object<'_>, env: Env) -> napi::Result<()> {
    pin::stay_loaded();
    entry::register(env, &exports)
}
