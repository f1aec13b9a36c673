//! The slowest and the failed among the latest requests, with all that their steps took.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::error::Cause;
use crate::metrics::requests::Protocol;
use crate::nanos::nanos;
use crate::request::timeline::Timeline;

/// The slowest that are kept of each period.
const SLOWEST: usize = 20;
/// The latest failures that are kept.
const FAILURES: usize = 50;
/// Ticks that a period lasts.
const PERIOD_TICKS: u64 = 300;

/// One request that has ended.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Who it was and what its steps took.
    pub timeline: Arc<Timeline>,
    /// The model or graph it was for.
    pub model: Arc<str>,
    /// How it came.
    pub protocol: Protocol,
    /// Why it failed.
    pub failure: Option<Cause>,
    /// From its head to the end of its answer.
    pub duration: Duration,
    /// When it ended.
    pub ended: SystemTime,
}

/// Requests that are worth a look: the slowest of this and the last period, the latest failures.
#[derive(Debug, Default)]
pub struct Remembered {
    /// What a request must exceed to be among the slowest, in nanoseconds: most requests look at
    /// this and go on.
    threshold_ns: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The slowest of this period, the slowest first.
    slowest: Vec<Noted>,
    /// Those of the period before.
    before: Vec<Noted>,
    /// The oldest first.
    failures: VecDeque<Noted>,
    ticks: u64,
}

impl Remembered {
    /// Whether a request of this duration and outcome is worth a look.
    pub fn wants(&self, duration: Duration, failed: bool) -> bool {
        failed || nanos(duration) > self.threshold_ns.load(Ordering::Relaxed)
    }

    /// Keeps a request that is worth a look.
    pub fn keep(&self, noted: Noted) {
        let mut kept = self.kept.lock();
        if noted.failure.is_some() {
            if kept.failures.len() == FAILURES {
                kept.failures.pop_front();
            }
            kept.failures.push_back(noted.clone());
        }
        let place = kept.slowest.partition_point(|other| other.duration >= noted.duration);
        if place < SLOWEST {
            kept.slowest.insert(place, noted);
            kept.slowest.truncate(SLOWEST);
        }
        if let Some(last) = kept.slowest.get(SLOWEST - 1) {
            self.threshold_ns.store(nanos(last.duration), Ordering::Relaxed);
        }
    }

    /// Counts a second; what is too old is forgotten.
    pub fn tick(&self) {
        let mut kept = self.kept.lock();
        kept.ticks += 1;
        if kept.ticks.is_multiple_of(PERIOD_TICKS) {
            kept.before = std::mem::take(&mut kept.slowest);
            self.threshold_ns.store(0, Ordering::Relaxed);
        }
    }

    /// The slowest of the latest five to ten minutes, the slowest first.
    pub fn slowest(&self) -> Vec<Noted> {
        let kept = self.kept.lock();
        let mut all: Vec<Noted> = kept.slowest.iter().chain(&kept.before).cloned().collect();
        all.sort_by_key(|noted| std::cmp::Reverse(noted.duration));
        all.truncate(SLOWEST);
        all
    }

    /// The latest failures, the latest first.
    pub fn failures(&self) -> Vec<Noted> {
        self.kept.lock().failures.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(ms: u64, failure: Option<Cause>) -> Noted {
        Noted {
            timeline: Arc::new(Timeline::new(&ms.to_string(), None)),
            model: "m-1".into(),
            protocol: Protocol::Http,
            failure,
            duration: Duration::from_millis(ms),
            ended: SystemTime::now(),
        }
    }

    fn offer(remembered: &Remembered, ms: u64, failure: Option<Cause>) {
        if remembered.wants(Duration::from_millis(ms), failure.is_some()) {
            remembered.keep(noted(ms, failure));
        }
    }

    fn lengths(remembered: &Remembered) -> Vec<u128> {
        remembered.slowest().iter().map(|noted| noted.duration.as_millis()).collect()
    }

    #[test]
    fn the_slowest_are_kept_whatever_their_order() {
        let remembered = Remembered::default();
        for number in 0..1000u64 {
            offer(&remembered, (number * 7919) % 1000, None);
        }
        let expected: Vec<u128> = (980..1000).rev().collect();
        assert_eq!(lengths(&remembered), expected);
        assert!(!remembered.wants(Duration::from_millis(980), false));
        assert!(remembered.wants(Duration::from_millis(981), false));
    }

    #[test]
    fn a_period_is_forgotten_after_the_next() {
        let remembered = Remembered::default();
        offer(&remembered, 500, None);
        (0..PERIOD_TICKS).for_each(|_| remembered.tick());
        offer(&remembered, 3, None);
        assert_eq!(lengths(&remembered), [500, 3]);
        (0..PERIOD_TICKS).for_each(|_| remembered.tick());
        assert_eq!(lengths(&remembered), [3]);
    }

    #[test]
    fn the_latest_failures_are_kept_however_short() {
        let remembered = Remembered::default();
        for ms in 100..200 {
            offer(&remembered, ms, None);
        }
        for ms in 0..FAILURES as u64 + 1 {
            offer(&remembered, ms, Some(Cause::QueueFull));
        }
        let failures = remembered.failures();
        assert_eq!(failures.len(), FAILURES);
        assert_eq!(failures[0].duration.as_millis(), FAILURES as u128);
        assert_eq!(failures[FAILURES - 1].duration.as_millis(), 1);
    }
}
