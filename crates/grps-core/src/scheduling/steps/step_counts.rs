//! Counters of the steps of one model.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::metrics::Histogram;
use crate::scheduling::steps::cache_use::CacheUse;
use crate::scheduling::steps::plan::StepReason;
use crate::scheduling::steps::sequence::EndReason;

/// Counters of the steps of one model; any thread reads them.
#[derive(Debug, Default)]
pub struct StepCounts {
    /// Slots of the attached instances.
    pub(crate) slots: AtomicUsize,
    /// Slots that hold a sequence.
    pub(crate) slots_in_use: AtomicUsize,
    /// Sequences whose state is saved until they get a slot again.
    pub(crate) suspended: AtomicUsize,
    /// Outputs of all steps: one for each row that did not fail.
    rows: AtomicU64,
    /// Prefilled positions.
    prefilled: AtomicU64,
    /// Tokens of the prompts of sequences that got their first slot, for a language model.
    prompt_tokens: AtomicU64,
    /// Rows of all outputs: the generated tokens, for a language model.
    output_rows: AtomicU64,
    /// What the instances say of their caches.
    pub(crate) cache: CacheUse,
    /// Sequences that got their first slot.
    begun: AtomicU64,
    /// How often a sequence gave its slot away.
    preempted: AtomicU64,
    /// Sequences that had a slot and ended, in the order of [`EndReason::ALL`].
    ended: [AtomicU64; EndReason::ALL.len()],
    /// Steps by the reason why they had no more rows, in the order of [`StepReason::ALL`].
    steps: [AtomicU64; StepReason::ALL.len()],
    /// Time from the arrival of a sequence to its first output.
    pub first_output: Histogram,
    /// Time between two outputs of a sequence.
    pub between_outputs: Histogram,
}

impl StepCounts {
    /// Slots of the attached instances.
    pub fn slots(&self) -> usize {
        self.slots.load(Ordering::Relaxed)
    }

    /// Slots that hold a sequence.
    pub fn slots_in_use(&self) -> usize {
        self.slots_in_use.load(Ordering::Relaxed)
    }

    /// Sequences whose state is saved until they get a slot again; they are in no queue.
    pub fn suspended(&self) -> usize {
        self.suspended.load(Ordering::Relaxed)
    }

    /// Outputs of all steps.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Prefilled positions.
    pub fn prefilled(&self) -> u64 {
        self.prefilled.load(Ordering::Relaxed)
    }

    /// Tokens of the prompts of sequences that got their first slot, for a language model.
    pub fn prompt_tokens(&self) -> u64 {
        self.prompt_tokens.load(Ordering::Relaxed)
    }

    /// Rows of all outputs: the generated tokens, for a language model.
    pub fn output_rows(&self) -> u64 {
        self.output_rows.load(Ordering::Relaxed)
    }

    /// Share of the caches of all instances that is in use; `None` if none of them says it.
    pub fn cache_usage(&self) -> Option<f64> {
        self.cache.read()
    }

    /// Sequences that got their first slot.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How often a sequence gave its slot away.
    pub fn preempted(&self) -> u64 {
        self.preempted.load(Ordering::Relaxed)
    }

    /// Sequences that had a slot and ended for this reason.
    pub fn ended(&self, reason: EndReason) -> u64 {
        self.ended.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Steps that had no more rows for this reason.
    pub fn steps_for(&self, reason: StepReason) -> u64 {
        self.steps.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// All steps.
    pub fn steps(&self) -> u64 {
        StepReason::ALL.into_iter().map(|reason| self.steps_for(reason)).sum()
    }

    pub(crate) fn add_step(&self, rows: usize, reason: StepReason) {
        add(&self.rows, rows);
        if let Some(count) = self.steps.get(reason as usize) {
            add(count, 1);
        }
    }

    pub(crate) fn add_output_rows(&self, rows: usize) {
        add(&self.output_rows, rows);
    }

    pub(crate) fn add_begun(&self, sequences: usize, prompt_tokens: usize) {
        add(&self.begun, sequences);
        add(&self.prompt_tokens, prompt_tokens);
    }

    pub(crate) fn add_ended(&self, reason: EndReason) {
        if let Some(count) = self.ended.get(reason as usize) {
            add(count, 1);
        }
    }

    pub(crate) fn add_preempted(&self, sequences: usize) {
        add(&self.preempted, sequences);
    }

    pub(crate) fn add_prefilled(&self, positions: usize) {
        add(&self.prefilled, positions);
    }

    pub(crate) fn add_output(&self, since: Duration, is_first: bool) {
        let histogram = if is_first { &self.first_output } else { &self.between_outputs };
        histogram.add(since);
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
