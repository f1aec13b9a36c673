//! The queue of one model: connections push entries, instances pull batches of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::batching::{Batch, BatchCounts, BatchPolicy, Batcher, Next, Seat, common_rows};
use crate::content::Content;
use crate::error::{Cause, Error};
use crate::pace::Pace;
use crate::reply::ReplySender;
use crate::request::{Attachment, Session};
use crate::roster::{Pulse, Roster};
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
    /// When the client stops waiting; `None` for no limit.
    pub deadline: Option<Instant>,
}

/// A queue with blocking pullers, ordered by urgency and then by arrival.
#[derive(Debug)]
pub struct Queue {
    /// Everything that changes, under one lock so that a wake-up is never missed.
    state: Mutex<State>,
    /// Wakes pullers.
    pushed: Condvar,
    /// Wakes whoever watches for pressure.
    watched: Condvar,
    /// How many pullers are attached: the instances that are alive.
    pullers: AtomicUsize,
    /// What left.
    counts: BatchCounts,
    /// Who pulls.
    roster: Roster,
}

#[derive(Debug)]
struct State {
    /// Waiting entries.
    batcher: Batcher<Entry>,
    /// Pullers that wait for an entry, so that a push wakes somebody only when it must.
    idle: usize,
    /// Pullers that work on entries.
    busy: usize,
    /// How many pullers may work at once; the rest are held in reserve.
    level: usize,
    /// Whether somebody watches for pressure and sleeps.
    watcher_sleeps: bool,
    /// How long the latest runs took.
    pace: Pace,
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

/// Why a queue took no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is closed.
    Closed,
    /// As many entries wait as may.
    Full,
}

/// What a pull has got.
#[derive(Debug)]
pub enum Pulled {
    /// Requests to run.
    Batch(Batch),
    /// The time passed without work.
    Nothing,
    /// The queue is closed and empty, or the puller was stopped.
    Closed,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(BatchPolicy::default())
    }
}

impl Queue {
    /// An empty queue that gathers batches by this policy.
    pub fn new(policy: BatchPolicy) -> Self {
        let state = State {
            batcher: Batcher::new(Arc::new(policy)),
            idle: 0,
            busy: 0,
            level: 0,
            watcher_sleeps: false,
            pace: Pace::default(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            pushed: Condvar::new(),
            watched: Condvar::new(),
            pullers: AtomicUsize::new(0),
            counts: BatchCounts::default(),
            roster: Roster::new(),
        }
    }

    /// Adds an entry, wakes one idle puller and gives the entry's place.
    pub(crate) fn push(self: &Arc<Self>, seat: Seat, entry: Entry) -> Result<Place, Refusal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let level = seat.level;
        let number = state.batcher.push(Instant::now(), seat, entry).map_err(|_| Refusal::Full)?;
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
        Ok(Place { queue: Arc::clone(self), level, number, held: true })
    }

