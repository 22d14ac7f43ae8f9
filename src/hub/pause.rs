//! CLIENT PAUSE: commands are held back until a moment, and then run in the order they came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::client::Client;
use super::listeners::{Listeners, PAUSED};

/// What is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// What changes something, or might.
    Writes,
    Everything,
}

/// A client whose command is held back.
pub struct Held {
    pub client: Box<Client>,
    pub words: Vec<Box<[u8]>>,
}

#[derive(Default)]
struct State {
    pause: Option<(Hold, u64)>,
    held: VecDeque<Held>,
}

/// The pause of a store, if there is one.
pub struct Pause {
    state: Mutex<State>,
    listeners: Arc<Listeners>,
}

impl Pause {
    pub fn new(listeners: Arc<Listeners>) -> Self {
        Self { state: Mutex::default(), listeners }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.listeners.any(PAUSED)
    }

    /// Begins a pause. One that is under way goes on for as long, and holds back as much, as it
    /// would have without.
    pub fn begin(&self, hold: Hold, until_ms: u64, now_ms: u64) {
        let mut state = self.state.lock();
        let old = state.pause.filter(|(_, end_ms)| *end_ms > now_ms);
        let (old_hold, old_ms) = old.unwrap_or((hold, until_ms));
        state.pause = Some((hold.max(old_hold), until_ms.max(old_ms)));
        self.listeners.set(PAUSED, true);
    }

    /// The pause is over as soon as the running command is.
    pub fn lift(&self) {
        if let Some((_, until_ms)) = &mut self.state.lock().pause {
            *until_ms = 0;
        }
    }

    /// What is held back at this moment.
    pub fn now(&self, now_ms: u64) -> Option<Hold> {
        let (hold, until_ms) = self.state.lock().pause?;
        (now_ms < until_ms).then_some(hold)
    }

    /// When the pause ends by itself.
    pub fn end_ms(&self) -> Option<u64> {
        self.state.lock().pause.map(|(_, until_ms)| until_ms)
    }

    /// Keeps a client with its command. Hands it back if the pause is over, or the client's face
    /// has closed it.
    pub fn keep(&self, held: Held) -> Result<(), Held> {
        let mut state = self.state.lock();
        if state.pause.is_none() || held.client.handle.closed.load(Ordering::SeqCst) {
            return Err(held);
        }
        held.client.handle.blocked.store(true, Ordering::SeqCst);
        state.held.push_back(held);
        Ok(())
    }

    /// Ends the pause. Answers whose commands were held back, in the order they came.
    pub fn end(&self) -> VecDeque<Held> {
        let mut state = self.state.lock();
        state.pause = None;
        self.listeners.set(PAUSED, false);
        let held = std::mem::take(&mut state.held);
        for each in &held {
            each.client.handle.blocked.store(false, Ordering::SeqCst);
        }
        held
    }

    /// Takes one client out: it is closed.
    pub fn take(&self, id: u64) -> Option<Box<Client>> {
        let mut state = self.state.lock();
        let at = state.held.iter().position(|held| held.client.id() == id)?;
        state.held.remove(at).map(|held| held.client)
    }

    pub fn len(&self) -> usize {
        if self.any() { self.state.lock().held.len() } else { 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
