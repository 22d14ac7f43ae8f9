//! What scripts have to say to whoever runs the process (`redis.log`).
//!
//! A server has its log; a library has the standard error of its process. `loglevel` decides what
//! is worth it.

use std::io::Write;

use super::Hub;
use super::config::LOGLEVEL;

impl Hub {
    /// Says something. Levels are Redis's: 0 is debug, 3 a warning.
    pub fn log(&self, level: u8, message: &[u8]) {
        if i64::from(level) < self.config.get(LOGLEVEL) {
            return;
        }
        let line = [b"latchkey: ", message, b"\n"].concat();
        // There is nobody to tell that there is nobody to tell.
        let _ = std::io::stderr().write_all(&line);
    }
}
