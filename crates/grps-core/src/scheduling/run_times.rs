//! How fast a model is, to tell which requests can't be answered before their deadlines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Runs that are remembered.
const RUNS: usize = 16;
/// What is remembered counts for so long after the last run.
const FRESH: Duration = Duration::from_secs(1);

/// The lengths of the latest runs of one model.
#[derive(Debug, Default)]
pub(crate) struct RecentRunTimes {
    lengths: [Duration; RUNS],
    /// How many runs there were.
    count: usize,
    /// When the latest one ended.
    latest: Option<Instant>,
}

impl RecentRunTimes {
    /// Adds a run.
    pub(crate) fn add(&mut self, began: Instant, ended: Instant) {
        let index = self.count % RUNS;
        if let Some(length) = self.lengths.get_mut(index) {
            *length = ended.saturating_duration_since(began);
        }
        self.count += 1;
        self.latest = Some(ended);
    }

    /// What even the fastest of the latest runs took; `None` when too little is known. As it counts
    /// for a short time only, a model that has become faster gets its chance to show it.
    pub(crate) fn fastest(&self, now: Instant) -> Option<Duration> {
        let latest = self.latest?;
        if self.count < RUNS || now.saturating_duration_since(latest) > FRESH {
            return None;
        }
        self.lengths.iter().min().copied()
    }
}

/// How long calls of a model take of late, their wait for an instance included.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// A mean in microseconds in which the latest calls count most; 0 before the first.
    mean_us: AtomicU64,
}

impl Latency {
    /// Adds a call. Two at once may count as one: the mean is a rule of thumb.
    pub(crate) fn add(&self, length: Duration) {
        let length_us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.mean_us.load(Ordering::Relaxed);
        let mean = if before == 0 { length_us } else { before - before / 8 + length_us / 8 };
        self.mean_us.store(mean.max(1), Ordering::Relaxed);
    }

    /// The mean; zero before the first call.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_the_latest_calls() {
        let latency = Latency::default();
        assert_eq!(latency.mean(), Duration::ZERO);
        latency.add(Duration::from_millis(100));
        assert_eq!(latency.mean(), Duration::from_millis(100));
        for _ in 0..100 {
            latency.add(Duration::from_millis(10));
        }
        assert!(latency.mean() < Duration::from_millis(11));
        assert!(latency.mean() > Duration::from_millis(9));
    }

    #[test]
    fn only_many_runs_of_late_tell_the_pace() {
        let mut pace = RecentRunTimes::default();
        let mut now = Instant::now();
        for index in 0..RUNS {
            assert_eq!(pace.fastest(now), None);
            let began = now;
            now += Duration::from_millis(5 + index as u64);
            pace.add(began, now);
        }
        assert_eq!(pace.fastest(now), Some(Duration::from_millis(5)));
        assert_eq!(pace.fastest(now + FRESH), Some(Duration::from_millis(5)));
        assert_eq!(pace.fastest(now + FRESH + Duration::from_millis(1)), None);
        let began = now;
        now += Duration::from_millis(9);
        pace.add(began, now);
        // The first run is forgotten.
        assert_eq!(pace.fastest(now), Some(Duration::from_millis(6)));
    }
}
