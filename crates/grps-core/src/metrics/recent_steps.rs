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
    /// Times from the arrival of a sequence to its first output.
    pub first_output: Counts,
    /// Times between two outputs of a sequence.
    pub between_outputs: Counts,
}

/// The latest seconds of the steps of one model.
#[derive(Debug, Default)]
pub(super) struct RecentSteps {
    /// All outputs at the last tick.
    last: u64,
    /// Outputs by second, the oldest first.
    outputs: VecDeque<u64>,
    first_output: HistogramWindow,
    between_outputs: HistogramWindow,
}

impl RecentSteps {
    /// Ends a second.
    pub(super) fn tick(&mut self, counts: &StepCounts) {
        if self.outputs.len() == WINDOW_S {
            self.outputs.pop_front();
        }
        let now = counts.rows();
        // The counters of a reloaded model start at zero.
        self.outputs.push_back(now.checked_sub(self.last).unwrap_or(now));
        self.last = now;
        self.first_output.tick(counts.first_output.read());
        self.between_outputs.tick(counts.between_outputs.read());
    }

    /// The latest second.
    pub(super) fn second(&self) -> StepMinute {
        StepMinute {
            seconds: 1,
            outputs: self.outputs.back().copied().unwrap_or_default(),
            first_output: self.first_output.second(),
            between_outputs: self.between_outputs.second(),
        }
    }

    /// The latest minute.
    pub(super) fn minute(&self) -> StepMinute {
        StepMinute {
            seconds: self.outputs.len(),
            outputs: self.outputs.iter().sum(),
            first_output: self.first_output.minute(),
            between_outputs: self.between_outputs.minute(),
        }
    }
}
