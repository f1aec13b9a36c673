//! How many bytes of requests are held at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{Cause, Error};

/// Bytes of all requests that were read or are being read, waiting or running.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    /// Most bytes at once.
    limit: usize,
    /// Whether the process has no memory to spare for more requests.
    exhausted: AtomicBool,
}

/// One request's share; dropping it gives the bytes back.
#[derive(Debug)]
pub struct Account {
    budget: Arc<Budget>,
    bytes: AtomicUsize,
}

impl Budget {
    /// Allows `limit` bytes at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), limit, exhausted: AtomicBool::new(false) })
    }

    /// Tells whether the process has memory to spare; without it no request may begin to grow.
    pub fn set_exhausted(&self, exhausted: bool) {
        self.exhausted.store(exhausted, Ordering::Relaxed);
    }

    /// Bytes that are held now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// An account without bytes.
    pub fn open(self: &Arc<Self>) -> Account {
        Account { budget: Arc::clone(self), bytes: AtomicUsize::new(0) }
    }
}

impl Account {
    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// `QueueFull` when all requests together would hold too many, or the first bytes come while
    /// memory is exhausted; nothing is added then.
    pub fn grow(&self, bytes: usize) -> Result<(), Error> {
        let begins = self.bytes.load(Ordering::Relaxed) == 0;
        if begins && self.budget.exhausted.load(Ordering::Relaxed) {
            return Err(Error::new(
                Cause::QueueFull,
                "the service uses all the memory it may (limits.max_memory_percent); \
                 try again later",
            ));
        }
        let limit = self.budget.limit;
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(
            |used| {
                Error::new(
                    Cause::QueueFull,
                    format!(
                        "requests of {used} bytes are in scope already, at most {limit} may be \
                     (limits.max_inflight_bytes); try again later"
                    ),
                )
            },
        )?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_memory_requests_go_on_but_none_begins() {
        let budget = Budget::new(10);
        let (running, next) = (budget.open(), budget.open());
        running.grow(1).unwrap();
        budget.set_exhausted(true);
        running.grow(1).unwrap();
        assert_eq!(next.grow(1).unwrap_err().cause(), Cause::QueueFull);
        budget.set_exhausted(false);
        next.grow(1).unwrap();
        assert_eq!(budget.used(), 3);
    }

    #[test]
    fn the_limit_is_exact_and_bytes_come_back() {
        let budget = Budget::new(10);
        let (first, second) = (budget.open(), budget.open());
        first.grow(6).unwrap();
        second.grow(4).unwrap();
        assert_eq!(second.grow(1).unwrap_err().cause(), Cause::QueueFull);
        assert_eq!(budget.used(), 10);
        drop(first);
        assert_eq!(budget.used(), 4);
        second.grow(6).unwrap();
        assert!(second.grow(usize::MAX).is_err());
        drop(second);
        assert_eq!(budget.used(), 0);
    }
}
