//! How long commands take, and what becomes of those that took long.

use std::time::Duration;

use super::Engine;
use crate::command::client::shown_address;
use crate::command::{BRIEF, FAST, Spec, TABLE, facts};
use crate::hub::Handle;
use crate::hub::config::{
    LATENCY_MONITOR_THRESHOLD, LATENCY_TRACKING, SLOWLOG_LOG_SLOWER_THAN, SLOWLOG_MAX_LEN,
};
use crate::hub::listeners::TIMED;
use crate::hub::slowlog::{Slow, shorten};
use crate::hub::tally::Stands;

/// Copying a word of so many bytes takes longer than looking at the clock.
const LONG: usize = 16_384;

impl Engine {
    /// Is this call measured from its beginning? Two looks at the clock would cost a quick command
    /// a third of its time, so of those only some are, unless somebody asked for all. A call that
    /// turns out to have much to do is measured from there on (`Context::cost`).
    #[inline]
    pub(super) fn is_measured(&self, id: usize, spec: &Spec, words: &[&[u8]]) -> bool {
        let is_quick =
            spec.is(FAST) || spec.is(BRIEF) && words.iter().all(|word| word.len() < LONG);
        !is_quick || self.hub.tally.is_sample(id) || self.hub.listeners.any(TIMED)
    }

    /// Keeps the books of a call that took so long.
    #[inline(never)]
    pub(super) fn note_time(
        &self,
        id: usize,
        words: &[&[u8]],
        handle: &Handle,
        took: Duration,
        stands: Stands,
    ) {
        let config = &self.hub.config;
        self.hub.tally.measured(id, took, stands);
        if config.get(LATENCY_TRACKING) != 0 {
            self.hub.tally.track(id, took);
        }
        let slower_us = config.get(SLOWLOG_LOG_SLOWER_THAN);
        if slower_us >= 0 && took.as_micros() >= slower_us as u128 {
            self.log_slow(id, words, handle, took);
        }
        let event = if TABLE[id].is(FAST) { "fast-command" } else { "command" };
        self.note_latency(event, took);
    }

    #[cold]
    fn log_slow(&self, id: usize, words: &[&[u8]], handle: &Handle, took: Duration) {
        let most = self.hub.config.get(SLOWLOG_MAX_LEN) as usize;
        let is_left_out = |flag: &String| flag == "skip_slowlog";
        let facts = facts::of(TABLE[id].name);
        if most == 0 || facts.is_some_and(|facts| facts.flags.iter().any(is_left_out)) {
            return;
        }
        let entry = Slow {
            id: 0,
            at_s: self.space.now_ms() / 1000,
            micros: took.as_micros() as u64,
            words: shorten(words),
            address: shown_address(handle),
            name: handle.labels.lock().name.clone(),
        };
        self.hub.slow_log.add(entry, most);
    }

    /// Notes that something took so long, if that is long enough (`latency-monitor-threshold`).
    #[inline]
    pub(super) fn note_latency(&self, event: &'static str, took: Duration) {
        let threshold_ms = self.hub.config.get(LATENCY_MONITOR_THRESHOLD);
        if threshold_ms > 0 && took.as_millis() >= threshold_ms as u128 {
            let at_s = self.space.now_ms() / 1000;
            self.hub.latency.add(event, at_s, took.as_millis() as u64);
        }
    }
}
