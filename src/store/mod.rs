//! The keyspace: numbered databases, their locks, their memory and when keys die.
//!
//! ```text
//! Keyspace ── gate ── 16 × Table ── 4 096 shards ── Entry
//!                         └ reached through `Db`, which a command gets with its locks taken
//! ```
//!
//! Not here: what a command means, who waits for a key, who watches it.

mod bias;
mod db;
mod db_keys;
pub mod db_string;
pub mod entry;
pub mod evict;
pub mod expire;
pub mod gate;
mod kinds;
mod met;
mod scan;
mod space;
mod table;

pub use bias::Inside;
pub use db::{Db, Happening, Notes, Scope};
pub use entry::{Entry, Str};
pub use expire::{Death, Loss};
pub use gate::{Entered, Gate, Patience, Worth};
pub use kinds::{BYTES_PER_ELEMENT, encoding, free_cost, is_empty, memory, work};
pub use met::Met;
pub use space::{DATABASES, Keyspace, Stats};
pub use table::{NEVER, SHARDS, Table, shard_of};
