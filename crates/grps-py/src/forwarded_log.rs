//! The native log of a worker process, which Python sends to the server.

use grps_server::forwarded_log::forward;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tracing::Level;

/// Everything is handed over: Python knows the level.
const ALL: &str = "trace";

/// Sends the native log of this process to `write`, which takes a level of Python's `logging` and a
/// line; once.
#[pyfunction]
pub(crate) fn forward_log(write: Py<PyAny>) -> PyResult<()> {
    let forwarded = forward(ALL, move |level, line| {
        let level = match level {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            _ => 10,
        };
        Python::attach(|py| {
            // A line that can't be written is lost, not its request.
            let _ = write.call1(py, (level, line.text));
        });
    });
    forwarded.map(drop).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
