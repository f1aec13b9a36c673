//! Requests that a Python instance runs at once.

use std::sync::Arc;

use grps_core::{Error, Parts, RunningBatch, Tensor};
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::entry::Entry;
use crate::{current, tensor};

/// Requests that leave the queue together: their joined input, and the way to reply to all of them.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Batch {
    /// How many requests there are.
    count: usize,
    /// How outputs are shared out; `None` when the only request gets all.
    parts: Option<Parts>,
    /// The requests; user code may use them from threads of its own.
    running: Mutex<RunningBatch>,
}

impl Batch {
    pub(crate) fn new(running: RunningBatch) -> Self {
        let (count, parts) = (running.len(), running.parts().cloned());
        Self { count, parts, running: Mutex::new(running) }
    }

    /// Each request's outputs, in the order of the requests.
    fn share_out(&self, outputs: &[(String, Bound<'_, PyAny>)]) -> PyResult<Vec<Vec<Tensor>>> {
        let mut shares: Vec<Vec<Tensor>> =
            (0..self.count).map(|_| Vec::with_capacity(outputs.len())).collect();
        for (name, array) in outputs {
            let tensors = match &self.parts {
                Some(parts) => tensor::cut_numpy(name, array, parts)?,
                None => vec![tensor::from_numpy(name, array)?],
            };
            for (share, tensor) in shares.iter_mut().zip(tensors) {
                share.push(tensor);
            }
        }
        Ok(shares)
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
        self.parts.as_ref().map(|parts| parts.rows)
    }

    /// The requests.
    fn entries(&self, py: Python<'_>) -> PyResult<Vec<Py<Entry>>> {
        // No lock is held while Python makes objects: that may run code of the user's.
        let requests: Vec<Arc<_>> = self.running.lock().requests().to_vec();
        requests.into_iter().map(|request| Py::new(py, Entry::new(request))).collect()
    }

    /// Takes the joined input as (name, array) pairs; the arrays own their memory.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let tensors = {
            let mut running = self.running.lock();
            current::work_on(running.first().map(|first| (first, self.count)));
            running.take_tensors()
        };
        let tensors = tensors
            .ok_or_else(|| PyRuntimeError::new_err("the requests have no tensors in common"))?;
        tensors.into_iter().map(|tensor| tensor::to_numpy(py, tensor)).collect()
    }

    /// Sends every open request its rows of (name, array) pairs.
    fn reply_tensors(&self, outputs: Vec<(String, Bound<'_, PyAny>)>) -> PyResult<()> {
        let shares = self.share_out(&outputs)?;
        self.running.lock().reply_shares(shares);
        Ok(())
    }

    /// The open requests, each as a batch of its own.
    fn singles(&self) -> PyResult<Vec<Self>> {
        let singles = self.running.lock().singles();
        let singles = singles.map_err(|error: Error| PyValueError::new_err(error.to_string()))?;
        Ok(singles.into_iter().map(Self::new).collect())
    }
}
