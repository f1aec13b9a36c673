//! Counts of requests and copies from the start, and of a period.

use crate::error::Cause;
use crate::metrics::{Counts, OutcomeCounts, Protocol, RouteStats};

/// Requests that have ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// All of them, without those whose client left.
    pub(crate) requests: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Their durations.
    pub(crate) durations: Counts,
}

impl Totals {
    /// All requests of a route.
    pub(crate) fn of(stats: &RouteStats) -> Self {
        let mut outcomes = OutcomeCounts::default();
        let mut durations = Counts::default();
        for protocol in Protocol::ALL {
            let of_protocol = stats.for_protocol(protocol);
            outcomes.merge(&of_protocol.outcomes.read());
            durations.merge(&of_protocol.duration.read());
        }
        let cancelled = outcomes.failed_for(Cause::Cancelled);
        Self {
            requests: outcomes.ended().saturating_sub(cancelled),
            failed: outcomes.all_failed().saturating_sub(cancelled),
            durations,
        }
    }

    /// Adds those of another route.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.durations.merge(&other.durations);
    }

    /// Those since an earlier moment.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut durations = Counts::default();
        self.durations.since(&earlier.durations).add_to(&mut durations);
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            failed: self.failed.saturating_sub(earlier.failed),
            durations,
        }
    }

    /// The share of failed ones in percent; 0 without requests.
    pub(crate) fn failed_percent(&self) -> f64 {
        percent(self.failed, self.requests)
    }
}

/// Copies for a shadow version that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copies {
    /// All of them.
    pub(crate) ended: u64,
    /// Those that failed or whose output differs.
    pub(crate) different: u64,
}

impl Copies {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            ended: self.ended.saturating_sub(earlier.ended),
            different: self.different.saturating_sub(earlier.different),
        }
    }

    pub(crate) fn different_percent(self) -> f64 {
        percent(self.different, self.ended)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}
