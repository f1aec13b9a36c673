//! Arrivals and models for simulations, the same in every run.

use std::f64::consts::TAU;

/// A sequence of numbers that looks random (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.share()).ln()
    }
}

/// How requests arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trace {
    /// At equal intervals.
    Constant,
    /// Independent of each other.
    Poisson,
    /// 40 within two milliseconds, then none for a while.
    Bursts,
    /// As a day in short: the rate goes from a tenth up to nearly twice the mean and back.
    Diurnal,
    /// Twice the mean rate for a fifth of the time.
    Spike,
}

impl Trace {
    pub(super) const ALL: [Self; 5] =
        [Self::Constant, Self::Poisson, Self::Bursts, Self::Diurnal, Self::Spike];

    /// Arrivals in seconds.
    pub(super) fn arrivals(self, count: usize, rate: f64, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let length = count as f64 / rate;
        let mut now = 0.0;
        let mut arrivals = Vec::with_capacity(count);
        for index in 0..count {
            now += match self {
                Self::Constant => 1.0 / rate,
                Self::Poisson => random.exponential() / rate,
                Self::Bursts if index % 40 == 0 => 40.0 / rate - 0.002,
                Self::Bursts => 0.002 / 39.0,
                Self::Diurnal => {
                    let relative = 1.0 - 0.9 * (TAU * now / length).cos();
                    random.exponential() / (rate * relative)
                }
                Self::Spike => {
                    let is_spike = (0.4..0.6).contains(&(now / length));
                    let relative = if is_spike { 2.0 } else { 0.75 };
                    random.exponential() / (rate * relative)
                }
            };
            arrivals.push(now);
        }
        arrivals
    }
}

/// How long a model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// A fixed part and the same for each row.
    Linear,
    /// Rows are padded to a multiple of 16.
    Padded,
    /// Large batches cost more per row: they do not fit into a cache.
    Steep,
    /// One run of fifty takes six times as long, and all vary.
    HeavyTail,
    /// Twice as slow from half of the time on.
    Slower,
    /// Twice as fast from half of the time on.
    Faster,
    /// Instances that run at the same time slow each other down more than they help.
    Contended,
}

impl Curve {
    /// Instances of the model.
    pub(super) fn instances(self) -> usize {
        match self {
            Self::Contended => 3,
            Self::Steep | Self::HeavyTail => 2,
            _ => 1,
        }
    }

    /// Rows per second that the model can do within 20 ms, about.
    pub(super) fn capacity(self) -> f64 {
        match self {
            Self::Linear => 3200.0,
            Self::Padded => 3200.0,
            Self::Steep => 5000.0,
            Self::HeavyTail => 5000.0,
            Self::Slower | Self::Faster => 1500.0,
            Self::Contended => 3200.0,
        }
    }

    /// Seconds of a run beside `busy - 1` others, at a share of the whole time.
    pub(super) fn seconds(self, rows: usize, busy: usize, share: f64, random: &mut Random) -> f64 {
        let noise = 0.97 + 0.06 * random.share();
        let linear = |rows: usize| 0.002 + 0.0002 * rows as f64;
        noise
            * match self {
                Self::Linear => linear(rows),
                Self::Padded => linear(rows.next_multiple_of(16)),
                Self::Steep => linear(rows) + 4e-6 * (rows * rows) as f64,
                Self::HeavyTail if random.share() < 0.02 => 6.0 * linear(rows),
                Self::HeavyTail => linear(rows) * (0.8 + 0.4 * random.share()),
                Self::Slower => linear(rows) * if share < 0.5 { 1.0 } else { 2.0 },
                Self::Faster => linear(rows) * if share < 0.5 { 2.0 } else { 1.0 },
                Self::Contended => linear(rows) * (busy as f64).powf(1.3),
            }
    }
}
