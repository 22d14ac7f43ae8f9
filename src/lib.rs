//! latchkey: Redis inside a Node.js process.
//!
//! The modules are floors of a house, lowest first; a module uses only floors below its own
//! (`tidy` holds that), and only `node` knows JavaScript.

pub mod bytes;
pub mod clock;
pub mod error;
pub mod long_double;
pub mod memory;
pub mod quoting;
pub mod reply;
pub mod shortest;

pub mod resp;
pub mod types;

pub mod store;

pub mod hub;
pub mod persist;
pub mod script;

pub mod command;

pub mod engine;

// What it reads, `resp` reads; TLS would take as long to build for fuzzing as all the rest.
#[cfg(not(fuzzing))]
pub mod server;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tidy;

#[cfg(all(feature = "node", not(test)))]
mod node;
