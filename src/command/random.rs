//! The count of HRANDFIELD, SRANDMEMBER and ZRANDMEMBER.

use super::Args;
use crate::error::{Error, Result};

/// No reply has more elements: what cannot be held is refused before it is begun.
const REPLY_LEN_MAX: u64 = 1 << 27;

/// How many elements are wanted, and whether one may come again.
#[derive(Debug, Clone, Copy)]
pub struct RandomCount {
    count: u64,
    /// The count was negative.
    pub repeats: bool,
}

impl RandomCount {
    /// Reads `count [option]` and nothing more; tells whether the option is there.
    pub fn parse(args: &mut Args<'_>, option: &str) -> Result<(Self, bool)> {
        let count = args.int()?;
        if count == i64::MIN {
            return Err(Error::Plain(
                "ERR value is out of range, value must between -9223372036854775807 and \
                 9223372036854775807",
            ));
        }
        let with_option = args.option(option);
        args.finish()?;
        let count = Self { count: count.unsigned_abs(), repeats: count < 0 };
        let is_too_long = count.repeats && count.count > REPLY_LEN_MAX;
        if is_too_long || with_option && count.count > i64::MAX as u64 / 2 {
            return Err(Error::OutOfRange);
        }
        Ok((count, with_option))
    }

    /// Reads `count` and nothing more.
    pub fn parse_alone(args: &mut Args<'_>) -> Result<Self> {
        if args.left() > 1 {
            return Err(Error::Syntax);
        }
        Self::parse(args, "").map(|(count, _)| count)
    }

    /// How many elements come from a collection of `len`, which is not empty.
    pub fn of(self, len: usize) -> usize {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        if self.repeats { count } else { count.min(len) }
    }
}
