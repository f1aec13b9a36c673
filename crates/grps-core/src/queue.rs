//! The queue of one model: connections push entries, instances pull them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::content::Content;
use crate::reply::ReplySender;
use crate::request::{Attachment, Session};
use crate::stream::ChunkSender;

/// One request in the queue of one model.
#[derive(Debug)]
pub struct Entry {
    /// Identifier of the request, for logs.
    pub id: Arc<str>,
    /// Input in the form the model wants.
    pub content: Content,
    /// Where the outcome goes.
    pub reply: ReplySender,
    /// Where chunks go; `None` when the client wants one whole answer.
    pub stream: Option<ChunkSender>,
    /// What the protocol hands to the instances.
    pub attachment: Option<Attachment>,
    /// What goes on to the next model of a graph; `None` when there is only one.
    pub session: Option<Session>,
}

/// A first-in-first-out queue with blocking pullers.
#[derive(Debug, Default)]
pub struct Queue {
    /// Everything that changes, under one lock so that a wake-up is never missed.
    state: Mutex<State>,
    /// Wakes pullers.
    pushed: Condvar,
    /// Wakes whoever watches for pressure.
    watched: Condvar,
    /// How many pullers are attached: the instances that are alive.
    pullers: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    /// Waiting entries, oldest first, with the time they came.
    entries: VecDeque<(Instant, Entry)>,
    /// Pullers that wait for an entry, so that a push wakes somebody only when it must.
    idle: usize,
    /// Pullers that work on entries.
    busy: usize,
    /// How many pullers may work at once; the rest are held in reserve.
    level: usize,
    /// Whether somebody watches for pressure and sleeps.
    watcher_sleeps: bool,
    /// Set once; pullers then drain the rest and stop.
    closed: bool,
}

impl State {
    /// Whether a puller may take work now.
    fn has_room(&self) -> bool {
        self.busy < self.level
    }
}

/// What a watch of the queue has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// An entry has waited for the whole patience while all allowed pullers were busy.
    High,
    /// Nothing of the kind for a while.
    Low,
    /// The queue is closed.
    Closed,
}

impl Queue {
    /// Appends an entry and wakes one idle puller.
    ///
    /// # Errors
    /// Gives the entry back when the queue is closed.
    pub fn push(&self, entry: Entry) -> Result<(), Box<Entry>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Box::new(entry));
        }
        state.entries.push_back((Instant::now(), entry));
        let room = state.has_room();
        let wake = room && state.idle > 0;
        let warn = !room && state.watcher_sleeps;
        drop(state);
        if wake {
            self.pushed.notify_one();
        }
        if warn {
            self.watched.notify_one();
        }
        Ok(())
    }

    /// The number of waiting entries.
    pub fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses new entries; pullers get what is left and then the end.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.pushed.notify_all();
        self.watched.notify_all();
    }

    /// Attaches an instance and lets one more puller work at once.
    pub fn attach(self: &Arc<Self>) -> Puller {
        self.pullers.fetch_add(1, Ordering::AcqRel);
        self.state.lock().level += 1;
        Puller { queue: Arc::clone(self), working: AtomicBool::new(false) }
    }

    /// The number of attached instances.
    pub fn pullers(&self) -> usize {
        self.pullers.load(Ordering::Acquire)
    }

    /// How many pullers may work at once.
    pub fn level(&self) -> usize {
        self.state.lock().level
    }

    /// Lets one more of the attached pullers work at once; false when none is in reserve.
    pub fn raise_level(&self) -> bool {
        let mut state = self.state.lock();
        if state.level >= self.pullers() {
            return false;
        }
        state.level += 1;
        drop(state);
        self.pushed.notify_one();
        true
    }

    /// Holds one puller in reserve, down to `least` that may work.
    pub fn lower_level(&self, least: usize) {
        let mut state = self.state.lock();
        state.level = state.level.saturating_sub(1).max(least);
    }

    /// Waits until an entry has waited for `patience` in vain, or until `probe` has passed.
    pub fn watch(&self, patience: Duration, probe: Duration) -> Pressure {
        let started = Instant::now();
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Pressure::Closed;
            }
            let oldest = state.entries.front().filter(|_| !state.has_room());
            let waited = oldest.map(|(since, _)| since.elapsed());
            let left = probe.saturating_sub(started.elapsed());
            match waited {
                Some(waited) if waited >= patience => return Pressure::High,
                _ if left.is_zero() => return Pressure::Low,
                Some(waited) => {
                    self.watched.wait_for(&mut state, left.min(patience - waited));
                }
                None => {
                    state.watcher_sleeps = true;
                    self.watched.wait_for(&mut state, left);
                    state.watcher_sleeps = false;
                }
            }
        }
    }
}

/// An instance's hold on the queue; dropping it tells that the instance has ended.
#[derive(Debug)]
pub struct Puller {
    queue: Arc<Queue>,
    /// Whether entries were taken since the last pull began.
    working: AtomicBool,
}

impl Puller {
    /// Waits for work and takes up to `most` entries whose clients still wait. What an earlier
    /// pull took counts as done.
    ///
    /// `Some` of an empty vector means that `timeout` passed without work; `None` that the queue
    /// is closed and empty.
    pub fn pull(&self, most: usize, timeout: Duration) -> Option<Vec<Entry>> {
        let mut state = self.queue.state.lock();
        self.rest(&mut state);
        loop {
            if state.has_room() || state.closed {
                let taken = take_live(&mut state.entries, most);
                if !taken.is_empty() {
                    state.busy += 1;
                    self.working.store(true, Ordering::Relaxed);
                    return Some(taken);
                }
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            let timed_out = self.queue.pushed.wait_for(&mut state, timeout).timed_out();
            state.idle -= 1;
            if timed_out && (state.entries.is_empty() || !state.has_room()) {
                return if state.closed { None } else { Some(Vec::new()) };
            }
        }
    }

    /// Counts the puller as not working.
    fn rest(&self, state: &mut State) {
        if self.working.swap(false, Ordering::Relaxed) {
            state.busy -= 1;
        }
    }
}

impl Drop for Puller {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        self.rest(&mut state);
        state.level = state.level.saturating_sub(1);
        drop(state);
        self.queue.pullers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes entries from the front, dropping those nobody waits for.
fn take_live(entries: &mut VecDeque<(Instant, Entry)>, most: usize) -> Vec<Entry> {
    let mut taken = Vec::new();
    while taken.len() < most {
        match entries.pop_front() {
            Some((_, entry)) if entry.reply.is_closed() => {}
            Some((_, entry)) => taken.push(entry),
            None => break,
        }
    }
    taken
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
