//! Chooses the size of batches, the wait and the concurrency of one model while it runs.
//!
//! A pure state machine under the lock of the queue: callers pass all times.

use std::time::{Duration, Instant};

use super::curve::{Curve, Point};
use super::forecast::Forecast;
use super::levels::Levels;
use super::policy::Objective;
use super::spread::Spread;
use crate::scheduling::batching::policy::BatchPolicy;

/// Share of the best throughput that smaller batches must have if larger ones gain little.
const NEARLY_BEST: f64 = 0.97;
/// How many times its rows must have run before a size counts as the best one.
const BEYOND: usize = 4;
/// Run time divided by the expected one from which on a run is too slow.
const UNEXPECTED: f64 = 1.25;
/// What a run that is too slow leaves of the ceiling.
const SHRINK: f64 = 0.75;
/// Runs from one row to all rows, if none is too slow.
const GROWTH_RUNS: f64 = 64.0;
/// Throughput of large batches over that of small ones from which on waiting for more rows helps.
const WORTH_WAITING: f64 = 1.1;
/// Most that rare slow runs count when batches are planned.
const PLANNED_SPREAD: f64 = 1.05;
/// Time in which the estimate of the rate of requests follows a change, in seconds.
const RATE_TIME: f64 = 0.05;

/// A run of a batch that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishedRun {
    /// Rows of the batch.
    pub(crate) rows: usize,
    /// When it ended.
    pub(crate) ended: Instant,
    /// How long an instance was busy with it.
    pub(crate) duration: Duration,
    /// Busy instances when it began and when it ended, its own included.
    pub(crate) busy: (usize, usize),
    /// Instances that may work at once.
    pub(crate) instances: usize,
}

/// What is learned of one model, and what follows from it.
#[derive(Debug)]
pub(crate) struct AutoBatching {
    objective: Option<Objective>,
    /// Largest size of a batch.
    max_rows: usize,
    /// Smallest size that is worth to be told apart.
    least: usize,
    /// Longest wait to fill a batch.
    max_window: Duration,
    /// Whether the model supports certain sizes only.
    has_sizes: bool,
    levels: Levels,
    spread: Spread,
    /// Rows that the latest runs allow: less at once after one that is too slow, more after others.
    ceiling: f64,
    /// Rows of the latest runs that were too slow, newest last; zero for those that were not.
    slow: [usize; 3],
    rate: Rate,
    /// What was chosen after the latest run.
    chosen: Chosen,
}

/// What is kept until the next run ends.
#[derive(Clone, Copy, Debug)]
struct Chosen {
    /// Rows of a batch while the model keeps up with its requests.
    rows: usize,
    /// Instances that may work at once.
    concurrency: usize,
    /// Wait to fill a batch.
    window: Duration,
    /// Run times divided by those of the curve, slow runs included.
    pace: f64,
}

/// What was chosen for a model and why, for metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoState {
    /// The latency to keep; `None` without an objective.
    pub objective: Option<Objective>,
    /// Rows of a batch while the model keeps up with its requests.
    pub rows: usize,
    /// Instances that may work at once.
    pub concurrency: usize,
    /// Wait to fill a batch; zero unless requests wait for that.
    pub window: Duration,
    /// Wait for an instance and run that are expected of such a batch; `None` before the first run.
    pub predicted: Option<Duration>,
    /// Run times that were learned, by rows.
    pub curve: Vec<LearnedSize>,
}

/// What was learned of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedSize {
    /// Largest number of rows that it stands for.
    pub rows: usize,
    /// Usual time of a run.
    pub duration: Duration,
}

