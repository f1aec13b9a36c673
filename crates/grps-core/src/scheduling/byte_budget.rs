//! Limits how many bytes all requests in flight hold together: their bodies, what decoding makes of
//! them, and their responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Cause, Error};

/// Counts the bytes of all requests that are being read, wait or run.
#[derive(Debug)]
pub struct ByteBudget {
    /// Reserved bytes.
    used: AtomicUsize,
    /// Maximum number of reserved bytes.
    limit: usize,
    /// Whether the process has no memory left for new requests.
    exhausted: AtomicBool,
}

/// The bytes that one request has reserved; dropping it releases them.
#[derive(Debug)]
pub struct ByteReservation {
    budget: Arc<ByteBudget>,
    /// Reserved bytes.
    bytes: AtomicUsize,
}

impl ByteBudget {
    /// Creates a budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit, exhausted: AtomicBool::new(false) })
    }

    /// Sets whether the process has no memory left; new requests can't reserve bytes then.
    pub fn set_exhausted(&self, exhausted: bool) {
        self.exhausted.store(exhausted, Ordering::Relaxed);
    }

    /// Bytes that are reserved now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Counts bytes that exist already, whatever the limit is: new requests wait until they are
    /// released.
    pub fn hold(self: &Arc<Self>, bytes: usize) -> ByteReservation {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        ByteReservation { budget: Arc::clone(self), bytes: AtomicUsize::new(bytes) }
    }

    /// Creates an empty reservation.
    pub fn new_reservation(self: &Arc<Self>) -> ByteReservation {
        ByteReservation { budget: Arc::clone(self), bytes: AtomicUsize::new(0) }
    }
}

impl ByteReservation {
    /// Bytes that the request has reserved.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Reserves more bytes.
    ///
    /// # Errors
    /// `TooLarge` when the reservation alone would exceed the limit; `QueueFull` when all requests
    /// together would, or when a new request reserves its first bytes while memory is exhausted.
    /// Nothing is reserved then.
    pub fn grow(&self, bytes: usize) -> Result<(), Error> {
        let is_new = self.bytes.load(Ordering::Relaxed) == 0;
        if is_new && self.budget.exhausted.load(Ordering::Relaxed) {
            return Err(Error::new(
                Cause::QueueFull,
                "the service uses all its memory (limits.max_memory_percent); try again later",
            ));
        }
        let limit = self.budget.limit;
        let own = self.bytes().saturating_add(bytes);
        if own > limit {
            return Err(Error::new(
                Cause::TooLarge,
                format!(
                    "the request takes more than the {limit} bytes that all requests in flight may \
                     hold (limits.max_inflight_bytes)"
                ),
            ));
        }
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(
            |used| {
                Error::new(
                    Cause::QueueFull,
                    format!(
                        "requests in flight hold {used} bytes and may hold at most {limit} \
                         (limits.max_inflight_bytes); try again later"
                    ),
                )
            },
        )?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for ByteReservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_memory_running_requests_grow_but_new_ones_are_refused() {
        let budget = ByteBudget::new(10);
        let (running, next) = (budget.new_reservation(), budget.new_reservation());
        running.grow(1).unwrap();
        budget.set_exhausted(true);
        running.grow(1).unwrap();
        assert_eq!(next.grow(1).unwrap_err().cause(), Cause::QueueFull);
        budget.set_exhausted(false);
        next.grow(1).unwrap();
        assert_eq!(budget.used(), 3);
    }

    #[test]
    fn what_exists_already_counts_beyond_the_limit() {
        let budget = ByteBudget::new(10);
        let held = budget.hold(12);
        assert_eq!((budget.used(), held.bytes()), (12, 12));
        assert_eq!(budget.new_reservation().grow(1).unwrap_err().cause(), Cause::QueueFull);
        drop(held);
        budget.new_reservation().grow(10).unwrap();
    }

    #[test]
    fn the_limit_is_exact_and_bytes_are_released() {
        let budget = ByteBudget::new(10);
        let (first, second) = (budget.new_reservation(), budget.new_reservation());
        first.grow(6).unwrap();
        second.grow(4).unwrap();
        assert_eq!(second.grow(1).unwrap_err().cause(), Cause::QueueFull);
        assert_eq!(budget.used(), 10);
        drop(first);
        assert_eq!(budget.used(), 4);
        second.grow(6).unwrap();
        for bytes in [1, usize::MAX] {
            assert_eq!(second.grow(bytes).unwrap_err().cause(), Cause::TooLarge);
        }
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
