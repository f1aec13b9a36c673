//! The times at which the requests of an open loop are sent.

use std::time::Duration;

use crate::plan::Arrivals;

/// The times of a schedule since its start. They are the same in each thread of a run, which takes
/// its share of them, so that they do not depend on the number of threads.
pub(crate) struct Times<'a> {
    arrivals: &'a Arrivals,
    /// Arrivals so far.
    count: u64,
    /// The latest one of random arrivals.
    seconds: f64,
    random: Random,
}

impl<'a> Times<'a> {
    pub(crate) fn new(arrivals: &'a Arrivals) -> Self {
        let seed = match arrivals {
            Arrivals::Poisson { seed, .. } => *seed,
            Arrivals::Constant { .. } | Arrivals::Trace { .. } => 0,
        };
        Self { arrivals, count: 0, seconds: 0.0, random: Random(seed) }
    }
}

impl Iterator for Times<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let index = self.count;
        self.count += 1;
        let seconds = match self.arrivals {
            #[expect(clippy::cast_precision_loss, reason = "2^53 arrivals take years")]
            Arrivals::Constant { rate } => index as f64 / rate,
            Arrivals::Poisson { rate, .. } => {
                self.seconds += self.random.exponential() / rate;
                self.seconds
            }
            Arrivals::Trace { seconds } => *seconds.get(usize::try_from(index).ok()?)?,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Random numbers by the algorithm SplitMix64, which is fast and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number of the exponential distribution whose mean is 1.
    fn exponential(&mut self) -> f64 {
        // 53 bits, as many as a double has: above 0 and at most 1.
        #[expect(clippy::cast_precision_loss, reason = "it has 53 bits")]
        let uniform = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        -uniform.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(arrivals: &Arrivals, count: usize) -> Vec<f64> {
        Times::new(arrivals).take(count).map(|at| at.as_secs_f64()).collect()
    }

    #[test]
    fn constant_arrivals_have_equal_distances() {
        assert_eq!(seconds(&Arrivals::Constant { rate: 4.0 }, 4), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn poisson_arrivals_have_their_rate_and_spread() {
        let times = seconds(&Arrivals::Poisson { rate: 50.0, seed: 7 }, 100_000);
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count;
        assert!((mean * 50.0 - 1.0).abs() < 0.02, "mean {mean}");
        // The standard deviation of exponential distances is their mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "deviation {}", variance.sqrt());
        let late = gaps.iter().filter(|gap| **gap > 2.0 / 50.0).count() as f64 / count;
        assert!((late / (-2.0_f64).exp() - 1.0).abs() < 0.05, "share of long gaps {late}");
    }

    #[test]
    fn a_seed_makes_the_same_arrivals_again() {
        let first = seconds(&Arrivals::Poisson { rate: 10.0, seed: 1 }, 100);
        assert_eq!(first, seconds(&Arrivals::Poisson { rate: 10.0, seed: 1 }, 100));
        assert_ne!(first, seconds(&Arrivals::Poisson { rate: 10.0, seed: 2 }, 100));
    }

    #[test]
    fn a_trace_ends() {
        let trace = Arrivals::Trace { seconds: vec![0.0, 0.5, 0.5] };
        assert_eq!(seconds(&trace, 9), [0.0, 0.5, 0.5]);
    }
}
