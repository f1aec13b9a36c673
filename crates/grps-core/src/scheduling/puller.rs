//! An instance's end of the queue of its model: it waits for requests and takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::error::{Cause, Error};
use crate::request::content::Content;
use crate::request::timeline::{BatchInfo, CallTimings};
use crate::scheduling::batching::auto::FinishedRun;
use crate::scheduling::batching::{Batch, Next, common_rows};
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::Heartbeat;
use crate::scheduling::queue::{Queue, State, wake};

/// What a pull returned.
#[derive(Debug)]
pub enum Pulled {
    /// Requests to run.
    Batch(Batch),
    /// The timeout passed without requests.
    Nothing,
    /// The queue is closed and empty, or the puller was stopped.
    Closed,
}

/// Stops one puller while the others continue.
#[derive(Clone, Debug)]
pub struct Stopper {
    /// The queue that the puller waits on.
    queue: Arc<Queue>,
    /// Set once; the puller looks at it.
    stopped: Arc<AtomicBool>,
}

impl Stopper {
    /// Ends the puller's wait, or its next one. Requests that wait are left to other pullers.
    pub fn stop(&self) {
        // Under the lock, so that a puller about to sleep does not miss it.
        let mut state = self.queue.state.lock();
        self.stopped.store(true, Ordering::Release);
        state.wake_all();
    }

    /// Whether the puller was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// An instance's end of the queue; dropping it detaches the instance.
#[derive(Debug)]
pub struct Puller {
    /// Where the requests wait.
    queue: Arc<Queue>,
    /// Set once, by a [`Stopper`].
    stopped: Arc<AtomicBool>,
    /// Wakes the puller when there is work.
    wake: Arc<Condvar>,
    /// The work on the entries of the last pull; `None` while the instance is idle.
    work: Mutex<Option<Work>>,
    /// Shows whether the instance is alive.
    heartbeat: Heartbeat,
    /// Why the instance failed; `None` when it ends in order.
    failure: Option<String>,
}

/// Work on the entries of one pull.
#[derive(Clone, Copy, Debug)]
struct Work {
    began: Instant,
    rows: usize,
    /// Busy instances when it began, this one included.
    busy: usize,
}

impl Puller {
    pub(crate) fn new(queue: Arc<Queue>, heartbeat: Heartbeat) -> Self {
        let (stopped, wake, work) = (Arc::default(), Arc::default(), Mutex::new(None));
        Self { queue, stopped, wake, work, heartbeat, failure: None }
    }

    /// The heartbeat of the instance.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// What stops this puller alone.
    pub fn stopper(&self) -> Stopper {
        Stopper { queue: Arc::clone(&self.queue), stopped: Arc::clone(&self.stopped) }
    }

    /// Detaches an instance that has failed. The model is not ready until an instance of the same
    /// name is attached.
    pub fn fail(mut self, reason: String) {
        self.failure = Some(reason);
    }

    /// Waits for up to `timeout` for requests whose clients still wait. The entries of the pull
    /// before it count as done. A stopped puller gets `Closed`.
    pub fn pull(&self, timeout: Duration) -> Pulled {
        let queue = &self.queue;
        let end = Instant::now() + timeout;
        let mut state = queue.state.lock();
        self.rest(&mut state);
        let idle_since = state.batcher.policy().lets_wait().then(Instant::now);
        loop {
            if self.stopped.load(Ordering::Acquire) {
                // The wake-up of a push may have come here; another puller must get it.
                let other = if state.batcher.len() > 0 { state.idle.pop() } else { None };
                drop(state);
                wake(other);
                return Pulled::Closed;
            }
            let mut until = end;
            if state.has_room() || state.closed {
                let closed = state.closed;
                let now = Instant::now();
                match state.batcher.next(now, closed) {
                    Next::Take(cut) => {
                        // While nothing else waits, a try costs no other request.
                        let crowded = state.batcher.len() > 0;
                        let fastest = crowded.then(|| state.run_times.fastest(now)).flatten();
                        let count = cut.items.len();
                        let (entries, too_late) = split_by_deadline(cut.items, now, fastest);
                        if entries.is_empty() {
                            // Replies are sent outside the lock, as they wake the clients' tasks.
                            parking_lot::MutexGuard::unlocked(&mut state, || refuse(too_late));
                            continue;
                        }
                        state.begin_work(now);
                        // Requests that were just cancelled bring no rows.
                        let rows = if entries.len() == count { cut.rows } else { rows(&entries) };
                        *self.work.lock() = Some(Work { began: now, rows, busy: state.busy });
                        self.heartbeat.beat(now);
                        let policy = Arc::clone(state.batcher.policy());
                        let more = state.batcher.len() > 0 && state.has_room();
                        let other = if more { state.idle.pop() } else { None };
                        drop(state);
                        wake(other);
                        refuse(too_late);
                        queue.counts.add(rows, cut.reason);
                        let note = BatchInfo::of(entries.len(), rows, cut.reason);
                        let timings = CallTimings::begin(now, idle_since, note);
                        let heartbeat = self.heartbeat.clone();
                        return Pulled::Batch(Batch::new(entries, policy, heartbeat, timings));
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
            state.idle.push(Arc::clone(&self.wake));
            if self.wake.wait_until(&mut state, until).timed_out() {
                state.idle.retain(|idle| !Arc::ptr_eq(idle, &self.wake));
            }
        }
    }

    /// Counts the puller as idle.
    fn rest(&self, state: &mut State) {
        if let Some(work) = self.work.lock().take() {
            let now = Instant::now();
            let run = FinishedRun {
                rows: work.rows,
                ended: now,
                duration: now.saturating_duration_since(work.began),
                busy: (work.busy, state.busy),
                instances: state.concurrency,
            };
            state.end_work(now);
            state.run_times.add(work.began, now);
            state.batcher.finish(&run);
            self.heartbeat.rest();
        }
    }
}

impl Queue {
    /// Attaches an instance by its name, and raises the concurrency by one.
    pub fn attach(self: &Arc<Self>, name: &str) -> Puller {
        self.attach_with(self.health.attach(name, false))
    }

    /// Attaches an instance that is replaced when it hangs or ends: the model is ready as long as
    /// another one works.
    pub fn attach_replaced(self: &Arc<Self>, name: &str) -> Puller {
        self.attach_with(self.health.attach(name, true))
    }

    fn attach_with(self: &Arc<Self>, heartbeat: Heartbeat) -> Puller {
        self.pullers.fetch_add(1, Ordering::AcqRel);
        self.state.lock().concurrency += 1;
        Puller::new(Arc::clone(self), heartbeat)
    }
}

impl Drop for Puller {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        self.rest(&mut state);
        state.concurrency = state.concurrency.saturating_sub(1);
        // What this one would have taken next may be for one that was held in reserve.
        let more = state.batcher.len() > 0 && state.has_room();
        let other = if more { state.idle.pop() } else { None };
        drop(state);
        wake(other);
        self.queue.health.detach(&self.heartbeat, self.failure.take());
        self.queue.pullers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The entries whose clients still wait, and those of them that cannot meet their deadlines even if
/// their run is as fast as `fastest`.
fn split_by_deadline(
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

/// Refuses requests that cannot meet their deadlines.
fn refuse(too_late: Vec<Entry>) {
    for entry in too_late {
        let text = "the deadline would pass before the model has answered; try again later";
        entry.reply.send(Err(Error::new(Cause::QueueFull, text)));
    }
}
