//! What was counted in the latest minute.

use std::collections::VecDeque;

use crate::metrics::calls::CallStats;
use crate::metrics::histogram::{Counts, SparseCounts};
use crate::metrics::outcomes::OutcomeCounts;
use crate::metrics::requests::{Protocol, RouteStats};
use crate::metrics::stage::CallStage;

/// Seconds that are remembered.
pub(crate) const WINDOW_S: usize = 60;

/// The latest seconds of one histogram.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// All that was counted until the last second.
    last: Counts,
    seconds: VecDeque<SparseCounts>,
}

impl Window {
    /// Ends a second with all that was counted until now.
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
struct Ends {
    last: OutcomeCounts,
    /// Those that succeeded and those that failed.
    seconds: VecDeque<(u64, u64)>,
}

impl Ends {
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

/// What happened in the latest minute to the requests or calls of one name.
#[derive(Clone, Debug, Default)]
pub struct Minute {
    /// Seconds that are looked at: fewer than 60 at first.
    pub seconds: usize,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// How long they took.
    pub duration: Counts,
    /// How long each step of calls took, in the order of [`CallStage::ALL`]; empty for requests.
    pub stages: Vec<(CallStage, Counts)>,
}

/// One second of the same.
#[derive(Clone, Debug)]
pub(crate) struct Second {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) duration: Counts,
}

/// The latest minute of the requests or calls of one name.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    ends: Ends,
    duration: Window,
    stages: [Window; CallStage::ALL.len()],
    has_stages: bool,
}

impl Recent {
    /// Ends a second of a model's or node's calls.
    pub(crate) fn tick_calls(&mut self, stats: &CallStats) {
        self.has_stages = true;
        self.ends.tick(stats.outcomes.read());
        self.duration.tick(stats.duration.read());
        for (window, stage) in self.stages.iter_mut().zip(CallStage::ALL) {
            window.tick(stats.stage(stage).read());
        }
    }

    /// Ends a second of a route's requests.
    pub(crate) fn tick_requests(&mut self, stats: &RouteStats) {
        let mut outcomes = OutcomeCounts::default();
        let mut duration = Counts::default();
        for protocol in Protocol::ALL {
            let of_protocol = stats.of(protocol);
            outcomes.merge(&of_protocol.outcomes.read());
            duration.merge(&of_protocol.duration.read());
        }
        self.ends.tick(outcomes);
        self.duration.tick(duration);
    }

    pub(crate) fn second(&self) -> Second {
        let (succeeded, failed) = self.ends.seconds.back().copied().unwrap_or_default();
        Second { succeeded, failed, duration: self.duration.second() }
    }

    pub(crate) fn minute(&self) -> Minute {
        let (succeeded, failed) = self.ends.sum();
        let windows = CallStage::ALL.into_iter().zip(&self.stages);
        let stages = windows.filter(|_| self.has_stages).map(|(stage, w)| (stage, w.minute()));
        Minute {
            seconds: self.ends.seconds.len(),
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
    fn a_minute_forgets_what_came_before_it() {
        let (mut window, histogram) = (Window::default(), Histogram::default());
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
    fn requests_of_all_protocols_are_one_route() {
        let (mut recent, route) = (Recent::default(), RouteStats::new("m-1"));
        for protocol in Protocol::ALL {
            let stats = route.of(protocol);
            stats.outcomes.begin();
            stats.outcomes.end(None);
            stats.duration.add(Duration::from_millis(2));
        }
        recent.tick_requests(&route);
        let minute = recent.minute();
        assert_eq!((minute.seconds, minute.succeeded, minute.failed), (1, 2, 0));
        assert_eq!(minute.duration.count(), 2);
        assert!(minute.stages.is_empty());
    }
}
