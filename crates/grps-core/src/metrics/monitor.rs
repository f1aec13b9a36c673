//! All series of a service by name: its own, which begin with a star, and those of user code.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;

use crate::metrics::calls::CallStats;
use crate::metrics::histogram::Counts;
use crate::metrics::series::{Kind, Points, Series, percentages};
use crate::metrics::slowest::Remembered;
use crate::metrics::stats_registry::StatsRegistry;
use crate::metrics::traffic::{Reading, Traffic};
use crate::metrics::window::{Minute, Recent, Second, Window};
use crate::scheduling::batching::{BatchCounts, Reason};

/// Names that user code may use.
const MAX_NAMES: usize = 1000;
/// Bytes of a name.
const MAX_NAME_BYTES: usize = 128;
/// Percentiles of durations that are kept over time.
const PERCENTILES: [(&str, f64); 3] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)];

/// The one series of the service's own that the instances tell: how often a GPU's memory was short.
const OOM_COUNT: &str = "*gpu_oom_count";

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

/// What requests or calls are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// The requests for a model or graph; "" for those that found neither.
    Route(String),
    /// The calls of a model, by `name-version`.
    Model(String),
    /// The calls that a node makes, by graph and node.
    Node(String, String),
}

/// What user code has recorded under one name.
#[derive(Clone, Debug)]
pub struct UserMetric {
    /// The name.
    pub name: String,
    /// How its values become one.
    pub kind: Kind,
    /// How many values ever came.
    pub count: u64,
    /// Their sum.
    pub total: f64,
    /// What there is to show.
    pub points: Points,
}

/// All series of a service.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Requests, counted where they are answered.
    pub traffic: Traffic,
    /// Requests that are worth a look.
    pub remembered: Remembered,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: BTreeMap<String, Series>,
    /// Names of user code among them.
    names: usize,
    /// Failed requests until the last tick.
    failed: u64,
    /// Durations of all requests of the latest minute.
    latencies: Window,
    /// The latest minute of each route's requests, and of each model's and node's calls.
    recent: HashMap<Name, Recent>,
    /// The counters of each model's batches at the last tick.
    batches: HashMap<String, (u64, u64, [u64; Reason::ALL.len()])>,
}

