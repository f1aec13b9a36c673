//! How many requests may be sent once more: when all endpoints refuse, each further try makes it worse.

use parking_lot::Mutex;

/// What a retry takes.
const PER_RETRY: u64 = 1000;
/// What each request adds. With the first retry, which is free, retries are a tenth of the requests
/// once there have been 200.
const PER_REQUEST: u64 = 95;
/// Most retries in one burst, as when an endpoint with many requests is drained.
const MOST: u64 = 1000 * PER_RETRY;

/// Retries that are left.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(PER_RETRY))
    }
}

impl Budget {
    /// Notes a request.
    pub(crate) fn add_request(&self) {
        let mut left = self.0.lock();
        *left = (*left + PER_REQUEST).min(MOST);
    }

    /// Takes a retry, if there is one.
    pub(crate) fn take(&self) -> bool {
        let mut left = self.0.lock();
        let is_allowed = *left >= PER_RETRY;
        if is_allowed {
            *left -= PER_RETRY;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_tenth_of_the_requests() {
        let budget = Budget::default();
        assert!(budget.take(), "the first one is free");
        let retries = (0..200).filter(|_| {
            budget.add_request();
            budget.take()
        });
        assert_eq!(retries.count(), 19);
    }

    #[test]
    fn a_burst_is_bounded() {
        let budget = Budget::default();
        (0..100_000).for_each(|_| budget.add_request());
        assert_eq!((0..2000).filter(|_| budget.take()).count(), 1000);
    }
}
