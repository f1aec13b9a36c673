//! Counters for all requests of the service: number, failures and durations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::histogram::{Counts, Histogram};

/// Counters for all requests; any thread can add and read without waiting.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Number of failed requests.
    failed: AtomicU64,
    /// The longest duration since the last [`Traffic::take_longest`].
    longest_us: AtomicU64,
    /// Durations of all requests.
    durations: Histogram,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Number of failed requests.
    pub(crate) failed: u64,
    /// Durations of all requests.
    pub(crate) durations: Counts,
}

impl Traffic {
    /// Counts a request that has ended.
    pub fn add(&self, duration: Duration, failed: bool) {
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if us > self.longest_us.load(Ordering::Relaxed) {
            self.longest_us.fetch_max(us, Ordering::Relaxed);
        }
        self.durations.add(duration);
    }

    /// Returns the current counters.
    pub(crate) fn read(&self) -> Reading {
        Reading { failed: self.failed.load(Ordering::Relaxed), durations: self.durations.read() }
    }

    /// Returns the longest duration since the last call, and resets it.
    pub(crate) fn take_longest(&self) -> Duration {
        Duration::from_micros(self.longest_us.swap(0, Ordering::Relaxed))
    }
}
