//! Counts of durations by size, for percentiles of bounded error.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::nanos::nanos;

/// Buckets per power of two: the error of a percentile is at most one part in 16.
const STEPS: u32 = 16;
const STEP_BITS: u32 = STEPS.ilog2();
/// Powers of two from 1 us to beyond an hour.
const OCTAVES: u32 = 33;
const BUCKETS: usize = (STEPS * OCTAVES) as usize;

/// Counts of durations in buckets that grow with the size. Any thread may add and read without
/// waiting; what one sees while another adds is at most one count behind.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Made by the first duration: most stages of most models never have one.
    counts: OnceLock<Box<[AtomicU64]>>,
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

    /// What was counted until now.
    pub fn read(&self) -> Counts {
        let counts = self.counts.get().map(|counts| &**counts).unwrap_or_default();
        let mut counts: Vec<u64> =
            counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let used = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        counts.truncate(used);
        Counts { counts, total_ns: self.total_ns.load(Ordering::Relaxed) }
    }
}

/// What a histogram counted in some time. Counts of several histograms, of other processes too, can
/// be added up: their buckets are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By bucket, up to the last that has any.
    counts: Vec<u64>,
    total_ns: u64,
}

impl Counts {
    /// How many durations there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Sum of all durations.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.total_ns)
    }

    /// The mean; zero without durations.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.total_ns.checked_div(self.count()).unwrap_or_default())
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.total_ns += other.total_ns;
    }

    /// How many durations are shorter than a limit, which is exact for powers of two of
    /// microseconds and one and a half times those.
    pub fn count_below(&self, limit: Duration) -> u64 {
        self.counts.iter().take(bucket(micros(limit))).sum()
    }

    /// The duration that `percent` of them do not exceed, at most a sixteenth too long; zero
    /// without durations.
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

    /// What was counted since `earlier`, bucket by bucket.
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

/// Counts of a short time: few buckets have any.
#[derive(Clone, Debug, Default)]
pub(crate) struct SparseCounts {
    counts: Vec<(u16, u64)>,
    total_ns: u64,
}

impl SparseCounts {
    /// Adds them to others.
    pub(crate) fn add_to(&self, sums: &mut Counts) {
        let most = self.counts.last().map_or(0, |(index, _)| usize::from(*index) + 1);
        if sums.counts.len() < most {
            sums.counts.resize(most, 0);
        }
        for (index, count) in &self.counts {
            if let Some(sum) = sums.counts.get_mut(usize::from(*index)) {
                *sum += count;
            }
        }
        sums.total_ns += self.total_ns;
    }
}

/// Limits at which counts are exact and that are fit to be shown: two per power of two of
/// microseconds, from 32 us to 67 s.
pub fn bounds() -> impl Iterator<Item = Duration> {
    (5u32..=26).flat_map(|power| {
        let whole = 1u64 << power;
        [whole, whole + whole / 2].map(Duration::from_micros)
    })
}

/// The first of the [`bounds`] that a duration is below; the greatest duration beyond all.
pub(crate) fn bound_of(duration: Duration) -> Duration {
    bounds().find(|bound| duration < *bound).unwrap_or(Duration::MAX)
}

/// Whole microseconds, in 64 bits for the same reason as [`nanos`].
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

    fn of(values: &[u64]) -> Counts {
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
    fn nothing_has_no_percentile() {
        let nothing = Histogram::default().read();
        assert_eq!(nothing.percentile(99.0), Duration::ZERO);
        assert_eq!((nothing.count(), nothing.mean()), (0, Duration::ZERO));
    }

    #[test]
    fn every_duration_has_its_bound() {
        for (us, bound) in [(0, 32), (31, 32), (32, 48), (47, 48), (48, 64), (1 << 26, 3 << 25)] {
            let found = bound_of(Duration::from_micros(us));
            assert_eq!(found, Duration::from_micros(bound), "{us}");
        }
        assert_eq!(bound_of(Duration::from_secs(200)), Duration::MAX);
    }

    proptest! {
        #[test]
        fn percentiles_are_within_the_bound(
            mut values in prop::collection::vec(0u64..10_000_000_000, 1..200),
            percent in 1.0f64..100.0,
        ) {
            let counts = of(&values);
            values.sort_unstable();
            let rank = ((values.len() as f64 * percent / 100.0).ceil() as usize).max(1);
            let exact = values[rank - 1];
            let found = counts.percentile(percent).as_micros() as u64;
            prop_assert!(found >= exact && found - exact <= exact / u64::from(STEPS));
            prop_assert_eq!(counts.count(), values.len() as u64);
            prop_assert_eq!(counts.total().as_micros() as u64, values.iter().sum::<u64>());
        }

        #[test]
        fn limits_at_powers_of_two_are_exact(
            values in prop::collection::vec(0u64..1 << 24, 0..200),
            power in 4u32..24,
        ) {
            let counts = of(&values);
            for limit in [1u64 << power, (1 << power) + (1 << (power - 1))] {
                let exact = values.iter().filter(|value| **value < limit).count() as u64;
                prop_assert_eq!(counts.count_below(Duration::from_micros(limit)), exact);
            }
        }

        #[test]
        fn parts_merge_to_the_whole(
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
            let mut merged = of(&second);
            merged.merge(&of(&first));
            prop_assert_eq!(&merged, &whole);
        }
    }
}
