//! Instances that make steps: sequences join and leave between two of them.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Cause, Error};
use crate::models::executor::{Call, Executor, PendingReply, Submission};
use crate::models::executors::queued::{closed, full, trouble_of};
use crate::models::model_spec::ModelSpec;
use crate::request::reply::reply_channel;
use crate::scheduling::steps::policy::StepPolicy;
use crate::scheduling::steps::sequence::Need;
use crate::scheduling::steps::step_counts::StepCounts;
use crate::scheduling::steps::step_queue::{Refused, StepQueue};
use crate::scheduling::steps::text::StepText;
use crate::scheduling::steps::waiting::StepRefusal;

/// Puts calls into the queue of a step model.
#[derive(Debug)]
pub struct StepsExecutor {
    /// The model's `name-version`, for errors.
    model: Box<str>,
    queue: Arc<StepQueue>,
    /// Time without a heartbeat after which a working instance hangs; `None` for no limit.
    hang_timeout: Option<Duration>,
}

impl StepsExecutor {
    /// An executor with an empty queue and no instances.
    pub fn new(spec: &ModelSpec, policy: StepPolicy) -> Self {
        Self::with_text(spec, policy, None)
    }

    /// The same; the text of sequences is made, if something makes it.
    pub fn with_text(
        spec: &ModelSpec,
        policy: StepPolicy,
        text: Option<Arc<dyn StepText>>,
    ) -> Self {
        let queue = Arc::new(StepQueue::with_text(policy, text));
        Self { model: spec.key().into(), queue, hang_timeout: spec.hang_timeout }
    }

    /// The queue that instances attach to.
    pub fn queue(&self) -> &Arc<StepQueue> {
        &self.queue
    }

    fn enqueue(&self, call: Call) -> Result<PendingReply, Error> {
        let (reply, receiver) = reply_channel();
        let need = Need {
            priority: u8::try_from(call.priority).unwrap_or(u8::MAX),
            client: call.client,
            ..self.queue.need_of(&call.content)
        };
        let pushed = self.queue.push(call.began, need, call.into_entry(reply));
        let ticket = pushed.map_err(|refused| self.describe(refused, &need))?;
        Ok(PendingReply::queued(receiver, ticket))
    }

    fn describe(&self, refused: Refused, need: &Need) -> Error {
        let (model, policy) = (&self.model, self.queue.policy());
        match refused {
            Refused::Closed => closed(model),
            Refused::Text(error) => Error::new(error.cause(), format!("model '{model}': {error}")),
            Refused::Waiting(StepRefusal::Length) => full(model, policy.max_waiting),
            Refused::Waiting(StepRefusal::Bytes) => {
                too_many_bytes(model, need.input_bytes, policy.max_waiting_bytes)
            }
            Refused::Waiting(StepRefusal::Cost) => Error::invalid(format!(
                "model '{model}': the input has {} positions, but a step takes {} at most \
                 (batching.steps.max_step_cost)",
                need.prefill,
                policy.max_step_cost - 1
            )),
            Refused::Waiting(StepRefusal::StateBytes) if policy.position_bytes > 0 => {
                Error::invalid(format!(
                    "model '{model}': the input has {} positions, but the memory for states has \
                     room for {}",
                    need.prefill,
                    policy.max_state_bytes.saturating_sub(need.state_bytes) / policy.position_bytes
                ))
            }
            Refused::Waiting(StepRefusal::StateBytes) => Error::invalid(format!(
                "model '{model}': the state takes {} bytes, but all states may take {} \
                 (batching.steps.max_state_bytes)",
                need.state_bytes, policy.max_state_bytes
            )),
        }
    }
}

fn too_many_bytes(model: &str, bytes: usize, most: usize) -> Error {
    const KEY: &str = "batching.steps.max_waiting_bytes";
    if bytes > most {
        let message =
            format!("model '{model}': the input has {bytes} bytes; {most} may wait ({KEY})");
        return Error::invalid(message);
    }
    let message =
        format!("model '{model}': inputs of {most} bytes wait already ({KEY}); try again later");
    Error::new(Cause::QueueFull, message)
}

impl Executor for StepsExecutor {
    fn submit(&self, call: Call) -> Submission {
        self.enqueue(call).map_or_else(Submission::refused, Submission::Pending)
    }

    fn text(&self) -> Option<&Arc<dyn StepText>> {
        self.queue.text()
    }

    fn trouble(&self) -> Option<String> {
        let trouble = self.queue.trouble(self.hang_timeout);
        trouble_of(&self.model, trouble, self.queue.pullers())
    }

    fn close(&self) {
        self.queue.close();
    }

    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    fn queue_length(&self) -> usize {
        self.queue.len()
    }

    fn instances(&self) -> usize {
        self.queue.pullers()
    }

    fn restarts(&self) -> u64 {
        self.queue.restarts()
    }

    fn busy_time(&self) -> Duration {
        self.queue.worked()
    }

    fn step_counts(&self) -> Option<&StepCounts> {
        Some(self.queue.counts())
    }
}
