//! Counts of the latest minute.

use std::collections::VecDeque;

use crate::metrics::calls::CallStats;
use crate::metrics::histogram::{Counts, SparseCounts};
use crate::metrics::outcomes::OutcomeCounts;
use crate::metrics::requests::{Protocol, RouteStats};
use crate::metrics::stage::CallStage;

/// Length of a window in seconds.
pub(crate) const WINDOW_S: usize = 60;

/// The latest seconds of one histogram.
#[derive(Debug, Default)]
pub(crate) struct HistogramWindow {
    /// All counts at the last tick.
    last: Counts,
    /// Counts by second, the oldest first.
    seconds: VecDeque<SparseCounts>,
}

impl HistogramWindow {
    /// Ends a second; `now` are all counts so far.
    pub(crate) fn tick(&mut self, now: Counts) {
        if self.seconds.len() == WINDOW_S {
            self.seconds.pop_front();
        }
        self.seconds.push_back(now.since(&self.last));
        self.last = now;
    }

    /// The latest second.
    pub(crate) fn second(&self) -> Counts {
        let mut sums = Counts::default();
        if let Some(second) = self.seconds.back() {
            second.add_to(&mut sums);
        }
        sums
    }

    /// The latest minute.
    pub(crate) fn minute(&self) -> Counts {
        let mut sums = Counts::default();
        self.seconds.iter().for_each(|second| second.add_to(&mut sums));
        sums
    }
}

/// The latest seconds of one set of outcomes.
#[derive(Debug, Default)]
struct OutcomeWindow {
    /// All counts at the last tick.
    last: OutcomeCounts,
    /// Successes and failures by second, the oldest first.
    seconds: VecDeque<(u64, u64)>,
}

impl OutcomeWindow {
    fn tick(&mut self, now: OutcomeCounts) {
        if self.seconds.len() == WINDOW_S {
            self.seconds.pop_front();
        }
        let succeeded = now.succeeded.saturating_sub(self.last.succeeded);
        let failed = now.all_failed().saturating_sub(self.last.all_failed());
        self.seconds.push_back((succeeded, failed));
        self.last = now;
    }

    fn sum(&self) -> (u64, u64) {
        self.seconds.iter().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1))
    }
}

/// The latest minute of the requests or calls of one name.
#[derive(Clone, Debug, Default)]
pub struct Minute {
    /// Seconds in the window: fewer than 60 after the start.
    pub seconds: usize,
    /// Number of successes.
    pub succeeded: u64,
    /// Number of failures.
    pub failed: u64,
    /// Durations of all requests or calls.
    pub duration: Counts,
    /// Durations of each stage in the order of [`CallStage::ALL`]; empty for requests.
    pub stages: Vec<(CallStage, Counts)>,
}

/// One second of the requests or calls of one name.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    /// Number of successes.
    pub(crate) succeeded: u64,
    /// Number of failures.
    pub(crate) failed: u64,
    /// Durations of all requests or calls.
    pub(crate) duration: Counts,
}

/// The latest minute of the requests or calls of one name.
#[derive(Debug, Default)]
pub(crate) struct RecentStats {
    outcomes: OutcomeWindow,
    duration: HistogramWindow,
    /// In the order of [`CallStage::ALL`].
    stages: [HistogramWindow; CallStage::ALL.len()],
    /// Whether these are calls, which have stages.
    has_stages: bool,
}

impl RecentStats {
    /// Ends a second of the calls of a model or node.
    pub(crate) fn tick_calls(&mut self, stats: &CallStats) {
        self.has_stages = true;
        self.outcomes.tick(stats.outcomes.read());
        self.duration.tick(stats.duration.read());
        for (window, stage) in self.stages.iter_mut().zip(CallStage::ALL) {
            window.tick(stats.stage(stage).read());
        }
    }

    /// Ends a second of the requests of a route.
    pub(crate) fn tick_requests(&mut self, stats: &RouteStats) {
        let mut outcomes = OutcomeCounts::default();
        let mut duration = Counts::default();
        for protocol in Protocol::ALL {
            let of_protocol = stats.for_protocol(protocol);
            outcomes.merge(&of_protocol.outcomes.read());
            duration.merge(&of_protocol.duration.read());
        }
        self.outcomes.tick(outcomes);
        self.duration.tick(duration);
    }

    pub(crate) fn second(&self) -> Second {
        let (succeeded, failed) = self.outcomes.seconds.back().copied().unwrap_or_default();
        Second { succeeded, failed, duration: self.duration.second() }
    }

    pub(crate) fn minute(&self) -> Minute {
        let (succeeded, failed) = self.outcomes.sum();
        let windows = CallStage::ALL.into_iter().zip(&self.stages);
        let stages =
            windows.filter(|_| self.has_stages).map(|(stage, window)| (stage, window.minute()));
        Minute {
            seconds: self.outcomes.seconds.len(),
            succeeded,
            failed,
            duration: self.duration.minute(),
            stages: stages.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Histogram;

    #[test]
    fn a_window_drops_seconds_older_than_a_minute() {
        let (mut window, histogram) = (HistogramWindow::default(), Histogram::default());
        for second in 0..WINDOW_S as u64 + 1 {
            histogram.add(Duration::from_millis(second + 1));
            window.tick(histogram.read());
        }
        assert_eq!(window.minute().count(), WINDOW_S as u64);
        assert_eq!(window.second().count(), 1);
        assert!(window.minute().percentile(0.0) >= Duration::from_millis(2));
        window.tick(histogram.read());
        assert_eq!(window.second().count(), 0);
        assert_eq!(window.minute().count(), WINDOW_S as u64 - 1);
    }

    #[test]
    fn the_requests_of_all_protocols_count_for_one_route() {
        let (mut recent, route) = (RecentStats::default(), RouteStats::new("m-1"));
        for protocol in Protocol::ALL {
            let stats = route.for_protocol(protocol);
            stats.outcomes.count_start();
            stats.outcomes.count_end(None);
            stats.duration.add(Duration::from_millis(2));
        }
        recent.tick_requests(&route);
        let minute = recent.minute();
        let protocols = Protocol::ALL.len() as u64;
        assert_eq!((minute.seconds, minute.succeeded, minute.failed), (1, protocols, 0));
        assert_eq!(minute.duration.count(), protocols);
        assert!(minute.stages.is_empty());
    }
}
