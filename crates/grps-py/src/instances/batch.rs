//! Requests that a Python instance runs at once.

use std::sync::Arc;

use grps_core::{Parts, RunningBatch};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::instances::entry::Entry;
use crate::instances::tensor::{NamedArray, Output};
use crate::instances::{current, tensor};

/// Requests that leave the queue together: their joined input, and the way to reply to all of them.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Batch {
    /// How many requests there are.
    count: usize,
    /// Rows that each output must have; `None` when the only request gets the outputs as they are.
    rows: Option<usize>,
    /// Whether sharing outputs out copies some of them, since padding is cut off.
    may_copy: bool,
    /// The requests; user code may use them from threads of its own.
    running: Mutex<RunningBatch>,
}

impl Batch {
    pub(crate) fn new(running: RunningBatch) -> Self {
        let (count, rows) = (running.len(), running.rows());
        let may_copy = running.parts().is_some_and(Parts::may_copy);
        Self { count, rows, may_copy, running: Mutex::new(running) }
    }
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.count
    }

    /// Rows that each output must have; None when the only request gets the outputs as they are.
    #[getter]
    fn rows(&self) -> Option<usize> {
        self.rows
    }

    /// The requests.
    fn entries(&self, py: Python<'_>) -> PyResult<Vec<Py<Entry>>> {
        // No lock is held while Python makes objects: that may run code of the user's.
        let requests: Vec<Arc<_>> = self.running.lock().requests().to_vec();
        requests.into_iter().map(|request| Py::new(py, Entry::new(request))).collect()
    }

    /// Makes the requests the current ones of this thread, for log lines.
    fn make_current(&self) {
        current::work_on(self.running.lock().first().map(|first| (first, self.count)));
    }

    /// Takes the joined input as (name, array) pairs; the arrays own their memory.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<NamedArray<'py>>> {
        let tensors = {
            let mut running = self.running.lock();
            current::work_on(running.first().map(|first| (first, self.count)));
            running.take_tensors()
        };
        let tensors = tensors
            .ok_or_else(|| PyRuntimeError::new_err("the requests have no tensors in common"))?;
        tensor::to_numpy(py, tensors)
    }

    /// Sends every open request its rows of (name, array) pairs.
    fn reply_tensors(&self, py: Python<'_>, outputs: Vec<Output<'_>>) -> PyResult<()> {
        let outputs = tensor::from_numpy(&outputs)?;
        let bytes: usize = outputs.iter().map(|output| output.elements().byte_len()).sum();
        let reply = || self.running.lock().reply_tensors(outputs);
        let is_long = self.may_copy && bytes >= tensor::LARGE;
        let replied = if is_long { py.detach(reply) } else { reply() };
        replied.map_err(|error| tensor::invalid(&error))
    }

    /// The open requests, each as a batch of its own.
    fn singles(&self, py: Python<'_>) -> PyResult<Vec<Self>> {
        let singles = py.detach(|| {
            let mut singles = self.running.lock().singles()?;
            singles.iter_mut().for_each(RunningBatch::own_input);
            Ok(singles)
        });
        let singles = singles.map_err(|error| tensor::invalid(&error))?;
        Ok(singles.into_iter().map(Self::new).collect())
    }
}
