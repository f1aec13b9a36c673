//! A served model: what clients may send it and the queue its instances pull from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Cause, Error};
use crate::metrics::{CallStats, RunningCall};
use crate::models::native::NativeInferer;
use crate::request::content::{Content, InputForm};
use crate::request::reply::{Reply, ReplyReceiver, reply_channel};
use crate::request::request::{Attachment, Session};
use crate::request::stream::ChunkSender;
use crate::request::timeline::{BatchInfo, CallRecord, CallTimes, CallTimings, Timeline};
use crate::scheduling::batching::{BatchPolicy, BatchingKey};
use crate::scheduling::entry::Entry;
use crate::scheduling::queue::{Queue, QueueTicket, Refusal};
use crate::scheduling::run_times::Latency;
use crate::tensor::signature::Signature;

/// What a model takes as the whole body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawBody {
    /// A file, such as an image.
    Bytes,
    /// Text in UTF-8.
    Text,
}

/// What is known of a model when it is registered.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Name without the version.
    pub name: String,
    /// Version.
    pub version: String,
    /// The form its instances take their input in.
    pub form: InputForm,
    /// Inputs and outputs; `None` when user code decides.
    pub signature: Option<Signature>,
    /// YAML text that `metadata/model` answers.
    pub metadata: String,
    /// What a body of no telling content type is to it; `None` when it wants to be told.
    pub raw_body: Option<RawBody>,
    /// How its requests are gathered into batches.
    pub batching: BatchPolicy,
    /// Longest time a request waits for an instance; `None` for no limit.
    pub queue_timeout: Option<Duration>,
    /// Time without a sign of life after which a working instance hangs; `None` for no limit.
    pub hang_timeout: Option<Duration>,
}

impl ModelSpec {
    /// A model that tells nothing of itself and runs one request at a time.
    pub fn new(name: impl Into<String>, version: impl Into<String>, form: InputForm) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            form,
            signature: None,
            metadata: String::new(),
            raw_body: None,
            batching: BatchPolicy::default(),
            queue_timeout: None,
            hang_timeout: None,
        }
    }
}

/// One request's call of a model.
#[derive(Debug)]
pub(crate) struct Call {
    /// The request that it is part of.
    pub(crate) timeline: Arc<Timeline>,
    /// The node of a graph that calls.
    pub(crate) node: Option<NodeStats>,
    /// Input in the form the model wants.
    pub(crate) content: Content,
    /// Where chunks go.
    pub(crate) stream: Option<ChunkSender>,
    /// What the protocol hands to the instances.
    pub(crate) attachment: Option<Attachment>,
    /// What goes on to the next model.
    pub(crate) session: Option<Session>,
    /// Urgency, 0 for the most urgent.
    pub(crate) priority: usize,
    /// Requests with different keys never share a batch.
    pub(crate) batch_key: Option<Arc<str>>,
    /// When the client stops waiting.
    pub(crate) deadline: Option<tokio::time::Instant>,
}

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
    /// `name-version`, the name clients use.
    key: Arc<str>,
    /// Requests that wait for an instance.
    queue: Arc<Queue>,
    /// Answers in place of instances.
    native: Option<Box<dyn NativeInferer>>,
    /// How long calls take.
    latency: Latency,
    /// What is measured of its calls.
    stats: Arc<CallStats>,
}

impl Model {
    /// Makes a model with an empty queue.
    pub fn new(spec: ModelSpec) -> Self {
        let key = format!("{}-{}", spec.name, spec.version).into();
        let queue = Arc::new(Queue::new(spec.batching.clone()));
        let (latency, stats) = Default::default();
        Self { spec, key, queue, native: None, latency, stats }
    }

    /// Makes a model that answers without instances.
    pub fn native(spec: ModelSpec, inferer: Box<dyn NativeInferer>) -> Self {
        let mut model = Self::new(spec);
        model.native = Some(inferer);
        model
    }

    /// Counts its calls where those of an earlier one of its name were counted.
    pub(crate) fn count_in(&mut self, stats: Arc<CallStats>) {
        self.stats = stats;
    }

    /// What is measured of its calls.
    pub fn stats(&self) -> &Arc<CallStats> {
        &self.stats
    }

    /// Whether it answers without instances.
    pub fn is_native(&self) -> bool {
        self.native.is_some()
    }

    /// What it was registered with.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// `name-version`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Requests that wait for an instance.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// What keeps it from answering, as a line; `None` when nothing does.
    pub(crate) fn trouble(&self) -> Option<String> {
        if let Some(trouble) = self.queue.trouble(self.spec.hang_timeout) {
            return Some(trouble);
        }
        let abandoned = self.queue.pullers() == 0 && self.native.is_none();
        abandoned.then(|| format!("model '{}' has no running instance", self.key))
    }

