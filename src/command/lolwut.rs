//! LOLWUT: a picture, and which version drew it.
//!
//! The picture is a board of keys, no two cut alike, each on its hook.

use std::fmt::Write;

use super::connection::REDIS_VERSION;
use super::{Args, Context};
use crate::error::Result;
use crate::types::random::Rng;

const KEYS: usize = 6;
const CUTS: usize = 16;
const KEYS_MAX: i64 = 100;
const CUTS_MAX: i64 = 200;

/// How deep a blade may be cut, in both its rows.
const DEPTHS: [[char; 2]; 5] = [['━', ' '], ['┯', '╵'], ['┳', '╹'], ['┳', '┃'], ['┯', '│']];

/// `LOLWUT [VERSION version] [keys [cuts]]`: there is one picture, whichever version is asked for.
pub fn lolwut(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.left() > 1 && args.option("VERSION") {
        args.int()?;
    }
    let mut size = [KEYS, CUTS];
    for (size, max) in size.iter_mut().zip([KEYS_MAX, CUTS_MAX]) {
        if !args.is_done() {
            *size = args.int()?.clamp(1, max) as usize;
        }
    }
    let mut text = board(&mut cx.space.dice(), size[0], size[1]);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\nA key for every latch. Redis ver. {REDIS_VERSION}");
    cx.out.verbatim(text.as_bytes());
    Ok(())
}

fn board(rng: &mut Rng, keys: usize, cuts: usize) -> String {
    let mut text = String::new();
    for _ in 0..keys {
        let blade: Vec<_> = (0..cuts).map(|_| DEPTHS[rng.below(DEPTHS.len())]).collect();
        let row = |at: usize| blade.iter().map(|cut| cut[at]).collect::<String>();
        let lower = row(1);
        let _ = writeln!(text, " ╭─╮\n │◯┝━━{}╸\n ╰─╯  {}", row(0), lower.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_many_and_as_long_as_they_shall_be() {
        let text = board(&mut Rng::new(1), 3, 5);
        let blades: Vec<_> = text.lines().filter(|line| line.contains('◯')).collect();
        assert_eq!(blades.len(), 3);
        assert!(blades.iter().all(|line| line.chars().count() == 12), "{text}");
        assert_ne!(text, board(&mut Rng::new(2), 3, 5));
    }
}
