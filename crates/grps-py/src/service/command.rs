//! The Python class of an operator's command.

use grps_core::{Cause, Error};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::text::LossyText;

/// One command; it gets one reply.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Command {
    action: &'static str,
    model: String,
    /// Taken by the reply.
    command: Mutex<Option<grps_server::Command>>,
}

impl Command {
    pub(crate) fn new(command: grps_server::Command) -> Self {
        let (action, model) = (command.action.name(), command.model.clone());
        Self { action, model, command: Mutex::new(Some(command)) }
    }

    fn send(&self, outcome: Result<String, Error>) -> PyResult<()> {
        let command = self.command.lock().take();
        let command =
            command.ok_or_else(|| PyRuntimeError::new_err("the command already has a reply"))?;
        command.reply(outcome);
        Ok(())
    }
}

#[pymethods]
impl Command {
    /// list, load, unload or reload.
    #[getter]
    fn action(&self) -> &'static str {
        self.action
    }

    /// `name-version` or a bare name; empty for all models.
    #[getter]
    fn model(&self) -> &str {
        &self.model
    }

    /// Replies with JSON text.
    fn answer(&self, text: LossyText) -> PyResult<()> {
        self.send(Ok(text.into()))
    }

    /// Replies with an error. `kind` is unknown (the model does not exist), invalid (the command does
    /// not fit the current state) or failed.
    fn refuse(&self, message: LossyText, kind: &str) -> PyResult<()> {
        let cause = match kind {
            "unknown" => Cause::NotFound,
            "invalid" => Cause::InvalidArgument,
            _ => Cause::ModelFailed,
        };
        self.send(Err(Error::new(cause, String::from(message))))
    }
}