impl AutoBatching {
    /// Begins without knowledge; `None` for a policy with a fixed size.
    pub(crate) fn new(policy: &BatchPolicy) -> Option<Self> {
        let auto = policy.auto?;
        let max_rows = policy.max_rows.max(1);
        let least = policy.allowed.first().copied().unwrap_or(1);
        Some(Self {
            objective: auto.objective,
            max_rows,
            max_window: if policy.lets_wait() { policy.window } else { Duration::ZERO },
            has_sizes: !policy.allowed.is_empty(),
            least,
            levels: Levels::new(max_rows, &policy.allowed),
            spread: Spread::default(),
            ceiling: max_rows as f64,
            slow: [0; 3],
            rate: Rate::default(),
            chosen: Chosen {
                rows: least,
                concurrency: usize::MAX,
                window: Duration::ZERO,
                pace: 1.0,
            },
        })
    }

    /// Instances that may work at once.
    pub(crate) fn concurrency(&self) -> usize {
        self.chosen.concurrency
    }

    /// How long a request waits to fill a batch, if requests wait for that at all.
    pub(crate) fn window(&self) -> Duration {
        self.chosen.window
    }

    /// Most rows of the next batch while so many wait. `waited` says how long each of them has
    /// waited; the first ones longest.
    pub(crate) fn rows(&self, waiting: usize, waited: impl Fn(usize) -> Duration) -> usize {
        let limit = self.chosen.rows;
        if waiting == 0 || (waiting <= limit && !self.has_sizes) {
            return limit;
        }
        let latency = self.objective.map_or(f64::INFINITY, |one| one.latency.as_secs_f64());
        let forecast = Forecast {
            waiting,
            rate: self.rate.rows_per_second,
            latency,
            instances: self.chosen.concurrency,
            pace: self.pace(PLANNED_SPREAD),
        };
        let most = if self.objective.is_some() { self.ceiling as usize } else { limit };
        let left = |row| latency - waited(row).as_secs_f64();
        let curve = self.curve();
        let size = curve.and_then(|curve| forecast.best_size(curve, (limit / 4, most), left));
        size.unwrap_or(limit).clamp(1, self.max_rows)
    }

    /// Learns from a run.
    pub(crate) fn finish(&mut self, run: &FinishedRun, arrived: u64) {
        let seconds = run.duration.as_secs_f64().max(1e-9);
        let busy = run.busy.0.midpoint(run.busy.1 + 1);
        let curve = self.levels.curve(busy);
        let expected = curve.map_or(f64::INFINITY, |curve| curve.seconds(run.rows));
        let usual = curve.and_then(|curve| curve.measured(run.rows));
        self.bound(run.rows, seconds, expected);
        if let Some(usual) = usual {
            self.spread.add(seconds / usual);
        }
        self.levels.add(busy, run.instances, run.rows, seconds);
        self.rate.update(run.ended, arrived);
        self.choose();
    }

    /// Lowers the ceiling when two of three runs leave too little of the latency and are slower than
    /// expected, and raises it after runs in time.
    fn bound(&mut self, rows: usize, seconds: f64, expected: f64) {
        let Some(objective) = self.objective else { return };
        let budget = objective.latency.as_secs_f64() / queueing(self.chosen.concurrency);
        let spread = self.spread.ratio(objective.share).max(UNEXPECTED);
        let is_slow = seconds > budget && seconds > expected * spread;
        let [_, second, third] = self.slow;
        self.slow = [second, third, if is_slow { rows } else { 0 }];
        if is_slow && second.max(third) > 0 {
            self.ceiling = (self.ceiling.min(rows as f64) * SHRINK).max(1.0);
        } else if !is_slow && rows as f64 * 2.0 >= self.ceiling {
            let grown = self.ceiling + (self.max_rows as f64 / GROWTH_RUNS).max(1.0);
            self.ceiling = grown.min(self.max_rows as f64);
        }
    }

    fn choose(&mut self) {
        self.chosen.concurrency = self.levels.best();
        self.chosen.pace = self.pace(f64::INFINITY);
        let most = self.largest_in_time().min(self.best_throughput());
        self.chosen.rows = most.min(self.ceiling as usize).max(self.least).min(self.max_rows);
        self.chosen.window = self.spare_time().min(self.max_window);
    }

    /// Run times at the chosen concurrency.
    fn curve(&self) -> Option<&Curve> {
        self.levels.curve(self.chosen.concurrency)
    }

