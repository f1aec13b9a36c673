//! Admission: how many requests run at once and how many may wait for a place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Cause, Error};

/// Lets a fixed number of requests run; the rest wait in order, up to a limit.
#[derive(Debug)]
pub struct Admission {
    /// One permit per place; fair, so waiting requests enter in order of arrival.
    places: Arc<Semaphore>,
    /// Requests that wait for a place.
    waiting: AtomicUsize,
    /// Most requests that may wait.
    max_waiting: usize,
}

/// A place; dropping it lets the next request in.
#[derive(Debug)]
pub struct Permit {
    _place: OwnedSemaphorePermit,
}

/// Counts a waiting request for as long as it lives, also when it is cancelled.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Admission {
    /// Lets `max_running` requests run and `max_waiting` wait.
    pub fn new(max_running: usize, max_waiting: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_running.min(Semaphore::MAX_PERMITS)));
        Self { places, waiting: AtomicUsize::new(0), max_waiting }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `QueueFull` when too many requests wait already.
    pub async fn enter(&self) -> Result<Permit, Error> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Permit { _place: place });
        }
        let _waiting = self.count_in()?;
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => Ok(Permit { _place: place }),
            Err(_) => Err(Error::new(Cause::Unavailable, "the service is stopping")),
        }
    }

    /// The number of requests that wait for a place.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    fn count_in(&self) -> Result<Waiting<'_>, Error> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let waiting = Waiting(&self.waiting);
        if before >= self.max_waiting {
            drop(waiting);
            return Err(Error::new(
                Cause::QueueFull,
                format!("{before} requests wait already; try again later"),
            ));
        }
        Ok(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn limits_are_exact() {
        let admission = Arc::new(Admission::new(1, 1));
        let first = admission.enter().await.unwrap();
        let second = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter().await.map(drop) }
        });
        while admission.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(admission.enter().await.unwrap_err().cause(), Cause::QueueFull);
        assert_eq!(admission.waiting(), 1);
        drop(first);
        second.await.unwrap().unwrap();
        assert_eq!(admission.waiting(), 0);
    }

    #[tokio::test]
    async fn a_cancelled_wait_frees_its_slot() {
        let admission = Admission::new(1, 1);
        let _first = admission.enter().await.unwrap();
        let wait = tokio::time::timeout(std::time::Duration::from_millis(1), admission.enter());
        assert!(wait.await.is_err());
        assert_eq!(admission.waiting(), 0);
    }
}
