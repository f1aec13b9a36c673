//! One request in the hands of a Python instance.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::metrics::CallStage;
use grps_core::{Cause, Content, Error, RunningRequest, TraceContext};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes};

use crate::instances::exchange::Exchange;
use crate::instances::tensor::{NamedArray, Output};
use crate::instances::{current, tensor};
use crate::text::LossyText;

/// One request: its input, and the way to reply to it once.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Entry {
    /// The request, which its batch holds as well.
    request: Arc<RunningRequest>,
}

impl Entry {
    pub(crate) fn new(request: Arc<RunningRequest>) -> Self {
        Self { request }
    }

    fn take_content(&self) -> PyResult<Content> {
        current::work_on(Some((self.request.timeline(), 1)));
        let content = self.request.take_content();
        content.ok_or_else(|| PyRuntimeError::new_err("the input was taken already"))
    }

    fn stream(&self, py: Python<'_>, chunk: Content) -> bool {
        if let Some(exchange) = self.request.exchange() {
            exchange.begin_body();
        }
        // The GIL is kept while there is room: between many streams, each chunk would pass it on.
        let sent = self.request.try_send_chunk(chunk);
        sent.unwrap_or_else(|chunk| py.detach(|| self.request.send_chunk(chunk)))
    }

    fn send(&self, outcome: Result<Content, Error>) -> PyResult<()> {
        if self.request.reply(outcome) {
            return Ok(());
        }
        Err(PyRuntimeError::new_err("the request was answered already"))
    }
}

#[pymethods]
impl Entry {
    /// Identifier of the request.
    #[getter]
    fn id(&self) -> &str {
        self.request.timeline().id()
    }

    /// The request's place in a trace, as W3C's header of that name; None without one.
    #[getter]
    fn traceparent(&self) -> Option<String> {
        self.request.timeline().trace().map(TraceContext::traceparent)
    }

    /// The caller's own data of the trace, which is passed on.
    #[getter]
    fn tracestate(&self) -> Option<&str> {
        self.request.timeline().trace()?.state.as_deref()
    }

    /// Makes it the current request of this thread, for log lines.
    fn make_current(&self) {
        current::work_on(Some((self.request.timeline(), 1)));
    }

    /// Notes that a step has ended that began with the end of the one before it.
    fn mark(&self, stage: &str) -> PyResult<()> {
        let stage = match stage {
            "preprocess" => CallStage::Preprocess,
            "infer" => CallStage::Infer,
            "postprocess" => CallStage::Postprocess,
            other => return Err(PyValueError::new_err(format!("unknown step '{other}'"))),
        };
        self.request.mark(stage);
        Ok(())
    }

    /// Takes the input as (name, array) pairs; the arrays own their memory, nothing is copied.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<NamedArray<'py>>> {
        match self.take_content()? {
            Content::Tensors(tensors) => tensor::to_numpy(py, tensors),
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

    /// Whether the client has disconnected or the deadline has passed.
    fn is_cancelled(&self) -> bool {
        self.request.is_cancelled()
    }

    /// Whether a reply was sent.
    fn is_answered(&self) -> bool {
        !self.request.is_open()
    }

    /// Whether the client takes chunks.
    fn is_streaming(&self) -> bool {
        self.request.is_streaming()
    }

    /// Sends an encoded `GrpsMessage` as a chunk, waiting without the GIL for a slow client.
    ///
    /// Returns False when the client receives no more.
    fn stream_message(&self, py: Python<'_>, message: &[u8]) -> bool {
        self.stream(py, Content::Message(Bytes::copy_from_slice(message)))
    }

    /// Sends bytes as a chunk as they are; otherwise like `stream_message`.
    fn stream_raw(&self, py: Python<'_>, data: &[u8]) -> bool {
        self.stream(py, Content::Raw(Bytes::copy_from_slice(data)))
    }

    /// Whether a chunk can be sent without waiting.
    fn has_room(&self) -> bool {
        self.request.has_room()
    }

    /// Sends an encoded `GrpsMessage` as a chunk from code that can't wait; otherwise like
    /// `stream_message`.
    fn push_message(&self, message: &[u8]) -> bool {
        self.request.send_chunk_now(Content::Message(Bytes::copy_from_slice(message)))
    }

    /// Sends bytes as a chunk from code that can't wait; otherwise like `stream_message`.
    fn push_raw(&self, data: &[u8]) -> bool {
        self.request.send_chunk_now(Content::Raw(Bytes::copy_from_slice(data)))
    }

    /// Ends the stream before the model returns.
    fn end_stream(&self, py: Python<'_>) {
        py.detach(|| self.request.end_stream());
    }

    /// The HTTP request as it came, when user code replies to it itself.
    fn exchange(&self) -> Option<Exchange> {
        let alone = self.request.session().is_none();
        self.request.exchange().map(|exchange| Exchange::new(Arc::clone(exchange), alone))
    }

    /// What an earlier model of the graph left for this request.
    fn session(&self) -> Option<Py<PyAny>> {
        let taken = self.request.session()?.lock().object.take();
        taken?.downcast::<Py<PyAny>>().ok().map(|object| *object)
    }

    /// Leaves something for the next model of the graph; nothing happens when there is none.
    /// `filled`: user code put something there.
    fn set_session(&self, value: Py<PyAny>, filled: bool) {
        if let Some(session) = self.request.session() {
            let mut left = session.lock();
            left.object = Some(Box::new(value));
            left.filled = filled;
        }
    }

    /// Whether user code of an earlier model left something in another process.
    fn left_elsewhere(&self) -> bool {
        self.request.session().is_some_and(|session| session.lock().elsewhere)
    }

    /// Replies with (name, array) pairs; arrays must be C-contiguous.
    fn reply_tensors(&self, tensors: Vec<Output<'_>>) -> PyResult<()> {
        self.send(Ok(Content::Tensors(tensor::from_numpy(&tensors)?)))
    }

    /// Replies with an encoded `GrpsMessage`.
    fn reply_message(&self, message: &[u8]) -> PyResult<()> {
        self.send(Ok(Content::Message(Bytes::copy_from_slice(message))))
    }

    /// Replies that the model or the user's code failed.
    fn fail(&self, message: LossyText) -> PyResult<()> {
        self.send(Err(Error::new(Cause::ModelFailed, String::from(message))))
    }

    /// Replies that the input does not fit, or that user code refuses it with an HTTP status.
    #[pyo3(signature = (message, status = 400))]
    fn refuse(&self, message: LossyText, status: u16) -> PyResult<()> {
        self.send(Err(Error::refused(String::from(message), status)))
    }
}
