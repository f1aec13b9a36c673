//! The statistics of models since the start of the service.

use std::time::{Duration, UNIX_EPOCH};

use grps_core::metrics::{BatchTimes, CallStage, CallStats};
use grps_core::{BatchCounts, Error, Model};
use serde::Serialize;

use crate::app::App;
use crate::frontends::shared::inference::lookup;

/// The statistics of several models.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Statistics {
    pub(crate) model_stats: Vec<ModelStatistics>,
}

/// The statistics of one version of a model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ModelStatistics {
    pub(crate) name: String,
    pub(crate) version: String,
    /// When the latest call began, in milliseconds from 1970; 0 before the first.
    pub(crate) last_inference: u64,
    /// Rows of all batches.
    pub(crate) inference_count: u64,
    /// Batches.
    pub(crate) execution_count: u64,
    pub(crate) inference_stats: InferStatistics,
    pub(crate) batch_stats: Vec<BatchStatistics>,
}

/// Numbers and durations of the batches of one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BatchStatistics {
    pub(crate) batch_size: u64,
    pub(crate) compute_input: StatisticDuration,
    pub(crate) compute_infer: StatisticDuration,
    pub(crate) compute_output: StatisticDuration,
}

impl From<BatchTimes> for BatchStatistics {
    fn from(times: BatchTimes) -> Self {
        Self {
            batch_size: times.rows,
            compute_input: statistic(times.batches, times.preprocess),
            compute_infer: statistic(times.batches, times.infer),
            compute_output: statistic(times.batches, times.postprocess),
        }
    }
}

/// Numbers and durations of calls and their stages.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InferStatistics {
    pub(crate) success: StatisticDuration,
    pub(crate) fail: StatisticDuration,
    pub(crate) queue: StatisticDuration,
    pub(crate) compute_input: StatisticDuration,
    pub(crate) compute_infer: StatisticDuration,
    pub(crate) compute_output: StatisticDuration,
    /// Zero, as the next: responses are not cached.
    pub(crate) cache_hit: StatisticDuration,
    pub(crate) cache_miss: StatisticDuration,
}

/// How often something happened, and how long it took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StatisticDuration {
    pub(crate) count: u64,
    pub(crate) ns: u64,
}

/// The statistics of all models.
pub(crate) fn of_all(app: &App) -> Statistics {
    let models = app.engine.registry().models();
    Statistics { model_stats: models.iter().map(|model| of_model(model)).collect() }
}

/// The statistics of a model: of one version, or of all versions. Those of a graph are those of its
/// models.
///
/// # Errors
/// `NotFound` for an unknown one.
pub(crate) fn of_named(app: &App, model: &str, version: &str) -> Result<Statistics, Error> {
    let route = lookup::find(app, model, version)?;
    let is_key = route.models().first().is_some_and(|own| own.key() == model);
    if !version.is_empty() || is_key || route.graph().is_some() {
        let models = route.models().iter();
        return Ok(Statistics { model_stats: models.map(|model| of_model(model)).collect() });
    }
    let all = app.engine.registry().models();
    let own = all.iter().filter(|own| own.spec().name == model);
    Ok(Statistics { model_stats: own.map(|model| of_model(model)).collect() })
}

fn of_model(model: &Model) -> ModelStatistics {
    let stats = model.stats();
    let outcomes = stats.outcomes.read();
    let counts = model.executor().batch_counts();
    let since_1970 = stats.latest().and_then(|latest| latest.duration_since(UNIX_EPOCH).ok());
    ModelStatistics {
        name: model.spec().name.clone(),
        version: model.spec().version.clone(),
        last_inference: since_1970.map_or(0, |since| saturated(since.as_millis())),
        inference_count: counts.map_or(outcomes.succeeded, BatchCounts::rows),
        execution_count: counts.map_or(outcomes.succeeded, BatchCounts::batches),
        inference_stats: infer_statistics(stats, outcomes.succeeded, outcomes.all_failed()),
        batch_stats: stats.batches().into_iter().map(BatchStatistics::from).collect(),
    }
}

fn infer_statistics(stats: &CallStats, succeeded: u64, failed: u64) -> InferStatistics {
    let (all, of_failed) = (stats.duration.read().total(), stats.failed.read().total());
    let count = stats.stage(CallStage::Infer).read().count();
    // Clients expect that all stages have the same number; a call without one took no time for it.
    let stage = |stage| statistic(count, stats.stage(stage).read().total());
    let (queue, window) = (stage(CallStage::Queue), stage(CallStage::BatchWait));
    InferStatistics {
        success: statistic(succeeded, all.saturating_sub(of_failed)),
        fail: statistic(failed, of_failed),
        queue: StatisticDuration { ns: queue.ns.saturating_add(window.ns), ..queue },
        compute_input: stage(CallStage::Preprocess),
        compute_infer: stage(CallStage::Infer),
        compute_output: stage(CallStage::Postprocess),
        cache_hit: StatisticDuration::default(),
        cache_miss: StatisticDuration::default(),
    }
}

fn statistic(count: u64, duration: Duration) -> StatisticDuration {
    StatisticDuration { count, ns: saturated(duration.as_nanos()) }
}

fn saturated(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
