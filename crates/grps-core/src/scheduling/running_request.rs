//! One request in the hands of an instance, whatever kind of instance it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::error::Error;
use crate::metrics::CallStage;
use crate::request::content::Content;
use crate::request::http_exchange::HttpExchange;
use crate::request::reply::ReplySender;
use crate::request::request::Session;
use crate::request::stream::ChunkSender;
use crate::request::timeline::{CallTimings, Timeline};
use crate::scheduling::entry::Entry;
use crate::scheduling::instance_health::Heartbeat;

/// One request that an instance runs. Any thread may look at it, send chunks, and reply once.
#[derive(Debug)]
pub struct RunningRequest {
    /// The request that it is part of.
    timeline: Arc<Timeline>,
    /// Its input; `None` once an instance has taken it.
    content: Mutex<Option<Content>>,
    /// Where the outcome goes, and what is noted of the run; taken by the reply.
    reply: Mutex<Option<(ReplySender, CallTimings)>>,
    /// Where chunks go; `None` when the client takes one whole output.
    stream: Option<ChunkSender>,
    /// The HTTP request as it came, when user code replies to it itself.
    exchange: Option<Arc<HttpExchange>>,
    /// What goes on to the next model of a graph; `None` when there is only one.
    session: Option<Session>,
    /// When the client stops waiting; `None` for no limit.
    deadline: Option<Instant>,
    /// The heartbeat of the instance. It changes when another instance takes the request over.
    heartbeat: Mutex<Heartbeat>,
}

impl RunningRequest {
    pub(crate) fn new(entry: Entry, heartbeat: Heartbeat, timings: CallTimings) -> Self {
        Self {
            timeline: entry.timeline,
            content: Mutex::new(Some(entry.content)),
            reply: Mutex::new(Some((entry.reply, timings))),
            stream: entry.stream,
            exchange: entry.attachment.and_then(|attachment| attachment.downcast().ok()),
            session: entry.session,
            deadline: entry.deadline,
            heartbeat: Mutex::new(heartbeat),
        }
    }

    /// The request that it is part of.
    pub fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// Takes the input; `None` when it was taken already.
    pub fn take_content(&self) -> Option<Content> {
        self.content.lock().take()
    }

    /// The input, which stays; `None` when it was taken already.
    pub fn content(&self) -> Option<Content> {
        self.content.lock().clone()
    }

    /// The input, if it is an encoded `GrpsMessage` and was not taken.
    pub fn message(&self) -> Option<Bytes> {
        match &*self.content.lock() {
            Some(Content::Message(message)) => Some(message.clone()),
            _ => None,
        }
    }

    /// The HTTP request as it came, when user code replies to it itself.
    pub fn exchange(&self) -> Option<&Arc<HttpExchange>> {
        self.exchange.as_ref()
    }

    /// What goes on to the next model of a graph; `None` when there is only one.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// When the client stops waiting; `None` for no limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether it was not replied to.
    pub fn is_open(&self) -> bool {
        self.reply.lock().is_some()
    }

    /// Whether a reply reaches no client: one was sent, the client disconnected, the deadline
    /// passed, or the stream has ended.
    pub fn is_cancelled(&self) -> bool {
        self.reply.lock().as_ref().is_none_or(|(reply, _)| reply.is_closed())
            || self.stream.as_ref().is_some_and(ChunkSender::is_closed)
    }

    /// Notes the end of a step that began with the end of the step before it.
    pub fn mark(&self, stage: CallStage) {
        if let Some((_, timings)) = self.reply.lock().as_mut() {
            timings.mark(stage, Instant::now());
        }
    }

    /// Takes over what an instance in another process has noted.
    pub fn set_spent(&self, preprocess: Duration, infer: Duration) {
        if let Some((_, timings)) = self.reply.lock().as_mut() {
            timings.set_spent(preprocess, infer);
        }
    }

    /// Notes that a sequence has its first output.
    pub(crate) fn mark_first_output(&self, now: Instant) {
        if let Some((_, timings)) = self.reply.lock().as_mut() {
            timings.mark_first_output(now);
        }
    }

    /// Notes how many steps the request has taken.
    pub(crate) fn set_steps(&self, steps: usize) {
        if let Some((_, timings)) = self.reply.lock().as_mut() {
            timings.batch.steps = u32::try_from(steps).unwrap_or(u32::MAX);
        }
    }

    /// Sends the outcome; false when one was sent already, and this one is dropped.
    pub fn reply(&self, outcome: Result<Content, Error>) -> bool {
        // Sent outside the lock, as it wakes the client's task.
        let Some((reply, timings)) = self.reply.lock().take() else { return false };
        reply.send_timed(outcome, timings);
        true
    }

    /// Whether the client takes chunks.
    pub fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends a chunk if the stream has room; returns whether the client still receives.
    ///
    /// # Errors
    /// The chunk, when the client is slow.
    pub fn try_send_chunk(&self, chunk: Content) -> Result<bool, Content> {
        let Some(stream) = &self.stream else { return Ok(false) };
        let sent = stream.try_send(chunk);
        if sent.is_ok() {
            self.heartbeat.lock().refresh(Instant::now());
        }
        sent
    }

    /// Sends a chunk, waiting while the client is slow; returns whether the client still receives.
    pub fn send_chunk(&self, chunk: Content) -> bool {
        let Some(stream) = &self.stream else { return false };
        let heartbeat = self.heartbeat.lock().clone();
        // An instance that waits for a slow client does not hang.
        let receives = stream.try_send(chunk).unwrap_or_else(|chunk| {
            heartbeat.wait();
            let receives = stream.send(chunk);
            heartbeat.waited(Instant::now());
            receives
        });
        heartbeat.refresh(Instant::now());
        receives
    }

    /// Whether a chunk can be sent without waiting.
    pub fn has_room(&self) -> bool {
        self.stream.as_ref().is_none_or(ChunkSender::has_room)
    }

    /// Sends a chunk from code that can't wait; returns whether the client still receives.
    pub fn send_chunk_now(&self, chunk: Content) -> bool {
        let Some(stream) = &self.stream else { return false };
        self.heartbeat.lock().refresh(Instant::now());
        stream.send_now(chunk)
    }

    /// Ends the stream before the model returns.
    pub fn end_stream(&self) {
        if let Some(stream) = &self.stream {
            stream.end();
        }
    }

    /// The heartbeat of the instance.
    pub(crate) fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.lock().clone()
    }

    /// Continues in an instance with this heartbeat.
    pub(crate) fn resume(&self, heartbeat: &Heartbeat) {
        *self.heartbeat.lock() = heartbeat.clone();
    }
}
