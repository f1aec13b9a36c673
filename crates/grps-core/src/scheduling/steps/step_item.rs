//! The request behind a sequence: it waits, then it runs and collects its outputs.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Cause, Error};
use crate::metrics::CallStage;
use crate::request::content::Content;
use crate::request::timeline::{BatchInfo, CallTimings};
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::Heartbeat;
use crate::scheduling::running_request::RunningRequest;
use crate::scheduling::steps::collected::Collected;
use crate::scheduling::steps::sequence::{EndReason, SequenceItem};
use crate::scheduling::steps::text::{SequenceText, TextOutput};
use crate::tensor::tensor::Tensor;

/// The request behind a sequence.
#[derive(Debug)]
pub enum StepItem {
    /// It waits for its first slot.
    Waiting(Box<WaitingRequest>),
    /// It has or had a slot.
    Running(StepRequest),
    /// Only while it changes.
    Changing,
}

/// A request that waits for its first slot.
#[derive(Debug)]
pub struct WaitingRequest {
    pub(crate) entry: Entry,
    /// What makes its text; `None` when its client gets outputs alone.
    pub(crate) text: Option<Box<dyn SequenceText>>,
}

/// A request that has or had a slot.
#[derive(Debug)]
pub struct StepRequest {
    /// The request.
    pub request: Arc<RunningRequest>,
    /// Outputs of the steps, for a client that takes them as a whole, and for a sequence that begins
    /// again.
    collected: Collected,
    /// Its text; `None` when its client gets outputs alone.
    text: Option<TextOutput>,
}

impl SequenceItem for StepItem {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Waiting(waiting) => !waiting.entry.reply.is_closed(),
            Self::Running(running) => !running.request.is_cancelled(),
            Self::Changing => false,
        }
    }

    fn has_room(&self) -> bool {
        match self {
            Self::Running(running) => running.request.has_room(),
            Self::Waiting(_) | Self::Changing => true,
        }
    }
}

impl StepItem {
    /// The request, if it has or had a slot.
    pub fn running(&self) -> Option<&StepRequest> {
        match self {
            Self::Running(running) => Some(running),
            Self::Waiting(_) | Self::Changing => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn running_mut(&mut self) -> Option<&mut StepRequest> {
        match self {
            Self::Running(running) => Some(running),
            Self::Waiting(_) | Self::Changing => None,
        }
    }

    /// Makes it a running request, unless it is one.
    pub(crate) fn begin(&mut self, now: Instant, heartbeat: &Heartbeat, held: usize) {
        match std::mem::replace(self, Self::Changing) {
            Self::Waiting(waiting) => {
                let timings = CallTimings::begin(now, None, BatchInfo::of(held, held, None));
                let request = RunningRequest::new(waiting.entry, heartbeat.clone(), timings);
                let (request, collected) = (Arc::new(request), Collected::default());
                let text = waiting.text.map(TextOutput::new);
                *self = Self::Running(StepRequest { request, collected, text });
            }
            Self::Running(running) => {
                running.request.resume(heartbeat);
                *self = Self::Running(running);
            }
            Self::Changing => {}
        }
    }

    /// Fails the request, if it was not replied to.
    pub(crate) fn fail(self, error: Error) {
        match self {
            Self::Waiting(waiting) => waiting.entry.reply.send(Err(error)),
            Self::Running(running) => running.fail(error),
            Self::Changing => {}
        }
    }
}

impl StepRequest {
    /// Notes that it has its first output.
    pub(crate) fn mark_first_output(&self, now: Instant) {
        self.request.mark_first_output(now);
    }

    /// What earlier steps returned, for a sequence that begins again.
    pub fn outputs(&self) -> Result<Vec<Tensor>, Error> {
        self.collected.tensors()
    }

    /// Takes over the outputs of one step, after which the sequence ends for a reason or goes on.
    /// Returns the reason with which it ends: a stop string in its text ends it too.
    ///
    /// # Errors
    /// They do not go with those of the steps before, or have no token where text is made.
    pub(crate) fn add(
        &mut self,
        outputs: Vec<Tensor>,
        keeps: bool,
        end: Option<EndReason>,
    ) -> Result<Option<EndReason>, Error> {
        let is_streaming = self.request.is_streaming();
        if keeps || !is_streaming {
            self.collected.add(&outputs)?;
        }
        let Some(text) = &mut self.text else {
            let is_empty = outputs.iter().all(|output| output.shape().first() == Some(&0));
            if is_streaming && !is_empty {
                self.send(outputs);
            }
            return Ok(end);
        };
        let end = text.push(&outputs, end)?;
        if is_streaming && let Some(chunk) = text.next_chunk(outputs, end)? {
            self.send(chunk);
        }
        Ok(end)
    }

    fn send(&self, outputs: Vec<Tensor>) {
        // There was room when the step was planned, and nothing else sends.
        let sent = self.request.try_send_chunk(Content::Tensors(outputs));
        if let Err(chunk) = sent {
            self.request.send_chunk_now(chunk);
        }
    }

    /// Replies: to a client that takes chunks with nothing more, to others with all outputs.
    pub(crate) fn finish(&mut self, steps: usize, end: EndReason) {
        self.request.mark(CallStage::Infer);
        self.request.set_steps(steps);
        if self.request.is_streaming() {
            self.request.reply(Ok(Content::Message(bytes::Bytes::new())));
            return;
        }
        let outputs = self.collected.tensors();
        let outputs = match &mut self.text {
            Some(text) => outputs.and_then(|outputs| text.complete(outputs, Some(end))),
            None => outputs,
        };
        self.request.reply(outputs.map(Content::Tensors));
    }

    /// Fails the request, if it was not replied to.
    pub(crate) fn fail(&self, error: Error) {
        let is_clients = error.cause() == Cause::InvalidArgument;
        let id = self.request.timeline().id();
        let named = || Error::new(error.cause(), format!("{error} (request id {id})"));
        self.request.reply(Err(if is_clients { error.clone() } else { named() }));
    }
}
