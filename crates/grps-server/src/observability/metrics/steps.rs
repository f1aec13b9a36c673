//! Metrics of the sequences and steps of step models.

use grps_core::metrics::Histogram;
use grps_core::{EndReason, Model, StepCounts, StepReason};

use crate::app::App;
use crate::observability::exposition::{Exposition, Kind};
use crate::observability::metrics::samples::{SECONDS, stage_histogram};

/// A step model and its counters.
type StepModel<'a> = (&'a Model, &'a StepCounts);

/// Writes them.
pub(super) fn write(app: &App, text: &mut Exposition) {
    let models = app.engine.registry().models();
    let counted =
        models.iter().filter_map(|model| Some((&**model, model.executor().step_counts()?)));
    let models: Vec<StepModel<'_>> = counted.collect();
    write_numbers(&models, text);
    write_reasons(&models, text);
    write_durations(&models, text);
    write_tokens(&models, text);
    write_caches(&models, text);
}

/// Sequences that wait for a slot: those in the queue, and those that gave their slot away.
pub(crate) fn waiting(model: &Model, counts: &StepCounts) -> usize {
    model.executor().queue_length() + counts.suspended()
}

fn write_numbers(models: &[StepModel<'_>], text: &mut Exposition) {
    type Read = fn(&StepModel<'_>) -> f64;
    let all: [(&str, Kind, &str, Read); 7] = [
        ("grps_model_slots", Kind::Gauge, "Slots of all instances of a step model.", |(_, c)| {
            c.slots() as f64
        }),
        ("grps_model_slots_in_use", Kind::Gauge, "Slots that hold a sequence.", |(_, c)| {
            c.slots_in_use() as f64
        }),
        (
            "grps_model_waiting_sequences",
            Kind::Gauge,
            "Sequences that wait for a slot, preempted ones included.",
            |(model, c)| waiting(model, c) as f64,
        ),
        (
            "grps_model_begun_sequences",
            Kind::Counter,
            "Sequences that got their first slot.",
            |(_, c)| c.begun() as f64,
        ),
        (
            "grps_model_preemptions",
            Kind::Counter,
            "Slots that were taken from a sequence before its end.",
            |(_, c)| c.preempted() as f64,
        ),
        (
            "grps_model_prefilled_positions",
            Kind::Counter,
            "Positions of inputs that were prefilled.",
            |(_, c)| c.prefilled() as f64,
        ),
        (
            "grps_model_step_outputs",
            Kind::Counter,
            "Outputs of all steps: one for each sequence in a step.",
            |(_, c)| c.rows() as f64,
        ),
    ];
    for (name, kind, help, read) in all {
        text.family(kind, name, None, help);
        for model in models {
            text.sample(&[("model", model.0.key())], read(model));
        }
    }
}

/// Why sequences ended, and why steps had no more of them.
fn write_reasons(models: &[StepModel<'_>], text: &mut Exposition) {
    let help = "Sequences that had a slot and have ended, by reason.";
    text.family(Kind::Counter, "grps_model_ended_sequences", None, help);
    for (model, counts) in models {
        for reason in EndReason::ALL {
            let labels = [("model", model.key()), ("reason", reason.name())];
            text.sample(&labels, counts.ended(reason) as f64);
        }
    }
    let help = "Steps, by the reason why they had no more sequences.";
    text.family(Kind::Counter, "grps_model_steps", None, help);
    for (model, counts) in models {
        for reason in StepReason::ALL {
            let labels = [("model", model.key()), ("reason", reason.name())];
            text.sample(&labels, counts.steps_for(reason) as f64);
        }
    }
}

/// The caches of models that say how full they are.
fn write_caches(models: &[StepModel<'_>], text: &mut Exposition) {
    let help = "Share of the cache that is in use after the latest step, if the model says it.";
    text.family(Kind::Gauge, "grps_model_cache_usage_ratio", None, help);
    for (model, counts) in models {
        if let Some(share) = counts.cache_usage() {
            text.sample(&[("model", model.key())], share);
        }
    }
}

/// What only language models have.
fn write_tokens(models: &[StepModel<'_>], text: &mut Exposition) {
    type Read = fn(&StepCounts) -> u64;
    let all: [(&str, &str, Read); 2] = [
        (
            "grps_model_prompt_tokens",
            "Tokens of the prompts of sequences that got their first slot.",
            StepCounts::prompt_tokens,
        ),
        (
            "grps_model_generated_tokens",
            "Tokens that a language model has generated.",
            StepCounts::output_rows,
        ),
    ];
    for (name, help, read) in all {
        text.family(Kind::Counter, name, None, help);
        let language = models.iter().filter(|(model, _)| model.spec().language.is_some());
        for (model, counts) in language {
            text.sample(&[("model", model.key())], read(counts) as f64);
        }
    }
}

fn write_durations(models: &[StepModel<'_>], text: &mut Exposition) {
    type Of = fn(&StepCounts) -> &Histogram;
    let all: [(&str, &str, Of); 2] = [
        (
            "grps_model_first_output_seconds",
            "Time from the arrival of a sequence to its first output.",
            |counts| &counts.first_output,
        ),
        (
            "grps_model_between_outputs_seconds",
            "Time between two outputs of a sequence.",
            |counts| &counts.between_outputs,
        ),
    ];
    for (name, help, of) in all {
        text.family(Kind::Histogram, name, SECONDS, help);
        for (model, counts) in models {
            stage_histogram(text, &[("model", model.key())], &of(counts).read());
        }
    }
}
