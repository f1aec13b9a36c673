//! Places of connections: `max_connections`, and a few more for health and metrics.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use grps_core::{Cause, Error};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Number of connections beyond the limit that may ask for health and metrics.
pub(crate) const RESERVED: usize = 16;

/// The kind of place that a connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One of `max_connections`.
    Ordinary,
    /// Beyond the limit: it serves health and metrics only, for a short time.
    Reserved,
}

impl Place {
    /// Checks whether the connection may call a route; `is_vital` for health and metrics.
    ///
    /// # Errors
    /// `Unavailable` for other routes when there are too many connections.
    pub(crate) fn check(self, is_vital: bool) -> Result<(), Error> {
        if self == Self::Ordinary || is_vital {
            return Ok(());
        }
        Err(Error::new(Cause::Unavailable, "too many connections; try again later"))
    }
}

/// The places of all connections of a service.
pub(crate) struct Places {
    ordinary: Arc<Semaphore>,
    /// Number of ordinary places.
    limit: usize,
    reserved: Arc<Mutex<Reserved>>,
}

/// The connections with a reserved place.
#[derive(Default)]
struct Reserved {
    /// Oldest first; dropping the sender evicts the connection.
    connections: VecDeque<(u64, oneshot::Sender<()>)>,
    /// The number of the next one.
    next: u64,
}

/// The place of one connection; dropping it returns the place.
pub(crate) enum Permit {
    /// An ordinary place.
    Ordinary(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit),
    /// A reserved place.
    Reserved(ReservedPermit),
}

/// A reserved place of one connection.
pub(crate) struct ReservedPermit {
    places: Arc<Mutex<Reserved>>,
    number: u64,
    evicted: oneshot::Receiver<()>,
}

impl Places {
    /// Creates `limit` ordinary places and the reserved ones.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { ordinary: Arc::new(Semaphore::new(limit)), limit, reserved: Arc::default() }
    }

    /// Takes a place, a reserved one if there is no other.
    pub(crate) fn take(&self) -> Permit {
        match Arc::clone(&self.ordinary).try_acquire_owned() {
            Ok(permit) => Permit::Ordinary(permit),
            Err(_) => self.take_reserved(),
        }
    }

    /// Takes a reserved place. If there is none, the oldest connection loses its own: a client that
    /// asks for the health does so at once.
    pub(crate) fn take_reserved(&self) -> Permit {
        let (sender, evicted) = oneshot::channel();
        let mut reserved = self.reserved.lock();
        if reserved.connections.len() >= RESERVED {
            reserved.connections.pop_front();
        }
        let number = reserved.next;
        reserved.next += 1;
        reserved.connections.push_back((number, sender));
        drop(reserved);
        Permit::Reserved(ReservedPermit { places: Arc::clone(&self.reserved), number, evicted })
    }

    /// Number of ordinary places.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Number of connections with an ordinary place.
    pub(crate) fn taken(&self) -> usize {
        self.limit.saturating_sub(self.ordinary.available_permits())
    }
}

impl Permit {
    /// The kind of place.
    pub(crate) fn place(&self) -> Place {
        match self {
            Self::Ordinary(_) => Place::Ordinary,
            Self::Reserved(_) => Place::Reserved,
        }
    }

    /// Waits until the place is needed for another connection.
    pub(crate) async fn evicted(&mut self) {
        match self {
            Self::Ordinary(_) => pending().await,
            // The sender is dropped, never used.
            Self::Reserved(permit) => drop((&mut permit.evicted).await),
        }
    }
}

impl Drop for ReservedPermit {
    fn drop(&mut self) {
        self.places.lock().connections.retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    async fn is_evicted(permit: &mut Permit) -> bool {
        timeout(Duration::from_millis(1), permit.evicted()).await.is_ok()
    }

    #[tokio::test]
    async fn reserved_places_are_taken_last_and_passed_on() {
        let places = Places::new(2);
        let mut ordinary = vec![places.take(), places.take()];
        assert!(ordinary.iter().all(|permit| permit.place() == Place::Ordinary));
        let mut reserved: Vec<_> = (0..RESERVED).map(|_| places.take()).collect();
        assert!(reserved.iter().all(|permit| permit.place() == Place::Reserved));
        assert_eq!((places.taken(), places.limit()), (2, 2));
        reserved.pop();
        let _last = places.take();
        assert!(!is_evicted(&mut reserved[0]).await);
        let _one_more = places.take();
        assert!(is_evicted(&mut reserved[0]).await);
        assert!(!is_evicted(&mut reserved[1]).await);
        assert!(!is_evicted(&mut ordinary[0]).await);
        ordinary.pop();
        assert_eq!(places.take().place(), Place::Ordinary);
    }
}
