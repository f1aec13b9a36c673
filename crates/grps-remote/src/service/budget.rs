//! How many requests may be sent once more: when all endpoints refuse, each further try makes it worse.

use parking_lot::Mutex;

/// What each request adds. With the first one that is free, retries are a tenth of the requests once
/// there have been 200.
const PER_REQUEST: f64 = 0.095;
/// Most retries in one burst, as when an endpoint with many requests is drained.
const MOST: f64 = 1000.0;

/// Retries that are left.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<f64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(1.0))
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
        let is_allowed = *left >= 1.0;
        if is_allowed {
            *left -= 1.0;
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
