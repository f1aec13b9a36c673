//! Places of connections: `max_connections`, and a few more for health and metrics.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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

/// The places of all connections of a service.
pub(crate) struct Places {
    ordinary: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    /// Number of ordinary places.
    limit: usize,
}

impl Places {
    /// Creates `limit` ordinary places and the reserved ones.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        let [ordinary, reserved] = [limit, RESERVED].map(|count| Arc::new(Semaphore::new(count)));
        Self { ordinary, reserved, limit }
    }

    /// Takes a place, a reserved one if there is no other; `None` if there is none at all. Dropping
    /// the permit returns it.
    pub(crate) fn take(&self) -> Option<(Place, OwnedSemaphorePermit)> {
        match Arc::clone(&self.ordinary).try_acquire_owned() {
            Ok(permit) => Some((Place::Ordinary, permit)),
            Err(_) => self.take_reserved(),
        }
    }

    /// Takes a reserved place.
    pub(crate) fn take_reserved(&self) -> Option<(Place, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.reserved).try_acquire_owned().ok()?;
        Some((Place::Reserved, permit))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_places_are_taken_last() {
        let places = Places::new(2);
        let take = || places.take().map(|(place, permit)| (place, Some(permit)));
        let mut ordinary = [take().unwrap(), take().unwrap()];
        assert!(ordinary.iter().all(|(place, _)| *place == Place::Ordinary));
        let reserved: Vec<_> = (0..RESERVED).map(|_| take().unwrap()).collect();
        assert!(reserved.iter().all(|(place, _)| *place == Place::Reserved));
        assert!(take().is_none());
        assert_eq!((places.taken(), places.limit()), (2, 2));
        ordinary[0].1 = None;
        assert_eq!(take().unwrap().0, Place::Ordinary);
    }
}
