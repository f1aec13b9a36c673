//! Histograms of durations, for percentiles with a bounded error.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::nanos::nanos;

/// Buckets per power of two: the error of a percentile is at most 1/16.
const STEPS: u32 = 16;
const STEP_BITS: u32 = STEPS.ilog2();
/// Powers of two from 1 us to more than an hour.
const OCTAVES: u32 = 33;
const BUCKETS: usize = (STEPS * OCTAVES) as usize;

/// Counts of durations in exponential buckets. Any thread can add and read without waiting; a
/// concurrent read may miss the value that is just being added.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Allocated by the first duration: most stages of most models never have one.
    counts: OnceLock<Box<[AtomicU64]>>,
    /// Sum of all durations.
    total_ns: AtomicU64,
}

impl Histogram {
    /// Counts a duration.
    pub fn add(&self, duration: Duration) {
        let counts = self.counts.get_or_init(|| (0..BUCKETS).map(|_| AtomicU64::new(0)).collect());
        if let Some(count) = counts.get(bucket(micros(duration))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.total_ns.fetch_add(nanos(duration), Ordering::Relaxed);
    }

    /// Returns the counts of all durations so far.
    pub fn read(&self) -> Counts {
        let counts = self.counts.get().map(|counts| &**counts).unwrap_or_default();
        let mut counts: Vec<u64> =
            counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        Counts { counts, total_ns: self.total_ns.load(Ordering::Relaxed) }
    }
}

/// Counts of a histogram in a period. All histograms have the same buckets, also in other processes,
/// so their counts can be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Counts by bucket, up to the last bucket that is not empty.
    counts: Vec<u64>,
    /// Sum of all durations.
    total_ns: u64,
}

impl Counts {
    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of all durations.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.total_ns)
    }

    /// The mean; zero for an empty histogram.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.total_ns.checked_div(self.count()).unwrap_or_default())
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.total_ns += other.total_ns;
    }

    /// Number of durations below a limit. The number is exact for the limits 2^n and 1.5 * 2^n
    /// microseconds.
    pub fn count_below(&self, limit: Duration) -> u64 {
        self.counts.iter().take(bucket(micros(limit))).sum()
    }

    /// The duration that `percent` of the durations do not exceed, at most 1/16 too long; zero for
    /// an empty histogram.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = ((self.count() as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(largest_in(index));
            }
        }
        Duration::ZERO
    }

    /// The difference to `earlier` counts, by bucket.
    pub(crate) fn since(&self, earlier: &Self) -> SparseCounts {
        let before = earlier.counts.iter().copied().chain(std::iter::repeat(0));
        let since =
            self.counts.iter().zip(before).enumerate().filter_map(|(index, (now, then))| {
                let count = now.saturating_sub(then);
                (count > 0).then_some((u16::try_from(index).unwrap_or(u16::MAX), count))
            });
        let total_ns = self.total_ns.saturating_sub(earlier.total_ns);
        SparseCounts { counts: since.collect(), total_ns }
    }
}

/// Counts of a short period: few buckets are not empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct SparseCounts {
    /// Bucket numbers, ascending, and their counts.
    counts: Vec<(u16, u64)>,
    /// Sum of all durations.
    total_ns: u64,
}

impl SparseCounts {
    /// Adds the counts to `sums`.
    pub(crate) fn add_to(&self, sums: &mut Counts) {
        let buckets = self.counts.last().map_or(0, |(index, _)| usize::from(*index) + 1);
        if sums.counts.len() < buckets {
            sums.counts.resize(buckets, 0);
        }
        for (index, count) in &self.counts {
            if let Some(sum) = sums.counts.get_mut(usize::from(*index)) {
                *sum += count;
            }
        }
        sums.total_ns += self.total_ns;
    }
}

/// Upper bounds of the exported buckets, at which counts are exact: two per power of two of
/// microseconds, from 32 us to 100 s.
pub fn bounds() -> impl Iterator<Item = Duration> {
    (5u32..=26).flat_map(|power| {
        let whole = 1u64 << power;
        [whole, whole + whole / 2].map(Duration::from_micros)
    })
}

/// The smallest of the [`bounds`] above a duration; [`Duration::MAX`] beyond the last one.
pub(crate) fn bound_of(duration: Duration) -> Duration {
    bounds().find(|bound| duration < *bound).unwrap_or(Duration::MAX)
}

/// Whole microseconds in 64 bits, for the same reason as [`nanos`].
fn micros(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
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

    fn counts_of(values: &[u64]) -> Counts {
        let histogram = Histogram::default();
        for us in values {
            histogram.add(Duration::from_micros(*us));
        }
        histogram.read()
    }

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
    fn percentiles_of_an_empty_histogram_are_zero() {
        let empty = Histogram::default().read();
        assert_eq!(empty.percentile(99.0), Duration::ZERO);
        assert_eq!((empty.count(), empty.mean()), (0, Duration::ZERO));
    }

    #[test]
    fn every_duration_has_a_bound() {
        for (us, bound) in [(0, 32), (31, 32), (32, 48), (47, 48), (48, 64), (1 << 26, 3 << 25)] {
            let actual = bound_of(Duration::from_micros(us));
            assert_eq!(actual, Duration::from_micros(bound), "{us}");
        }
        assert_eq!(bound_of(Duration::from_secs(200)), Duration::MAX);
    }

    proptest! {
        #[test]
        fn the_error_of_percentiles_is_bounded(
            mut values in prop::collection::vec(0u64..10_000_000_000, 1..200),
            percent in 1.0f64..100.0,
        ) {
            let counts = counts_of(&values);
            values.sort_unstable();
            let rank = ((values.len() as f64 * percent / 100.0).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let actual = counts.percentile(percent).as_micros() as u64;
            prop_assert!(actual >= exact && actual - exact <= exact / u64::from(STEPS));
            prop_assert_eq!(counts.count(), values.len() as u64);
            prop_assert_eq!(counts.total().as_micros() as u64, values.iter().sum::<u64>());
        }

        #[test]
        fn counts_below_powers_of_two_are_exact(
            values in prop::collection::vec(0u64..1 << 24, 0..200),
            power in 4u32..24,
        ) {
            let counts = counts_of(&values);
            for limit in [1u64 << power, (1 << power) + (1 << (power - 1))] {
                let exact = values.iter().filter(|value| **value < limit).count() as u64;
                prop_assert_eq!(counts.count_below(Duration::from_micros(limit)), exact);
            }
        }

        #[test]
        fn merged_counts_equal_the_whole(
            first in prop::collection::vec(0u64..1 << 30, 0..100),
            second in prop::collection::vec(0u64..1 << 30, 0..100),
        ) {
            let histogram = Histogram::default();
            first.iter().for_each(|us| histogram.add(Duration::from_micros(*us)));
            let before = histogram.read();
            second.iter().for_each(|us| histogram.add(Duration::from_micros(*us)));
            let whole = histogram.read();
            let mut sums = before.clone();
            whole.since(&before).add_to(&mut sums);
            prop_assert_eq!(&sums, &whole);
            let mut merged = counts_of(&second);
            merged.merge(&counts_of(&first));
            prop_assert_eq!(&merged, &whole);
        }
    }
}
