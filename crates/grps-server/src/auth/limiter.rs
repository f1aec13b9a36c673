//! Limits of one caller: requests in a second and requests at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use grps_core::{Cause, Error};

use crate::auth::settings::CallerSettings;

/// The limits of a caller and what it uses of them.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Time that one request takes of the rate, in nanoseconds; 0 without a limit.
    interval_ns: u64,
    /// How far ahead of the time a burst may be, in nanoseconds.
    burst_ns: u64,
    began: Instant,
    /// When the rate is used up to, in nanoseconds since `began`.
    used_until_ns: AtomicU64,
    max_concurrency: usize,
    running: Arc<AtomicUsize>,
}

/// A request that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    pub(super) fn new(settings: &CallerSettings) -> Self {
        let rate = settings.max_requests_per_second;
        let interval = rate.map_or(Duration::ZERO, |rate| {
            Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX)
        });
        let interval_ns = nanos(interval);
        Self {
            interval_ns,
            // A second's worth of requests may come at once, and one at least.
            burst_ns: nanos(Duration::from_secs(1)).max(interval_ns),
            began: Instant::now(),
            used_until_ns: AtomicU64::new(0),
            max_concurrency: settings.max_concurrency.unwrap_or(usize::MAX),
            running: Arc::default(),
        }
    }

    /// Counts a request of the caller called `name`.
    ///
    /// # Errors
    /// `RateLimited` with the limit that is reached.
    pub(super) fn admit(&self, name: &str) -> Result<Permit, Error> {
        let permit = self.start(name)?;
        self.take(name, nanos(self.began.elapsed()))?;
        Ok(permit)
    }

    fn start(&self, name: &str) -> Result<Permit, Error> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.running));
        if before < self.max_concurrency {
            return Ok(permit);
        }
        let limit = self.max_concurrency;
        Err(limited(name, &format!("{limit} requests at once (max_concurrency)")))
    }

    /// Takes one request of the rate at a time since `began`.
    fn take(&self, name: &str, now_ns: u64) -> Result<(), Error> {
        if self.interval_ns == 0 {
            return Ok(());
        }
        let next = |used_until: u64| {
            let until = used_until.max(now_ns).saturating_add(self.interval_ns);
            (until - now_ns <= self.burst_ns).then_some(until)
        };
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        self.used_until_ns.fetch_update(set, get, next).map(drop).map_err(|_| {
            let rate = 1e9 / self.interval_ns as f64;
            limited(name, &format!("{rate:.6} requests per second (max_requests_per_second)"))
        })
    }
}

fn limited(name: &str, limit: &str) -> Error {
    let message = format!("'{name}' has reached its limit of {limit}; try again later");
    Error::new(Cause::RateLimited, message)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scopes::Scopes;

    const SECOND: u64 = 1_000_000_000;

    fn limiter(rate: Option<f64>, concurrency: Option<usize>) -> Limiter {
        Limiter::new(&CallerSettings {
            name: "x".to_owned(),
            scopes: Scopes::ALL,
            max_requests_per_second: rate,
            max_concurrency: concurrency,
        })
    }

    #[test]
    fn a_rate_allows_a_burst_of_one_second() {
        let limiter = limiter(Some(4.0), None);
        let admitted = |now| (0..10).filter(|_| limiter.take("x", now).is_ok()).count();
        assert_eq!(admitted(0), 4);
        assert_eq!(admitted(SECOND / 4), 1);
        assert_eq!(admitted(SECOND), 3);
        assert_eq!(admitted(100 * SECOND), 4);
    }

    #[test]
    fn a_slow_rate_allows_one_request() {
        let limiter = limiter(Some(0.5), None);
        assert!(limiter.take("x", 0).is_ok());
        let error = limiter.take("x", SECOND).unwrap_err();
        assert_eq!(error.cause(), Cause::RateLimited);
        assert!(limiter.take("x", 2 * SECOND).is_ok());
    }

    #[test]
    fn requests_at_once_end_with_their_permits() {
        let limiter = limiter(None, Some(2));
        let (first, _second) = (limiter.admit("x").unwrap(), limiter.admit("x").unwrap());
        assert_eq!(limiter.admit("x").unwrap_err().cause(), Cause::RateLimited);
        drop(first);
        assert!(limiter.admit("x").is_ok());
    }
}
