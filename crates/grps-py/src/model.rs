//! A registered model as Python sees it.

use std::collections::HashMap;
use std::sync::Arc;

use grps_core::Reason;
use pyo3::prelude::*;

use crate::channel::Channel;
use crate::growth::Growth;

/// A registered model.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Model {
    model: Arc<grps_core::Model>,
}

impl Model {
    pub(crate) fn new(model: Arc<grps_core::Model>) -> Self {
        Self { model }
    }
}

#[pymethods]
impl Model {
    /// `name-version`.
    #[getter]
    fn key(&self) -> &str {
        self.model.key()
    }

    /// The number of requests that wait for an instance.
    fn queue_length(&self) -> usize {
        self.model.queue().len()
    }

    /// Batches that left, rows in them, and how many left below their maximum by reason.
    fn batch_counts(&self) -> (u64, u64, HashMap<&'static str, u64>) {
        let counts = self.model.queue().counts();
        let small = Reason::ALL.map(|reason| (reason.name(), counts.small(reason)));
        (counts.batches(), counts.rows(), small.into())
    }

    /// Waits until one more runner thread should be started, `most` in all; False once the
    /// instance that pulls from `channel` is stopped. One thread per model calls it.
    fn needs_runner(&self, py: Python<'_>, channel: &Channel, least: usize, most: usize) -> bool {
        Growth::new().wait(py, self.model.queue(), || channel.is_stopped(), (least, most))
    }

    /// Attaches an instance; the model is served as long as one is attached.
    fn attach(&self) -> Channel {
        Channel::new(self.model.queue().attach(), self.model.spec().form)
    }
}
