//! What values look like outside this process.
//!
//! `rdb` is the form in which Redis and Valkey write a value down: DUMP and RESTORE today, files
//! later. It knows values and entries; it knows no clients, no commands and no files.

pub mod rdb;
