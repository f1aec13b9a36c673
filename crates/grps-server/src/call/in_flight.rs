//! Counting requests in flight, so that shutdown can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use grps_core::{Account, Budget};
use tokio::sync::Notify;

/// Requests between their head and their answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    count: AtomicUsize,
    /// Bytes of their bodies.
    budget: Arc<Budget>,
    /// Notified whenever the count falls to zero.
    idle: Notify,
}

/// Counts one request as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard {
    all: Arc<InFlight>,
    /// Bytes of its body.
    pub(crate) account: Account,
}

impl InFlight {
    /// No request is in flight; together they may hold `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let budget = Budget::new(max_bytes);
        Self { count: AtomicUsize::new(0), budget, idle: Notify::new() }
    }

    /// Counts a request in.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlightGuard {
        // SeqCst orders the count against the draining flag: a request either sees the flag or is
        // seen by the drain.
        self.count.fetch_add(1, Ordering::SeqCst);
        InFlightGuard { all: Arc::clone(self), account: self.budget.open() }
    }

    /// The number of requests in flight.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.budget.used()
    }

    /// Sets whether the process has no memory left for more requests.
    pub(crate) fn set_exhausted(&self, exhausted: bool) {
        self.budget.set_exhausted(exhausted);
    }

    /// Waits until no request is in flight.
    pub(crate) async fn wait_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.count() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if self.all.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.all.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_the_last_request() {
        let in_flight = Arc::new(InFlight::new(0));
        in_flight.wait_idle().await;
        let first = in_flight.enter();
        let second = in_flight.enter();
        drop(first);
        assert_eq!(in_flight.count(), 1);
        let (_, ()) = tokio::join!(in_flight.wait_idle(), async {
            tokio::task::yield_now().await;
            drop(second);
        });
        assert_eq!(in_flight.count(), 0);
    }
}
