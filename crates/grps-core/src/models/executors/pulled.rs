//! Instances that pull batches from a queue: Python threads, worker processes, native threads.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::models::executor::{Call, Executor, PendingReply, Submission};
use crate::models::executors::queued::{closed, full, trouble_of};
use crate::models::model_spec::ModelSpec;
use crate::request::reply::reply_channel;
use crate::scheduling::batching::{AutoState, BatchCounts, BatchingKey};
use crate::scheduling::queue::{Queue, Refusal};

/// Puts calls into a queue, which any kind of instance may attach to.
#[derive(Debug)]
pub struct PulledExecutor {
    /// The model's `name-version`, for errors.
    model: Box<str>,
    /// Calls that wait for an instance.
    queue: Arc<Queue>,
    /// Time without a heartbeat after which a working instance hangs; `None` for no limit.
    hang_timeout: Option<Duration>,
}

impl PulledExecutor {
    /// An executor with an empty queue and no instances.
    pub fn new(spec: &ModelSpec) -> Self {
        let queue = Arc::new(Queue::new(spec.batching.clone()));
        Self { model: spec.key().into(), queue, hang_timeout: spec.hang_timeout }
    }

    /// The queue that instances attach to.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    fn enqueue(&self, mut call: Call) -> Result<PendingReply, Error> {
        let policy = self.queue.policy();
        let key = BatchingKey::of(policy, &call.content, call.priority, call.batch_key.take())
            .map_err(|error| Error::invalid(format!("model '{}': {error}", self.model)))?;
        let (reply, receiver) = reply_channel();
        let pushed = self.queue.push(call.began, key, call.into_entry(reply));
        let ticket = pushed.map_err(|refusal| self.describe(refusal))?;
        Ok(PendingReply::queued(receiver, ticket))
    }

    fn describe(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Closed => closed(&self.model),
            Refusal::Full => full(&self.model, self.queue.policy().max_length),
        }
    }
}

impl Executor for PulledExecutor {
    /// Puts the call into the queue. It is refused with `InvalidArgument` for too many rows,
    /// `QueueFull` when too many calls wait, `Unavailable` when the queue is closed.
    fn submit(&self, call: Call) -> Submission {
        self.enqueue(call).map_or_else(Submission::refused, Submission::Pending)
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

    fn auto_batching(&self) -> Option<AutoState> {
        self.queue.auto_state()
    }

    fn batch_counts(&self) -> Option<&BatchCounts> {
        Some(self.queue.counts())
    }
}
