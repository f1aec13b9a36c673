//! Counting requests in flight, so that shutdown can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Instant;

use grps_core::metrics::Monitor;
use grps_core::{Account, Budget, Error};
use tokio::sync::Notify;

/// Requests between their head and their answer.
#[derive(Debug)]
pub(crate) struct InFlight {
    count: AtomicUsize,
    /// Bytes of their bodies.
    budget: Arc<Budget>,
    /// Told of each inference when its answer has gone.
    monitor: Arc<Monitor>,
    /// Told whenever the count falls to zero.
    idle: Notify,
}

/// One request in flight; dropping it counts the request out.
#[derive(Debug)]
pub(crate) struct Flight {
    all: Arc<InFlight>,
    /// Bytes of its body.
    account: Account,
    started: Instant,
    /// How an inference went; [`NO_INFERENCE`] for other requests.
    outcome: AtomicU8,
}

const NO_INFERENCE: u8 = 0;
const ANSWERED: u8 = 1;
const FAILED: u8 = 2;

impl InFlight {
    /// No request is in flight; together they may hold `max_bytes`.
    pub(crate) fn new(max_bytes: usize, monitor: Arc<Monitor>) -> Self {
        let budget = Budget::new(max_bytes);
        Self { count: AtomicUsize::new(0), budget, monitor, idle: Notify::new() }
    }

    /// Counts a request in.
    pub(crate) fn enter(self: &Arc<Self>) -> Flight {
        // SeqCst orders the count against the draining flag: a request either sees the flag or is
        // seen by the drain.
        self.count.fetch_add(1, Ordering::SeqCst);
        Flight {
            all: Arc::clone(self),
            account: self.budget.open(),
            started: Instant::now(),
            outcome: AtomicU8::new(NO_INFERENCE),
        }
    }

    /// Refuses bodies of new requests while the process is short of memory; gives whether it was
    /// short before.
    pub(crate) fn set_short(&self, short: bool) -> bool {
        self.budget.set_short(short)
    }

    /// The number of requests in flight.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
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

impl Flight {
    /// Counts bytes of the body.
    ///
    /// # Errors
    /// `QueueFull` when all requests together would hold too many.
    pub(crate) fn grow(&self, bytes: usize) -> Result<(), Error> {
        self.account.grow(bytes)
    }
}

impl Flight {
    /// Notes how an inference went; a failure stays one.
    pub(crate) fn judge(&self, failed: bool) {
        self.outcome.fetch_max(if failed { FAILED } else { ANSWERED }, Ordering::Relaxed);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let outcome = *self.outcome.get_mut();
        if outcome != NO_INFERENCE {
            self.all.monitor.traffic.add(self.started.elapsed(), outcome == FAILED);
        }
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
        let in_flight = Arc::new(InFlight::new(0, Arc::default()));
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
