//! Admission: limits how many requests run and wait, and decides which request runs next.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{Cause, Error};
use crate::request::request::SchedulingOptions;
use crate::scheduling::fair_queue::{FairQueue, FairTicket};

/// Lets a fixed number of requests run. Others wait in a fair queue of limited length: ordered by
/// priority, then clients in rotation, then order of arrival.
#[derive(Debug)]
pub struct Admission {
    state: Mutex<State>,
    /// Maximum number of waiting requests.
    max_waiting: usize,
}

#[derive(Debug)]
struct State {
    /// Free permits; 0 while requests wait.
    free_permits: usize,
    /// Waiting requests; the sender passes the permit to its request.
    queue: FairQueue<oneshot::Sender<Permit>>,
}

/// The permission to run; dropping it lets the next request run.
#[derive(Debug)]
pub struct Permit {
    /// `None` after the permit is returned.
    admission: Option<Arc<Admission>>,
}

/// A waiting request; dropping it removes the request from the queue.
struct Waiting {
    admission: Arc<Admission>,
    ticket: FairTicket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let unsent = self.admission.state.lock().queue.remove(&self.ticket);
        // Dropped outside the lock, which dropping a permit would take again.
        drop(unsent);
    }
}

impl Admission {
    /// Lets `max_running` requests run at once and `max_waiting` requests wait.
    pub fn new(max_running: usize, max_waiting: usize) -> Arc<Self> {
        let state = State { free_permits: max_running, queue: FairQueue::default() };
        Arc::new(Self { state: Mutex::new(state), max_waiting })
    }

    /// Returns a permit if one is free, without waiting.
    pub fn enter_now(self: &Arc<Self>) -> Option<Permit> {
        let mut state = self.state.lock();
        state.free_permits = state.free_permits.checked_sub(1)?;
        Some(Permit { admission: Some(Arc::clone(self)) })
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// `QueueFull` when `max_waiting` requests wait already.
    pub async fn enter(self: &Arc<Self>, options: &SchedulingOptions) -> Result<Permit, Error> {
        let (ticket, permit) = {
            let mut state = self.state.lock();
            if state.free_permits > 0 {
                state.free_permits -= 1;
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

    /// The number of requests that wait for a permit.
    pub fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Passes a returned permit to the next waiting request.
    fn grant_next(self: Arc<Self>) {
        let mut permit = Permit { admission: Some(Arc::clone(&self)) };
        loop {
            let next = {
                let mut state = self.state.lock();
                let next = state.queue.pop();
                if next.is_none() {
                    state.free_permits += 1;
                }
                next
            };
            let Some(next) = next else {
                permit.admission = None;
                return;
            };
            match next.send(permit) {
                Ok(()) => return,
                // The request was cancelled after it was removed from the queue.
                Err(unused) => permit = unused,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.grant_next();
        }
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
