//! A model as Python sees it: made with its instances, then put behind a server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use grps_core::{
    BatchCounts, Executor, Identity, InlineExecutor, ModelSpec, NestedCalls, PulledExecutor, Queue,
    Reason, StepPolicy, StepQueue, StepText, StepsExecutor,
};
use grps_text::TokenText;
use parking_lot::Mutex;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::instances::channel::Channel;
use crate::instances::heartbeat::Heartbeat;
use crate::instances::steps::StepChannel;
use crate::instances::thread_scaler::ThreadScaler;
use crate::service::remote::RemoteModel;
use crate::service::settings::{PyModelSpec, PyStepPolicy};

/// What runs a model's calls and, until a server has taken it, the model itself.
///
/// It does not keep the model alive: the executor closes once no server and no request holds the
/// model.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Model {
    /// `name-version`.
    key: String,
    /// The form that its instances take their input in.
    form: grps_core::InputForm,
    /// Time without a heartbeat after which an instance with work hangs; `None` for no limit.
    hang_timeout: Option<Duration>,
    /// What runs the calls.
    executor: Arc<dyn Executor>,
    /// The queue that instances attach to; `None` for a model without instances.
    queue: Option<Arc<Queue>>,
    /// The queue of a step model.
    steps: Option<Arc<StepQueue>>,
    /// What its plugins call other models by.
    calls: Arc<NestedCalls>,
    /// Taken by the server that serves it.
    model: Mutex<Option<grps_core::Model>>,
}

impl Model {
    /// The model itself, once.
    pub(crate) fn take(&self) -> PyResult<grps_core::Model> {
        let taken = self.model.lock().take();
        taken.ok_or_else(|| PyRuntimeError::new_err("the model was put behind a server already"))
    }

    /// What its plugins call other models by.
    pub(crate) fn calls(&self) -> &Arc<NestedCalls> {
        &self.calls
    }

    /// The queue of a step model.
    pub(crate) fn steps(&self) -> Option<&Arc<StepQueue>> {
        self.steps.as_ref()
    }

    /// The queue that instances attach to.
    pub(crate) fn queue(&self) -> PyResult<&Arc<Queue>> {
        let queue = self.queue.as_ref();
        queue.ok_or_else(|| PyRuntimeError::new_err("the model has no instances"))
    }
}

/// What runs a model's calls, and the queue that its instances attach to: of requests or of steps.
type Built = (Arc<dyn Executor>, Option<Arc<Queue>>, Option<Arc<StepQueue>>);

/// Builds what runs a model's calls, with the queue that instances attach to. This is the one place
/// that chooses among the executors.
fn build_executor(
    spec: &ModelSpec,
    native: bool,
    remote: Option<&RemoteModel>,
    steps: Option<Steps>,
) -> Built {
    if let Some(remote) = remote {
        return (remote.executor(), None, None);
    }
    if native {
        return (Arc::new(InlineExecutor::new(Box::new(Identity))), None, None);
    }
    if let Some((policy, text)) = steps {
        let executor = StepsExecutor::with_text(spec, policy, text);
        let queue = Arc::clone(executor.queue());
        return (Arc::new(executor), None, Some(queue));
    }
    let pulled = PulledExecutor::new(spec);
    let queue = Arc::clone(pulled.queue());
    (Arc::new(pulled), Some(queue), None)
}

/// How sequences are scheduled, and what makes their text.
type Steps = (StepPolicy, Option<Arc<dyn StepText>>);

/// Loads what makes the text of sequences, without the GIL.
fn build_steps(py: Python<'_>, spec: &ModelSpec, mut steps: PyStepPolicy) -> PyResult<Steps> {
    let Some(text) = steps.text.take() else { return Ok((steps.try_into()?, None)) };
    let loaded = py.detach(|| TokenText::load(text.into()));
    let loaded =
        loaded.map_err(|error| PyValueError::new_err(format!("model {}: {error}", spec.key())))?;
    Ok((steps.try_into()?, Some(Arc::new(loaded))))
}

#[pymethods]
impl Model {
    /// Makes a model that instances can attach to.
    #[new]
    fn new(py: Python<'_>, spec: PyModelSpec) -> PyResult<Self> {
        let native = spec.native;
        let mut spec = spec;
        let remote = spec.remote.take();
        let steps = spec.steps.take();
        let spec = ModelSpec::try_from(spec)?;
        let steps = steps.map(|steps| build_steps(py, &spec, steps)).transpose()?;
        let (key, form, hang_timeout) = (spec.key(), spec.form, spec.hang_timeout);
        let (executor, queue, steps) =
            build_executor(&spec, native, remote.as_ref().map(Py::get), steps);
        let model = grps_core::Model::new(spec, Arc::clone(&executor));
        let (calls, model) = (Arc::new(NestedCalls::new(&key)), Mutex::new(Some(model)));
        Ok(Self { key, form, hang_timeout, executor, queue, steps, calls, model })
    }

    /// `name-version`.
    #[getter]
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The number of requests that wait for an instance.
    fn queue_length(&self) -> usize {
        self.executor.queue_length()
    }

    /// Batches that left, rows in them, and how many left below their maximum by reason.
    fn batch_counts(&self) -> (u64, u64, HashMap<&'static str, u64>) {
        let counts = self.executor.batch_counts();
        let small = |reason| counts.map_or(0, |counts| counts.small(reason));
        (
            counts.map_or(0, BatchCounts::batches),
            counts.map_or(0, BatchCounts::rows),
            Reason::ALL.map(|reason| (reason.name(), small(reason))).into(),
        )
    }

    /// Waits until one more runner thread should be started, `most` in all; False once the
    /// instance that pulls from `channel` is stopped. One thread per model calls it.
    fn needs_runner(
        &self,
        py: Python<'_>,
        channel: &Channel,
        least: usize,
        most: usize,
    ) -> PyResult<bool> {
        let (queue, stopped) = (self.queue()?, || channel.is_stopped());
        Ok(ThreadScaler::new().wait(py, queue, stopped, (least, most)))
    }

    /// Attaches an instance by its name; the model is served as long as one is attached. One that is
    /// replaced when it hangs or ends leaves the model ready while another one works.
    #[pyo3(signature = (name, *, replaced=false))]
    fn attach(&self, name: &str, replaced: bool) -> PyResult<Channel> {
        let queue = self.queue()?;
        let puller = if replaced { queue.attach_replaced(name) } else { queue.attach(name) };
        Ok(Channel::new(puller, self.form, self.hang_timeout))
    }

    /// Attaches an instance of a step model by its name; `replaced` as for `attach`.
    #[pyo3(signature = (name, *, replaced=false))]
    fn attach_steps(&self, name: &str, replaced: bool) -> PyResult<StepChannel> {
        let steps = self.steps.as_ref();
        let queue = steps.ok_or_else(|| PyRuntimeError::new_err("it is no step model"))?;
        let puller = if replaced { queue.attach_replaced(name) } else { queue.attach(name) };
        Ok(StepChannel::new(puller, self.hang_timeout))
    }

    /// Adds a heartbeat of an event loop, for as long as the returned object lives.
    fn add_heartbeat(&self, name: &str) -> PyResult<Heartbeat> {
        Ok(Heartbeat::new(self.queue()?.add_heartbeat(name), self.hang_timeout))
    }

    /// Takes no more requests: instances finish what waits and end.
    fn close(&self) {
        self.executor.close();
    }

    /// Whether it takes no more requests.
    fn is_closed(&self) -> bool {
        self.executor.is_closed()
    }
}
