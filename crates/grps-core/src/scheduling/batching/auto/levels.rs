//! Run times by the number of instances that work, and how many should.

use super::curve::Curve;

/// Numbers of instances that are told apart; more count as the largest.
const MAX_LEVELS: usize = 16;
/// Runs of the model after which a level without one is forgotten, so that it is tried again: at
/// first soon, as few runs may mislead, and then ever later.
const FORGET: std::ops::RangeInclusive<u64> = 256..=4096;
/// Runs at a level, other than alone, that are enough to judge it by.
const ENOUGH: u64 = 8;
/// Runs of the model after which one instance runs alone for a moment, if no run was alone.
const PROBE_AFTER: u64 = 1024;
/// The same for the first time.
const FIRST_PROBE_AFTER: u64 = 32;
/// Runs alone in a probe.
const PROBE_RUNS: u32 = 2;
/// Share of the best throughput that fewer instances must have.
const NEARLY_BEST: f64 = 0.97;

/// Runs beside a number of others.
#[derive(Debug)]
struct Level {
    curve: Curve,
    /// Number of the model's latest run here.
    last_run: u64,
}

/// What runs take while one instance works, two, and so on.
#[derive(Debug)]
pub(super) struct Levels {
    max_rows: usize,
    allowed: Vec<usize>,
    /// At least one.
    levels: Vec<Level>,
    instances: usize,
    /// Number of the model's runs.
    runs: u64,
    /// Runs alone that are left of a probe.
    probe: u32,
    has_probed: bool,
    /// Runs of the model after which a level without one is forgotten.
    forget: u64,
}

impl Levels {
    pub(super) fn new(max_rows: usize, allowed: &[usize]) -> Self {
        let level = Level { curve: Curve::new(max_rows, allowed), last_run: 0 };
        Self {
            max_rows,
            allowed: allowed.to_vec(),
            levels: vec![level],
            instances: 1,
            runs: 0,
            probe: 0,
            has_probed: false,
            forget: *FORGET.start(),
        }
    }

    /// What runs take while so many instances work. If that is not known, it is taken to be the same
    /// as with fewer, so that it is tried.
    pub(super) fn curve(&self, busy: usize) -> Option<&Curve> {
        let known = |level: &&Level| level.curve.runs() > 0;
        let below = self.levels.iter().take(busy.max(1)).rev().find(known);
        below
            .or_else(|| self.levels.iter().find(known))
            .or(self.levels.first())
            .map(|one| &one.curve)
    }

    /// Adds a run beside `busy - 1` others; `instances` could work.
    pub(super) fn add(&mut self, busy: usize, instances: usize, rows: usize, seconds: f64) {
        self.runs += 1;
        self.instances = instances.max(1);
        let count = self.instances.min(MAX_LEVELS);
        while self.levels.len() < count {
            let curve = Curve::new(self.max_rows, &self.allowed);
            self.levels.push(Level { curve, last_run: self.runs });
        }
        self.levels.truncate(count);
        let index = busy.clamp(1, count) - 1;
        for (other, level) in self.levels.iter_mut().enumerate() {
            if other == index {
                level.last_run = self.runs;
                level.curve.add(rows, seconds);
            } else if other > 0 && self.runs - level.last_run > self.forget {
                level.clear(self.runs);
                self.forget = (self.forget * 2).min(*FORGET.end());
            }
        }
        if busy <= 1 {
            self.probe = self.probe.saturating_sub(1);
        }
        self.begin_probe();
    }

    fn begin_probe(&mut self) {
        let most = if self.has_probed { PROBE_AFTER } else { FIRST_PROBE_AFTER };
        if self.levels.len() < 2 || self.probe > 0 {
            return;
        }
        let Some(alone) = self.levels.first_mut() else { return };
        if self.runs - alone.last_run > most {
            alone.clear(self.runs);
            (self.probe, self.has_probed) = (PROBE_RUNS, true);
        }
    }

    /// How many instances may work: the fewest with nearly the best throughput, over all sizes that
    /// are known of all.
    pub(super) fn best(&self) -> usize {
        if self.probe > 0 {
            return 1;
        }
        let known =
            || self.levels.iter().enumerate().filter(|(index, level)| level.is_known(*index));
        let ranges = || known().map(|(_, level)| level.curve.range());
        let most = ranges().map(|(_, most)| most).min().unwrap_or(1);
        let least = ranges().map(|(least, _)| least).max().unwrap_or(1).min(most);
        let throughput = |busy: usize| {
            let below = known().take_while(|(index, _)| *index < busy).last();
            let seconds =
                below.or(known().next()).map(|(_, level)| level.curve.total(least..=most));
            busy as f64 / seconds.unwrap_or(1.0)
        };
        let best = (1..=self.instances).map(throughput).fold(0.0, f64::max);
        let enough = |busy: &usize| throughput(*busy) >= best * NEARLY_BEST;
        (1..self.instances).find(enough).unwrap_or(self.instances)
    }
}

impl Level {
    /// Whether there were enough runs to compare it with others.
    fn is_known(&self, index: usize) -> bool {
        self.curve.runs() >= if index == 0 { u64::from(PROBE_RUNS) } else { ENOUGH }
    }

    fn clear(&mut self, run: u64) {
        self.curve.clear();
        self.last_run = run;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels that have learned how much slower a run is beside others.
    fn learned(factors: &[f64]) -> Levels {
        let mut levels = Levels::new(8, &[]);
        for _ in 0..20 {
            for (index, factor) in factors.iter().enumerate() {
                levels.add(index + 1, factors.len(), 2, *factor);
            }
        }
        levels
    }

    #[test]
    fn instances_that_do_not_help_are_held_back() {
        assert_eq!(learned(&[1.0]).best(), 1);
        assert_eq!(learned(&[1.0, 1.0]).best(), 2);
        assert_eq!(learned(&[1.0, 1.8]).best(), 2);
        assert_eq!(learned(&[1.0, 2.0]).best(), 1);
        assert_eq!(learned(&[1.0, 2.5, 4.0, 6.0]).best(), 1);
        assert_eq!(learned(&[1.0, 1.0, 1.5, 2.5]).best(), 2);
        assert_eq!(Levels::new(8, &[]).best(), 1);
    }

    #[test]
    fn a_level_that_was_not_tried_for_long_is_tried() {
        let mut levels = learned(&[1.0, 2.5]);
        for _ in 0..*FORGET.start() {
            levels.add(1, 2, 2, 1.0);
            assert_eq!(levels.best(), 1);
        }
        levels.add(1, 2, 2, 1.0);
        assert_eq!(levels.best(), 2);
        for _ in 0..ENOUGH {
            assert_eq!(levels.best(), 2);
            levels.add(2, 2, 2, 2.5);
        }
        assert_eq!(levels.best(), 1);
        // One more instance, of which nothing is known.
        levels.add(1, 3, 2, 1.0);
        assert_eq!(levels.best(), 3);
    }

    #[test]
    fn one_instance_runs_alone_for_a_moment_if_none_did() {
        let mut levels = Levels::new(8, &[]);
        for after in [FIRST_PROBE_AFTER, PROBE_AFTER] {
            for _ in 0..after {
                levels.add(2, 2, 2, 1.0);
                assert_eq!(levels.best(), 2);
            }
            levels.add(2, 2, 2, 1.0);
            for _ in 0..PROBE_RUNS {
                assert_eq!(levels.best(), 1);
                levels.add(1, 2, 2, 1.0);
            }
            assert_eq!(levels.best(), 2);
        }
    }
}
