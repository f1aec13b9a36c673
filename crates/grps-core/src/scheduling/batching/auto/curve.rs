//! The run time of a model by the number of rows, learned from its runs.

/// Rows up to which each number has a point of its own.
const EXACT: usize = 8;
/// Points between a number of rows and its double, above [`EXACT`].
const PER_DOUBLING: usize = 4;
/// Most points; batches of more rows count as the largest.
const MAX_POINTS: usize = 64;
/// Share of a run in the estimate of its point.
const WEIGHT: f64 = 0.25;
/// Change of a point, up or down, that is taken over at once if three runs agree; else it is the
/// most that counts.
const JUMP: f64 = 1.25;
/// Such a change after which the other points no longer hold.
const NEW_MODEL: f64 = 1.6;
/// Runs of a point that are enough to tell a slow one from the others.
const ENOUGH: u64 = 3;
/// Time per row of a point with fewer runs, over that of a smaller size, from which on it does not
/// count yet.
const DOUBTFUL: f64 = 1.5;
/// Runs of the model after which a point without one is forgotten, so that it is tried again.
const FORGET: u64 = 2048;
/// The same for a point with few runs: one of them may have been slow by chance.
const FORGET_FEW: u64 = 256;

/// Runs of one number of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Largest number of rows that counts here.
    pub(super) rows: usize,
    /// Number of runs since it was forgotten.
    pub(super) runs: u64,
    /// Moving average of medians of three runs, so that a single slow run does not count.
    seconds: f64,
    /// The latest runs.
    latest: [f64; 3],
    /// Number of the model's latest run here.
    last_run: u64,
    /// What a run will take, interpolated from the points with runs; infinite if unknown.
    predicted: f64,
}

/// Run times of one model by number of rows.
#[derive(Debug)]
pub(super) struct Curve {
    /// In order of rows; at least one.
    points: Vec<Point>,
    /// Number of the model's runs.
    runs: u64,
}

impl Curve {
    /// A curve without runs, for up to `max_rows` rows, or for the sizes that the model supports.
    pub(super) fn new(max_rows: usize, allowed: &[usize]) -> Self {
        let sizes = if allowed.is_empty() { sizes(max_rows) } else { allowed.to_vec() };
        Self { points: sizes.into_iter().map(Point::new).collect(), runs: 0 }
    }

    /// Number of runs.
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    /// All points in order of rows.
    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    /// The smallest size that has run, and the largest of which something is known.
    pub(super) fn range(&self) -> (usize, usize) {
        let ran = self.points.iter().find(|point| point.runs > 0);
        let known = self.points.iter().rev().find(|point| point.predicted.is_finite());
        (ran.map_or(1, |point| point.rows), known.map_or(1, |point| point.rows))
    }

    /// Run times of these sizes together.
    pub(super) fn total(&self, rows: std::ops::RangeInclusive<usize>) -> f64 {
        let inside = self.points.iter().filter(|point| rows.contains(&point.rows));
        inside.map(|point| point.predicted).sum()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.runs = 0;
        for point in &mut self.points {
            *point = Point::new(point.rows);
        }
    }

    /// What a run of so many rows will take, in seconds; infinite if it is unknown.
    pub(super) fn seconds(&self, rows: usize) -> f64 {
        self.points.get(self.index(rows)).map_or(f64::INFINITY, |point| point.predicted)
    }

    /// What a run of so many rows took, if there were enough runs to compare another one with.
    pub(super) fn measured(&self, rows: usize) -> Option<f64> {
        let point = self.points.get(self.index(rows))?;
        (point.runs >= 2).then_some(point.seconds)
    }

    /// Adds a run.
    pub(super) fn add(&mut self, rows: usize, seconds: f64) {
        self.runs += 1;
        let (run, index) = (self.runs, self.index(rows));
        let change = self.points.get_mut(index).map_or(1.0, |point| point.add(seconds, run));
        self.forget(index, change >= NEW_MODEL);
        self.predict();
    }

    /// The point that counts batches of so many rows.
    fn index(&self, rows: usize) -> usize {
        self.points.partition_point(|point| point.rows < rows).min(self.points.len() - 1)
    }