    /// The number of waiting entries.
    pub fn len(&self) -> usize {
        self.state.lock().batcher.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether several entries may leave together.
    pub fn batches(&self) -> bool {
        self.state.lock().batcher.policy().batches()
    }

    /// What left so far.
    pub fn counts(&self) -> &BatchCounts {
        &self.counts
    }

    /// Refuses new entries; pullers get what is left and then the end.
    pub fn close(&self) {
        self.state.lock().closed = true;
        self.pushed.notify_all();
        self.watched.notify_all();
    }

    /// Whether new entries are refused.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// An instance that is down or hangs, as a line.
    pub(crate) fn trouble(&self, patience: Option<Duration>) -> Option<String> {
        self.roster.trouble(patience)
    }

    /// Attaches an instance by its name and lets one more puller work at once.
    pub fn attach(self: &Arc<Self>, name: &str) -> Puller {
        self.pullers.fetch_add(1, Ordering::AcqRel);
        self.state.lock().level += 1;
        let (stopped, began) = (Arc::default(), Mutex::new(None));
        let pulse = self.roster.enter(name);
        Puller { queue: Arc::clone(self), stopped, began, pulse, down: None }
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
            let oldest = state.batcher.oldest().filter(|_| !state.has_room());
            let waited = oldest.map(|since| since.elapsed());
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

/// An entry's place in a queue; dropping it takes the entry out if it still waits.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    level: usize,
    number: u64,
    /// False once the entry is known to have left.
    held: bool,
}

impl Place {
    /// Takes the entry out; false when it has left already.
    pub(crate) fn withdraw(&mut self) -> bool {
        self.held = false;
        let entry = self.queue.state.lock().batcher.withdraw(self.level, self.number);
        // Dropped here, outside the lock.
        entry.is_some()
    }

    /// Tells that the entry has left.
    pub(crate) fn left(mut self) {
        self.held = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.held {
            self.withdraw();
        }
    }
}

/// Ends one puller while the others go on; held by whoever stops an instance.
#[derive(Clone, Debug)]
pub struct Stopper {
    queue: Arc<Queue>,
    stopped: Arc<AtomicBool>,
}

impl Stopper {
    /// Ends the puller's wait now, or its next one; what waits is left to other pullers.
    pub fn stop(&self) {
        // Under the lock, so that a puller about to sleep does not miss it.
        let state = self.queue.state.lock();
        self.stopped.store(true, Ordering::Release);
        drop(state);
        self.queue.pushed.notify_all();
    }

    /// Whether the puller was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// An instance's hold on the queue; dropping it tells that the instance has ended.
#[derive(Debug)]
pub struct Puller {
    queue: Arc<Queue>,
    stopped: Arc<AtomicBool>,
    /// Since when it works on the entries of its last pull.
    began: Mutex<Option<Instant>>,
    /// Tells since when it works.
    pulse: Pulse,
    /// Why the instance ended, if it should not have.
    down: Option<String>,
}

impl Puller {
    /// Where the instance gives signs of life.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// What ends this puller alone.
    pub fn stopper(&self) -> Stopper {
        Stopper { queue: Arc::clone(&self.queue), stopped: Arc::clone(&self.stopped) }
    }

    /// Detaches an instance that should not have ended; the model is not ready until one of the
    /// same name is attached.
    pub fn leave_down(mut self, reason: String) {
        self.down = Some(reason);
    }

    /// Waits for up to `timeout` for requests whose clients still wait. What an earlier pull took
    /// counts as done. A stopped puller gets `Closed`.
    pub fn pull(&self, timeout: Duration) -> Pulled {
        let queue = &self.queue;
        let end = Instant::now() + timeout;
        let mut state = queue.state.lock();
        self.rest(&mut state);
        loop {
            if self.stopped.load(Ordering::Acquire) {
                // The wake-up of a push may have come here; it belongs to one that goes on.
                let pass_on = state.batcher.len() > 0 && state.idle > 0;
                drop(state);
                if pass_on {
                    queue.pushed.notify_one();
                }
                return Pulled::Closed;
            }
            let mut until = end;
            if state.has_room() || state.closed {
                let closed = state.closed;
                let now = Instant::now();
                match state.batcher.next(now, closed) {
                    Next::Take(cut) => {
                        // While nobody else waits there is no harm in trying.
                        let crowded = state.batcher.len() > 0;
                        let fastest = state.pace.fastest(now).filter(|_| crowded);
                        let count = cut.items.len();
                        let (entries, hopeless) = live(cut.items, now, fastest);
                        if entries.is_empty() {
                            // Answering is done outside the lock, as it wakes the clients' tasks.
                            parking_lot::MutexGuard::unlocked(&mut state, || refuse(hopeless));
                            continue;
                        }
                        state.busy += 1;
                        *self.began.lock() = Some(now);
                        self.pulse.beat(now);
                        let policy = Arc::clone(state.batcher.policy());
                        let more = state.batcher.len() > 0 && state.idle > 0 && state.has_room();
                        drop(state);
                        if more {
                            queue.pushed.notify_one();
                        }
                        refuse(hopeless);
                        // Clients that have just left bring no rows.
                        let rows = if entries.len() == count { cut.rows } else { rows(&entries) };
                        queue.counts.add(rows, cut.reason);
                        return Pulled::Batch(Batch::new(entries, policy, self.pulse.clone()));
                    }
                    Next::WaitUntil(time) => until = until.min(time),
                    Next::Nothing => {}
                }
            }
            if state.closed {
                return Pulled::Closed;
            }
            if Instant::now() >= end {
                return Pulled::Nothing;
            }
            state.idle += 1;
            queue.pushed.wait_until(&mut state, until);
            state.idle -= 1;
        }
    }

    /// Counts the puller as not working.
    fn rest(&self, state: &mut State) {
        if let Some(began) = self.began.lock().take() {
            state.busy -= 1;
            state.pace.add(began, Instant::now());
            self.pulse.rest();
        }
    }
}

impl Drop for Puller {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        self.rest(&mut state);
        state.level = state.level.saturating_sub(1);
        drop(state);
        self.queue.roster.leave(&self.pulse, self.down.take());
        self.queue.pullers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The entries that somebody still waits for, and those that would be answered too late even by an
/// instance as fast as `fastest`.
fn live(
    mut entries: Vec<Entry>,
    now: Instant,
    fastest: Option<Duration>,
) -> (Vec<Entry>, Vec<Entry>) {
    entries.retain(|entry| !entry.reply.is_closed());
    // Half as long again, as the way back takes its time and few runs are the fastest.
    let Some(soonest) = fastest.map(|fastest| now + fastest + fastest / 2) else {
        return (entries, Vec::new());
    };
    // Chunks are of use even when the last of them comes too late.
    let in_time = |entry: &Entry| {
        entry.stream.is_some() || entry.deadline.is_none_or(|deadline| deadline >= soonest)
    };
    if entries.iter().all(in_time) {
        return (entries, Vec::new());
    }
    entries.into_iter().partition(in_time)
}

/// Rows of the entries together.
fn rows(entries: &[Entry]) -> usize {
    let rows_of = |entry: &Entry| match &entry.content {
        Content::Tensors(tensors) => common_rows(tensors).unwrap_or_default().max(1),
        Content::Message(_) | Content::Raw(_) => 1,
    };
    entries.iter().map(rows_of).sum()
}

/// Tells clients at once that their deadlines can't be met.
fn refuse(hopeless: Vec<Entry>) {
    for entry in hopeless {
        let text = "the deadline would pass before the model has answered; try again later";
        entry.reply.send(Err(Error::new(Cause::QueueFull, text)));
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
