//! Admission: how many requests run at once, how many may wait for a place, and whose ticket it is.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{Cause, Error};
use crate::request::request::SchedulingOptions;
use crate::scheduling::fair_queue::{FairQueue, FairTicket};

/// Lets a fixed number of requests run. The rest wait, up to a limit: more urgent ones first, clients
/// by queue within a level of urgency, the requests of one client in order of arrival.
#[derive(Debug)]
pub struct Admission {
    state: Mutex<State>,
    /// Most requests that may wait.
    max_waiting: usize,
}

#[derive(Debug)]
struct State {
    /// Places that nobody has; none while somebody waits.
    free: usize,
    /// Who waits; the sender hands over the place.
    queue: FairQueue<oneshot::Sender<Permit>>,
}

/// A place; dropping it lets the next request in.
#[derive(Debug)]
pub struct Permit {
    /// `None` for a place that was handed on.
    admission: Option<Arc<Admission>>,
}

/// A waiting request; dropping it gives its ticket up.
struct Waiting {
    admission: Arc<Admission>,
    ticket: FairTicket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let left = self.admission.state.lock().queue.remove(&self.ticket);
        // Dropped here, outside the lock: a place that was just handed over comes back.
        drop(left);
    }
}

impl Admission {
    /// Lets `max_running` requests run and `max_waiting` wait.
    pub fn new(max_running: usize, max_waiting: usize) -> Arc<Self> {
        let state = State { free: max_running, queue: FairQueue::default() };
        Arc::new(Self { state: Mutex::new(state), max_waiting })
    }

    /// A place that nobody has, if there is one.
    pub fn enter_now(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.state.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Permit { admission: Some(Arc::clone(self)) })
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `QueueFull` when too many requests wait already.
    pub async fn enter(self: &Arc<Self>, options: &SchedulingOptions) -> Result<Permit, Error> {
        let (ticket, permit) = {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Permit { admission: Some(Arc::clone(self)) });
            }
            let waiting = state.queue.len();
            if waiting >= self.max_waiting {
                return Err(Error::new(
                    Cause::QueueFull,
                    format!("{waiting} requests wait already; try again later"),
                ));
            }
            let (sender, permit) = oneshot::channel();
            (state.queue.push(options.priority, options.client, sender), permit)
        };
        let _waiting = Waiting { admission: Arc::clone(self), ticket };
        permit.await.map_err(|_| Error::new(Cause::Unavailable, "the service is stopping"))
    }

    /// The number of requests that wait for a place.
    pub fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Gives a free place to whoever is next.
    fn hand_on(self: Arc<Self>) {
        let mut permit = Permit { admission: Some(Arc::clone(&self)) };
        loop {
            let next = {
                let mut state = self.state.lock();
                let next = state.queue.pop();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else {
                permit.admission = None;
                return;
            };
            match next.send(permit) {
                Ok(()) => return,
                // It left between its ticket and now.
                Err(unused) => permit = unused,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.hand_on();
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
