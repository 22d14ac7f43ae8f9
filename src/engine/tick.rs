//! What happens by itself: keys die, waits end.
//!
//! One task per store sleeps until the next deadline, and until it is told of an earlier one.
//! When nothing is due it sleeps for good: an idle store uses no CPU. A store whose clock stands
//! still has no such task; moving the clock does its work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Engine, runtime};
use crate::clock::Clock;
use crate::hub::Delivery;
use crate::hub::waiting::Parked;
use crate::reply::Reply;
use crate::store::NEVER;

/// Sweeps come no closer together than this; reads are exact all the same.
const BETWEEN_SWEEPS_MS: u64 = 10;

/// How soon to try again after a fault.
const AFTER_FAULT_MS: u64 = 1000;

/// A timer holds no longer.
const LONGEST_SLEEP_MS: u64 = u32::MAX as u64;

/// When the task means to wake, and how to wake it earlier.
pub struct Ticker {
    plan_ms: AtomicU64,
    last_sweep_ms: AtomicU64,
    wake: Arc<Notify>,
}

impl Default for Ticker {
    fn default() -> Self {
        Self {
            plan_ms: AtomicU64::new(NEVER),
            last_sweep_ms: AtomicU64::new(0),
            wake: Arc::default(),
        }
    }
}

impl Ticker {
    /// Something will be due at `due_ms`.
    #[inline]
    pub fn notice(&self, due_ms: u64) {
        if due_ms < self.plan_ms.load(Ordering::SeqCst) {
            self.plan_ms.store(due_ms, Ordering::SeqCst);
            self.wake.notify_one();
        }
    }

    /// Lets the task see that its store is gone.
    pub fn stop(&self) {
        self.wake.notify_one();
    }
}

/// Starts the store's task.
pub fn start(engine: &Arc<Engine>) {
    if matches!(engine.space.clock, Clock::Manual(_)) {
        return;
    }
    runtime().spawn(run(Arc::downgrade(engine), Arc::clone(&engine.ticker.wake)));
}

async fn run(engine: Weak<Engine>, wake: Arc<Notify>) {
    loop {
        let sleep_ms = {
            let Some(engine) = engine.upgrade() else { return };
            // Whoever writes while the tick runs finds no plan and wakes us again.
            engine.ticker.plan_ms.store(NEVER, Ordering::SeqCst);
            // A fault in one tick must not be the end of all.
            let tick = catch_unwind(AssertUnwindSafe(|| engine.tick()));
            let next_ms = tick.unwrap_or_else(|_| engine.space.now_ms() + AFTER_FAULT_MS);
            engine.ticker.plan_ms.fetch_min(next_ms, Ordering::SeqCst);
            (next_ms != NEVER).then(|| next_ms.saturating_sub(engine.space.now_ms()))
        };
        match sleep_ms {
            None => wake.notified().await,
            Some(sleep_ms) => {
                // A late wake-up and an early one are both fine: the tick looks at the clock.
                let sleep = Duration::from_millis(sleep_ms.clamp(1, LONGEST_SLEEP_MS));
                let _ = timeout(sleep, wake.notified()).await;
            }
        }
    }
}

impl Engine {
    /// Does everything that is due. Answers when something will be due next.
    pub fn tick(&self) -> u64 {
        let now_ms = self.space.now_ms();
        for parked in self.hub.waiting.take_late(now_ms) {
            Self::give_up(parked);
        }
        self.mind_pause();
        // Nothing changes by itself in a pause.
        let pause_end_ms = self.hub.pause.end_ms();
        let mut due_ms = self.space.due_ms();
        if let Some(end_ms) = pause_end_ms {
            due_ms = end_ms;
        } else if self.hub.debug.keeps_dead_keys.load(Ordering::Relaxed) {
            due_ms = NEVER;
        } else if due_ms <= now_ms {
            let last_ms = self.ticker.last_sweep_ms.load(Ordering::Relaxed);
            let next_sweep_ms = last_ms + BETWEEN_SWEEPS_MS;
            let manual = matches!(self.space.clock, Clock::Manual(_));
            // The machine's clock may have been set back.
            due_ms = if now_ms >= next_sweep_ms || now_ms < last_ms || manual {
                self.ticker.last_sweep_ms.store(now_ms, Ordering::Relaxed);
                let since = Instant::now();
                let next_ms = self.sweep();
                self.note_latency("expire-cycle", since.elapsed());
                next_ms
            } else {
                next_sweep_ms
            };
        }
        if self.hub.tracking.any() {
            self.hub.tracking.flush(&self.hub.clients);
        }
        due_ms.min(self.hub.waiting.next_deadline_ms().unwrap_or(NEVER))
    }

    /// Removes dead keys. Answers when the next one dies.
    fn sweep(&self) -> u64 {
        let mut gone = Vec::new();
        let due_ms = self.space.sweep(|db, key, loss| {
            self.hub.died(db, key, loss);
            self.note_gone(&mut gone, db, key);
        });
        if !gone.is_empty() {
            self.serve_bound(gone);
        }
        due_ms
    }

    /// Tells a client that its wait has ended without anything.
    fn give_up(parked: Parked) {
        let mut out = Reply::new();
        out.nil_array();
        let handle = Arc::clone(&parked.client.handle);
        handle.deliver(Delivery::Answered(parked.client, out));
    }

    /// Moves a clock that stands still, and does what has become due. `false` if the clock is
    /// the system's.
    pub fn advance(&self, by_ms: u64) -> bool {
        let moved = self.space.clock.advance(by_ms);
        self.tick();
        moved
    }

    /// Sets a clock that stands still. `false` if the clock is the system's.
    pub fn set_time(&self, at_ms: u64) -> bool {
        let moved = self.space.clock.set(at_ms);
        self.tick();
        moved
    }

    /// Something is to be done at this moment.
    pub(super) fn notice(&self, due_ms: u64) {
        self.ticker.notice(due_ms);
    }

    /// A wait was registered.
    pub(super) fn notice_wait(&self, deadline_ms: Option<u64>) {
        if let Some(deadline_ms) = deadline_ms {
            self.ticker.notice(deadline_ms);
        }
    }
}
