//! The short ways: what most commands take, since nothing about their client or their key asks for
//! more.
//!
//! ```text
//! nobody listens, the store is this thread's own, the value is there    the command's shortcut
//! a client with nothing open, one key                                   its handler
//! anything else                                                         `run`
//! ```

use std::sync::atomic::Ordering;

use super::Engine;
use crate::command::{DENY_OOM, PLAIN, Shortcut, TABLE, WRITE};
use crate::hub::Client;
use crate::hub::config::{MAXMEMORY, PROTO_MAX_BULK_LEN};
use crate::hub::listeners::{ANY, OF_COMMANDS};
use crate::reply::Reply;
use crate::store::Patience;

impl Engine {
    /// The short way: a client with nothing open calls a command on one key. Nothing that is
    /// looked at on the long way could stop it. `false` if it has to take that after all.
    #[inline]
    pub(super) fn run_plain(
        &self,
        client: &mut Client,
        id: usize,
        words: &[&[u8]],
        out: &mut Reply,
        patience: Patience,
    ) -> bool {
        let spec = TABLE[id];
        let config = &self.hub.config;
        let longest = config.get(PROTO_MAX_BULK_LEN) as usize;
        if !spec.is(PLAIN)
            || client.transaction.is_some()
            || client.subscriber_mode && client.handle.subscriptions() > 0
            || !client.standing.is_unrestricted()
            || !spec.takes(words.len())
            || spec.is(DENY_OOM) && config.get(MAXMEMORY) != 0
            || self.hub.listeners.any(OF_COMMANDS)
            || client.handle.closed.load(Ordering::Relaxed)
            || words.iter().any(|word| word.len() > longest)
        {
            return false;
        }
        self.note_call(client, id);
        let hash = self.space.hash(words[1]);
        let ran =
            spec.shortcut.is_some_and(|shortcut| {
                self.run_shortcut(client, id, shortcut, words, hash, out, patience).is_some()
            }) || self.run_on_one_key(client, id, words, words[1], hash, out, patience).is_ok();
        if ran && spec.is(WRITE) {
            self.after_write();
        }
        ran
    }

    /// The shortest way: for who is alone, while nobody listens. `None` if the handler has to be
    /// called after all.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the parts of one call")]
    fn run_shortcut(
        &self,
        client: &Client,
        id: usize,
        shortcut: Shortcut,
        words: &[&[u8]],
        hash: u64,
        out: &mut Reply,
        patience: Patience,
    ) -> Option<()> {
        if self.hub.listeners.any(ANY) || client.no_touch {
            return None;
        }
        let mut owned = self.space.gate().own(patience)?;
        let calls = self.hub.tally.calls(id, owned.thread());
        if calls.is_sample() {
            return None;
        }
        let mut met = self.space.meet(&mut owned, client.db, hash, words[1])?;
        shortcut(&mut met, words, out)?;
        calls.add();
        Some(())
    }
}
