//! The native log of a worker process, which Python sends to the server.

use std::fmt::{self, Write as _};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Hands native lines to Python's logging.
struct Forward {
    /// Takes a level of Python's `logging` and a line.
    write: Py<PyAny>,
}

/// A line with its fields behind the message.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string never fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // The thread is named after the instance, which the server knows.
            "logger" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let is_ours = metadata.target() == "plugin" || metadata.target().starts_with("grps");
        if !is_ours {
            return;
        }
        let level = match *metadata.level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        let mut line = Line::default();
        event.record(&mut line);
        Python::attach(|py| {
            // A line that can't be written is lost, not its request.
            let _ = self.write.call1(py, (level, line.message + &line.fields));
        });
    }
}

/// Sends the native log of this process to `write`, which takes a level and a line; once.
#[pyfunction]
pub(crate) fn forward_log(write: Py<PyAny>) -> PyResult<()> {
    let subscriber = tracing_subscriber::registry().with(Forward { write });
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| PyRuntimeError::new_err("the log of this process has begun already"))
}
