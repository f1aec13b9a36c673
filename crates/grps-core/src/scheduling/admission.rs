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
    /// Maximum number of running requests, and of those that are suspended beside them.
    max_running: usize,
    /// Maximum number of waiting requests.
    max_waiting: usize,
}

#[derive(Debug)]
struct State {
    /// Free permits; 0 while requests wait.
    free_permits: usize,
    /// Permits beyond the maximum, of requests that were resumed; returned permits repay them first.
    owed: usize,
    /// Requests that have given their permit back for a time.
    suspended: usize,
    /// Waiting requests; the sender passes the permit to its request.
    queue: FairQueue<oneshot::Sender<Permit>>,
}

/// The permission to run; dropping it lets the next request run.
#[derive(Debug)]
pub struct Permit {
    /// `None` after the permit is returned.
    admission: Option<Arc<Admission>>,
}

/// A running request that has given its permit back for a time; dropping it ends the request.
#[derive(Debug)]
pub struct Suspended(Arc<Admission>);

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
        let (owed, suspended, queue) = (0, 0, FairQueue::default());
        let state = State { free_permits: max_running, owed, suspended, queue };
        Arc::new(Self { state: Mutex::new(state), max_running, max_waiting })
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
                let repays = state.owed > 0;
                let next = if repays { None } else { state.queue.pop() };
                if repays {
                    state.owed -= 1;
                } else if next.is_none() {
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

impl Permit {
    /// Gives the permit back while the request only waits for its client.
    ///
    /// # Errors
    /// The permit, when as many requests as may run are suspended already.
    pub fn suspend(mut self) -> Result<Suspended, Self> {
        let Some(admission) = self.admission.take() else { return Err(self) };
        {
            let mut state = admission.state.lock();
            if state.suspended >= admission.max_running {
                drop(state);
                self.admission = Some(admission);
                return Err(self);
            }
            state.suspended += 1;
        }
        Arc::clone(&admission).grant_next();
        Ok(Suspended(admission))
    }
}

impl Suspended {
    /// Takes a permit again, at once: a request that waited here could hold what others wait for.
    pub fn resume(self) -> Permit {
        let admission = Arc::clone(&self.0);
        let mut state = admission.state.lock();
        if state.free_permits > 0 {
            state.free_permits -= 1;
        } else {
            state.owed += 1;
        }
        drop(state);
        Permit { admission: Some(admission) }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        self.0.state.lock().suspended -= 1;
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
