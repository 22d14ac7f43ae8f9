//! Data structures: what a key can hold. No keys, no clients, no clocks.

mod blob;
#[cfg(test)]
mod dice;

pub mod dict;
pub mod glob;
pub mod listpack;
pub mod random;
pub mod thin;
