//! RESP, the protocol of Redis: requests in, replies out, as bytes.
//!
//! Nothing here knows sockets or commands. What comes in is read where it lies; what goes out is
//! appended to a buffer that its owner uses again.

pub mod reply;
pub mod request;
