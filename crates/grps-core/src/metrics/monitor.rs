//! All time series by name: those of the service, whose names begin with `*`, and those of user code.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use parking_lot::Mutex;

use crate::metrics::calls::CallStats;
use crate::metrics::histogram::Counts;
use crate::metrics::recent_steps::{RecentSteps, StepMinute};
use crate::metrics::series::{Kind, Points, Series, percentages};
use crate::metrics::slowest::NotableRequests;
use crate::metrics::stats_registry::StatsRegistry;
use crate::metrics::traffic::{Reading, Traffic};
use crate::metrics::window::{HistogramWindow, Minute, RecentStats, Second};
use crate::scheduling::batching::{BatchCounts, Reason};
use crate::scheduling::steps::step_counts::StepCounts;

/// Maximum number of metrics of user code.
const MAX_NAMES: usize = 1000;
/// Maximum length of a name.
const MAX_NAME_BYTES: usize = 128;
/// Percentiles of durations that have a series.
const PERCENTILES: [(&str, f64); 3] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)];

/// Out-of-memory errors of GPUs: the only service series that the instances record.
const OOM_COUNT: &str = "*gpu_oom_count";

/// Distribution of request latencies.
const LATENCY_CDF: &str = "*latency_cdf(ms)";

/// Why a value of user code is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The name is empty, too long, or begins with `*`, which is reserved for the service.
    #[error("the name of a metric must have 1 to 128 bytes and must not begin with '*'")]
    Name,
    /// There are too many metrics.
    #[error("the limit of 1000 metrics is reached; the metric is not recorded")]
    TooMany,
    /// A metric of another kind has this name.
    #[error("a metric of this name is recorded with another method")]
    Kind,
    /// The value is infinite or not a number: no total could take it in.
    #[error("the value is not a finite number; it is not recorded")]
    Value,
}

/// The name under which requests or calls are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// Requests for a model or graph; "" for requests that matched no route.
    Route(String),
    /// Calls of a model, by `name-version`.
    Model(String),
    /// Calls of a graph node, by graph and node.
    Node(String, String),
}

/// A metric of user code.
#[derive(Clone, Debug)]
pub struct UserMetric {
    /// The name.
    pub name: String,
    /// How the values of a period are combined.
    pub kind: Kind,
    /// Number of all values since the start.
    pub count: u64,
    /// Sum of all values since the start.
    pub total: f64,
    /// The points of its series.
    pub points: Points,
}

/// All series of a service.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Counters for all requests.
    pub traffic: Traffic,
    /// The slowest and the failed requests.
    pub notable: NotableRequests,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// All series by name.
    series: BTreeMap<String, Series>,
    /// Number of series of user code.
    user_names: usize,
    /// Number of failed requests at the last tick.
    failed: u64,
    /// Durations of all requests in the latest minute.
    latencies: HistogramWindow,
    /// The latest minute of the requests of each route and the calls of each model and node.
    recent: HashMap<Name, RecentStats>,
    /// Batch counters of each model at the last tick.
    batches: HashMap<String, (u64, u64, [u64; Reason::ALL.len()])>,
    /// The latest minute of the steps of each step model.
    steps: HashMap<String, RecentSteps>,
}

impl Monitor {
    /// Records a value of user code. `now_s` is the time in seconds since the epoch.
    ///
    /// # Errors
    /// The name is invalid or has another kind, there are too many metrics, or the value is not
    /// finite. The value is dropped.
    pub fn record(
        &self,
        now_s: u64,
        kind: Kind,
        name: &str,
        value: f64,
    ) -> Result<(), RecordError> {
        let is_reserved = name.starts_with('*') && name != OOM_COUNT;
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || is_reserved {
            return Err(RecordError::Name);
        }
        if !value.is_finite() {
            return Err(RecordError::Value);
        }
        let mut state = self.state.lock();
        if let Some(series) = state.series.get_mut(name) {
            if series.kind() != kind {
                return Err(RecordError::Kind);
            }
            series.add(now_s, value);
            return Ok(());
        }
        if name != OOM_COUNT {
            if state.user_names >= MAX_NAMES {
                return Err(RecordError::TooMany);
            }
            state.user_names += 1;
        }
        state.record(now_s, kind, name, value);
        Ok(())
    }

