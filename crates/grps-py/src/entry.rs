//! One request in the hands of a Python instance.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use grps_core::metrics::CallStage;
use grps_core::{
    CallTimings, Cause, ChunkSender, Content, Error, Heartbeat, HttpExchange, ReplySender, Session,
    Timeline, TraceContext,
};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes};

use crate::exchange::Exchange;
use crate::{current, tensor};

/// One request: its input, and the way to answer it once.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Entry {
    /// Who it is, and its place in a trace.
    timeline: Arc<Timeline>,
    /// Taken by the first read.
    content: Mutex<Option<Content>>,
    /// What is noted of its run, and the way to answer; taken by the answer.
    reply: Mutex<Option<(ReplySender, CallTimings)>>,
    /// Where chunks go; `None` when the client wants one whole answer.
    stream: Option<ChunkSender>,
    /// Customized HTTP: the request as it came.
    exchange: Option<Arc<HttpExchange>>,
    /// What goes on to the next model of a graph.
    session: Option<Session>,
    /// Where chunks give signs of life.
    heartbeat: Heartbeat,
}

impl Entry {
    pub(crate) fn new(entry: grps_core::Entry, heartbeat: Heartbeat, timings: CallTimings) -> Self {
        Self {
            timeline: entry.timeline,
            content: Mutex::new(Some(entry.content)),
            reply: Mutex::new(Some((entry.reply, timings))),
            stream: entry.stream,
            exchange: entry.attachment.and_then(|attachment| attachment.downcast().ok()),
            session: entry.session,
            heartbeat,
        }
    }

    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    pub(crate) fn take_content(&self) -> PyResult<Content> {
        current::work_on(Some((&self.timeline, 1)));
        let content = self.content.lock().take();
        content.ok_or_else(|| PyRuntimeError::new_err("the input was taken already"))
    }

    /// Whether nobody has answered yet.
    pub(crate) fn is_open(&self) -> bool {
        self.reply.lock().is_some()
    }

    /// Answers if nobody has yet.
    pub(crate) fn reply_if_open(&self, outcome: Result<Content, Error>) {
        if let Some((reply, timings)) = self.reply.lock().take() {
            reply.send_timed(outcome, timings);
        }
    }

    fn stream(&self, py: Python<'_>, chunk: Content) -> bool {
        let Some(stream) = &self.stream else { return false };
        // The GIL is kept while there is room: between many streams, each chunk would pass it on.
        let listens = stream.try_send(chunk).unwrap_or_else(|chunk| {
            // Waiting for a slow client is no hang.
            self.heartbeat.rest();
            py.detach(|| stream.send(chunk))
        });
        self.heartbeat.beat(Instant::now());
        listens
    }

    fn send(&self, outcome: Result<Content, Error>) -> PyResult<()> {
        let reply = self.reply.lock().take();
        let (reply, timings) =
            reply.ok_or_else(|| PyRuntimeError::new_err("the request was answered already"))?;
        reply.send_timed(outcome, timings);
        Ok(())
    }
}

#[pymethods]
impl Entry {
    /// Identifier of the request.
    #[getter]
    fn id(&self) -> &str {
        self.timeline.id()
    }

    /// The request's place in a trace, as W3C's header of that name; None without one.
    #[getter]
    fn traceparent(&self) -> Option<String> {
        self.timeline.trace().map(TraceContext::traceparent)
    }

    /// What the caller's tracing systems want passed on.
    #[getter]
    fn tracestate(&self) -> Option<&str> {
        self.timeline.trace()?.state.as_deref()
    }

    /// Notes that a step has ended that began with the end of the one before it.
    fn mark(&self, stage: &str) -> PyResult<()> {
        let stage = match stage {
            "preprocess" => CallStage::Preprocess,
            "infer" => CallStage::Infer,
            "postprocess" => CallStage::Postprocess,
            other => return Err(PyValueError::new_err(format!("unknown step '{other}'"))),
        };
        if let Some((_, timings)) = self.reply.lock().as_mut() {
            timings.mark(stage, Instant::now());
        }
        Ok(())
    }

    /// Takes the input as (name, array) pairs; the arrays own their memory, nothing is copied.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        match self.take_content()? {
            Content::Tensors(tensors) => {
                tensors.into_iter().map(|tensor| tensor::to_numpy(py, tensor)).collect()
            }
            _ => Err(PyRuntimeError::new_err("the input is a message")),
        }
    }

    /// Takes the input as an encoded `GrpsMessage`.
    fn message<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match self.take_content()? {
            Content::Message(message) => Ok(PyBytes::new(py, &message)),
            _ => Err(PyRuntimeError::new_err("the input is tensors")),
        }
    }

    /// Whether the client has left or its deadline has passed.
    fn is_cancelled(&self) -> bool {
        self.reply.lock().as_ref().is_none_or(|(reply, _)| reply.is_closed())
    }

    /// Whether the request was answered.
    fn is_answered(&self) -> bool {
        !self.is_open()
    }

    /// Whether the client wants the answer in chunks.
    fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }

    /// Sends an encoded `GrpsMessage` as a chunk, waiting without the GIL for a slow client.
    ///
    /// Returns False when nobody listens any more.
    fn stream_message(&self, py: Python<'_>, message: &[u8]) -> bool {
        self.stream(py, Content::Message(Bytes::copy_from_slice(message)))
    }

    /// Sends bytes as a chunk as they are; otherwise like `stream_message`.
    fn stream_raw(&self, py: Python<'_>, data: &[u8]) -> bool {
        self.stream(py, Content::Raw(Bytes::copy_from_slice(data)))
    }

    /// Ends the stream ahead of the model's return.
    fn end_stream(&self, py: Python<'_>) {
        if let Some(stream) = &self.stream {
            py.detach(|| stream.end());
        }
    }

    /// The HTTP request as it came, when user code answers it itself.
    fn exchange(&self) -> Option<Exchange> {
        self.exchange.as_ref().map(|exchange| Exchange::new(Arc::clone(exchange)))
    }

    /// What an earlier model of the graph left for this request.
    fn session(&self) -> Option<Py<PyAny>> {
        let taken = self.session.as_ref()?.lock().object.take();
        taken?.downcast::<Py<PyAny>>().ok().map(|object| *object)
    }

    /// Leaves something for the next model of the graph; nothing happens when there is none.
    /// `filled` tells whether user code put anything there.
    fn set_session(&self, value: Py<PyAny>, filled: bool) {
        if let Some(session) = &self.session {
            let mut left = session.lock();
            left.object = Some(Box::new(value));
            left.filled = filled;
        }
    }

    /// Whether user code of an earlier model left something in another process.
    fn left_elsewhere(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.lock().elsewhere)
    }

    /// Answers with (name, array) pairs; arrays must be C-contiguous.
    fn reply_tensors(&self, tensors: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        let tensors = tensors
            .into_iter()
            .map(|(name, array)| tensor::from_numpy(&name, &array))
            .collect::<PyResult<_>>()?;
        self.send(Ok(Content::Tensors(tensors)))
    }

    /// Answers with an encoded `GrpsMessage`.
    fn reply_message(&self, message: &[u8]) -> PyResult<()> {
        self.send(Ok(Content::Message(Bytes::copy_from_slice(message))))
    }

    /// Answers that the model or the user's code failed.
    fn fail(&self, message: &str) -> PyResult<()> {
        self.send(Err(Error::new(Cause::ModelFailed, message)))
    }

    /// Answers that the input does not fit.
    fn refuse(&self, message: &str) -> PyResult<()> {
        self.send(Err(Error::invalid(message)))
    }
}
