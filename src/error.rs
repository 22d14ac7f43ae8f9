//! What a client may be told when something is refused.
//!
//! `Display` prints the words of a real server, code first, because clients match on them.

use std::fmt;

/// Everything a command may refuse with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The key holds a value of another type.
    WrongType,
    /// The argument, or the value at the key, is not a 64-bit integer.
    NotAnInteger,
    /// The argument, or the value at the key, is not a double.
    NotAFloat,
    /// Options we do not know, or that contradict each other.
    Syntax,
    /// The command exists, but not with this many words. Holds the full name (`config|get`).
    Arity(&'static str),
    /// No such command; holds the words as shown to the user.
    UnknownCommand(Box<str>),
    /// The container command has no such subcommand: container name and what was asked.
    UnknownSubcommand(Box<str>),
    /// The key must exist for this command.
    NoSuchKey,
    /// An index lies outside the value.
    IndexOutOfRange,
    /// A count or size that must not be negative, or must be in range.
    OutOfRange,
    /// A count that must be positive.
    MustBePositive,
    /// A timeout that is no number.
    TimeoutNotAFloat,
    /// A timeout below zero.
    TimeoutNegative,
    /// An expire time that is zero, negative or too far; holds the command's name.
    InvalidExpire(&'static str),
    /// The result would not fit in 64 bits.
    Overflow,
    /// The result would be NaN or infinite.
    NanOrInfinity,
    /// A string would grow beyond `proto-max-bulk-len`.
    StringTooLong,
    /// No database of this number.
    DbIndexOutOfRange,
    /// Memory is at its limit and the command could need more.
    OutOfMemory,
    /// EXEC after an error while queueing.
    ExecAbort,
    /// The value was being changed when a fault in latchkey interrupted the change.
    Broken,
    /// A fault in latchkey itself; holds what is known of it.
    Internal(Box<str>),
    /// Not run: the command would take long, or a lock is busy. Never shown to a client: the
    /// caller hands the command to a helper thread.
    Away,
    /// Not run: it needs the gate alone. Never shown to a client: the engine starts over.
    Alone,
    /// Words peculiar to one command.
    Plain(&'static str),
    /// Words peculiar to one command, with something of the user's in them.
    Text(Box<str>),
}

impl Error {
    /// An error with words made at run time.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into().into_boxed_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NotAnInteger => "ERR value is not an integer or out of range",
            Self::NotAFloat => "ERR value is not a valid float",
            Self::Syntax => "ERR syntax error",
            Self::Arity(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Self::InvalidExpire(name) => {
                return write!(f, "ERR invalid expire time in '{name}' command");
            }
            Self::NoSuchKey => "ERR no such key",
            Self::IndexOutOfRange => "ERR index out of range",
            Self::OutOfRange => "ERR value is out of range",
            Self::MustBePositive => "ERR value is out of range, must be positive",
            Self::TimeoutNotAFloat => "ERR timeout is not a float or out of range",
            Self::TimeoutNegative => "ERR timeout is negative",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::NanOrInfinity => "ERR increment would produce NaN or Infinity",
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::DbIndexOutOfRange => "ERR DB index is out of range",
            Self::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Self::ExecAbort => "EXECABORT Transaction discarded because of previous errors.",
            Self::Broken => {
                "ERR this value was damaged by a fault inside latchkey; delete the key to go on"
            }
            Self::Internal(what) => {
                return write!(
                    f,
                    "ERR a fault inside latchkey stopped this command, please report it: {what}"
                );
            }
            Self::Away | Self::Alone => "ERR the command was not run where it was asked",
            Self::UnknownCommand(words) | Self::UnknownSubcommand(words) | Self::Text(words) => {
                words
            }
            Self::Plain(words) => words,
        })
    }
}

impl std::error::Error for Error {}

/// What handlers return: the reply itself is written to the context.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;
