//! All series of a service by name: its own, which begin with a star, and those of user code.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use crate::batching::{BatchCounts, Reason};
use crate::metrics::histogram::Histogram;
use crate::metrics::series::{Kind, Points, Series, percentages};
use crate::metrics::traffic::{Reading, Traffic};

/// Names that user code may use.
const MAX_NAMES: usize = 1000;
/// Bytes of a name.
const MAX_NAME_BYTES: usize = 128;
/// Seconds that the distribution of latencies covers.
const LATENCY_AGE_S: usize = 60;

/// The name of the distribution of latencies.
const LATENCY_CDF: &str = "*latency_cdf(ms)";

/// Why a value of user code was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name is empty, too long, or begins with the star of the service's own.
    #[error("a metric's name has 1 to 128 bytes and does not begin with '*'")]
    Name,
    /// There are too many names.
    #[error("there are 1000 metrics already; this one is not recorded")]
    TooMany,
    /// The name is in use for another kind.
    #[error("the metric is recorded by another method already")]
    Kind,
}

/// All series of a service.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Requests, counted where they are answered.
    pub traffic: Traffic,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: BTreeMap<String, Series>,
    /// Names of user code among them.
    names: usize,
    /// The counters at the last tick.
    last: Reading,
    /// Counts of latencies of the latest seconds.
    latencies: VecDeque<Vec<u64>>,
    /// The counters of each model's batches at the last tick.
    batches: HashMap<String, (u64, u64, [u64; Reason::ALL.len()])>,
}

impl Monitor {
    /// Records a value of user code at this moment, in seconds since the epoch.
    ///
    /// # Errors
    /// When the name is unfit, of another kind, or one too many; the value is then dropped.
    pub fn record(&self, now_s: u64, kind: Kind, name: &str, value: f64) -> Result<(), Refused> {
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || name.starts_with('*') {
            return Err(Refused::Name);
        }
        let mut state = self.state.lock();
        if let Some(series) = state.series.get_mut(name) {
            if series.kind() != kind {
                return Err(Refused::Kind);
            }
            series.add(now_s, value);
            return Ok(());
        }
        if state.names >= MAX_NAMES {
            return Err(Refused::TooMany);
        }
        state.names += 1;
        state.put(now_s, kind, name, value);
        Ok(())
    }

    /// Turns what was counted since the last tick into points of the service's own series; called
    /// once a second.
    ///
    /// `processor` and `memory` are percentages of what this process may use.
    pub fn tick(&self, now_s: u64, processor: f64, memory: f64) {
        let reading = self.traffic.read();
        let longest = self.traffic.take_longest();
        let mut state = self.state.lock();
        let last = std::mem::replace(&mut state.last, reading.clone());
        let counts: Vec<u64> = reading
            .counts
            .iter()
            .enumerate()
            .map(|(index, count)| count - last.counts.get(index).copied().unwrap_or(0))
            .collect();
        let requests = counts.iter().sum::<u64>() as f64;
        let failed = (reading.failed - last.failed) as f64;
        let spent = reading.total.saturating_sub(last.total);
        let share = |part: f64| if requests > 0.0 { part / requests } else { 0.0 };
        state.put(now_s, Kind::Increment, "*qps", requests);
        state.put(now_s, Kind::Average, "*fail_rate(%)", 100.0 * share(failed));
        state.put(now_s, Kind::Average, "*latency_avg(ms)", share(to_ms(spent)));
        state.put(now_s, Kind::Max, "*latency_max(ms)", to_ms(longest));
        state.put(now_s, Kind::Average, "*cpu_usage(%)", processor);
        state.put(now_s, Kind::Average, "*mem_usage(%)", memory);
        if state.latencies.len() == LATENCY_AGE_S {
            state.latencies.pop_front();
        }
        state.latencies.push_back(counts);
    }

    /// Turns what left a model's queue since the last tick into points; called once a second for
    /// each model that batches.
    pub fn tick_batches(&self, now_s: u64, model: &str, counts: &BatchCounts) {
        let now = counts.read();
        let mut state = self.state.lock();
        let last = state.batches.insert(model.to_owned(), now).unwrap_or_default();
        // A model that was loaded anew counts from zero.
        let since = |now: u64, last: u64| now.checked_sub(last).unwrap_or(now) as f64;
        let batches = since(now.0, last.0);
        state.put(now_s, Kind::Increment, &format!("*batches({model})"), batches);
        if batches > 0.0 {
            let rows = since(now.1, last.1) / batches;
            state.put(now_s, Kind::Average, &format!("*batch_rows_avg({model})"), rows);
        }
        for (reason, (now, last)) in Reason::ALL.iter().zip(now.2.into_iter().zip(last.2)) {
            let name = format!("*small_batches({model},{})", reason.name());
            state.put(now_s, Kind::Increment, &name, since(now, last));
        }
    }