    /// Adds the requests since the last tick to the series of the service; called once a second.
    ///
    /// `processor` is a percentage of one processor, `memory` of the memory limit of the process.
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
        state.record(now_s, Kind::Increment, "*qps", requests);
        state.record(now_s, Kind::Average, "*fail_rate(%)", fail_rate);
        state.record(now_s, Kind::Average, "*latency_avg(ms)", to_ms(latest.mean()));
        state.record(now_s, Kind::Max, "*latency_max(ms)", to_ms(longest));
        for (name, percent) in PERCENTILES {
            let series = format!("*latency_{name}(ms)");
            state.record(now_s, Kind::Average, &series, to_ms(latest.percentile(percent)));
        }
        state.record(now_s, Kind::Average, "*cpu_usage(%)", processor);
        state.record(now_s, Kind::Average, "*mem_usage(%)", memory);
    }

    /// Adds the counts by name since the last tick to the series; called once a second.
    pub fn tick_stats(&self, now_s: u64, stats: &StatsRegistry) {
        let mut state = self.state.lock();
        for route in stats.routes() {
            let recent = state.recent.entry(Name::Route(route.name.to_string())).or_default();
            recent.tick_requests(&route);
            let second = recent.second();
            state.record_second(now_s, "request", &route.name, &second);
        }
        for (key, stats) in stats.models() {
            state.tick_calls(now_s, Name::Model(key.clone()), &key, &stats);
        }
        for ((graph, node), stats) in stats.nodes() {
            let shown = format!("{graph}/{node}");
            state.tick_calls(now_s, Name::Node(graph, node), &shown, &stats);
        }
    }

    /// Records a gauge of the service; called once a second.
    pub fn record_gauge(&self, now_s: u64, name: &str, value: f64) {
        self.state.lock().record(now_s, Kind::Average, name, value);
    }

    /// Durations of all requests in the latest minute.
    pub fn latest_minute(&self) -> Counts {
        self.state.lock().latencies.minute()
    }

    /// The latest minute of the requests or calls of one name.
    pub fn latest_minute_of(&self, name: &Name) -> Minute {
        self.state.lock().recent.get(name).map(RecentStats::minute).unwrap_or_default()
    }

    /// Adds the batches of a model since the last tick to its series; called once a second for each
    /// model that batches.
    pub fn tick_batches(&self, now_s: u64, model: &str, counts: &BatchCounts) {
        let now = counts.read();
        let mut state = self.state.lock();
        let last = state.batches.insert(model.to_owned(), now).unwrap_or_default();
        // The counters of a reloaded model start at zero.
        let since = |now: u64, last: u64| now.checked_sub(last).unwrap_or(now) as f64;
        let batches = since(now.0, last.0);
        state.record(now_s, Kind::Increment, &format!("*batches({model})"), batches);
        if batches > 0.0 {
            let rows = since(now.1, last.1) / batches;
            state.record(now_s, Kind::Average, &format!("*batch_rows_avg({model})"), rows);
        }
        for (reason, (now, last)) in Reason::ALL.iter().zip(now.2.into_iter().zip(last.2)) {
            let name = format!("*small_batches({model},{})", reason.name());
            state.record(now_s, Kind::Increment, &name, since(now, last));
        }
    }

    /// Adds the steps of a model since the last tick to its series, and what holds its slots now;
    /// called once a second for each step model. A language model has series of its tokens too.
    pub fn tick_steps(&self, now_s: u64, model: &str, counts: &StepCounts, is_language: bool) {
        let mut state = self.state.lock();
        let recent = state.steps.entry(model.to_owned()).or_default();
        recent.tick(counts);
        let second = recent.second();
        let slots = counts.slots_in_use() as f64;
        state.record(now_s, Kind::Average, &format!("*slots_in_use({model})"), slots);
        let outputs = second.outputs as f64;
        state.record(now_s, Kind::Increment, &format!("*step_outputs({model})"), outputs);
        if is_language {
            state.record_tokens(now_s, model, &second, counts.cache_usage());
        }
        let durations =
            [("first_output", second.first_output), ("between_outputs", second.between_outputs)];
        for (what, counts) in durations {
            // A second without outputs is not one of fast outputs.
            if counts.count() > 0 {
                for (percentile, percent) in PERCENTILES {
                    let name = format!("*{what}_{percentile}({model},ms)");
                    let duration_ms = to_ms(counts.percentile(percent));
                    state.record(now_s, Kind::Average, &name, duration_ms);
                }
            }
        }
    }

    /// The latest minute of the steps of a model.
    pub fn latest_minute_of_steps(&self, model: &str) -> StepMinute {
        self.state.lock().steps.get(model).map(RecentSteps::minute).unwrap_or_default()
    }

    /// The points of a series; `None` for an unknown name.
    pub fn read(&self, now_s: u64, name: &str) -> Option<Points> {
        let state = self.state.lock();
        if name == LATENCY_CDF {
            return Some(Points::Distribution(state.latencies()));
        }
        state.series.get(name).map(|series| series.read(now_s))
    }

    /// All metrics of user code.
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

    /// The names of all series in ascending order.
    pub fn names(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut names: Vec<String> = state.series.keys().cloned().collect();
        names.push(LATENCY_CDF.to_owned());
        names.sort_unstable();
        names
    }
}

