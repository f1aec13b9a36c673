//! Counters for the calls of one model or of one graph node.

use std::sync::Arc;

use crate::error::Cause;
use crate::metrics::histogram::Histogram;
use crate::metrics::outcomes::Outcomes;
use crate::metrics::stage::CallStage;
use crate::request::timeline::CallTimes;

/// Counters for calls; any thread can add and read without waiting.
#[derive(Debug, Default)]
pub struct CallStats {
    /// How calls ended.
    pub outcomes: Outcomes,
    /// Durations of the calls that an instance ran, from the queue to the output.
    pub duration: Histogram,
    /// In the order of [`CallStage::ALL`].
    stages: [Histogram; CallStage::ALL.len()],
}

impl CallStats {
    /// Durations of one stage, over all calls with this stage.
    pub fn stage(&self, stage: CallStage) -> &Histogram {
        &self.stages[stage as usize]
    }

    fn add(&self, times: &CallTimes) {
        self.duration.add(times.duration());
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
    pub(crate) fn begin(model: &'a Arc<CallStats>, node: Option<&'a Arc<CallStats>>) -> Self {
        let stats = [Some(model), node];
        stats.iter().flatten().for_each(|stats| stats.outcomes.count_start());
        Self { stats, ended: false }
    }

    /// Counts the end of the call, with its times if an instance ran it.
    pub(crate) fn end(mut self, failure: Option<Cause>, times: Option<&CallTimes>) {
        self.ended = true;
        for stats in self.stats.iter().flatten() {
            stats.outcomes.count_end(failure);
            if let Some(times) = times {
                stats.add(times);
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
