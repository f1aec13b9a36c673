//! How many ended how.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Cause;

/// Counts of what has begun and of how it ended, by cause.
#[derive(Debug, Default)]
pub struct Outcomes {
    begun: AtomicU64,
    succeeded: AtomicU64,
    /// In the order of [`Cause::ALL`].
    failed: [AtomicU64; Cause::ALL.len()],
}

/// What was counted until some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// How many have not ended.
    pub in_flight: u64,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, in the order of [`Cause::ALL`].
    pub failed: [u64; Cause::ALL.len()],
}

impl Outcomes {
    /// Counts one that begins.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that has ended, without a cause when it succeeded.
    pub fn end(&self, failure: Option<Cause>) {
        let counter = match failure {
            None => Some(&self.succeeded),
            Some(cause) => self.failed.get(cause as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The counts now.
    pub fn read(&self) -> OutcomeCounts {
        // Ends are read first: none is seen of what was not seen to begin.
        let succeeded = self.succeeded.load(Ordering::Relaxed);
        let failed = Cause::ALL.map(|cause| {
            self.failed.get(cause as usize).map_or(0, |count| count.load(Ordering::Relaxed))
        });
        let ended = succeeded + failed.iter().sum::<u64>();
        let in_flight = self.begun.load(Ordering::Relaxed).saturating_sub(ended);
        OutcomeCounts { in_flight, succeeded, failed }
    }
}

impl OutcomeCounts {
    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.in_flight += other.in_flight;
        self.succeeded += other.succeeded;
        for (sum, count) in self.failed.iter_mut().zip(other.failed) {
            *sum += count;
        }
    }

    /// How many have ended.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.all_failed()
    }

    /// How many have failed, whatever the cause.
    pub fn all_failed(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// How many have failed for one cause.
    pub fn failed_for(&self, cause: Cause) -> u64 {
        self.failed.get(cause as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_count() {
        let outcomes = Outcomes::default();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
            for _ in 0..=index {
                outcomes.begin();
                outcomes.end(Some(cause));
            }
        }
        outcomes.begin();
        outcomes.end(None);
        outcomes.begin();
        let counts = outcomes.read();
        for (index, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(counts.failed_for(cause), index as u64 + 1);
        }
        assert_eq!((counts.in_flight, counts.succeeded), (1, 1));
        assert_eq!(counts.ended(), counts.all_failed() + 1);
    }
}
