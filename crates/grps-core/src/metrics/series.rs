//! Time series of one metric: seconds, minutes, hours and days, or the latest distribution.

use std::collections::VecDeque;

/// How the values of a period are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Their average.
    Average,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their sum per second.
    Increment,
    /// The distribution of the latest minute.
    Distribution,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Average, Self::Max, Self::Min, Self::Increment, Self::Distribution];

    /// The name of the method with which user code records the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Average => "avg",
            Self::Max => "max",
            Self::Min => "min",
            Self::Increment => "inc",
            Self::Distribution => "cdf",
        }
    }

    /// Returns the kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The points of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Points {
    /// One value per day, hour, minute and second, the oldest first; `None` for the minimum of a
    /// period without values.
    Trend(Vec<Option<f64>>),
    /// Pairs of a percentage, numbered like upstream, and its percentile.
    Distribution(Vec<(u32, f64)>),
}

/// Seconds per point and number of points, in upstream's order.
const SPANS: [(u64, usize); 4] = [(24 * 60 * 60, 30), (60 * 60, 24), (60, 60), (1, 60)];
/// Maximum number and age of the values of a distribution.
const SAMPLES: usize = 10_000;
const SAMPLES_AGE_S: u64 = 60;

/// The values of one period.
#[derive(Clone, Copy, Debug)]
struct Summary {
    /// Number of the period since the epoch.
    period: u64,
    total: f64,
    count: u64,
    low: f64,
    high: f64,
}

impl Summary {
    fn new(period: u64) -> Self {
        Self { period, total: 0.0, count: 0, low: f64::INFINITY, high: f64::NEG_INFINITY }
    }

    fn add(&mut self, value: f64) {
        self.total = sum(self.total, value);
        self.count += 1;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    fn read(&self, kind: Kind, span_s: u64) -> Option<f64> {
        match kind {
            Kind::Increment => Some(self.total / span_s as f64),
            Kind::Min => (self.count > 0).then_some(self.low),
            Kind::Max => Some(if self.count > 0 { self.high } else { 0.0 }),
            Kind::Average | Kind::Distribution => {
                Some(if self.count > 0 { self.total / self.count as f64 } else { 0.0 })
            }
        }
    }
}

/// The sum of two numbers, at most the largest number: an infinite total would stay infinite.
fn sum(total: f64, value: f64) -> f64 {
    (total + value).clamp(f64::MIN, f64::MAX)
}

/// The latest periods of one length, the oldest first.
#[derive(Debug)]
struct Ring {
    /// Length of a period.
    span_s: u64,
    /// Number of periods.
    size: usize,
    /// Periods with values.
    kept: VecDeque<Summary>,
}

impl Ring {
    fn add(&mut self, now_s: u64, value: f64) {
        let period = now_s / self.span_s;
        // When the clock is set back, values are added to the latest period, not to an older one.
        if self.kept.back().is_none_or(|last| last.period < period) {
            if self.kept.len() == self.size {
                self.kept.pop_front();
            }
            self.kept.push_back(Summary::new(period));
        }
        if let Some(last) = self.kept.back_mut() {
            last.add(value);
        }
    }

    fn read(&self, now_s: u64, kind: Kind) -> impl Iterator<Item = Option<f64>> {
        let period = now_s / self.span_s;
        let first = period.saturating_sub(self.size as u64 - 1);
        (0..self.size as u64).map(move |offset| {
            let summary = self.kept.iter().find(|summary| summary.period == first + offset);
            summary.copied().unwrap_or(Summary::new(0)).read(kind, self.span_s)
        })
    }
}

/// Time series of one metric. Callers pass the time in seconds since the epoch.
#[derive(Debug)]
pub(crate) struct Series {
    kind: Kind,
    rings: Vec<Ring>,
    /// Times and values of a distribution.
    samples: VecDeque<(u64, f64)>,
    /// Number of all values since the start.
    count: u64,
    /// Sum of all values since the start.
    total: f64,
}

impl Series {
    pub(crate) fn new(kind: Kind) -> Self {
        let rings = SPANS.map(|(span_s, size)| Ring { span_s, size, kept: VecDeque::new() });
        Self { kind, rings: rings.into(), samples: VecDeque::new(), count: 0, total: 0.0 }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, now_s: u64, value: f64) {
        self.count += 1;
        self.total = sum(self.total, value);
        if self.kind == Kind::Distribution {
            if self.samples.len() == SAMPLES {
                self.samples.pop_front();
            }
            self.samples.push_back((now_s, value));
            return;
        }
        for ring in &mut self.rings {
            ring.add(now_s, value);
        }
    }

    /// Number and sum of all values since the start.
    pub(crate) fn totals(&self) -> (u64, f64) {
        (self.count, self.total)
    }

    /// Returns the points at this moment.
    pub(crate) fn read(&self, now_s: u64) -> Points {
        if self.kind == Kind::Distribution {
            let recent = |at: u64| now_s.saturating_sub(at) < SAMPLES_AGE_S;
            let values = self.samples.iter().filter(|(at, _)| recent(*at)).map(|(_, value)| *value);
            return Points::Distribution(distribution(values.collect()));
        }
        Points::Trend(self.rings.iter().flat_map(|ring| ring.read(now_s, self.kind)).collect())
    }
}

impl Points {
    /// The latest complete second of a trend; the current second is still being counted.
    pub fn last_second(&self) -> Option<f64> {
        match self {
            Self::Trend(points) => points.iter().rev().nth(1).copied().flatten(),
            Self::Distribution(_) => None,
        }
    }
}

/// Percentages of a distribution: upstream's number, and the exact value.
pub(crate) fn percentages() -> impl Iterator<Item = (u32, f64)> {
    let whole = (10..=90).step_by(10).chain(91..=99).map(|percent| (percent, f64::from(percent)));
    whole.chain([(100, 99.9), (101, 99.99)])
}

fn distribution(mut values: Vec<f64>) -> Vec<(u32, f64)> {
    values.sort_by(f64::total_cmp);
    percentages()
        .map(|(shown, percent)| {
            let rank = (values.len() as f64 * percent / 100.0).ceil() as usize;
            (shown, values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0))
        })
        .collect()
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
