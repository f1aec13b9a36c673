//! Which size of batches serves the requests best that wait and that are to come.

use super::curve::Curve;

/// Batches that are looked ahead.
const MAX_BATCHES: usize = 64;
/// How far it is looked ahead, in latencies.
const HORIZON: f64 = 2.0;
/// What a row that is done counts, beside one that is done in time: it no longer delays others.
const THROUGHPUT: f64 = 2.0;
/// What a smaller size must gain, as a share.
const GAIN: f64 = 0.02;

/// What waits, what comes, and what runs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    /// Waiting rows.
    pub(super) waiting: usize,
    /// Rows that come in a second.
    pub(super) rate: f64,
    /// The latency to keep, in seconds; infinite without one.
    pub(super) latency: f64,
    /// Instances that work side by side.
    pub(super) instances: usize,
    /// Run times divided by those of the curve.
    pub(super) pace: f64,
}

/// What happens with batches of up to one size.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    size: usize,
    /// Rows per second that are done, and those that are done in time once more.
    worth: f64,
}

impl Forecast {
    /// The size, from `least` to `most` rows, with which most rows are done in time; if none can be,
    /// the one with which most are done. Of equal ones it is the largest: it takes the least time.
    ///
    /// `left` says how many seconds each waiting row has, the first ones least.
    pub(super) fn best_size(
        &self,
        curve: &Curve,
        (least, most): (usize, usize),
        left: impl Fn(usize) -> f64,
    ) -> Option<usize> {
        let points = curve.points();
        let enough = points.partition_point(|point| point.rows < self.waiting);
        let sizes = points.iter().take(enough + 1).rev();
        let sizes = sizes.filter(|point| point.predicted().is_finite());
        let mut best: Option<Outcome> = None;
        for size in sizes.map(|point| point.rows).filter(|rows| (least..=most).contains(rows)) {
            let outcome = self.outcome(curve, size, &left);
            if best.is_none_or(|best| outcome.worth > best.worth * (1.0 + GAIN)) {
                best = Some(outcome);
            }
        }
        best.map(|best| best.size)
    }

    fn outcome(&self, curve: &Curve, size: usize, left: impl Fn(usize) -> f64) -> Outcome {
        // Rows that are to come have numbers after those that wait.
        let left = |row: usize| match row.checked_sub(self.waiting) {
            None => left(row),
            Some(later) => self.latency + (later + 1) as f64 / self.rate,
        };
        let (mut now, mut done, mut in_time) = (0.0, 0, 0);
        for _ in 0..MAX_BATCHES {
            if now >= HORIZON * self.latency {
                break;
            }
            let here = self.waiting.saturating_add((self.rate * now) as usize);
            let rows = size.min(here - done);
            if rows == 0 {
                if self.rate <= 0.0 {
                    break;
                }
                now = (done + 1 - self.waiting) as f64 / self.rate;
                continue;
            }
            let seconds = curve.seconds(rows) * self.pace;
            in_time += count_in_time(done..done + rows, now + seconds, left);
            done += rows;
            now += seconds / self.instances as f64;
        }
        Outcome { size, worth: (in_time as f64 + THROUGHPUT * done as f64) / now }
    }
}

/// How many of the rows have at least so many seconds: all from one of them on.
fn count_in_time(rows: std::ops::Range<usize>, seconds: f64, left: impl Fn(usize) -> f64) -> usize {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if left(middle) >= seconds {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    rows.end - low
}
