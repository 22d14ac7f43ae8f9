//! Messages of errors, made where nothing may be alive that has a destructor.

use std::fmt::{self, Write};

/// Longest message that is made with `format_args!`; what is longer is cut.
const MESSAGE_MAX: usize = 256;

/// Text without a destructor, ended by a zero.
pub struct Message {
    start: [u8; MESSAGE_MAX],
    len: usize,
}

impl Message {
    pub fn new(text: fmt::Arguments<'_>) -> Self {
        let mut message = Message { start: [0; MESSAGE_MAX], len: 0 };
        // Longer text is cut: nothing of ours is so long.
        let _ = message.write_fmt(text);
        message
    }

    /// The text with the zero behind it.
    pub fn c_bytes(&self) -> &[u8] {
        &self.start
    }

    pub fn bytes(&self) -> &[u8] {
        self.start.get(..self.len).unwrap_or_default()
    }
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MESSAGE_MAX - 1 - self.len;
        let text = text.as_bytes().get(..room).unwrap_or(text.as_bytes());
        let end = self.len + text.len();
        self.start.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text);
        self.len = end;
        Ok(())
    }
}
