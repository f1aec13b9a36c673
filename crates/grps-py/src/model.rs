//! A model as Python sees it: made with its instances, then put behind a server.

use std::collections::HashMap;
use std::sync::Arc;

use grps_core::{Identity, InputForm, Queue, Reason};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::channel::Channel;
use crate::settings::PyModelSpec;
use crate::thread_scaler::ThreadScaler;

/// A model's queue and, until a server has taken it, the model itself.
///
/// It does not keep the model alive: the queue closes once no server and no request holds the model.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Model {
    key: String,
    form: InputForm,
    queue: Arc<Queue>,
    /// Taken by the server that serves it.
    model: Mutex<Option<grps_core::Model>>,
}

impl Model {
    /// The model itself, once.
    pub(crate) fn take(&self) -> PyResult<grps_core::Model> {
        let taken = self.model.lock().take();
        taken.ok_or_else(|| PyRuntimeError::new_err("the model was put behind a server already"))
    }
}

#[pymethods]
impl Model {
    /// Makes a model that instances can attach to.
    #[new]
    fn new(spec: PyModelSpec) -> PyResult<Self> {
        let native = spec.native;
        let spec = spec.try_into()?;
        let model = if native {
            grps_core::Model::native(spec, Box::new(Identity))
        } else {
            grps_core::Model::new(spec)
        };
        let (key, form) = (model.key().to_owned(), model.spec().form);
        let queue = Arc::clone(model.queue());
        Ok(Self { key, form, queue, model: Mutex::new(Some(model)) })
    }

    /// `name-version`.
    #[getter]
    fn key(&self) -> &str {
        &self.key
    }

    /// The number of requests that wait for an instance.
    fn queue_length(&self) -> usize {
        self.queue.len()
    }

    /// Batches that left, rows in them, and how many left below their maximum by reason.
    fn batch_counts(&self) -> (u64, u64, HashMap<&'static str, u64>) {
        let counts = self.queue.counts();
        let small = Reason::ALL.map(|reason| (reason.name(), counts.small(reason)));
        (counts.batches(), counts.rows(), small.into())
    }

    /// Waits until one more runner thread should be started, `most` in all; False once the
    /// instance that pulls from `channel` is stopped. One thread per model calls it.
    fn needs_runner(&self, py: Python<'_>, channel: &Channel, least: usize, most: usize) -> bool {
        ThreadScaler::new().wait(py, &self.queue, || channel.is_stopped(), (least, most))
    }

    /// Attaches an instance by its name; the model is served as long as one is attached.
    fn attach(&self, name: &str) -> Channel {
        Channel::new(self.queue.attach(name), self.form)
    }

    /// Takes no more requests: instances finish what waits and end.
    fn close(&self) {
        self.queue.close();
    }

    /// Whether it takes no more requests.
    fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}
