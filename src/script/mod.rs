//! Lua scripts: what a script is, where it runs, what it can reach.
//!
//! ```text
//! cache     which texts are known, by SHA1 and by text
//! library   which functions are known, by name, and the libraries that registered them
//! loading   what a library finds while it is loaded, and how it registers functions
//! machine   a Lua state; compiles a text, runs a function of it
//! sandbox   what scripts find there: globals that nobody can change, no way out
//! api       redis.call and its kin
//! convert   replies become Lua values, Lua values become replies
//! failure   what becomes of errors, and what clients are told of them
//! figures   how much is known, and what it takes
//! watch     how long the running script has taken, and who wants it to end
//! ```
//!
//! Nothing here knows commands: whoever runs a script brings a [`Host`] that calls them. A store
//! has one Lua state for scripts, and whoever runs one holds the store's gate alone, so scripts
//! are atomic and never run side by side.

mod api;
mod cache;
mod convert;
mod failure;
mod figures;
mod frame;
mod library;
mod libs;
mod loading;
mod machine;
mod message;
mod sandbox;
#[cfg(test)]
mod tests;
mod watch;

pub use cache::{Flags, Known, Proof, Script, Scripts, Sha, Took};
pub use figures::Figures;
pub use library::{Callee, Collision, Function, Libraries, Library};
pub use machine::{Ended, Machine, Task};
pub use watch::{Kind, Stop, Watch};

use crate::reply::Reply;

/// The version of the protocol whose shapes a script asks for; it begins with the older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shapes {
    #[default]
    Resp2,
    Resp3,
}

/// What a script may ask of the store it runs in.
pub trait Host {
    /// Runs a command; `words` begin with its name. The reply is appended to `out`.
    fn call(&mut self, words: &[&[u8]], shapes: Shapes, out: &mut Reply);

    /// May the script's user call this? `None` if there is no such command.
    fn may_call(&mut self, words: &[&[u8]]) -> Option<bool>;

    /// `redis.log`: 0 is debug, 3 a warning.
    fn log(&mut self, level: u8, message: &[u8]);
}
