//! Counts requests in flight, so that shutdown can wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use grps_core::{ByteBudget, ByteReservation};
use tokio::sync::Notify;

/// Responses of fewer bytes are not counted: connections hold more than that anyway.
pub(crate) const HELD_BYTES: usize = 64 << 10;

/// Bytes of a response, and their place in the budget.
struct Held {
    bytes: Bytes,
    _reservation: ByteReservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// All requests in flight: from their head to the end of their response.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Number of requests.
    count: AtomicUsize,
    /// Limits the bytes of their bodies.
    budget: Arc<ByteBudget>,
    /// Notified when the count becomes zero.
    idle: Notify,
}

/// Counts one request as in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightGuard {
    in_flight: Arc<InFlight>,
    /// Bytes of its body and of what decoding makes of it.
    pub(crate) reservation: ByteReservation,
}

impl InFlight {
    /// Creates the counter; all bodies together may hold `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        let budget = ByteBudget::new(max_bytes);
        Self { count: AtomicUsize::new(0), budget, idle: Notify::new() }
    }

    /// Counts a request.
    pub(crate) fn add_request(self: &Arc<Self>) -> InFlightGuard {
        // SeqCst orders the count and the draining flag: either the request sees the flag, or the
        // drain sees the request.
        self.count.fetch_add(1, Ordering::SeqCst);
        InFlightGuard { in_flight: Arc::clone(self), reservation: self.budget.new_reservation() }
    }

    /// Counts the bytes of a response until the last of them is dropped, that is written.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < HELD_BYTES {
            return bytes;
        }
        let _reservation = self.budget.hold(bytes.len());
        Bytes::from_owner(Held { bytes, _reservation })
    }

    /// The number of requests in flight.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.budget.used()
    }

    /// Sets whether the process has no memory left for new requests.
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
        if self.in_flight.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.in_flight.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_count_until_their_last_slice_is_dropped() {
        let in_flight = InFlight::new(10);
        assert_eq!(in_flight.hold(Bytes::from_static(b"few")), "few");
        let mut body = in_flight.hold(vec![7; HELD_BYTES].into());
        assert_eq!((in_flight.bytes(), &body[..2]), (HELD_BYTES, &[7, 7][..]));
        let first = body.split_to(10);
        drop(body);
        assert_eq!(in_flight.bytes(), HELD_BYTES);
        drop(first);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[tokio::test]
    async fn the_drain_waits_for_the_last_request() {
        let in_flight = Arc::new(InFlight::new(0));
        in_flight.wait_idle().await;
        let first = in_flight.add_request();
        let second = in_flight.add_request();
        drop(first);
        assert_eq!(in_flight.count(), 1);
        let (_, ()) = tokio::join!(in_flight.wait_idle(), async {
            tokio::task::yield_now().await;
            drop(second);
        });
        assert_eq!(in_flight.count(), 0);
    }
}
