//! Sequences that an instance can't go on with.

use std::sync::Arc;

use crate::error::{Cause, Error};
use crate::scheduling::steps::sequence::{EndReason, Sequence};
use crate::scheduling::steps::step_item::StepItem;
use crate::scheduling::steps::step_queue::StepQueue;

/// Sequences that an instance can't go on with, as their states are lost; dropping them fails their
/// requests.
#[derive(Debug)]
pub struct LostSequences {
    queue: Arc<StepQueue>,
    sequences: Vec<Sequence<StepItem>>,
}

impl LostSequences {
    pub(crate) fn new(queue: &Arc<StepQueue>, sequences: Vec<Sequence<StepItem>>) -> Self {
        Self { queue: Arc::clone(queue), sequences }
    }

    /// Fails their requests, if they were not replied to.
    pub fn fail(mut self, text: &str) {
        self.end(text);
    }

    fn end(&mut self, text: &str) {
        for sequence in self.sequences.drain(..) {
            // Counted before clients are replied to; what never had a slot has not begun.
            if sequence.item.running().is_some() {
                self.queue.counts.add_ended(sequence.end.unwrap_or(EndReason::Failed));
            }
            sequence.item.fail(Error::new(Cause::ModelFailed, text));
        }
    }
}

impl Drop for LostSequences {
    fn drop(&mut self) {
        self.end("the instance has stopped");
    }
}
