//! Updates the series of the service each second, and the file with their latest values.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grps_core::Error;
use grps_core::metrics::{Monitor, Points};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::observability::process::{self, Usage};

const TICK: Duration = Duration::from_secs(1);
const MIB: f64 = 1024.0 * 1024.0;
/// Interval of the checks of memory use against its limit.
const MEMORY_TICK: Duration = Duration::from_millis(100);
/// Percentages of a distribution in the file, numbered like upstream.
const SHOWN_PERCENTILES: [u32; 5] = [80, 90, 99, 100, 101];

/// Seconds since the epoch.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// One series in the JSON format of upstream; `None` for an unknown name.
pub fn series_json(monitor: &Monitor, name: &str) -> Option<String> {
    let series = match monitor.read(now_s(), name)? {
        Points::Trend(values) => {
            let data: Vec<Value> = values
                .into_iter()
                .enumerate()
                .map(|(index, value)| json!([index, value]))
                .collect();
            json!({"label": "trend", "data": data})
        }
        Points::Distribution(values) => json!({"label": "cdf", "data": values}),
    };
    Some(series.to_string())
}

/// A period of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 30 days.
    Month,
}

impl Span {
    /// Returns the span of this name.
    ///
    /// # Errors
    /// `InvalidArgument` for an unknown name.
    pub(crate) fn from_name(name: &str) -> Result<Self, Error> {
        match name {
            "minute" => Ok(Self::Minute),
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(Error::invalid("span must be one of minute, hour, day, month")),
        }
    }

    /// Indices of its points among all points of a trend, which start with the days.
    fn indices(self) -> Range<usize> {
        match self {
            Self::Month => 0..30,
            Self::Day => 30..54,
            Self::Hour => 54..114,
            Self::Minute => 114..174,
        }
    }
}

/// The points of a trend in a span, the oldest first; `None` for an unknown trend.
pub(crate) fn points(monitor: &Monitor, name: &str, span: Span) -> Option<Vec<Option<f64>>> {
    match monitor.read(now_s(), name)? {
        Points::Trend(points) => points.get(span.indices()).map(<[_]>::to_vec),
        Points::Distribution(_) => None,
    }
}

/// Updates the series each second; never resolves.
pub(crate) async fn run(app: Arc<App>) {
    let mut usage = Usage::new(app.settings.memory_limit_bytes);
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        clock.tick().await;
        let (processor, memory) = usage.measure();
        app.monitor.tick(now_s(), processor, memory);
        app.monitor.tick_stats(now_s(), &app.stats);
        app.monitor.notable.tick();
        if app.engine.health().is_loaded() {
            app.engine.registry().tick_traffic(Instant::now());
        }
        record_gauges(&app);
        for model in app.engine.registry().models() {
            let counts = model.executor().batch_counts();
            if let Some(counts) = counts.filter(|_| model.spec().batching.batches()) {
                app.monitor.tick_batches(now_s(), model.key(), counts);
            }
            if let Some(counts) = model.executor().step_counts() {
                let is_language = model.spec().language.is_some();
                app.monitor.tick_steps(now_s(), model.key(), counts, is_language);
            }
        }
        if let Some(path) = app.settings.monitor_log.clone() {
            let text = describe(&app.monitor);
            let written = tokio::task::spawn_blocking(move || write(&path, &text)).await;
            if let Ok(Err(error)) = written {
                tracing::debug!(%error, "can't write the latest values of the series");
            }
        }
    }
}

/// Records values that are sampled once a second.
fn record_gauges(app: &App) {
    let now_s = now_s();
    app.monitor.record_gauge(now_s, "*in_flight", app.in_flight.count() as f64);
    for model in app.engine.registry().models().iter().filter(|model| !model.executor().is_inline())
    {
        let name = format!("*queue_length({})", model.key());
        app.monitor.record_gauge(now_s, &name, model.executor().queue_length() as f64);
    }
    for gpu in app.gpus.read() {
        let (number, usage) = (gpu.number, &gpu.usage);
        let name = |what: &str| format!("*gpu{number}_{what}");
        let used_mib = usage.memory_used_bytes as f64 / MIB;
        app.monitor.record_gauge(now_s, &name("usage(%)"), 100.0 * usage.busy_ratio);
        app.monitor.record_gauge(now_s, &name("mem_usage(MIB)"), used_mib);
    }
}

/// Refuses new requests while the process uses too much memory; never resolves.
pub(crate) async fn watch_memory(app: Arc<App>) {
    let settings = &app.settings;
    let max_bytes = settings.memory_limit_bytes / 100 * settings.max_memory_percent;
    let mut clock = tokio::time::interval(MEMORY_TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut exhausted = false;
    loop {
        clock.tick().await;
        let used_bytes = process::unmapped_bytes();
        if (used_bytes > max_bytes) != exhausted {
            exhausted = !exhausted;
            app.in_flight.set_exhausted(exhausted);
            let percent = settings.max_memory_percent;
            tracing::warn!(used_bytes, max_bytes, percent, "memory: {}", memory_line(exhausted));
        }
    }
}

fn memory_line(exhausted: bool) -> &'static str {
    if exhausted { "new requests are refused" } else { "new requests are accepted again" }
}

/// The latest value of every series, one per line.
fn describe(monitor: &Monitor) -> String {
    let now_s = now_s();
    let mut text = String::new();
    for name in monitor.names() {
        match monitor.read(now_s, &name) {
            Some(points @ Points::Trend(_)) => {
                let last = points.last_second();
                let value = last.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
                text.push_str(&format!("{name} : {value}\n"));
            }
            Some(Points::Distribution(points)) => {
                for (percent, value) in
                    points.iter().filter(|(shown, _)| SHOWN_PERCENTILES.contains(shown))
                {
                    let percent = match percent {
                        100 => "99.9".to_owned(),
                        101 => "99.99".to_owned(),
                        whole => whole.to_string(),
                    };
                    text.push_str(&format!("{name}_{percent} : {value:.2}\n"));
                }
            }
            None => {}
        }
    }
    text
}

/// Replaces the file by a rename, so that a reader never sees a partial file.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut new_path = PathBuf::from(path);
    new_path.set_extension("log.new");
    std::fs::write(&new_path, text)?;
    std::fs::rename(&new_path, path)
}

#[cfg(test)]
mod tests {
    use grps_core::metrics::Kind;

    use super::*;

    #[test]
    fn the_file_contains_the_latest_complete_second() {
        let monitor = Monitor::default();
        monitor.tick(now_s() - 2, 0.0, 0.0);
        monitor.record(now_s() - 1, Kind::Max, "mine", 2.5).unwrap();
        monitor.record(now_s(), Kind::Distribution, "spread", 7.0).unwrap();
        let text = describe(&monitor);
        for line in ["*qps : 0.00\n", "spread_80 : 7.00\n", "spread_99.99 : 7.00\n"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("mine : "));
    }
}
