//! Requests of the whole service: how many, how many failed, how long they took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::histogram::{Counts, Histogram};

/// Counters on the way of every request; cheap to add to from any thread.
#[derive(Debug, Default)]
pub struct Traffic {
    failed: AtomicU64,
    /// The longest since somebody looked.
    longest_us: AtomicU64,
    durations: Histogram,
}

/// What the counters said at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) failed: u64,
    pub(crate) durations: Counts,
}

impl Traffic {
    /// Counts a request that has been answered.
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

    /// The counters now.
    pub(crate) fn read(&self) -> Reading {
        Reading { failed: self.failed.load(Ordering::Relaxed), durations: self.durations.read() }
    }

    /// The longest duration since this was last asked.
    pub(crate) fn take_longest(&self) -> Duration {
        Duration::from_micros(self.longest_us.swap(0, Ordering::Relaxed))
    }
}