    /// A series at this moment; `None` for an unknown name.
    pub fn read(&self, now_s: u64, name: &str) -> Option<Points> {
        let state = self.state.lock();
        if name == LATENCY_CDF {
            return Some(Points::Distribution(state.latencies()));
        }
        state.series.get(name).map(|series| series.read(now_s))
    }

    /// All names, the service's own first.
    pub fn names(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut names: Vec<String> = state.series.keys().cloned().collect();
        names.push(LATENCY_CDF.to_owned());
        names.sort_unstable();
        names
    }
}

impl State {
    fn put(&mut self, now_s: u64, kind: Kind, name: &str, value: f64) {
        if let Some(series) = self.series.get_mut(name) {
            series.add(now_s, value);
            return;
        }
        let mut series = Series::new(kind);
        series.add(now_s, value);
        self.series.insert(name.to_owned(), series);
    }

    fn latencies(&self) -> Vec<(u32, f64)> {
        let mut sums: Vec<u64> = Vec::new();
        for second in &self.latencies {
            sums.resize(sums.len().max(second.len()), 0);
            for (sum, count) in sums.iter_mut().zip(second) {
                *sum += count;
            }
        }
        percentages()
            .map(|(shown, percent)| (shown, to_ms(Histogram::percentile(&sums, percent))))
            .collect()
    }
}

fn to_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn last_second(monitor: &Monitor, name: &str) -> Option<f64> {
        match monitor.read(NOW_S, name) {
            Some(Points::Trend(points)) => points.last().copied().flatten(),
            other => panic!("expected a trend, got {other:?}"),
        }
    }

    #[test]
    fn a_tick_tells_of_the_second_before_it() {
        let monitor = Monitor::default();
        monitor.tick(NOW_S - 1, 0.0, 0.0);
        for (ms, failed) in [(10, false), (20, true), (30, false), (40, false)] {
            monitor.traffic.add(Duration::from_millis(ms), failed);
        }
        monitor.tick(NOW_S, 50.0, 25.0);
        assert_eq!(last_second(&monitor, "*qps"), Some(4.0));
        assert_eq!(last_second(&monitor, "*fail_rate(%)"), Some(25.0));
        assert_eq!(last_second(&monitor, "*latency_avg(ms)"), Some(25.0));
        assert_eq!(last_second(&monitor, "*latency_max(ms)"), Some(40.0));
        assert_eq!(last_second(&monitor, "*cpu_usage(%)"), Some(50.0));
        assert_eq!(last_second(&monitor, "*mem_usage(%)"), Some(25.0));
        let Some(Points::Distribution(points)) = monitor.read(NOW_S, LATENCY_CDF) else {
            panic!("expected a distribution")
        };
        let (_, median) = points[4];
        assert!((20.0..21.25).contains(&median), "{median}");
        monitor.tick(NOW_S + 1, 0.0, 0.0);
        assert!(matches!(
            monitor.read(NOW_S + 1, "*qps"),
            Some(Points::Trend(points)) if points[172..] == [Some(4.0), Some(0.0)]
        ));
    }

    #[test]
    fn batches_are_told_by_model_and_reason() {
        let (monitor, counts) = (Monitor::default(), BatchCounts::default());
        counts.add(8, None);
        monitor.tick_batches(NOW_S - 1, "m-1", &counts);
        counts.add(8, None);
        counts.add(2, Some(Reason::Timeout));
        monitor.tick_batches(NOW_S, "m-1", &counts);
        assert_eq!(last_second(&monitor, "*batches(m-1)"), Some(2.0));
        assert_eq!(last_second(&monitor, "*batch_rows_avg(m-1)"), Some(5.0));
        assert_eq!(last_second(&monitor, "*small_batches(m-1,timeout)"), Some(1.0));
        assert_eq!(last_second(&monitor, "*small_batches(m-1,size)"), Some(0.0));
        let anew = BatchCounts::default();
        anew.add(1, Some(Reason::Key));
        monitor.tick_batches(NOW_S, "m-1", &anew);
        assert_eq!(last_second(&monitor, "*batches(m-1)"), Some(3.0));
    }

    #[test]
    fn names_are_limited_exactly() {
        let monitor = Monitor::default();
        monitor.tick(NOW_S, 0.0, 0.0);
        let record = |name: &str| monitor.record(NOW_S, Kind::Max, name, 1.0);
        assert_eq!(record(&"n".repeat(128)), Ok(()));
        for bad in ["", "*qps", &"n".repeat(129)] {
            assert_eq!(record(bad), Err(Refused::Name), "{bad}");
        }
        for number in 1..1000 {
            assert_eq!(record(&number.to_string()), Ok(()));
        }
        assert_eq!(record("one more"), Err(Refused::TooMany));
        assert_eq!(record("1"), Ok(()));
        assert_eq!(monitor.record(NOW_S, Kind::Min, "1", 1.0), Err(Refused::Kind));
        assert_eq!(monitor.names().len(), 1007);
        assert_eq!(monitor.read(NOW_S, "absent"), None);
    }
}