impl State {
    fn record(&mut self, now_s: u64, kind: Kind, name: &str, value: f64) {
        if let Some(series) = self.series.get_mut(name) {
            series.add(now_s, value);
            return;
        }
        let mut series = Series::new(kind);
        series.add(now_s, value);
        self.series.insert(name.to_owned(), series);
    }

    /// Records one second of the tokens of a language model.
    fn record_tokens(&mut self, now_s: u64, model: &str, second: &StepMinute, cache: Option<f64>) {
        let counts = [
            ("generated_tokens", second.generated_tokens),
            ("prompt_tokens", second.prompt_tokens),
        ];
        for (what, count) in counts {
            self.record(now_s, Kind::Increment, &format!("*{what}({model})"), count as f64);
        }
        if let Some(share) = cache {
            self.record(now_s, Kind::Average, &format!("*cache_usage({model},%)"), share * 100.0);
        }
    }

    fn tick_calls(&mut self, now_s: u64, name: Name, shown: &str, stats: &CallStats) {
        let recent = self.recent.entry(name).or_default();
        recent.tick_calls(stats);
        let second = recent.second();
        self.record_second(now_s, "call", shown, &second);
    }

    /// Records one second of the requests or calls of one name, from the first one on.
    fn record_second(&mut self, now_s: u64, what: &str, name: &str, second: &Second) {
        let count = second.succeeded + second.failed;
        let name = if name.is_empty() { "unknown" } else { name };
        let series = format!("*{what}s({name})");
        if count == 0 && !self.series.contains_key(&series) {
            return;
        }
        self.record(now_s, Kind::Increment, &series, count as f64);
        let failed = second.failed as f64;
        self.record(now_s, Kind::Increment, &format!("*{what}_failures({name})"), failed);
        for (percentile, percent) in PERCENTILES {
            let duration_ms = to_ms(second.duration.percentile(percent));
            self.record(
                now_s,
                Kind::Average,
                &format!("*{what}_{percentile}({name},ms)"),
                duration_ms,
            );
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
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::scheduling::steps::cache_use::CacheNote;
    use crate::scheduling::steps::plan::StepReason;

    const NOW_S: u64 = 1_700_000_000;

    fn last_second(monitor: &Monitor, name: &str) -> Option<f64> {
        match monitor.read(NOW_S, name) {
            Some(Points::Trend(points)) => points.last().copied().flatten(),
            other => panic!("expected a trend, got {other:?}"),
        }
    }

    #[test]
    fn a_tick_records_the_previous_second() {
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
    fn batches_are_counted_by_model_and_reason() {
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
        let reloaded = BatchCounts::default();
        reloaded.add(1, Some(Reason::Key));
        monitor.tick_batches(NOW_S, "m-1", &reloaded);
        assert_eq!(last_second(&monitor, "*batches(m-1)"), Some(3.0));
    }

    #[test]
    fn steps_are_counted_by_model() {
        let (monitor, counts) = (Monitor::default(), StepCounts::default());
        counts.add_step(3, StepReason::Full);
        monitor.tick_steps(NOW_S - 1, "m-1", &counts, false);
        counts.add_step(4, StepReason::NothingWaits);
        counts.slots_in_use.store(5, Ordering::Relaxed);
        counts.add_output(Duration::from_millis(10), true);
        counts.add_output(Duration::from_millis(2), false);
        monitor.tick_steps(NOW_S, "m-1", &counts, false);
        assert_eq!(last_second(&monitor, "*step_outputs(m-1)"), Some(4.0));
        assert_eq!(last_second(&monitor, "*slots_in_use(m-1)"), Some(5.0));
        let first = last_second(&monitor, "*first_output_p99(m-1,ms)").unwrap();
        assert!((10.0..10.7).contains(&first), "{first}");
        let minute = monitor.latest_minute_of_steps("m-1");
        assert_eq!((minute.seconds, minute.outputs), (2, 7));
        let durations = (minute.first_output.count(), minute.between_outputs.count());
        assert_eq!(durations, (1, 1));
        let reloaded = StepCounts::default();
        reloaded.add_step(1, StepReason::Held);
        monitor.tick_steps(NOW_S, "m-1", &reloaded, false);
        assert_eq!(monitor.latest_minute_of_steps("m-1").outputs, 8);
        assert_eq!(monitor.latest_minute_of_steps("other").seconds, 0);
        assert!(!monitor.names().iter().any(|name| name.contains("tokens")));
    }

    #[test]
    fn tokens_are_counted_of_language_models() {
        let (monitor, counts) = (Monitor::default(), StepCounts::default());
        counts.add_begun(1, 7);
        counts.add_output_rows(3);
        monitor.tick_steps(NOW_S - 1, "m-1", &counts, true);
        assert!(!monitor.names().iter().any(|name| name.starts_with("*cache_usage")));
        counts.add_begun(2, 5);
        counts.add_output_rows(4);
        counts.cache.note(&mut CacheNote::default(), Some(0.25));
        monitor.tick_steps(NOW_S, "m-1", &counts, true);
        assert_eq!(last_second(&monitor, "*prompt_tokens(m-1)"), Some(5.0));
        assert_eq!(last_second(&monitor, "*generated_tokens(m-1)"), Some(4.0));
        assert_eq!(last_second(&monitor, "*cache_usage(m-1,%)"), Some(25.0));
        let minute = monitor.latest_minute_of_steps("m-1");
        assert_eq!((minute.prompt_tokens, minute.generated_tokens), (12, 7));
    }

    #[test]
    fn limits_of_names_are_exact() {
        let monitor = Monitor::default();
        monitor.tick(NOW_S, 0.0, 0.0);
        let record = |name: &str| monitor.record(NOW_S, Kind::Max, name, 1.0);
        assert_eq!(record(&"n".repeat(128)), Ok(()));
        assert_eq!(monitor.record(NOW_S, Kind::Increment, OOM_COUNT, 1.0), Ok(()));
        for bad in ["", "*qps", &"n".repeat(129)] {
            assert_eq!(record(bad), Err(RecordError::Name), "{bad}");
        }
        for number in 1..1000 {
            assert_eq!(record(&number.to_string()), Ok(()));
        }
        assert_eq!(record("one more"), Err(RecordError::TooMany));
        assert_eq!(record("1"), Ok(()));
        assert_eq!(monitor.record(NOW_S, Kind::Min, "1", 1.0), Err(RecordError::Kind));
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(monitor.record(NOW_S, Kind::Max, "1", value), Err(RecordError::Value));
        }
        assert_eq!(monitor.names().len(), 1011);
        assert_eq!(monitor.read(NOW_S, "absent"), None);
    }
}