    /// Forgets points that no longer run, or all but one.
    fn forget(&mut self, index: usize, all_others: bool) {
        for (other, point) in self.points.iter_mut().enumerate() {
            let most = if point.runs < ENOUGH { FORGET_FEW } else { FORGET };
            if self.runs - point.last_run > most || (all_others && other != index) {
                point.runs = 0;
            }
        }
    }

    /// Fills in what lies between points with runs, below them, and up to twice their rows.
    fn predict(&mut self) {
        let (mut first, mut before): (Option<(f64, f64)>, (f64, f64)) = (None, (0.0, 0.0));
        let mut gap = 0;
        let mut certain: Option<(f64, f64)> = None;
        for index in 0..self.points.len() {
            let Some(point) = self.points.get(index) else { return };
            if point.runs == 0 || certain.is_some_and(|certain| point.is_doubtful(certain)) {
                continue;
            }
            if point.runs >= ENOUGH {
                certain = Some((point.rows as f64, point.seconds));
            }
            let here = (point.rows as f64, point.seconds);
            let from = if first.is_some() { before } else { here };
            for inner in self.points.get_mut(gap..=index).into_iter().flatten() {
                inner.predicted = between(from, here, inner.rows as f64);
            }
            first.get_or_insert(here);
            (before, gap) = (here, index + 1);
        }
        let Some(first) = first else { return };
        for beyond in self.points.get_mut(gap..).into_iter().flatten() {
            beyond.predicted = extrapolated(first, before, beyond.rows as f64);
        }
    }
}

impl Point {
    fn new(rows: usize) -> Self {
        let (latest, predicted) = ([0.0; 3], f64::INFINITY);
        Self { rows, runs: 0, seconds: 0.0, latest, last_run: 0, predicted }
    }

    /// Seconds that a run will take; infinite if it is unknown.
    pub(super) fn predicted(&self) -> f64 {
        self.predicted
    }

    /// Whether it had few runs, and they took much longer per row than those of a smaller size.
    fn is_doubtful(&self, (rows, seconds): (f64, f64)) -> bool {
        self.runs < ENOUGH && self.seconds > DOUBTFUL * seconds * self.rows as f64 / rows
    }

    /// Adds a run; returns by how much the estimate has changed, up or down.
    fn add(&mut self, seconds: f64, run: u64) -> f64 {
        let [_, second, third] = self.latest;
        self.latest = [second, third, seconds];
        self.runs += 1;
        self.last_run = run;
        let (median, before) = (median(self.latest), self.seconds);
        self.seconds = match self.runs {
            // The first run of a size is often slow.
            1 => seconds,
            2 => third.min(seconds),
            ENOUGH => median,
            _ if self.latest.iter().all(|one| *one > before * JUMP)
                || self.latest.iter().all(|one| *one < before / JUMP) =>
            {
                median
            }
            _ => before + WEIGHT * (median.clamp(before / JUMP, before * JUMP) - before),
        };
        if self.runs > ENOUGH { change(self.seconds, before) } else { 1.0 }
    }
}

/// How many times as large the larger one is.
fn change(one: f64, other: f64) -> f64 {
    (one / other).max(other / one)
}

/// The middle one of three numbers.
pub(super) fn median([one, two, three]: [f64; 3]) -> f64 {
    one.max(two).min(one.min(two).max(three))
}

/// The numbers of rows that have points.
fn sizes(max_rows: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (1..=EXACT.min(max_rows)).collect();
    let mut step = EXACT / PER_DOUBLING;
    let mut size = EXACT;
    while size < max_rows && sizes.len() + 1 < MAX_POINTS {
        if size >= 2 * step * PER_DOUBLING {
            step *= 2;
        }
        size = (size + step).min(max_rows);
        sizes.push(size);
    }
    sizes
}

/// The value at `rows` on the line between two points.
fn between(from: (f64, f64), to: (f64, f64), rows: f64) -> f64 {
    let width = to.0 - from.0;
    if width <= 0.0 { to.1 } else { from.1 + (to.1 - from.1) * (rows - from.0) / width }
}

