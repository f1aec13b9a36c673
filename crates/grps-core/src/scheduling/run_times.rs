//! Recent run times of a model: they show which requests can't meet their deadlines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Number of runs that are kept.
const RUNS: usize = 16;
/// How long the run times are valid after the last run.
const VALIDITY: Duration = Duration::from_secs(1);

/// Durations of the latest runs of one model.
#[derive(Debug, Default)]
pub(crate) struct RecentRunTimes {
    durations: [Duration; RUNS],
    /// Number of runs.
    count: usize,
    /// End of the latest run.
    last_end: Option<Instant>,
}

impl RecentRunTimes {
    /// Adds a run.
    pub(crate) fn add(&mut self, began: Instant, ended: Instant) {
        let index = self.count % RUNS;
        if let Some(duration) = self.durations.get_mut(index) {
            *duration = ended.saturating_duration_since(began);
        }
        self.count += 1;
        self.last_end = Some(ended);
    }

    /// Duration of the fastest of the latest runs; `None` after too few runs. It is valid for a
    /// short time only, so that a model that has become faster gets requests again.
    pub(crate) fn fastest(&self, now: Instant) -> Option<Duration> {
        let last_end = self.last_end?;
        if self.count < RUNS || now.saturating_duration_since(last_end) > VALIDITY {
            return None;
        }
        self.durations.iter().min().copied()
    }
}

/// Mean duration of the recent calls of a model, including their time in the queue.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// Exponential moving average in microseconds; 0 before the first call.
    mean_us: AtomicU64,
}

impl Latency {
    /// Adds a call. Of two concurrent calls one may be lost, which the estimate tolerates.
    pub(crate) fn add(&self, duration: Duration) {
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.mean_us.load(Ordering::Relaxed);
        let mean = if before == 0 { duration_us } else { before - before / 8 + duration_us / 8 };
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
    fn only_enough_recent_runs_count() {
        let mut run_times = RecentRunTimes::default();
        let mut now = Instant::now();
        for index in 0..RUNS {
            assert_eq!(run_times.fastest(now), None);
            let began = now;
            now += Duration::from_millis(5 + index as u64);
            run_times.add(began, now);
        }
        assert_eq!(run_times.fastest(now), Some(Duration::from_millis(5)));
        assert_eq!(run_times.fastest(now + VALIDITY), Some(Duration::from_millis(5)));
        assert_eq!(run_times.fastest(now + VALIDITY + Duration::from_millis(1)), None);
        let began = now;
        now += Duration::from_millis(9);
        run_times.add(began, now);
        // The first run is no longer kept.
        assert_eq!(run_times.fastest(now), Some(Duration::from_millis(6)));
    }
}
