//! The clock of the service's own series: a tick each second, and the file that shows the latest values.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grps_core::metrics::{Monitor, Points};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior};

use crate::app::App;

const TICK: Duration = Duration::from_secs(1);
/// How often the memory of the process is compared with what it may use.
const MEMORY_TICK: Duration = Duration::from_millis(100);
/// Percentages of a distribution that the file tells, as upstream shows them.
const TOLD: [u32; 5] = [80, 90, 99, 100, 101];

/// Seconds since the epoch.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// One series as upstream's clients read it; `None` when there is none of this name.
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

/// Ticks for as long as it is polled.
pub(crate) async fn run(app: Arc<App>) {
    let mut usage = Usage::new(app.settings.memory_limit_bytes);
    let mut clock = tokio::time::interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        clock.tick().await;
        let (processor, memory) = usage.measure();
        app.monitor.tick(now_s(), processor, memory);
        for model in app.engine.registry().models() {
            let queue = model.queue();
            if queue.batches() {
                app.monitor.tick_batches(now_s(), model.key(), queue.counts());
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

/// Refuses requests while the process uses more memory than it should, for as long as it is
/// polled.
pub(crate) async fn watch_memory(app: Arc<App>) {
    let settings = &app.settings;
    let most = settings.memory_limit_bytes / 100 * settings.max_memory_percent;
    let mut clock = tokio::time::interval(MEMORY_TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut exhausted = false;
    loop {
        clock.tick().await;
        let resident = resident_bytes();
        if (resident > most) != exhausted {
            exhausted = !exhausted;
            app.in_flight.set_exhausted(exhausted);
            let percent = settings.max_memory_percent;
            tracing::warn!(resident, most, percent, "memory: {}", told(exhausted));
        }
    }
}

fn told(exhausted: bool) -> &'static str {
    if exhausted { "no request is taken in until there is more" } else { "requests are taken in" }
}

/// The latest value of every series, a line each.
fn describe(monitor: &Monitor) -> String {
    let now_s = now_s();
    let mut text = String::new();
    for name in monitor.names() {
        match monitor.read(now_s, &name) {
            Some(Points::Trend(points)) => {
                // The present second is still being counted; the one before it is whole.
                let last = points.iter().rev().nth(1).copied().flatten();
                let value = last.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
                text.push_str(&format!("{name} : {value}\n"));
            }
            Some(Points::Distribution(points)) => {
                for (percent, value) in points.iter().filter(|(shown, _)| TOLD.contains(shown)) {
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

/// Replaces the file by one rename, so that a reader never sees half of it.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut fresh = PathBuf::from(path);
    fresh.set_extension("log.new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(&fresh, path)
}

/// What this process uses.
struct Usage {
    /// When the processors were last looked at, and the process's time on them until then.
    last: (Instant, Duration),
    memory_limit_bytes: u64,
}

impl Usage {
    fn new(memory_limit_bytes: u64) -> Self {
        Self { last: (Instant::now(), processor_time()), memory_limit_bytes }
    }

    /// Percentages of one processor and of the memory the process may use.
    fn measure(&mut self) -> (f64, f64) {
        let (since, used) = self.last;
        let (now, total) = (Instant::now(), processor_time());
        self.last = (now, total);
        let elapsed = now.duration_since(since).as_secs_f64();
        let spent = total.saturating_sub(used).as_secs_f64();
        let processor = if elapsed > 0.0 { 100.0 * spent / elapsed } else { 0.0 };
        let limit = self.memory_limit_bytes.max(1) as f64;
        (processor, 100.0 * resident_bytes() as f64 / limit)
    }
}

/// Time the process has spent on processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Memory of the process; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 =
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use grps_core::metrics::Kind;

    use super::*;

    #[test]
    fn the_file_tells_the_second_that_is_over() {
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

    #[test]
    fn this_process_uses_memory() {
        let (_, memory) = Usage::new(1 << 40).measure();
        assert!(memory > 0.0 && memory < 100.0);
    }
}