/// The value at `rows` beyond the last point: on a line, or less than in proportion if there is one
/// point, so that a larger size is tried. More than twice its rows are unknown, so that sizes are
/// tried step by step.
fn extrapolated(first: (f64, f64), last: (f64, f64), rows: f64) -> f64 {
    if rows > 2.0 * last.0 {
        return f64::INFINITY;
    }
    if last.0 <= first.0 {
        return last.1 * (rows / last.0).sqrt();
    }
    let slope = ((last.1 - first.1) / (last.0 - first.0)).max(0.0);
    last.1 + slope * (rows - last.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(runs: &[(usize, f64)]) -> Curve {
        let mut curve = Curve::new(64, &[]);
        for (rows, seconds) in runs {
            curve.add(*rows, *seconds);
        }
        curve
    }

    #[test]
    fn sizes_end_with_the_largest() {
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(3), [1, 2, 3]);
        assert_eq!(sizes(17), [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 17]);
        assert_eq!(sizes(64).last(), Some(&64));
        assert_eq!(sizes(64).len(), 20);
        assert_eq!(sizes(usize::MAX / 4).len(), MAX_POINTS - 1);
    }

    #[test]
    fn sizes_that_did_not_run_are_on_a_line() {
        let curve = learned(&[(2, 3.0), (8, 9.0)]);
        assert_eq!(curve.seconds(1), 3.0);
        assert_eq!(curve.seconds(5), 6.0);
        assert_eq!(curve.seconds(16), 17.0);
        assert_eq!(curve.seconds(17), f64::INFINITY);
        assert_eq!(learned(&[(2, 2.0)]).seconds(4), 2.0 * 2f64.sqrt());
        assert_eq!(Curve::new(4, &[]).seconds(1), f64::INFINITY);
    }

    #[test]
    fn single_slow_runs_do_not_count() {
        let mut curve = learned(&[(4, 70.0), (4, 1.0)]);
        assert_eq!(curve.seconds(4), 1.0);
        curve.add(4, 1.0);
        curve.add(4, 50.0);
        curve.add(4, 1.0);
        assert_eq!(curve.seconds(4), 1.0);
        // Two of three count a little, three of three are a change.
        curve.add(4, 3.0);
        assert_eq!(curve.seconds(4), 1.0625);
        curve.add(4, 3.0);
        assert!(curve.seconds(4) < 1.2, "{}", curve.seconds(4));
        curve.add(4, 3.0);
        assert_eq!(curve.seconds(4), 3.0);
    }

    #[test]
    fn after_a_great_change_only_the_size_that_changed_is_known() {
        for (slower, kept) in [(1.7, 9.0), (1.9, 1.9 * 2f64.sqrt())] {
            let mut curve = learned(&[(4, 1.0), (4, 1.0), (4, 1.0), (4, 1.0), (8, 9.0)]);
            curve.add(8, 9.0);
            curve.add(8, 9.0);
            for _ in 0..3 {
                curve.add(4, slower);
            }
            assert!((curve.seconds(8) - kept).abs() < 0.01, "{slower}: {}", curve.seconds(8));
        }
    }

    #[test]
    fn a_slow_first_run_of_a_larger_size_does_not_count() {
        let mut curve = learned(&[(2, 1.0), (2, 1.0), (2, 1.0), (4, 3.1)]);
        assert_eq!(curve.seconds(4), 2f64.sqrt());
        curve.add(4, 3.0);
        assert_eq!(curve.seconds(4), 3.0);
        curve.add(4, 9.0);
        assert_eq!(curve.seconds(4), 3.1);
    }

    #[test]
    fn a_size_that_no_longer_runs_is_forgotten() {
        for (runs, kept) in [(2, FORGET_FEW), (3, FORGET)] {
            let mut curve = learned(&vec![(4, 2.5); runs]);
            for _ in 0..kept {
                curve.add(2, 1.0);
            }
            assert_eq!(curve.seconds(4), 2.5);
            curve.add(2, 1.0);
            assert_eq!(curve.seconds(4), 2f64.sqrt());
        }
    }

    #[test]
    fn batches_count_as_the_size_that_they_are_padded_to() {
        let mut curve = Curve::new(8, &[4, 8]);
        curve.add(3, 1.0);
        assert_eq!(curve.seconds(1), 1.0);
        assert_eq!(curve.seconds(4), 1.0);
        assert_eq!(curve.seconds(5), 2f64.sqrt());
        assert_eq!(curve.measured(4), None);
        curve.add(4, 1.0);
        assert_eq!(curve.measured(1), Some(1.0));
    }
}