    /// Seconds that a run of so many rows will take; infinite if that is unknown.
    fn seconds(&self, rows: usize) -> f64 {
        self.curve().map_or(f64::INFINITY, |curve| curve.seconds(rows))
    }

    /// Sizes and what is known of them.
    fn points(&self) -> &[Point] {
        self.curve().map_or(&[], Curve::points)
    }

    /// Run times divided by those of the curve.
    fn pace(&self, max_spread: f64) -> f64 {
        let share = self.objective.map_or(0.5, |objective| objective.share);
        self.spread.ratio(share).min(max_spread)
    }

    /// Largest size whose wait for an instance and run stay within the latency.
    fn largest_in_time(&self) -> usize {
        let fits = |seconds: f64| match self.objective {
            Some(one) => self.latency(seconds) <= one.latency.as_secs_f64(),
            None => seconds.is_finite(),
        };
        self.points()
            .iter()
            .rev()
            .find(|point| fits(point.predicted()))
            .map_or(self.least, |point| point.rows)
    }

    /// Smallest size with nearly the best throughput, as soon as much larger ones have run.
    fn best_throughput(&self) -> usize {
        let ran = || self.points().iter().filter(|point| point.runs > 0);
        let throughput = |rows: usize| rows as f64 / self.seconds(rows);
        let best = ran().map(|point| throughput(point.rows)).fold(0.0, f64::max);
        let enough = ran().find(|point| throughput(point.rows) >= best * NEARLY_BEST);
        let largest = ran().next_back().map_or(0, |point| point.rows);
        match enough {
            Some(point) if largest >= point.rows.saturating_mul(BEYOND).min(self.max_rows) => {
                point.rows
            }
            _ => self.max_rows,
        }
    }

    /// What is left of the latency for requests to wait, if larger batches gain enough.
    fn spare_time(&self) -> Duration {
        let throughput = |rows: usize| rows as f64 / self.seconds(rows);
        let rows = self.chosen.rows;
        if throughput(rows) < throughput(1) * WORTH_WAITING {
            return Duration::ZERO;
        }
        let Some(objective) = self.objective else { return self.max_window };
        let spare = objective.latency.as_secs_f64() - self.latency(self.seconds(rows));
        Duration::try_from_secs_f64(spare).unwrap_or_default()
    }

    /// Wait for an instance and run, for a run time of the curve: at worst, a request comes when the
    /// batch before its own has just begun.
    fn latency(&self, seconds: f64) -> f64 {
        seconds * self.chosen.pace * queueing(self.chosen.concurrency)
    }

    /// What was chosen, for metrics.
    pub(crate) fn state(&self, instances: usize) -> AutoState {
        let ran = self.points().iter().filter(|point| point.runs > 0);
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
        AutoState {
            objective: self.objective,
            rows: self.chosen.rows,
            concurrency: self.chosen.concurrency.min(instances),
            window: self.chosen.window,
            predicted: seconds(self.latency(self.seconds(self.chosen.rows))),
            curve: ran
                .filter_map(|point| {
                    Some(LearnedSize { rows: point.rows, duration: seconds(point.predicted())? })
                })
                .collect(),
        }
    }
}

/// How many rows come in a second.
#[derive(Debug, Default)]
struct Rate {
    rows_per_second: f64,
    /// When it was updated, and the rows so far.
    last: Option<(Instant, u64)>,
}

impl Rate {
    fn update(&mut self, now: Instant, arrived: u64) {
        let (since, before) = *self.last.get_or_insert((now, arrived));
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        if seconds > 0.0 {
            let rate = arrived.saturating_sub(before) as f64 / seconds;
            self.rows_per_second +=
                (rate - self.rows_per_second) * (1.0 - (-seconds / RATE_TIME).exp());
            self.last = Some((now, arrived));
        }
    }
}

/// Wait for an instance and run, divided by the run: instances end their runs one after the other.
fn queueing(concurrency: usize) -> f64 {
    1.0 + 1.0 / concurrency.max(1) as f64
}

#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
