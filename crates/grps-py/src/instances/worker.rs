//! Worker processes as Python sees them.

use grps_core::LostSequences;
use grps_worker::{Lost as LostBatch, LostSteps};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::text::LossyText;

/// The server's hold on one worker process.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Link {
    pub(crate) link: grps_worker::Link,
}

#[pymethods]
impl Link {
    /// Makes the sockets and the page that server and worker share.
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self { link: grps_worker::Link::new()? })
    }

    /// The descriptors that the worker inherits: its socket and the page for its notes.
    fn worker_descriptors(&self) -> PyResult<(i32, i32)> {
        let descriptors = self.link.worker_descriptors();
        descriptors.ok_or_else(|| PyRuntimeError::new_err("the worker has its descriptors already"))
    }

    /// Closes the worker's end here, so that the end of the worker is noticed.
    fn release_worker_end(&self) {
        self.link.release_worker_end();
    }

    /// Ends the worker after what it runs.
    fn close(&self) {
        self.link.close();
    }
}

/// Requests whose worker has ended before it replied to them.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Lost {
    begun: bool,
    cause: String,
    /// Taken by the next worker, or by the failure.
    lost: Mutex<Option<Work>>,
}

/// What a worker had to do.
enum Work {
    Batch(LostBatch),
    Sequences(LostSequences),
}

impl Lost {
    pub(crate) fn new(lost: LostBatch) -> Self {
        let (begun, cause) = (lost.begun(), lost.cause().to_owned());
        Self { begun, cause, lost: Mutex::new(Some(Work::Batch(lost))) }
    }

    /// Sequences, whose states were in the worker.
    pub(crate) fn of_steps(lost: LostSteps) -> Self {
        let LostSteps { sequences, cause } = lost;
        Self { begun: true, cause, lost: Mutex::new(Some(Work::Sequences(sequences))) }
    }

    /// Takes the batch; `None` when it was taken, and for sequences.
    pub(crate) fn take_batch(&self) -> Option<LostBatch> {
        match self.lost.lock().take() {
            Some(Work::Batch(batch)) => Some(batch),
            _ => None,
        }
    }
}

#[pymethods]
impl Lost {
    /// Whether the worker had begun with them, so that they must not be run again.
    #[getter]
    fn begun(&self) -> bool {
        self.begun
    }

    /// Why the worker sends nothing more, seen from the socket.
    #[getter]
    fn cause(&self) -> &str {
        &self.cause
    }

    /// Fails all that have no reply.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn fail(&self, cause: LossyText) {
        let lost = self.lost.lock().take();
        match lost {
            Some(Work::Batch(batch)) => batch.fail(&cause),
            Some(Work::Sequences(sequences)) => sequences.fail(&cause),
            None => {}
        }
    }
}
