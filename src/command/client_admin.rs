//! CLIENT, where it is about other clients: ending them, waking them, holding them back.

use std::sync::Arc;

use super::client::{of_type, shown_address, shown_local_address};
use super::{Args, Context, wrong_usage};
use crate::bytes::{is_word, lossy, parse_int};
use crate::error::{Error, Result};
use crate::hub::client::Replies;
use crate::hub::pause::Hold;
use crate::hub::{Delivery, Handle};
use crate::reply::Reply;

/// Whom CLIENT KILL is about: everybody of whom all of this is true.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    /// Those of the type that was asked for.
    of_type: Option<Vec<Arc<Handle>>>,
    min_age_s: Option<u64>,
    spares_me: bool,
}

impl<'a> Filter<'a> {
    fn parse(cx: &Context<'_>, args: &mut Args<'a>) -> Result<Self> {
        let mut filter = Self { spares_me: true, ..Self::default() };
        while !args.is_done() {
            // Every option has a value.
            let (option, value) = (args.next()?, args.next()?);
            match option.to_ascii_lowercase().as_slice() {
                b"id" => filter.id = Some(above_zero(value, "client-id")?),
                b"type" => filter.of_type = Some(of_type(cx, value)?),
                b"addr" => filter.address = Some(value),
                b"laddr" => filter.local_address = Some(value),
                b"user" => {
                    if cx.hub.acl.user(value).is_none() {
                        return Err(Error::text(format!("ERR No such user '{}'", lossy(value))));
                    }
                    filter.user = Some(value);
                }
                b"skipme" if is_word(value, "YES") => filter.spares_me = true,
                b"skipme" if is_word(value, "NO") => filter.spares_me = false,
                b"maxage" => filter.min_age_s = Some(above_zero(value, "maxage")?),
                _ => return Err(Error::Syntax),
            }
        }
        Ok(filter)
    }

    fn fits(&self, cx: &Context<'_>, handle: &Handle) -> bool {
        let age_s = cx.db.now_ms().saturating_sub(handle.created_ms) / 1000;
        self.id.is_none_or(|id| id == handle.id)
            && self.address.is_none_or(|asked| asked == shown_address(handle).as_bytes())
            && self
                .local_address
                .is_none_or(|asked| asked == shown_local_address(handle).as_bytes())
            && self.user.is_none_or(|user| handle.is_user(user))
            && self.of_type.as_ref().is_none_or(|all| all.iter().any(|one| one.id == handle.id))
            && self.min_age_s.is_none_or(|least| age_s >= least)
            && !(self.spares_me && handle.id == cx.client.id())
    }
}

fn above_zero(word: &[u8], what: &str) -> Result<u64> {
    let number = match parse_int(word) {
        // The two differ in what they say of words that are no numbers.
        None if what == "maxage" => {
            return Err(Error::text(format!("ERR {what} is not an integer or out of range")));
        }
        number => number.and_then(|number| u64::try_from(number).ok()),
    };
    let refused = || Error::text(format!("ERR {what} should be greater than 0"));
    number.filter(|number| *number > 0).ok_or_else(refused)
}

/// `CLIENT KILL ip:port`, or options with values: how many were ended.
pub fn kill(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    if args.left() > 1 {
        let filter = Filter::parse(cx, args)?;
        let ended = end(cx, &filter);
        cx.out.len(ended);
        return Ok(());
    }
    let address = Some(args.next()?);
    if end(cx, &Filter { address, ..Filter::default() }) == 0 {
        return Err(Error::Plain("ERR No such client"));
    }
    cx.out.ok();
    Ok(())
}

fn end(cx: &mut Context<'_>, filter: &Filter<'_>) -> usize {
    let mut chosen = cx.hub.clients.all();
    chosen.retain(|handle| filter.fits(cx, handle));
    for handle in &chosen {
        cx.hub.kill(handle);
    }
    chosen.len()
}

/// `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]`: 1 if it waited for something.
pub fn unblock(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let id = args.next()?;
    if args.left() > 1 {
        return Err(wrong_usage(args));
    }
    let mut is_error = false;
    if !args.is_done() {
        is_error = args.option("ERROR");
        if !is_error && !args.option("TIMEOUT") {
            return Err(Error::Plain("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
        }
    }
    let id = parse_int(id).ok_or(Error::NotAnInteger)?;
    let parked = u64::try_from(id).ok().and_then(|id| cx.hub.waiting.take(id));
    cx.out.yes_no(parked.is_some());
    if let Some(parked) = parked {
        let mut reply = Reply::new();
        if is_error {
            reply.error_text(b"UNBLOCKED client unblocked via CLIENT UNBLOCK");
        } else {
            reply.nil_array();
        }
        let handle = Arc::clone(&parked.client.handle);
        handle.deliver(Delivery::Answered(parked.client, reply));
    }
    Ok(())
}

/// `CLIENT PAUSE timeout [WRITE | ALL]`: commands wait for so many milliseconds.
pub fn pause(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let timeout = args.next()?;
    if args.left() > 1 {
        return Err(wrong_usage(args));
    }
    let hold = if args.is_done() || args.option("ALL") {
        Hold::Everything
    } else if args.option("WRITE") {
        Hold::Writes
    } else {
        return Err(Error::Plain("ERR CLIENT PAUSE mode must be WRITE or ALL"));
    };
    let now_ms = cx.db.now_ms();
    let until_ms = super::context::parse_timeout_ms(timeout)? + now_ms;
    cx.hub.pause.begin(hold, until_ms, now_ms);
    cx.out.ok();
    Ok(())
}

/// `CLIENT UNPAUSE`
pub fn unpause(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.hub.pause.lift();
    cx.out.ok();
    Ok(())
}

/// `CLIENT REPLY ON | OFF | SKIP`. A promise is always kept: inside the process every command is
/// answered.
pub fn reply(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let client = &mut *cx.client;
    let replies = if args.option("ON") {
        Replies::All
    } else if args.option("OFF") {
        Replies::None
    } else if args.option("SKIP") {
        if client.replies == Replies::None { Replies::None } else { Replies::SkipTwo }
    } else {
        return Err(Error::Syntax);
    };
    if client.is_inside {
        cx.out.ok();
        return Ok(());
    }
    client.replies = replies;
    if replies == Replies::All {
        cx.out.ok();
    }
    Ok(())
}

/// `CLIENT CAPA capability [capability ...]`: what the client can do. Nothing here depends on it:
/// there is no other server to send a client to.
pub fn capa(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    cx.out.ok();
    Ok(())
}
