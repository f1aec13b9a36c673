//! Metrics of models with `batching: auto`: what was learned and chosen.

use grps_core::AutoState;

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::SECONDS;

/// A metric that is at most one number of each model: name, unit, help and value.
type Number = (&'static str, Option<&'static str>, &'static str, fn(&AutoState) -> Option<f64>);

const NUMBERS: [Number; 5] = [
    (
        "grps_batching_auto_max_rows",
        None,
        "Rows of a batch that batching: auto allows while the model keeps up with its requests.",
        |state| Some(state.rows as f64),
    ),
    (
        "grps_batching_auto_concurrency",
        None,
        "Instances that batching: auto lets work at once.",
        |state| Some(state.concurrency as f64),
    ),
    (
        "grps_batching_auto_wait_seconds",
        SECONDS,
        "Time that batching: auto lets requests wait to fill a batch.",
        |state| Some(state.window.as_secs_f64()),
    ),
    (
        "grps_batching_auto_predicted_latency_seconds",
        SECONDS,
        "Latency in the model that batching: auto predicts with these settings.",
        |state| state.predicted.map(|latency| latency.as_secs_f64()),
    ),
    (
        "grps_batching_auto_slo_seconds",
        SECONDS,
        "Latency in the model that batching: auto keeps (batching.slo).",
        |state| state.objective.map(|objective| objective.latency.as_secs_f64()),
    ),
];

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let models = app.engine.registry().models();
    let states: Vec<_> = models
        .iter()
        .filter_map(|model| Some((model.key(), model.executor().auto_batching()?)))
        .collect();
    for (name, unit, help, read) in NUMBERS {
        text.family(Kind::Gauge, name, unit, help);
        for (model, state) in &states {
            if let Some(value) = read(state) {
                text.sample(&[("model", *model)], value);
            }
        }
    }
    let help = "Usual time of a run that batching: auto has learned, by number of rows.";
    text.family(Kind::Gauge, "grps_batching_auto_run_seconds", SECONDS, help);
    for (model, state) in &states {
        for size in &state.curve {
            let rows = size.rows.to_string();
            let labels = [("model", *model), ("rows", rows.as_str())];
            text.sample(&labels, size.duration.as_secs_f64());
        }
    }
}
