//! How often each command was called, how long it took, and what was refused.
//!
//! A call is always counted, in the stripe of its thread. Time is measured where two looks at the
//! clock do not matter; of quick commands one call in some is measured and stands for the others.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::memory::thread_number;

const STRIPES: usize = 8;
/// Stripes share none: so many counters fill one, or two that are fetched together.
const CACHE_LINE: usize = 16;
/// Of quick commands every so many-th call is measured.
const SAMPLED: u64 = 64;
/// What the histograms can tell apart: up to a second, two digits.
const LONGEST_NS: u64 = 1_000_000_000;
const DIGITS: u8 = 2;
/// More kinds of error than this are no kinds.
const KINDS_MAX: usize = 128;

/// What is known of one command beside how often it was called.
#[derive(Default)]
struct Row {
    measured: AtomicU64,
    measured_ns: AtomicU64,
    /// Calls that were measured because they had much to do; they tell nothing of others.
    large: AtomicU64,
    large_ns: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    histogram: Mutex<Option<Box<Histogram<u64>>>>,
}

/// What a measured call tells of calls that were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    ForOthers,
    /// It was measured because it had much to do.
    ForItself,
}

/// The books of one store. Commands are known by their ids.
pub struct Tally {
    /// Stripe after stripe.
    calls: Box<[AtomicU64]>,
    stripe_len: usize,
    rows: Box<[Row]>,
    errors: Mutex<BTreeMap<String, u64>>,
}

/// One command, as INFO tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub calls: u64,
    pub micros: u64,
    pub rejected: u64,
    pub failed: u64,
}

/// How often one command was called by the threads of one stripe.
pub struct Calls<'a>(&'a AtomicU64);

impl Calls<'_> {
    /// One more. Plain loads and stores: a stripe has one thread most times.
    #[inline]
    pub fn add(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }

    /// Is the next one to be measured, though it is quick?
    #[inline]
    pub fn is_sample(&self) -> bool {
        self.0.load(Relaxed).is_multiple_of(SAMPLED)
    }
}

impl Tally {
    /// The books of so many commands.
    pub fn new(commands: usize) -> Self {
        let stripe_len = commands.next_multiple_of(CACHE_LINE);
        Self {
            calls: (0..stripe_len * STRIPES).map(|_| AtomicU64::new(0)).collect(),
            stripe_len,
            rows: (0..commands).map(|_| Row::default()).collect(),
            errors: Mutex::default(),
        }
    }

