//! Counters of the steps of one model.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::metrics::Histogram;
use crate::scheduling::steps::plan::StepReason;

/// Counters of the steps of one model; any thread reads them.
#[derive(Debug, Default)]
pub struct StepCounts {
    /// Number of steps.
    pub steps: AtomicU64,
    /// Rows of all steps: one output each.
    pub rows: AtomicU64,
    /// Prefilled positions.
    pub prefilled: AtomicU64,
    /// Sequences that began.
    pub begun: AtomicU64,
    /// Sequences that ended.
    pub ended: AtomicU64,
    /// How often a sequence gave its slot away.
    pub preempted: AtomicU64,
    /// Slots in use now, of all instances.
    pub slots: AtomicUsize,
    /// Steps by the reason why they had no more rows, in the order of [`StepReason::ALL`].
    reasons: [AtomicU64; StepReason::ALL.len()],
    /// Time from the arrival of a sequence to its first output.
    pub first_output: Histogram,
    /// Time between two outputs of a sequence.
    pub between_outputs: Histogram,
}

impl StepCounts {
    /// Steps with this reason.
    pub fn reason(&self, reason: StepReason) -> u64 {
        self.reasons.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn add_step(&self, rows: usize, reason: StepReason) {
        add(&self.steps, 1);
        add(&self.rows, rows);
        if let Some(count) = self.reasons.get(reason as usize) {
            add(count, 1);
        }
    }

    pub(crate) fn add_output(&self, since: Duration, is_first: bool) {
        let histogram = if is_first { &self.first_output } else { &self.between_outputs };
        histogram.add(since);
    }
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}
