//! The queue of one model: connections push entries, instances pull batches of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::nanos::nanos;
use crate::scheduling::batching::{AutoState, BatchCounts, BatchPolicy, Batcher, BatchingKey};
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::InstanceHealth;
use crate::scheduling::queue_ticket::{QueueTicket, WithdrawEntry};
use crate::scheduling::run_times::RecentRunTimes;

/// A queue with blocking pullers, ordered by urgency and then by arrival.
#[derive(Debug)]
pub struct Queue {
    /// How entries are gathered into batches.
    policy: Arc<BatchPolicy>,
    /// Everything that changes, under one lock so that a wake-up is never missed.
    pub(crate) state: Mutex<State>,
    /// Wakes the thread that watches for pressure.
    watched: Condvar,
    /// How many pullers are attached: the instances that are alive.
    pub(crate) pullers: AtomicUsize,
    /// Counts of the batches that left.
    pub(crate) counts: BatchCounts,
    /// Heartbeats and failures of the instances that pull.
    pub(crate) health: InstanceHealth,
}

/// Everything of a queue that changes.
#[derive(Debug)]
pub(crate) struct State {
    /// Waiting entries.
    pub(crate) batcher: Batcher<Entry>,
    /// What wakes each puller that waits for an entry. The last to wait is the first to be woken, as
    /// what it needs is still in the processor's caches.
    pub(crate) idle: Vec<Arc<Condvar>>,
    /// Pullers that work on entries.
    pub(crate) busy: usize,
    /// How long all pullers together had worked when `busy` last changed.
    worked_ns: u64,
    /// When `busy` last changed.
    changed: Instant,
    /// How many pullers may work at once; the others are held in reserve.
    pub(crate) concurrency: usize,
    /// Whether a thread watches for pressure and sleeps.
    watcher_sleeps: bool,
    /// How long the latest runs took.
    pub(crate) run_times: RecentRunTimes,
    /// Set once; pullers then drain the rest and stop.
    pub(crate) closed: bool,
}

impl State {
    /// Whether a puller may take work now.
    pub(crate) fn has_room(&self) -> bool {
        self.busy < self.concurrency.min(self.batcher.concurrency())
    }

    /// Counts one more puller as busy.
    pub(crate) fn begin_work(&mut self, now: Instant) {
        self.worked_ns = self.worked_ns(now);
        (self.busy, self.changed) = (self.busy + 1, now);
    }

    /// Counts one puller less as busy.
    pub(crate) fn end_work(&mut self, now: Instant) {
        self.worked_ns = self.worked_ns(now);
        (self.busy, self.changed) = (self.busy.saturating_sub(1), now);
    }

    /// How long all pullers together have worked.
    fn worked_ns(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.changed);
        self.worked_ns + nanos(since) * self.busy as u64
    }

    /// Wakes all idle pullers.
    pub(crate) fn wake_all(&mut self) {
        for puller in self.idle.drain(..) {
            puller.notify_one();
        }
    }
}

/// Wakes a puller that was taken off the idle ones.
pub(crate) fn wake(puller: Option<Arc<Condvar>>) {
    if let Some(puller) = puller {
        puller.notify_one();
    }
}

/// What a watch of the queue saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// An entry has waited too long while all allowed pullers were busy.
    High,
    /// No entry has waited too long.
    Low,
    /// The queue is closed.
    Closed,
}

/// Why a queue took no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is closed.
    Closed,
    /// The most entries that may wait do so.
    Full,
}

impl Default for Queue {
    fn default() -> Self {
        Self::new(BatchPolicy::default())
    }
}

impl Queue {
    /// An empty queue that gathers batches by this policy.
    pub fn new(policy: BatchPolicy) -> Self {
        let policy = Arc::new(policy);
        let state = State {
            batcher: Batcher::new(Arc::clone(&policy)),
            idle: Vec::new(),
            busy: 0,
            worked_ns: 0,
            changed: Instant::now(),
            concurrency: 0,
            watcher_sleeps: false,
            run_times: RecentRunTimes::default(),
            closed: false,
        };
        Self {
            policy,
            state: Mutex::new(state),
            watched: Condvar::new(),
            pullers: AtomicUsize::new(0),
            counts: BatchCounts::default(),
            health: InstanceHealth::new(),
        }
    }

    /// Adds an entry that comes now, wakes one idle puller and returns the entry's ticket.
    pub(crate) fn push(
        self: &Arc<Self>,
        now: Instant,
        key: BatchingKey,
        entry: Entry,
    ) -> Result<QueueTicket, Refusal> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        let priority = key.priority;
        let number = state.batcher.push(now, key, entry).map_err(|_| Refusal::Full)?;
        let room = state.has_room();
        let woken = if room { state.idle.pop() } else { None };
        let warn = !room && state.watcher_sleeps;
        drop(state);
        wake(woken);
        if warn {
            self.watched.notify_one();
        }
        Ok(QueueTicket::new(self.clone(), priority, number))
    }

    /// The number of waiting entries.
    pub fn len(&self) -> usize {
        self.state.lock().batcher.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How entries are gathered into batches.
    pub fn policy(&self) -> &Arc<BatchPolicy> {
        &self.policy
    }

    /// How long all instances together have worked.
    pub fn worked(&self) -> Duration {
        Duration::from_nanos(self.state.lock().worked_ns(Instant::now()))
    }

    /// How often instances were started again after they had failed.
    pub fn restarts(&self) -> u64 {
        self.health.restarts()
    }

    /// Counts of the batches that left.
    pub fn counts(&self) -> &BatchCounts {
        &self.counts
    }

    /// What was chosen while the model runs; `None` for fixed sizes of batches.
    pub fn auto_state(&self) -> Option<AutoState> {
        let state = self.state.lock();
        state.batcher.auto_state(state.concurrency)
    }

    /// Refuses new entries; pullers get the entries that are left, and then `Closed`.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.wake_all();
        drop(state);
        self.watched.notify_all();
    }

    /// Whether new entries are refused.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// An instance that is down or hangs, as a line.
    pub(crate) fn trouble(&self, hang_timeout: Option<Duration>) -> Option<String> {
        self.health.trouble(hang_timeout)
    }

    /// The number of attached instances.
    pub fn pullers(&self) -> usize {
        self.pullers.load(Ordering::Acquire)
    }

    /// How many pullers may work at once.
    pub fn concurrency(&self) -> usize {
        self.state.lock().concurrency
    }

    /// Lets one more of the attached pullers work at once; false when none is in reserve.
    pub fn raise_concurrency(&self) -> bool {
        let mut state = self.state.lock();
        if state.concurrency >= self.pullers() {
            return false;
        }
        state.concurrency += 1;
        let woken = state.idle.pop();
        drop(state);
        wake(woken);
        true
    }

    /// Holds one puller in reserve, down to `least` that may work.
    pub fn lower_concurrency(&self, least: usize) {
        let mut state = self.state.lock();
        state.concurrency = state.concurrency.saturating_sub(1).max(least);
    }

    /// Waits until an entry has waited for `timeout`, or until `probe` has passed.
    pub fn watch(&self, timeout: Duration, probe: Duration) -> Pressure {
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
                Some(waited) if waited >= timeout => return Pressure::High,
                _ if left.is_zero() => return Pressure::Low,
                Some(waited) => {
                    self.watched.wait_for(&mut state, left.min(timeout - waited));
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

impl WithdrawEntry for Queue {
    fn withdraw(&self, priority: usize, number: u64) -> bool {
        let entry = self.state.lock().batcher.withdraw(priority, number);
        // Dropped here, outside the lock.
        entry.is_some()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
