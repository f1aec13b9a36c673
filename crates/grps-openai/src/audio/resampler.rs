//! Samples at another rate, by a windowed sinc filter.

use std::f64::consts::PI;

/// Zero crossings of the filter to either side.
const CROSSINGS: f64 = 16.0;

/// Makes samples at one rate of those at another one.
#[derive(Clone, Debug)]
pub(super) struct Resampler {
    from: u64,
    to: u64,
    /// Samples to either side that a filter reads.
    half: usize,
    /// One filter for each place that a sample may have between two of the source.
    filters: Vec<Vec<f32>>,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Self {
        let common = gcd(from, to);
        let (from, to) = (u64::from(from / common), u64::from(to / common));
        // Above the lower of the two rates there is nothing to hear.
        let cutoff = (to as f64 / from as f64).min(1.0);
        let half = (CROSSINGS / cutoff).ceil() as usize;
        let filters = (0..to).map(|phase| filter(phase as f64 / to as f64, cutoff, half)).collect();
        Self { from, to, half, filters }
    }

    /// How many samples so many of the source become.
    pub(super) fn count(&self, frames: usize) -> usize {
        (frames as u64 * self.to / self.from) as usize
    }

    /// Sample number `index` of the result, where `source` is the samples from number `start` on.
    /// Those that it has not are 0.
    pub(super) fn sample(&self, index: usize, source: &[f32], start: usize) -> f32 {
        if self.from == self.to {
            let found = index.checked_sub(start).and_then(|at| source.get(at));
            return found.copied().unwrap_or(0.0);
        }
        let place = index as u64 * self.from;
        let (whole, phase) = ((place / self.to) as i64, (place % self.to) as usize);
        let Some(filter) = self.filters.get(phase) else { return 0.0 };
        let first = whole - self.half as i64 + 1 - start as i64;
        let skipped = usize::try_from(-first).unwrap_or(0);
        let from = usize::try_from(first).unwrap_or(0);
        let read = source.get(from..).unwrap_or_default();
        filter.iter().skip(skipped).zip(read).map(|(weight, sample)| weight * sample).sum()
    }

    /// Samples to either side that one of the result needs.
    pub(super) fn reach(&self) -> usize {
        self.half
    }
}

/// The weights of the samples around a place between two of them, whose sum is 1.
fn filter(place: f64, cutoff: f64, half: usize) -> Vec<f32> {
    let weights: Vec<f64> = (0..2 * half)
        .map(|tap| {
            let distance = tap as f64 - (half as f64 - 1.0) - place;
            let x = PI * distance * cutoff;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
            let window = (PI * distance / (2.0 * half as f64)).cos().max(0.0);
            sinc * window * window
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, frequency: f64, count: usize) -> Vec<f32> {
        let step = 2.0 * PI * frequency / f64::from(rate);
        (0..count).map(|index| (step * index as f64).sin() as f32).collect()
    }

    #[test]
    fn a_tone_stays_what_it_is_at_other_rates() {
        for rate in [8_000, 11_025, 44_100, 48_000, 192_000] {
            let resampler = Resampler::new(rate, 16_000);
            let count = (rate / 10) as usize;
            let source = tone(rate, 440.0, count);
            let expected = tone(16_000, 440.0, resampler.count(count));
            assert!((1590..=1600).contains(&expected.len()));
            for (index, expected) in expected.iter().enumerate().take(1400).skip(100) {
                let sample = resampler.sample(index, &source, 0);
                assert!((sample - expected).abs() < 0.01, "{rate} Hz, {index}");
            }
        }
    }

    #[test]
    fn tones_above_half_of_the_rate_are_left_out() {
        let resampler = Resampler::new(48_000, 16_000);
        let source = tone(48_000, 12_000.0, 4800);
        assert!((200..1400).all(|index| resampler.sample(index, &source, 0).abs() < 0.01));
    }

    #[test]
    fn a_part_gives_the_same_samples_as_the_whole() {
        let resampler = Resampler::new(44_100, 16_000);
        let source = tone(44_100, 300.0, 4410);
        let part = &source[1000..3000];
        for index in 500..900 {
            let difference =
                resampler.sample(index, &source, 0) - resampler.sample(index, part, 1000);
            assert_eq!(difference, 0.0, "{index}");
        }
        assert_eq!(Resampler::new(16_000, 16_000).sample(7, &source, 0), source[7]);
    }
}