    /// The calls of a command that a thread has counted.
    #[inline]
    pub fn calls(&self, id: usize, thread: usize) -> Calls<'_> {
        Calls(&self.calls[thread % STRIPES * self.stripe_len + id])
    }

    /// Counts a call.
    #[inline]
    pub fn called(&self, id: usize) {
        self.calls(id, thread_number()).add();
    }

    /// Is the next call of a quick command one to be measured?
    #[inline]
    pub fn is_sample(&self, id: usize) -> bool {
        self.calls(id, thread_number()).is_sample()
    }

    /// A call took so long.
    pub fn measured(&self, id: usize, took: Duration, stands: Stands) {
        let row = &self.rows[id];
        match stands {
            Stands::ForOthers => {
                row.measured.fetch_add(1, Relaxed);
                self.took_longer(id, took);
            }
            Stands::ForItself => {
                row.large.fetch_add(1, Relaxed);
                row.large_ns.fetch_add(took.as_nanos() as u64, Relaxed);
            }
        }
    }

    /// A call that was measured went on for so long (EXEC, with what it ran).
    pub fn took_longer(&self, id: usize, took: Duration) {
        self.rows[id].measured_ns.fetch_add(took.as_nanos() as u64, Relaxed);
    }

    /// Notes a call in the command's histogram (`latency-tracking`).
    #[cold]
    pub fn track(&self, id: usize, took: Duration) {
        let mut histogram = self.rows[id].histogram.lock();
        if histogram.is_none() {
            *histogram = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).ok().map(Box::new);
        }
        if let Some(histogram) = &mut *histogram {
            histogram.saturating_record((took.as_nanos() as u64).clamp(1, LONGEST_NS));
        }
    }

    /// A command ran and answered with an error.
    #[cold]
    pub fn failed(&self, id: usize, error: &str) {
        self.rows[id].failed.fetch_add(1, Relaxed);
        self.count_error(error);
    }

    /// A script answered with errors; those are told that nobody has counted yet.
    #[cold]
    pub fn failed_with(&self, id: usize, errors: &[String]) {
        self.rows[id].failed.fetch_add(1, Relaxed);
        for error in errors {
            self.count_error(error);
        }
    }

    /// A command was refused before it ran; `None` if there is no such command.
    #[cold]
    pub fn rejected(&self, id: Option<usize>, error: &str) {
        if let Some(id) = id {
            self.rows[id].rejected.fetch_add(1, Relaxed);
        }
        self.count_error(error);
    }

    /// Errors are told apart by their first word.
    fn count_error(&self, error: &str) {
        let kind = error.split(' ').next().unwrap_or_default();
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(kind) {
            *count += 1;
        } else if errors.len() < KINDS_MAX {
            errors.insert(kind.to_owned(), 1);
        }
    }

    pub fn of(&self, id: usize) -> Told {
        let stripes = (0..STRIPES).map(|stripe| &self.calls[stripe * self.stripe_len + id]);
        let calls: u64 = stripes.map(|count| count.load(Relaxed)).sum();
        let row = &self.rows[id];
        let (measured, ns) = (row.measured.load(Relaxed), row.measured_ns.load(Relaxed));
        let others = calls.saturating_sub(row.large.load(Relaxed));
        // What was measured stands for what was not.
        let others_ns = u128::from(ns) * u128::from(others) / u128::from(measured.max(1));
        let all_ns = others_ns + u128::from(row.large_ns.load(Relaxed));
        Told {
            calls,
            micros: (all_ns / 1000) as u64,
            rejected: row.rejected.load(Relaxed),
            failed: row.failed.load(Relaxed),
        }
    }

    /// How many calls stand for others, and how many for themselves.
    #[cfg(test)]
    pub fn measured_of(&self, id: usize) -> (u64, u64) {
        let row = &self.rows[id];
        (row.measured.load(Relaxed), row.large.load(Relaxed))
    }

    /// How many commands were called in all.
    pub fn total(&self) -> u64 {
        self.calls.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Looks at a command's histogram, if it has one. In nanoseconds.
    pub fn look<R>(&self, id: usize, look: impl FnOnce(&Histogram<u64>) -> R) -> Option<R> {
        self.rows[id].histogram.lock().as_deref().map(look)
    }

    /// Each kind of error with its number.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.calls.iter().for_each(|count| count.store(0, Relaxed));
        for row in &self.rows {
            let times = [&row.measured, &row.measured_ns, &row.large, &row.large_ns];
            for count in times.into_iter().chain([&row.rejected, &row.failed]) {
                count.store(0, Relaxed);
            }
        }
        self.reset_histograms(|_| true);
        self.errors.lock().clear();
    }

    /// Forgets the histograms of these commands.
    pub fn reset_histograms(&self, is_meant: impl Fn(usize) -> bool) {
        for (id, row) in self.rows.iter().enumerate() {
            if is_meant(id) {
                *row.histogram.lock() = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_stands_for_what_was_not() {
        let tally = Tally::new(3);
        let mut measured = 0;
        for _ in 0..640 {
            if tally.is_sample(1) {
                tally.measured(1, Duration::from_micros(5), Stands::ForOthers);
                measured += 1;
            }
            tally.called(1);
        }
        assert_eq!(measured, 10);
        assert_eq!(tally.of(1), Told { calls: 640, micros: 3200, ..Told::default() });
        tally.called(1);
        tally.measured(1, Duration::from_millis(7), Stands::ForItself);
        assert_eq!(tally.of(1), Told { calls: 641, micros: 10_200, ..Told::default() });
        assert_eq!(tally.total(), 641);
        tally.rejected(Some(1), "ERR no");
        tally.failed(1, "WRONGTYPE no");
        tally.rejected(None, "ERR no such command");
        assert_eq!((tally.of(1).rejected, tally.of(1).failed), (1, 1));
        let errors: Vec<_> = tally.errors().into_iter().collect();
        assert_eq!(errors, [("ERR".to_owned(), 2), ("WRONGTYPE".to_owned(), 1)]);
        tally.reset();
        assert_eq!(tally.of(1), Told::default());
    }
}
