//! Counts of durations by size, for percentiles of bounded error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets per power of two: the error of a percentile is at most one part in 16.
const STEPS: u32 = 16;
const STEP_BITS: u32 = STEPS.ilog2();
/// Powers of two from 1 us to beyond an hour.
const OCTAVES: u32 = 33;
const BUCKETS: usize = (STEPS * OCTAVES) as usize;

/// Counts of durations in microseconds, in buckets that grow with the size. Any thread may add
/// and read; what one sees while another adds is at most one count behind.
#[derive(Debug)]
pub struct Histogram {
    counts: Box<[AtomicU64]>,
    total_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { counts, total_us: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get(bucket(us)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Sum of all durations.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.total_us.load(Ordering::Relaxed))
    }

    /// The counts of all buckets.
    pub fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// How many durations of these counts are at most as long.
    pub fn count_up_to(counts: &[u64], duration: Duration) -> u64 {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        counts.iter().take(bucket(us) + 1).sum()
    }

    /// The duration that `percent` of these counts do not exceed, at most a sixteenth too long;
    /// zero without counts.
    pub fn percentile(counts: &[u64], percent: f64) -> Duration {
        let total: u64 = counts.iter().sum();
        let rank = ((total as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(largest_in(index));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a duration: exact below [`STEPS`], then [`STEPS`] per power of two.
fn bucket(us: u64) -> usize {
    let Some(octave) = us.checked_ilog2().and_then(|bits| bits.checked_sub(STEP_BITS)) else {
        return us as usize;
    };
    let step = (us >> octave) - u64::from(STEPS);
    let index = (u64::from(octave) + 1) * u64::from(STEPS) + step;
    (index as usize).min(BUCKETS - 1)
}

/// The largest duration in a bucket, in microseconds.
fn largest_in(index: usize) -> u64 {
    let (octave, step) = (index as u64 / u64::from(STEPS), index as u64 % u64::from(STEPS));
    match octave.checked_sub(1) {
        None => step,
        Some(shift) => ((step + u64::from(STEPS) + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        for us in 0..100_000u64 {
            let index = bucket(us);
            assert!(us <= largest_in(index), "{us}");
            assert!(index == 0 || us > largest_in(index - 1), "{us}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Histogram::percentile(&Histogram::default().counts(), 99.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_the_bound(
            mut values in prop::collection::vec(0u64..10_000_000_000, 1..200),
            percent in 1.0f64..100.0,
        ) {
            let histogram = Histogram::default();
            for us in &values {
                histogram.add(Duration::from_micros(*us));
            }
            values.sort_unstable();
            let rank = ((values.len() as f64 * percent / 100.0).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let found = Histogram::percentile(&histogram.counts(), percent).as_micros() as u64;
            prop_assert!(found >= exact && found - exact <= exact / u64::from(STEPS));
            prop_assert_eq!(histogram.counts().iter().sum::<u64>(), values.len() as u64);
            prop_assert_eq!(histogram.total().as_micros() as u64, values.iter().sum::<u64>());
            let upto = Histogram::count_up_to(&histogram.counts(), Duration::from_micros(exact));
            prop_assert!(upto >= rank as u64);
        }
    }
}
