//! The slowest and the failed requests of the latest minutes, with the durations of their stages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::error::Cause;
use crate::metrics::requests::Protocol;
use crate::nanos::nanos;
use crate::request::timeline::Timeline;

/// Number of slowest requests per period.
const SLOWEST: usize = 20;
/// Number of failed requests.
const FAILURES: usize = 50;
/// Length of a period in ticks.
const PERIOD_TICKS: u64 = 300;

/// Summary of a request that has ended.
#[derive(Clone, Debug)]
pub struct RequestSummary {
    /// Identifier and stages of the request.
    pub timeline: Arc<Timeline>,
    /// Its model or graph.
    pub model: Arc<str>,
    /// Its protocol.
    pub protocol: Protocol,
    /// Why it failed; `None` for a success.
    pub failure: Option<Cause>,
    /// The message of the failure, shortened; `None` where none is known.
    pub error: Option<Arc<str>>,
    /// Time from its head to the end of its response.
    pub duration: Duration,
    /// When it ended.
    pub ended: SystemTime,
}

/// The slowest requests of the current and the last period, and the latest failed requests.
#[derive(Debug, Default)]
pub struct NotableRequests {
    /// Duration that a request must exceed to be among the slowest, in nanoseconds. Most requests
    /// only read this value and take no lock.
    threshold_ns: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The slowest requests of the current period in descending order of duration.
    slowest: Vec<RequestSummary>,
    /// The slowest requests of the last period.
    last_slowest: Vec<RequestSummary>,
    /// The failed requests, the oldest first.
    failures: VecDeque<RequestSummary>,
    /// Ticks since the start.
    ticks: u64,
}

impl NotableRequests {
    /// Whether a request of this duration and outcome should be kept.
    pub fn is_notable(&self, duration: Duration, failed: bool) -> bool {
        failed || nanos(duration) > self.threshold_ns.load(Ordering::Relaxed)
    }

    /// Keeps a request.
    pub fn keep(&self, summary: RequestSummary) {
        let mut kept = self.kept.lock();
        if summary.failure.is_some() {
            if kept.failures.len() == FAILURES {
                kept.failures.pop_front();
            }
            kept.failures.push_back(summary.clone());
        }
        let rank = kept.slowest.partition_point(|other| other.duration >= summary.duration);
        if rank < SLOWEST {
            kept.slowest.insert(rank, summary);
            kept.slowest.truncate(SLOWEST);
        }
        if let Some(last) = kept.slowest.get(SLOWEST - 1) {
            self.threshold_ns.store(nanos(last.duration), Ordering::Relaxed);
        }
    }

    /// Counts a second and drops requests that are too old; called once a second.
    pub fn tick(&self) {
        let mut kept = self.kept.lock();
        kept.ticks += 1;
        if kept.ticks.is_multiple_of(PERIOD_TICKS) {
            kept.last_slowest = std::mem::take(&mut kept.slowest);
            self.threshold_ns.store(0, Ordering::Relaxed);
        }
    }

    /// The slowest requests of the latest five to ten minutes, in descending order of duration.
    pub fn slowest(&self) -> Vec<RequestSummary> {
        let kept = self.kept.lock();
        let mut all: Vec<RequestSummary> =
            kept.slowest.iter().chain(&kept.last_slowest).cloned().collect();
        all.sort_by_key(|summary| std::cmp::Reverse(summary.duration));
        all.truncate(SLOWEST);
        all
    }

    /// The failed requests, the latest first.
    pub fn failures(&self) -> Vec<RequestSummary> {
        self.kept.lock().failures.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(ms: u64, failure: Option<Cause>) -> RequestSummary {
        RequestSummary {
            timeline: Arc::new(Timeline::new(&ms.to_string(), None)),
            model: "m-1".into(),
            protocol: Protocol::Http,
            failure,
            error: None,
            duration: Duration::from_millis(ms),
            ended: SystemTime::now(),
        }
    }

    fn offer(notable: &NotableRequests, ms: u64, failure: Option<Cause>) {
        if notable.is_notable(Duration::from_millis(ms), failure.is_some()) {
            notable.keep(summary(ms, failure));
        }
    }

    fn durations_ms(notable: &NotableRequests) -> Vec<u128> {
        notable.slowest().iter().map(|summary| summary.duration.as_millis()).collect()
    }

    #[test]
    fn the_slowest_requests_are_kept_in_any_order_of_arrival() {
        let notable = NotableRequests::default();
        for number in 0..1000u64 {
            offer(&notable, (number * 7919) % 1000, None);
        }
        let expected: Vec<u128> = (980..1000).rev().collect();
        assert_eq!(durations_ms(&notable), expected);
        assert!(!notable.is_notable(Duration::from_millis(980), false));
        assert!(notable.is_notable(Duration::from_millis(981), false));
    }

    #[test]
    fn requests_are_dropped_after_the_next_period() {
        let notable = NotableRequests::default();
        offer(&notable, 500, None);
        (0..PERIOD_TICKS).for_each(|_| notable.tick());
        offer(&notable, 3, None);
        assert_eq!(durations_ms(&notable), [500, 3]);
        (0..PERIOD_TICKS).for_each(|_| notable.tick());
        assert_eq!(durations_ms(&notable), [3]);
    }

    #[test]
    fn the_latest_failures_are_kept_for_any_duration() {
        let notable = NotableRequests::default();
        for ms in 100..200 {
            offer(&notable, ms, None);
        }
        for ms in 0..FAILURES as u64 + 1 {
            offer(&notable, ms, Some(Cause::QueueFull));
        }
        let failures = notable.failures();
        assert_eq!(failures.len(), FAILURES);
        assert_eq!(failures[0].duration.as_millis(), FAILURES as u128);
        assert_eq!(failures[FAILURES - 1].duration.as_millis(), 1);
    }
}
