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
    /// Whether the process is short of memory: requests that hold nothing yet get nothing.
    short: AtomicBool,
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
        Arc::new(Self { used: AtomicUsize::new(0), limit, short: AtomicBool::new(false) })
    }

    /// Bytes that are held now.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Tells whether the process is short of memory, and gives what was told before.
    pub fn set_short(&self, short: bool) -> bool {
        self.short.swap(short, Ordering::Relaxed)
    }

    /// An account without bytes.
    pub fn open(self: &Arc<Self>) -> Account {
        Account { budget: Arc::clone(self), bytes: AtomicUsize::new(0) }
    }
}

impl Account {
    /// Adds bytes.
    ///
    /// # Errors
    /// `QueueFull` when all requests together would hold too many, or when this one is new and the
    /// process is short of memory; nothing is added then.
    pub fn grow(&self, bytes: usize) -> Result<(), Error> {
        // A request that was let in is read to its end: to refuse it now would waste the work.
        let new = self.bytes.load(Ordering::Relaxed) == 0;
        if new && self.budget.short.load(Ordering::Relaxed) {
            return Err(Error::new(
                Cause::QueueFull,
                "the service is short of memory (limits.max_memory_percent); try again later",
            ));
        }
        let limit = self.budget.limit;
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(
            |used| {
                Error::new(
                    Cause::QueueFull,
                    format!(
                        "requests of {used} bytes are in flight already, at most {limit} may be \
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

    #[test]
    fn while_memory_is_short_only_requests_that_were_let_in_go_on() {
        let budget = Budget::new(10);
        let (old, new) = (budget.open(), budget.open());
        old.grow(1).unwrap();
        assert!(!budget.set_short(true));
        assert_eq!(new.grow(1).unwrap_err().cause(), Cause::QueueFull);
        old.grow(1).unwrap();
        assert!(budget.set_short(false));
        new.grow(1).unwrap();
        assert_eq!(budget.used(), 3);
    }
}
