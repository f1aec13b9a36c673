//! One request in the hands of a Python instance.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, ReplySender};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes};

use crate::tensor;

/// One request: its input, and the way to answer it once.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Entry {
    id: String,
    /// Taken by the first read.
    content: Mutex<Option<Content>>,
    /// Taken by the answer.
    reply: Mutex<Option<ReplySender>>,
}

impl Entry {
    pub(crate) fn new(entry: grps_core::Entry) -> Self {
        Self {
            id: entry.id.as_ref().to_owned(),
            content: Mutex::new(Some(entry.content)),
            reply: Mutex::new(Some(entry.reply)),
        }
    }

    fn take_content(&self) -> PyResult<Content> {
        let content = self.content.lock().take();
        content.ok_or_else(|| PyRuntimeError::new_err("the input was taken already"))
    }

    fn send(&self, outcome: Result<Content, Error>) -> PyResult<()> {
        let reply = self.reply.lock().take();
        let reply =
            reply.ok_or_else(|| PyRuntimeError::new_err("the request was answered already"))?;
        reply.send(outcome);
        Ok(())
    }
}

#[pymethods]
impl Entry {
    /// Identifier of the request.
    #[getter]
    fn id(&self) -> &str {
        &self.id
    }

    /// Takes the input as (name, array) pairs; the arrays own their memory, nothing is copied.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        match self.take_content()? {
            Content::Tensors(tensors) => {
                tensors.into_iter().map(|tensor| tensor::to_numpy(py, tensor)).collect()
            }
            Content::Message(_) => Err(PyRuntimeError::new_err("the input is a message")),
        }
    }

    /// Takes the input as an encoded `GrpsMessage`.
    fn message<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match self.take_content()? {
            Content::Message(message) => Ok(PyBytes::new(py, &message)),
            Content::Tensors(_) => Err(PyRuntimeError::new_err("the input is tensors")),
        }
    }

    /// Whether the client has left or its deadline has passed.
    fn is_cancelled(&self) -> bool {
        self.reply.lock().as_ref().is_none_or(ReplySender::is_closed)
    }

    /// Whether the request was answered.
    fn is_answered(&self) -> bool {
        self.reply.lock().is_none()
    }

    /// Answers with (name, array) pairs; arrays must be C-contiguous.
    fn reply_tensors(&self, tensors: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        let tensors = tensors
            .into_iter()
            .map(|(name, array)| tensor::from_numpy(name, &array))
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
