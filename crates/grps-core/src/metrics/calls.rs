//! Counters for the calls of one model or of one graph node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Cause;
use crate::metrics::batch_times::{BatchTimes, BatchTimesBySize};
use crate::metrics::histogram::Histogram;
use crate::metrics::outcomes::Outcomes;
use crate::metrics::stage::CallStage;
use crate::nanos::nanos;
use crate::request::timeline::CallTimes;

/// The moment that the beginnings of calls are counted from, by both clocks.
static ORIGIN: LazyLock<(Instant, SystemTime)> =
    LazyLock::new(|| (Instant::now(), SystemTime::now()));

/// Counters for calls; any thread can add and read without waiting.
#[derive(Debug, Default)]
pub struct CallStats {
    /// How calls ended.
    pub outcomes: Outcomes,
    /// Durations of the calls that an instance ran, from the queue to the output.
    pub duration: Histogram,
    /// The same for those of them that failed.
    pub failed: Histogram,
    /// When the latest call began, in nanoseconds from [`ORIGIN`]; 0 before the first.
    latest_ns: AtomicU64,
    /// In the order of [`CallStage::ALL`].
    stages: [Histogram; CallStage::ALL.len()],
    /// The calls that succeeded.
    batches: BatchTimesBySize,
}

impl CallStats {
    /// Durations of one stage, over all calls with this stage.
    pub fn stage(&self, stage: CallStage) -> &Histogram {
        &self.stages[stage as usize]
    }

    /// What the batches took whose calls succeeded, by their size.
    pub fn batches(&self) -> Vec<BatchTimes> {
        self.batches.read()
    }

    /// When the latest call began; `None` before the first.
    pub fn latest(&self) -> Option<SystemTime> {
        let latest_ns = self.latest_ns.load(Ordering::Relaxed);
        (latest_ns > 0).then(|| ORIGIN.1 + Duration::from_nanos(latest_ns))
    }

    fn begin(&self, began: Instant) {
        self.outcomes.count_start();
        let since = nanos(began.saturating_duration_since(ORIGIN.0)).max(1);
        self.latest_ns.store(since, Ordering::Relaxed);
    }

    fn add(&self, failure: Option<Cause>, times: &CallTimes) {
        self.duration.add(times.duration());
        if failure.is_some() {
            self.failed.add(times.duration());
        } else {
            self.batches.add(times);
        }
        for (stage, duration) in times.stages() {
            // Most models have no converter and no batch window. A call without a stage must not
            // count as a call whose stage took no time.
            if !duration.is_zero() || matches!(stage, CallStage::Queue | CallStage::Infer) {
                self.stage(stage).add(duration);
            }
        }
    }
}

/// A running call; dropping it before its end counts it as cancelled.
#[derive(Debug)]
pub(crate) struct RunningCall<'a> {
    /// Counters of the model, and of the graph node if a node makes the call.
    stats: [Option<&'a Arc<CallStats>>; 2],
    /// Whether the end is counted.
    ended: bool,
}

impl<'a> RunningCall<'a> {
    pub(crate) fn begin(
        began: Instant,
        model: &'a Arc<CallStats>,
        node: Option<&'a Arc<CallStats>>,
    ) -> Self {
        let stats = [Some(model), node];
        stats.iter().flatten().for_each(|stats| stats.begin(began));
        Self { stats, ended: false }
    }

    /// Counts the end of the call, with its times if an instance ran it.
    pub(crate) fn end(mut self, failure: Option<Cause>, times: Option<&CallTimes>) {
        self.ended = true;
        for stats in self.stats.iter().flatten() {
            stats.outcomes.count_end(failure);
            if let Some(times) = times {
                stats.add(failure, times);
            }
        }
    }
}

impl Drop for RunningCall<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.stats
                .iter()
                .flatten()
                .for_each(|stats| stats.outcomes.count_end(Some(Cause::Cancelled)));
        }
    }
}
