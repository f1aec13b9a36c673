//! Metrics of the queues, instances and batches of models.

use std::sync::Arc;

use grps_core::{BatchCounts, Model, Reason};

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::SECONDS;

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let models = app.engine.registry().models();
    let models: Vec<_> = models.iter().filter(|model| !model.executor().is_inline()).collect();
    write_executors(&models, text);
    // A step model makes no batches.
    let models: Vec<_> =
        models.into_iter().filter(|model| model.executor().step_counts().is_none()).collect();
    write_batch_numbers(&models, text);
    write_batches(&models, text);
}

/// A metric that is one number of each model: name, type, unit, help and value.
type Number = (&'static str, Kind, Option<&'static str>, &'static str, fn(&Model) -> f64);

fn write_numbers(all: &[Number], models: &[&Arc<Model>], text: &mut Exposition) {
    for (name, kind, unit, help, read) in all {
        text.family(*kind, name, *unit, help);
        for model in models {
            text.sample(&[("model", model.key())], read(model));
        }
    }
}

/// What all executors with instances report.
fn write_executors(models: &[&Arc<Model>], text: &mut Exposition) {
    let all: [Number; 4] = [
        ("grps_model_queue_length", Kind::Gauge, None, "Calls that wait for an instance.", |m| {
            m.executor().queue_length() as f64
        }),
        (
            "grps_model_instances",
            Kind::Gauge,
            None,
            "Threads and processes that run the model.",
            |m| m.executor().instances() as f64,
        ),
        (
            "grps_model_instance_restarts",
            Kind::Counter,
            None,
            "Restarts of instances that ended unexpectedly.",
            |m| m.executor().restarts() as f64,
        ),
        (
            "grps_model_busy_seconds",
            Kind::Counter,
            SECONDS,
            "Busy time of all instances together.",
            |m| m.executor().busy_time().as_secs_f64(),
        ),
    ];
    write_numbers(&all, models, text);
}

/// What executors that batch report.
fn write_batch_numbers(models: &[&Arc<Model>], text: &mut Exposition) {
    let all: [Number; 3] = [
        ("grps_model_batches", Kind::Counter, None, "Batches that left the queue.", |m| {
            m.executor().batch_counts().map_or(0, BatchCounts::batches) as f64
        }),
        ("grps_model_batched_rows", Kind::Counter, None, "Rows in these batches.", |m| {
            m.executor().batch_counts().map_or(0, BatchCounts::rows) as f64
        }),
        (
            "grps_model_max_batch_rows",
            Kind::Gauge,
            None,
            "Maximum number of rows of a batch (max_batch_size).",
            |m| m.spec().batching.max_rows as f64,
        ),
    ];
    write_numbers(&all, models, text);
}

/// The sizes of batches, and why they were not larger.
fn write_batches(models: &[&Arc<Model>], text: &mut Exposition) {
    let help = "Batches by number of rows.";
    text.family(Kind::Histogram, "grps_model_batch_rows", None, help);
    let batching = models.iter().filter(|model| model.spec().batching.batches());
    let batching: Vec<_> = batching
        .filter_map(|model| Some((model.key(), model.executor().batch_counts()?)))
        .collect();
    for (model, counts) in &batching {
        batch_rows(text, model, counts);
    }
    let help = "Batches below the maximum size, by the reason why they were not larger.";
    text.family(Kind::Counter, "grps_model_small_batches", None, help);
    for (model, counts) in &batching {
        for reason in Reason::ALL {
            let labels = [("model", *model), ("reason", reason.name())];
            text.sample(&labels, counts.small(reason) as f64);
        }
    }
}

fn batch_rows(text: &mut Exposition, model: &str, counts: &BatchCounts) {
    let sizes: Vec<_> = counts.sizes().collect();
    let count = sizes.iter().map(|(_, count)| count).sum();
    let mut sum = 0;
    let below = sizes.iter().filter_map(|(limit, count)| {
        sum += count;
        limit.map(|limit| (limit as f64, sum, None))
    });
    text.histogram(&[("model", model)], below, (count, counts.rows() as f64), None);
}
