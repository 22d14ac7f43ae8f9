//! CLIENT TRACKING and its kin: a client keeps copies of what it reads, and hears when they are
//! stale (`hub::tracking`).

use std::sync::atomic::Ordering::Relaxed;

use super::{Args, Context};
use crate::bytes::{is_word, lossy};
use crate::error::{Error, Result};
use crate::hub::tracking::{Mode, Tracker};

/// What stands after ON or OFF.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the command")]
struct Options<'a> {
    redirect: u64,
    broadcasts: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(cx: &Context<'_>, args: &mut Args<'a>) -> Result<Self> {
        let mut options = Self::default();
        while !args.is_done() {
            let has_more = args.left() > 1;
            if has_more && args.option("REDIRECT") {
                if options.redirect != 0 {
                    return Err(Error::Plain(
                        "ERR A client can only redirect to a single other client",
                    ));
                }
                let id = u64::try_from(args.int()?).ok().and_then(|id| cx.hub.clients.get(id));
                let missing = "ERR The client ID you want redirect to does not exist";
                options.redirect = id.ok_or(Error::Plain(missing))?.id;
            } else if args.option("BCAST") {
                options.broadcasts = true;
            } else if args.option("OPTIN") {
                options.opt_in = true;
            } else if args.option("OPTOUT") {
                options.opt_out = true;
            } else if args.option("NOLOOP") {
                options.no_loop = true;
            } else if has_more && args.option("PREFIX") {
                options.prefixes.push(args.next()?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// Refuses what does not go together, or not with how the client tracks already.
    fn mode(&self, old: Option<&Tracker>) -> Result<Mode> {
        if !self.broadcasts && !self.prefixes.is_empty() {
            return Err(Error::Plain("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if old.is_some_and(|old| (old.mode == Mode::Broadcast) != self.broadcasts) {
            return Err(Error::Plain(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this \
                 client, and then re-enabling it with a different mode.",
            ));
        }
        if self.broadcasts && (self.opt_in || self.opt_out) {
            return Err(Error::Plain("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if self.opt_in && self.opt_out {
            return Err(Error::Plain("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let is_other = |mode| old.is_some_and(|old| old.mode == mode);
        if self.opt_in && is_other(Mode::OptOut) || self.opt_out && is_other(Mode::OptIn) {
            return Err(Error::Plain(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this \
                 client, and then re-enabling it with a different mode.",
            ));
        }
        Ok(match self {
            Self { broadcasts: true, .. } => Mode::Broadcast,
            Self { opt_in: true, .. } => Mode::OptIn,
            Self { opt_out: true, .. } => Mode::OptOut,
            _ => Mode::Reads,
        })
    }

    /// The prefixes from now on, the old ones among them. None may begin with another.
    fn all_prefixes(&self, old: Option<&Tracker>) -> Result<Vec<Box<[u8]>>> {
        let mut all: Vec<Box<[u8]>> = old.map(|old| old.prefixes.clone()).unwrap_or_default();
        for (at, new) in self.prefixes.iter().enumerate() {
            if let Some(known) = all.iter().find(|known| overlap(known, new)) {
                return Err(overlaps(new, "an existing", known));
            }
            let others = &self.prefixes[at + 1..];
            if let Some(known) = others.iter().find(|known| overlap(known, new)) {
                return Err(overlaps(new, "another provided", known));
            }
        }
        all.extend(self.prefixes.iter().map(|prefix| Box::from(*prefix)));
        if all.is_empty() {
            // Everything begins with nothing.
            all.push(Box::default());
        }
        Ok(all)
    }
}

fn overlap(a: &[u8], b: &[u8]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn overlaps(new: &[u8], which: &str, known: &[u8]) -> Error {
    let (new, known) = (lossy(new), lossy(known));
    Error::text(format!(
        "ERR Prefix '{new}' overlaps with {which} prefix '{known}'. Prefixes for a single client \
         must not overlap."
    ))
}

/// `CLIENT TRACKING <ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST]
/// [OPTIN] [OPTOUT] [NOLOOP]`
pub fn tracking(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let word = args.next()?;
    let options = Options::parse(cx, args)?;
    if is_word(word, "OFF") {
        cx.hub.tracking.stop(&cx.client.handle);
    } else if is_word(word, "ON") {
        let old = cx.client.handle.tracker.lock().clone();
        let mode = options.mode(old.as_deref())?;
        let prefixes = match mode {
            Mode::Broadcast => options.all_prefixes(old.as_deref())?,
            _ => Vec::new(),
        };
        let tracker = Tracker {
            mode,
            redirect: options.redirect,
            no_loop: options.no_loop,
            prefixes,
            is_chosen: false.into(),
            is_broken: false.into(),
        };
        cx.hub.tracking.start(&cx.client.handle, tracker);
    } else {
        return Err(Error::Syntax);
    }
    cx.out.ok();
    Ok(())
}

/// `CLIENT CACHING YES | NO`: whether what the next command reads is remembered.
pub fn caching(cx: &mut Context<'_>, args: &mut Args<'_>) -> Result {
    let tracker = cx.client.handle.tracker.lock().clone();
    let tracker = tracker.ok_or(Error::Plain(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))?;
    if args.option("YES") {
        if tracker.mode != Mode::OptIn {
            return Err(Error::Plain(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
    } else if args.option("NO") {
        if tracker.mode != Mode::OptOut {
            return Err(Error::Plain(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
    } else {
        return Err(Error::Syntax);
    }
    tracker.is_chosen.store(true, Relaxed);
    cx.out.ok();
    Ok(())
}

/// `CLIENT GETREDIR`: the client that is told in this one's place, 0 for none, -1 without tracking.
pub fn getredir(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let redirect = cx.client.handle.tracker.lock().as_ref().map(|known| known.redirect as i64);
    cx.out.int(redirect.unwrap_or(-1));
    Ok(())
}

/// `CLIENT TRACKINGINFO`
pub fn trackinginfo(cx: &mut Context<'_>, _args: &mut Args<'_>) -> Result {
    let tracker = cx.client.handle.tracker.lock().clone();
    let flags: Vec<&str> = match &tracker {
        None => vec!["off"],
        Some(known) => {
            let is_chosen = known.is_chosen.load(Relaxed);
            [
                ("on", true),
                ("bcast", known.mode == Mode::Broadcast),
                ("optin", known.mode == Mode::OptIn),
                ("caching-yes", known.mode == Mode::OptIn && is_chosen),
                ("optout", known.mode == Mode::OptOut),
                ("caching-no", known.mode == Mode::OptOut && is_chosen),
                ("noloop", known.no_loop),
                ("broken_redirect", known.is_broken.load(Relaxed)),
            ]
            .into_iter()
            .filter_map(|(name, is_set)| is_set.then_some(name))
            .collect()
        }
    };
    cx.out.map(3);
    cx.out.bulk(b"flags");
    cx.out.set(flags.len());
    for flag in flags {
        cx.out.bulk(flag.as_bytes());
    }
    cx.out.bulk(b"redirect");
    cx.out.int(tracker.as_ref().map_or(-1, |known| known.redirect as i64));
    cx.out.bulk(b"prefixes");
    let prefixes = tracker.as_ref().map(|known| &*known.prefixes).unwrap_or_default();
    cx.out.array(prefixes.len());
    for prefix in prefixes {
        cx.out.bulk(prefix);
    }
    Ok(())
}
