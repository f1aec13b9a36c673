//! Instances that pull batches from a queue: Python threads, worker processes, native threads.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Cause, Error};
use crate::models::executor::{Call, Executor, PendingReply, Submission};
use crate::models::model::ModelSpec;
use crate::request::reply::reply_channel;
use crate::scheduling::batching::{BatchCounts, BatchingKey};
use crate::scheduling::entry::Entry;
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

    fn enqueue(&self, call: Call) -> Result<PendingReply, Error> {
        let policy = self.queue.policy();
        let key = BatchingKey::of(policy, &call.content, call.priority, call.batch_key)
            .map_err(|error| Error::invalid(format!("model '{}': {error}", self.model)))?;
        let (reply, receiver) = reply_channel();
        let entry = Entry {
            timeline: call.timeline,
            content: call.content,
            reply,
            stream: call.stream,
            attachment: call.attachment,
            session: call.session,
            deadline: call.deadline,
        };
        let pushed = self.queue.push(call.began, key, entry);
        let ticket = pushed.map_err(|refusal| self.describe(refusal))?;
        Ok(PendingReply::queued(receiver, ticket))
    }

    fn describe(&self, refusal: Refusal) -> Error {
        let model = &self.model;
        match refusal {
            Refusal::Closed => {
                let message = format!("model '{model}' takes no more requests");
                Error::new(Cause::Unavailable, message)
            }
            Refusal::Full => {
                let most = self.queue.policy().max_length;
                let message = format!(
                    "model '{model}': {most} requests wait already (queue.max_length); try again later"
                );
                Error::new(Cause::QueueFull, message)
            }
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
        trouble.or_else(|| {
            let abandoned = self.queue.pullers() == 0;
            abandoned.then(|| format!("model '{}' has no running instance", self.model))
        })
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

    fn batch_counts(&self) -> Option<&BatchCounts> {
        Some(self.queue.counts())
    }
}