impl Monitor {
    /// Records a value of user code at this moment, in seconds since the epoch.
    ///
    /// # Errors
    /// When the name is unfit, of another kind, or one too many; the value is then dropped.
    pub fn record(&self, now_s: u64, kind: Kind, name: &str, value: f64) -> Result<(), Refused> {
        let is_own = name.starts_with('*') && name != OOM_COUNT;
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || is_own {
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
        if name != OOM_COUNT {
            if state.names >= MAX_NAMES {
                return Err(Refused::TooMany);
            }
            state.names += 1;
        }
        state.put(now_s, kind, name, value);
        Ok(())
    }

    /// Turns what was counted since the last tick into points of the service's own series; called
    /// once a second.
    ///
    /// `processor` and `memory` are percentages of what this process may use.
    pub fn tick(&self, now_s: u64, processor: f64, memory: f64) {
        let Reading { failed, durations } = self.traffic.read();
        let longest = self.traffic.take_longest();
        let mut state = self.state.lock();
        let failed_before = std::mem::replace(&mut state.failed, failed);
        state.latencies.tick(durations);
        let latest = state.latencies.second();
        let requests = latest.count() as f64;
        let failed = (failed - failed_before) as f64;
        let fail_rate = if requests > 0.0 { 100.0 * failed / requests } else { 0.0 };
        state.put(now_s, Kind::Increment, "*qps", requests);
        state.put(now_s, Kind::Average, "*fail_rate(%)", fail_rate);
        state.put(now_s, Kind::Average, "*latency_avg(ms)", to_ms(latest.mean()));
        state.put(now_s, Kind::Max, "*latency_max(ms)", to_ms(longest));
        for (name, percent) in PERCENTILES {
            let series = format!("*latency_{name}(ms)");
            state.put(now_s, Kind::Average, &series, to_ms(latest.percentile(percent)));
        }
        state.put(now_s, Kind::Average, "*cpu_usage(%)", processor);
        state.put(now_s, Kind::Average, "*mem_usage(%)", memory);
    }

    /// Turns what was counted by name since the last tick into points; called once a second.
    pub fn tick_book(&self, now_s: u64, stats: &StatsRegistry) {
        let mut state = self.state.lock();
        for route in stats.routes() {
            let recent = state.recent.entry(Name::Route(route.name.to_string())).or_default();
            recent.tick_requests(&route);
            let second = recent.second();
            state.put_second(now_s, "request", &route.name, &second);
        }
        for (key, stats) in stats.models() {
            state.tick_calls(now_s, Name::Model(key.clone()), &key, &stats);
        }
        for ((graph, node), stats) in stats.nodes() {
            let shown = format!("{graph}/{node}");
            state.tick_calls(now_s, Name::Node(graph, node), &shown, &stats);
        }
    }

    /// Records a gauge of the service's own; called once a second.
    pub fn put_gauge(&self, now_s: u64, name: &str, value: f64) {
        self.state.lock().put(now_s, Kind::Average, name, value);
    }

    /// The latest minute of all requests.
    pub fn minute(&self) -> Counts {
        self.state.lock().latencies.minute()
    }

    /// The latest minute of the requests or calls of one name.
    pub fn minute_of(&self, name: &Name) -> Minute {
        self.state.lock().recent.get(name).map(Recent::minute).unwrap_or_default()
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

    /// What user code has recorded, by name.
    pub fn user_metrics(&self, now_s: u64) -> Vec<UserMetric> {
        let state = self.state.lock();
        let users = state.series.iter().filter(|(name, _)| !name.starts_with('*'));
        users
            .map(|(name, series)| {
                let (count, total) = series.totals();
                let points = series.read(now_s);
                UserMetric { name: name.clone(), kind: series.kind(), count, total, points }
            })
            .collect()
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

    fn tick_calls(&mut self, now_s: u64, name: Name, shown: &str, stats: &CallStats) {
        let recent = self.recent.entry(name).or_default();
        recent.tick_calls(stats);
        let second = recent.second();
        self.put_second(now_s, "call", shown, &second);
    }

    /// Puts a second of a name's requests or calls; nothing before the first of them.
    fn put_second(&mut self, now_s: u64, what: &str, name: &str, second: &Second) {
        let count = second.succeeded + second.failed;
        let name = if name.is_empty() { "unknown" } else { name };
        let series = format!("*{what}s({name})");
        if count == 0 && !self.series.contains_key(&series) {
            return;
        }
        self.put(now_s, Kind::Increment, &series, count as f64);
        let failed = second.failed as f64;
        self.put(now_s, Kind::Increment, &format!("*{what}_failures({name})"), failed);
        for (percentile, percent) in PERCENTILES {
            let length = to_ms(second.duration.percentile(percent));
            self.put(now_s, Kind::Average, &format!("*{what}_{percentile}({name},ms)"), length);
        }
    }

    fn latencies(&self) -> Vec<(u32, f64)> {
        let minute = self.latencies.minute();
        percentages().map(|(shown, percent)| (shown, to_ms(minute.percentile(percent)))).collect()
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
        assert_eq!(monitor.record(NOW_S, Kind::Increment, OOM_COUNT, 1.0), Ok(()));
        for bad in ["", "*qps", &"n".repeat(129)] {
            assert_eq!(record(bad), Err(Refused::Name), "{bad}");
        }
        for number in 1..1000 {
            assert_eq!(record(&number.to_string()), Ok(()));
        }
        assert_eq!(record("one more"), Err(Refused::TooMany));
        assert_eq!(record("1"), Ok(()));
        assert_eq!(monitor.record(NOW_S, Kind::Min, "1", 1.0), Err(Refused::Kind));
        assert_eq!(monitor.names().len(), 1011);
        assert_eq!(monitor.read(NOW_S, "absent"), None);
    }
}
