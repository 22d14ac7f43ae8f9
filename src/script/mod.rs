//! Lua scripts: so far the libraries that they find.

pub mod frame;
pub mod libs;
