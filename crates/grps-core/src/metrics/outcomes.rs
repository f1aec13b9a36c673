//! Counts of requests or calls by outcome.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Cause;

/// Counts of started requests or calls, and of their outcomes by cause.
#[derive(Debug, Default)]
pub struct Outcomes {
    started: AtomicU64,
    succeeded: AtomicU64,
    /// In the order of [`Cause::ALL`].
    failed: [AtomicU64; Cause::ALL.len()],
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// Number of those that have not ended.
    pub in_flight: u64,
    /// Number of successes.
    pub succeeded: u64,
    /// Numbers of failures, in the order of [`Cause::ALL`].
    pub failed: [u64; Cause::ALL.len()],
}

impl Outcomes {
    /// Counts one start.
    pub fn count_start(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one end: a success, or a failure with its cause.
    pub fn count_end(&self, failure: Option<Cause>) {
        let counter = match failure {
            None => Some(&self.succeeded),
            Some(cause) => self.failed.get(cause as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the current counts.
    pub fn read(&self) -> OutcomeCounts {
        // Ends are read before starts, so that no end is counted without its start.
        let succeeded = self.succeeded.load(Ordering::Relaxed);
        let failed = Cause::ALL.map(|cause| {
            self.failed.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
        });
        let ended = succeeded + failed.iter().sum::<u64>();
        let in_flight = self.started.load(Ordering::Relaxed).saturating_sub(ended);
        OutcomeCounts { in_flight, succeeded, failed }
    }
}

impl OutcomeCounts {
    /// Adds the counts of another counter.
    pub fn merge(&mut self, other: &Self) {
        self.in_flight += other.in_flight;
        self.succeeded += other.succeeded;
        for (sum, count) in self.failed.iter_mut().zip(other.failed) {
            *sum += count;
        }
    }

    /// Number of those that have ended.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.all_failed()
    }

    /// Number of failures of any cause.
    pub fn all_failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// Number of failures of one cause.
    pub fn failed_for(&self, cause: Cause) -> u64 {
        self.failed.get(cause as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_counter() {
        let outcomes = Outcomes::default();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
            for _ in 0..=index {
                outcomes.count_start();
                outcomes.count_end(Some(cause));
            }
        }
        outcomes.count_start();
        outcomes.count_end(None);
        outcomes.count_start();
        let counts = outcomes.read();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(counts.failed_for(cause), index as u64 + 1);
        }
        assert_eq!((counts.in_flight, counts.succeeded), (1, 1));
        assert_eq!(counts.ended(), counts.all_failed() + 1);
    }
}
