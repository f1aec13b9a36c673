//! The latest minute of the steps of one model.

use std::collections::VecDeque;

use crate::metrics::histogram::Counts;
use crate::metrics::window::{HistogramWindow, WINDOW_S};
use crate::scheduling::steps::step_counts::StepCounts;

/// The latest minute of the steps of one model.
#[derive(Clone, Debug, Default)]
pub struct StepMinute {
    /// Seconds in the window: fewer than 60 after the start.
    pub seconds: usize,
    /// Outputs of all steps.
    pub outputs: u64,
    /// Tokens of the prompts that were begun, for a language model.
    pub prompt_tokens: u64,
    /// Tokens that were generated, for a language model.
    pub generated_tokens: u64,
    /// Times from the arrival of a sequence to its first output.
    pub first_output: Counts,
    /// Times between two outputs of a sequence.
    pub between_outputs: Counts,
}

/// The latest seconds of one counter.
#[derive(Debug, Default)]
struct CounterWindow {
    /// Its value at the last tick.
    last: u64,
    /// What was added by second, the oldest first.
    seconds: VecDeque<u64>,
}

impl CounterWindow {
    /// Ends a second.
    fn tick(&mut self, now: u64) {
        if self.seconds.len() == WINDOW_S {
            self.seconds.pop_front();
        }
        // The counters of a reloaded model start at zero.
        self.seconds.push_back(now.checked_sub(self.last).unwrap_or(now));
        self.last = now;
    }

    fn second(&self) -> u64 {
        self.seconds.back().copied().unwrap_or_default()
    }

    fn minute(&self) -> u64 {
        self.seconds.iter().sum()
    }
}

/// The latest seconds of the steps of one model.
#[derive(Debug, Default)]
pub(super) struct RecentSteps {
    outputs: CounterWindow,
    prompt_tokens: CounterWindow,
    generated_tokens: CounterWindow,
    first_output: HistogramWindow,
    between_outputs: HistogramWindow,
}

impl RecentSteps {
    /// Ends a second.
    pub(super) fn tick(&mut self, counts: &StepCounts) {
        self.outputs.tick(counts.rows());
        self.prompt_tokens.tick(counts.prompt_tokens());
        self.generated_tokens.tick(counts.output_rows());
        self.first_output.tick(counts.first_output.read());
        self.between_outputs.tick(counts.between_outputs.read());
    }

    /// The latest second.
    pub(super) fn second(&self) -> StepMinute {
        StepMinute {
            seconds: 1,
            outputs: self.outputs.second(),
            prompt_tokens: self.prompt_tokens.second(),
            generated_tokens: self.generated_tokens.second(),
            first_output: self.first_output.second(),
            between_outputs: self.between_outputs.second(),
        }
    }

    /// The latest minute.
    pub(super) fn minute(&self) -> StepMinute {
        StepMinute {
            seconds: self.outputs.seconds.len(),
            outputs: self.outputs.minute(),
            prompt_tokens: self.prompt_tokens.minute(),
            generated_tokens: self.generated_tokens.minute(),
            first_output: self.first_output.minute(),
            between_outputs: self.between_outputs.minute(),
        }
    }
}
