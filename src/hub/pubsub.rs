//! Channels, patterns and shard channels: who hears what.
//!
//! A message is written once and shared by all who hear it. It goes into mailboxes; nobody's
//! code runs here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::client::{Delivery, Handle};
use crate::reply::Reply;
use crate::types::glob::{self, Case};

/// The three sorts of subscription, in the order of `Handle::subscribed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Channel = 0,
    Pattern = 1,
    Shard = 2,
}

type Listeners = HashMap<Box<[u8]>, Vec<Arc<Handle>>>;

#[derive(Default)]
struct Lists {
    by_sort: [Listeners; 3],
    /// What each client listens to, in the order in which it subscribed.
    by_client: HashMap<u64, [Vec<Box<[u8]>>; 3]>,
}

/// The registry of subscriptions.
#[derive(Default)]
pub struct PubSub {
    lists: Mutex<Lists>,
    count: AtomicUsize,
}

impl PubSub {
    #[inline]
    pub fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Subscribes; `false` if the client listens already.
    pub fn subscribe(&self, handle: &Arc<Handle>, sort: Sort, name: &[u8]) -> bool {
        let mut lists = self.lists.lock();
        let listeners = lists.by_sort[sort as usize].entry(name.into()).or_default();
        if listeners.iter().any(|known| known.id == handle.id) {
            return false;
        }
        listeners.push(Arc::clone(handle));
        lists.by_client.entry(handle.id).or_default()[sort as usize].push(name.into());
        handle.subscribed[sort as usize].fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Unsubscribes; `false` if the client did not listen.
    pub fn unsubscribe(&self, handle: &Handle, sort: Sort, name: &[u8]) -> bool {
        let mut lists = self.lists.lock();
        let Some(own) = lists.by_client.get_mut(&handle.id) else { return false };
        let own = &mut own[sort as usize];
        let Some(at) = own.iter().position(|known| **known == *name) else { return false };
        own.remove(at);
        lists.leave(handle, sort, name);
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Unsubscribes from everything of a sort. Answers what that was, in the order in which the
    /// client had subscribed.
    pub fn unsubscribe_all(&self, handle: &Handle, sort: Sort) -> Vec<Box<[u8]>> {
        let mut lists = self.lists.lock();
        let Some(own) = lists.by_client.get_mut(&handle.id) else { return Vec::new() };
        let names = std::mem::take(&mut own[sort as usize]);
        for name in &names {
            lists.leave(handle, sort, name);
        }
        self.count.fetch_sub(names.len(), Ordering::Relaxed);
        names
    }

    /// Forgets a client.
    pub fn drop_all(&self, handle: &Handle) {
        let id = handle.id;
        for count in &handle.subscribed {
            count.store(0, Ordering::Relaxed);
        }
        let mut lists = self.lists.lock();
        let Some(own) = lists.by_client.remove(&id) else { return };
        for (sort, names) in [Sort::Channel, Sort::Pattern, Sort::Shard].into_iter().zip(own) {
            for name in names {
                if let Some(listeners) = lists.by_sort[sort as usize].get_mut(&name) {
                    listeners.retain(|handle| handle.id != id);
                    if listeners.is_empty() {
                        lists.by_sort[sort as usize].remove(&name);
                    }
                }
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// What a client listens to, by sort.
    pub fn heard_by(&self, id: u64) -> [Vec<Box<[u8]>>; 3] {
        self.lists.lock().by_client.get(&id).cloned().unwrap_or_default()
    }

    /// Sends a message to a channel and to the patterns that match it, or to a shard channel.
    /// Answers how many clients heard it.
    pub fn publish(&self, sort: Sort, channel: &[u8], message: &[u8]) -> usize {
        if !self.any() {
            return 0;
        }
        let mut heard = 0;
        let lists = self.lists.lock();
        if let Some(listeners) = lists.by_sort[sort as usize].get(channel) {
            let word = if sort == Sort::Shard { "smessage" } else { "message" };
            let push = Arc::new(message_push(&[word.as_bytes(), channel, message]));
            for handle in listeners {
                handle.deliver(Delivery::Push(Arc::clone(&push)));
            }
            heard += listeners.len();
        }
        if sort == Sort::Channel {
            for (pattern, listeners) in &lists.by_sort[Sort::Pattern as usize] {
                if glob::matches(pattern, channel, Case::Sensitive) {
                    let push = Arc::new(message_push(&[b"pmessage", pattern, channel, message]));
                    for handle in listeners {
                        handle.deliver(Delivery::Push(Arc::clone(&push)));
                    }
                    heard += listeners.len();
                }
            }
        }
        heard
    }

    /// PUBSUB CHANNELS and SHARDCHANNELS: the active ones that match.
    pub fn channels(&self, sort: Sort, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let lists = self.lists.lock();
        let all = lists.by_sort[sort as usize].keys();
        all.filter(|name| {
            pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive))
        })
        .cloned()
        .collect()
    }

    /// How many clients listen to a channel.
    pub fn listeners(&self, sort: Sort, name: &[u8]) -> usize {
        self.lists.lock().by_sort[sort as usize].get(name).map_or(0, Vec::len)
    }

    /// PUBSUB NUMPAT: how many different patterns are listened to.
    pub fn patterns(&self) -> usize {
        self.lists.lock().by_sort[Sort::Pattern as usize].len()
    }

    pub fn channel_count(&self, sort: Sort) -> usize {
        self.lists.lock().by_sort[sort as usize].len()
    }
}

impl Lists {
    fn leave(&mut self, handle: &Handle, sort: Sort, name: &[u8]) {
        let listeners = &mut self.by_sort[sort as usize];
        if let Some(list) = listeners.get_mut(name) {
            list.retain(|known| known.id != handle.id);
            if list.is_empty() {
                listeners.remove(name);
            }
        }
        handle.subscribed[sort as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

fn message_push(parts: &[&[u8]]) -> Reply {
    let mut push = Reply::new();
    push.push(parts.len());
    for part in parts {
        push.bulk(part);
    }
    push
}
