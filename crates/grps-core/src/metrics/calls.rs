//! What is measured of the calls of one model, or of one node of a graph.

use std::sync::Arc;

use crate::error::Cause;
use crate::metrics::histogram::Histogram;
use crate::metrics::outcomes::Outcomes;
use crate::metrics::stage::CallStage;
use crate::request::timeline::CallTimes;

/// Counters on the way of every call; any thread may add and read without waiting.
#[derive(Debug, Default)]
pub struct CallStats {
    /// How calls ended.
    pub outcomes: Outcomes,
    /// How long those took that an instance has answered, from queue to answer.
    pub duration: Histogram,
    /// In the order of [`CallStage::ALL`].
    stages: [Histogram; CallStage::ALL.len()],
}

impl CallStats {
    /// How long one step took in all calls that had it.
    pub fn stage(&self, stage: CallStage) -> &Histogram {
        &self.stages[stage as usize]
    }

    fn add(&self, times: &CallTimes) {
        self.duration.add(times.duration());
        for (stage, length) in times.stages() {
            // Few models have converters or wait for company: a call without the step is no call
            // whose step took no time.
            if !length.is_zero() || matches!(stage, CallStage::Queue | CallStage::Infer) {
                self.stage(stage).add(length);
            }
        }
    }
}

/// A call that runs; dropping it unended counts it as cancelled.
#[derive(Debug)]
pub(crate) struct RunningCall<'a> {
    /// The model's, and the node's if a graph calls.
    stats: [Option<&'a Arc<CallStats>>; 2],
    ended: bool,
}

impl<'a> RunningCall<'a> {
    pub(crate) fn begin(model: &'a Arc<CallStats>, node: Option<&'a Arc<CallStats>>) -> Self {
        let stats = [Some(model), node];
        stats.iter().flatten().for_each(|stats| stats.outcomes.begin());
        Self { stats, ended: false }
    }

    /// Counts its end, with its times if an instance has answered.
    pub(crate) fn end(mut self, failure: Option<Cause>, times: Option<&CallTimes>) {
        self.ended = true;
        for stats in self.stats.iter().flatten() {
            stats.outcomes.end(failure);
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
                .for_each(|stats| stats.outcomes.end(Some(Cause::Cancelled)));
        }
    }
}
