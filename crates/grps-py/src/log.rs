//! The server's log, and files for other loggers, for Python code.

use std::path::PathBuf;

use grps_server::log::{LogGuard, LogSettings, PRINTED, start};
use grps_server::{LogFile as RotatingFile, LogPeriod};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::text::LossyText;

/// Python's logger of what user code prints.
const PRINTED_LOGGER: &str = "grps.printed";

/// The started log; closing it writes the buffered lines.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Log {
    /// `None` after `close`.
    guard: Mutex<Option<LogGuard>>,
}

#[pymethods]
impl Log {
    /// Changes the log level.
    fn set_level(&self, level: &str) -> PyResult<()> {
        self.guard.lock().as_ref().map_or(Ok(()), |guard| guard.set_level(level))?;
        Ok(())
    }

    /// Writes the buffered lines and ends logging.
    fn close(&self) {
        self.guard.lock().take();
    }
}

/// Starts the server log for the whole process, on standard error only without a path.
#[pyfunction]
pub(crate) fn start_log(
    path: Option<PathBuf>,
    level: &str,
    backup_count: usize,
    to_stderr: bool,
    json: bool,
) -> PyResult<Log> {
    let path = path.as_deref();
    let settings = LogSettings { path, level, backup_count, to_stderr, json };
    if let Some(path) = path {
        grps_plugin::crash::log_to(path, json);
    }
    let guard = start(&settings).map_err(|error| {
        let place = path.map_or("standard error".into(), |path| path.to_string_lossy());
        PyOSError::new_err(format!("can't log to {place}: {error}"))
    })?;
    Ok(Log { guard: Mutex::new(Some(guard)) })
}

/// Writes one record: a level of Python's `logging` module, the name of the logger, the message, and
/// the identifier of the request.
#[pyfunction]
#[pyo3(signature = (level, logger, message, id))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn log(level: u32, logger: LossyText, message: LossyText, id: Option<LossyText>) {
    let (logger, message, id) = (&*logger, &*message, id.as_deref());
    if logger == PRINTED_LOGGER {
        tracing::info!(target: PRINTED, logger, id, "{message}");
        return;
    }
    match level {
        40.. => tracing::error!(target: "python", logger, id, "{message}"),
        30.. => tracing::warn!(target: "python", logger, id, "{message}"),
        20.. => tracing::info!(target: "python", logger, id, "{message}"),
        _ => tracing::debug!(target: "python", logger, id, "{message}"),
    }
}

/// A file of log lines, rotated by time, that several processes may write.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct LogFile {
    file: Mutex<RotatingFile>,
}

#[pymethods]
impl LogFile {
    /// Opens a file; `when` is a unit of time as in `logging.handlers.TimedRotatingFileHandler`.
    #[new]
    fn new(path: PathBuf, when: &str, backup_count: Option<usize>) -> PyResult<Self> {
        let period =
            LogPeriod::named(when).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { file: Mutex::new(RotatingFile::open(&path, period, backup_count)?) })
    }

    /// Writes whole lines at once.
    fn write_lines(&self, py: Python<'_>, lines: &[u8]) -> PyResult<()> {
        py.detach(|| self.file.lock().write_lines(lines))?;
        Ok(())
    }
}
