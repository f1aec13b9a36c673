//! A served model: what clients may send it, what runs its calls, and what is measured of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::{Cause, Error};
use crate::metrics::{CallStats, RunningCall};
use crate::models::executor::{Call, Executor, PendingReply, Submission};
use crate::models::executors::inline::{InlineExecutor, InlineInferer};
use crate::models::executors::pulled::PulledExecutor;
use crate::models::model_spec::ModelSpec;
use crate::request::content::{Content, InputForm};
use crate::request::reply::Reply;
use crate::request::timeline::{CallRecord, CallTimes};
use crate::scheduling::queue::Queue;
use crate::scheduling::run_times::Latency;

/// A node of a graph, as its calls are counted and noted.
#[derive(Clone, Debug)]
pub struct NodeStats {
    /// Its name.
    pub name: Arc<str>,
    /// What is measured of its calls.
    pub stats: Arc<CallStats>,
}

/// A registered model.
#[derive(Debug)]
pub struct Model {
    /// What it was registered with.
    spec: ModelSpec,
    /// `name-version`, the name that clients use.
    key: Arc<str>,
    /// What runs its calls.
    executor: Arc<dyn Executor>,
    /// When it was made, as it is loaded.
    created: SystemTime,
    /// How long calls take.
    latency: Latency,
    /// What is measured of its calls.
    stats: Arc<CallStats>,
}

impl Model {
    /// A model whose calls run in this executor.
    pub fn new(spec: ModelSpec, executor: Arc<dyn Executor>) -> Self {
        let key = spec.key().into();
        let (latency, stats) = Default::default();
        let created = SystemTime::now();
        Self { spec, key, executor, created, latency, stats }
    }

    /// A model whose instances pull from a queue, and that queue.
    pub fn pulled(spec: ModelSpec) -> (Self, Arc<Queue>) {
        let executor = PulledExecutor::new(&spec);
        let queue = Arc::clone(executor.queue());
        (Self::new(spec, Arc::new(executor)), queue)
    }

    /// A model that runs on the thread that serves the request.
    pub fn inline(spec: ModelSpec, inferer: Box<dyn InlineInferer>) -> Self {
        Self::new(spec, Arc::new(InlineExecutor::new(inferer)))
    }

    /// Counts its calls where those of an earlier model of its name were counted.
    pub(crate) fn count_in(&mut self, stats: Arc<CallStats>) {
        self.stats = stats;
    }

    /// What is measured of its calls.
    pub fn stats(&self) -> &Arc<CallStats> {
        &self.stats
    }

    /// What it was registered with.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// When it was made, as it is loaded.
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// `name-version`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it takes tensors as they are, although its form is that of messages.
    pub fn takes_tensors_too(&self) -> bool {
        self.spec.form == InputForm::Message && self.executor.takes_any_form()
    }

    /// What runs its calls.
    pub fn executor(&self) -> &Arc<dyn Executor> {
        &self.executor
    }

    /// The mean duration of its latest calls.
    pub(crate) fn latency(&self) -> Duration {
        self.latency.mean()
    }

    /// Submits a call, for a node of a graph if one makes it, and waits for its outcome. Dropping
    /// the future cancels the call.
    ///
    /// # Errors
    /// The executor's; `QueueFull` when the call waited longer than `queue.timeout_ms`.
    pub(crate) async fn call(
        &self,
        call: Call,
        node: Option<&NodeStats>,
    ) -> Result<Content, Error> {
        let (timeline, began) = (Arc::clone(&call.timeline), call.began);
        let running = RunningCall::begin(began, &self.stats, node.map(|node| &node.stats));
        let Reply { outcome, timings } = match self.executor.submit(call) {
            Submission::Done(reply) => reply,
            Submission::Pending(pending) => self.wait(pending).await,
        };
        let failure = outcome.as_ref().err().map(Error::cause);
        let times = timings.map(|timings| CallTimes { began, timings });
        running.end(failure, times.as_ref());
        if failure.is_none() {
            let length = times.as_ref().map(CallTimes::duration);
            self.latency.add(length.unwrap_or_else(|| began.elapsed()));
        }
        if let Some(times) = times {
            let node = node.map(|node| Arc::clone(&node.name));
            timeline.note_call(CallRecord { model: Arc::clone(&self.key), node, failure, times });
        }
        outcome
    }

    async fn wait(&self, mut pending: PendingReply) -> Reply {
        if let Some(limit) = self.spec.queue_timeout {
            tokio::select! {
                biased;
                reply = &mut pending => return reply,
                () = tokio::time::sleep(limit) => {}
            }
            if pending.withdraw() {
                return Reply { outcome: Err(self.too_late(limit)), timings: None };
            }
        }
        pending.await
    }

    fn too_late(&self, limit: Duration) -> Error {
        let limit_ms = limit.as_millis();
        let message = format!(
            "model '{}': no instance was free within {limit_ms} ms (queue.timeout_ms); try again later",
            self.key
        );
        Error::new(Cause::QueueFull, message)
    }
}

impl Drop for Model {
    /// No new request reaches the model: its executor finishes what waits and ends.
    fn drop(&mut self) {
        self.executor.close();
    }
}