    /// How long its calls take of late.
    pub(crate) fn latency(&self) -> Duration {
        self.latency.mean()
    }

    /// Puts a call into the queue and waits for its outcome. Dropping the future takes it out of
    /// the queue, or tells the instance that nobody waits any more.
    ///
    /// # Errors
    /// The instance's; `InvalidArgument` for too many rows, `QueueFull` when too many requests wait
    /// or this one waited too long, `Unavailable` when the model takes no more requests.
    pub(crate) async fn call(&self, call: Call) -> Result<Content, Error> {
        let (timeline, node) = (Arc::clone(&call.timeline), call.node.clone());
        let running = RunningCall::begin(&self.stats, node.as_ref().map(|node| &node.stats));
        let began = Instant::now();
        let Reply { outcome, timings } = match &self.native {
            Some(native) => answer_natively(&**native, call, began),
            None => match self.enqueue(call, began) {
                Ok((ticket, receiver)) => self.wait(ticket, receiver).await,
                Err(error) => Reply { outcome: Err(error), timings: None },
            },
        };
        let failure = outcome.as_ref().err().map(Error::cause);
        let times = timings.map(|timings| CallTimes { began, timings });
        running.end(failure, times.as_ref());
        if failure.is_none() {
            let length = times.as_ref().map(CallTimes::duration);
            self.latency.add(length.unwrap_or_else(|| began.elapsed()));
        }
        if let Some(times) = times {
            let (model, node) = (Arc::clone(&self.key), node.map(|node| node.name));
            timeline.note_call(CallRecord { model, node, failure, times });
        }
        outcome
    }

    fn enqueue(&self, call: Call, now: Instant) -> Result<(QueueTicket, ReplyReceiver), Error> {
        let batching = &self.spec.batching;
        let key = BatchingKey::of(batching, &call.content, call.priority, call.batch_key)
            .map_err(|error| Error::invalid(format!("model '{}': {error}", self.key)))?;
        let (reply, receiver) = reply_channel();
        let entry = Entry {
            timeline: call.timeline,
            content: call.content,
            reply,
            stream: call.stream,
            attachment: call.attachment,
            session: call.session,
            deadline: call.deadline.map(tokio::time::Instant::into_std),
        };
        let ticket = self.queue.push(now, key, entry).map_err(|refusal| self.refuse(refusal))?;
        Ok((ticket, receiver))
    }

    async fn wait(&self, mut ticket: QueueTicket, mut receiver: ReplyReceiver) -> Reply {
        if let Some(limit) = self.spec.queue_timeout {
            tokio::select! {
                biased;
                reply = &mut receiver => {
                    ticket.release();
                    return reply;
                }
                () = tokio::time::sleep(limit) => {}
            }
            if ticket.withdraw() {
                return Reply { outcome: Err(self.too_late(limit)), timings: None };
            }
        }
        let reply = receiver.await;
        ticket.release();
        reply
    }

    fn too_late(&self, limit: Duration) -> Error {
        let limit_ms = limit.as_millis();
        let message = format!(
            "model '{}': no instance was free within {limit_ms} ms (queue.timeout_ms); try again later",
            self.key
        );
        Error::new(Cause::QueueFull, message)
    }

    fn refuse(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Closed => {
                let message = format!("model '{}' takes no more requests", self.key);
                Error::new(Cause::Unavailable, message)
            }
            Refusal::Full => {
                let most = self.spec.batching.max_length;
                let message = format!(
                    "model '{}': {most} requests wait already (queue.max_length); try again later",
                    self.key
                );
                Error::new(Cause::QueueFull, message)
            }
        }
    }
}

/// Answers a call at once; a client that asked for chunks gets the answer as the only one.
fn answer_natively(native: &dyn NativeInferer, call: Call, began: Instant) -> Reply {
    let outcome = native.infer(call.content);
    // A message that a model returns is no chunk, see `Engine::infer_stream`.
    if let (Some(stream), Ok(answer @ Content::Message(_))) = (&call.stream, &outcome) {
        // Nobody listens: then nobody wants to know.
        let _ = stream.try_send(answer.clone());
    }
    let timings = CallTimings::begin(began, None, BatchInfo::of(1, 1, None));
    Reply { outcome, timings: Some(timings.ended(Instant::now())) }
}

impl Drop for Model {
    /// Nobody can send it requests any more: its instances finish what waits and end.
    fn drop(&mut self) {
        self.queue.close();
    }
}
