//! The Python classes of plugins and of the instances that run them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grps_core::{InputForm, NativeInstance, NestedCalls, StepQueue};
use grps_plugin::{
    InfererSettings, Library, PluginError, PluginSignature, PluginTensor, StepShape,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::instances::worker_copy::{Load, serve_copy};
use crate::service::model::Model;

/// A loaded plugin.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Plugin {
    library: Arc<Library>,
    /// The form in which the inferer takes its input.
    form: InputForm,
}

/// The attributes of `grps.server.native.NativePlugin`.
#[derive(FromPyObject)]
struct PyInfererSettings {
    inferer: String,
    folder: String,
    device: String,
    args: String,
    warm_up: bool,
}

impl PyInfererSettings {
    fn for_model(self, key: &str) -> InfererSettings {
        let Self { inferer, folder, device, args, warm_up } = self;
        InfererSettings { inferer, model: key.to_owned(), folder, device, args, warm_up }
    }
}

/// Name, type and dimensions of a tensor; None for a dimension of any size.
type Tensor = (String, &'static str, Vec<Option<u64>>);

#[pymethods]
impl Plugin {
    /// Loads a plugin and checks that it has an inferer.
    #[new]
    fn new(py: Python<'_>, path: PathBuf, inferer: &str) -> PyResult<Self> {
        let opened = py.detach(|| {
            let library = Library::open(&path)?;
            let form = library.form_of(inferer)?;
            Ok::<_, PluginError>((library, form))
        });
        let opened = opened.map_err(|error| PyValueError::new_err(error.to_string()));
        opened.map(|(library, form)| Self { library: Arc::new(library), form })
    }

    /// The name and the version of the plugin, for people.
    #[getter]
    fn title(&self) -> &str {
        self.library.title()
    }

    /// Whether the inferer takes tensors; else it takes whole messages.
    #[getter]
    fn takes_tensors(&self) -> bool {
        self.form == InputForm::Tensors
    }

    /// Inputs and outputs of a model, if the inferer describes them: (name, type, shape) each.
    fn describe(
        &self,
        py: Python<'_>,
        settings: PyInfererSettings,
        model: &str,
    ) -> PyResult<Option<(Vec<Tensor>, Vec<Tensor>)>> {
        let settings = settings.for_model(model);
        let described = py.detach(|| self.library.describe(&settings));
        let tensors = |tensors: Vec<PluginTensor>| {
            let tensors = tensors.into_iter();
            tensors.map(|tensor| (tensor.name, tensor.dtype.name(), tensor.shape)).collect()
        };
        let described = described.map_err(PyValueError::new_err)?;
        Ok(described.map(|PluginSignature { inputs, outputs }| (tensors(inputs), tensors(outputs))))
    }

    /// Checks that the batching of a model suits the inferer: whether it is continuous, and whether
    /// inputs are read in parts then.
    fn check_steps(&self, inferer: &str, is_continuous: bool, in_parts: bool) -> PyResult<()> {
        let checked = self.library.check_steps(inferer, is_continuous, in_parts);
        checked.map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// The bytes of one row of all slots of a step model.
    fn state_bytes(
        &self,
        py: Python<'_>,
        settings: PyInfererSettings,
        model: &str,
    ) -> PyResult<usize> {
        let settings = settings.for_model(model);
        let slots = py.detach(|| self.library.declared_slots(&settings));
        Ok(slots.map_err(PyValueError::new_err)?.row_bytes())
    }

    /// Loads a copy in a thread of its own, which pulls requests from the model's queue.
    fn start(
        &self,
        py: Python<'_>,
        model: &Model,
        settings: PyInfererSettings,
        index: u32,
    ) -> PyResult<RunningCopy> {
        let settings = settings.for_model(model.key());
        let name = format!("{}#{index}", model.key());
        if let Some(queue) = model.steps() {
            let started = py.detach(|| self.start_steps(name, queue, &settings, (model, index)));
            return started.map(RunningCopy::new).map_err(PyValueError::new_err);
        }
        let load = self.library.loader(&settings, index, model.calls());
        let load = load.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let queue = model.queue()?;
        let started = py.detach(|| NativeInstance::start(name, queue, self.form, load));
        let instance = started.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(RunningCopy::new(instance))
    }

    /// Runs a copy in a worker process; see [`serve_copy`]. It is given by its model, its number, and
    /// for a step model by its rows, and whether it reads inputs in parts.
    fn serve(
        &self,
        py: Python<'_>,
        settings: PyInfererSettings,
        copy: (String, u32, Option<(usize, bool)>),
        descriptors: (i32, i32),
        loaded: Py<PyAny>,
    ) -> PyResult<Option<String>> {
        let (model, index, steps) = copy;
        let calls = Arc::new(NestedCalls::new(&model));
        let settings = settings.for_model(&model);
        let load = match steps {
            Some((rows, reads_in_parts)) => {
                let slots = self.library.declared_slots(&settings);
                let slots = slots.map_err(PyValueError::new_err)?;
                let shape = StepShape { slots, rows, reads_in_parts };
                self.library.step_loader(&settings, index, &calls, shape).map(Load::Steps)
            }
            None => self.library.loader(&settings, index, &calls).map(Load::Requests),
        };
        let load = load.map_err(|error| PyValueError::new_err(error.to_string()))?;
        serve_copy(py, load, format!("{model}#{index}"), descriptors, loaded)
    }
}

impl Plugin {
    /// Starts a copy of a step model.
    fn start_steps(
        &self,
        name: String,
        queue: &Arc<StepQueue>,
        settings: &InfererSettings,
        (model, index): (&Model, u32),
    ) -> Result<NativeInstance, String> {
        let slots = self.library.declared_slots(settings)?;
        let policy = queue.policy();
        let (rows, reads_in_parts) = (policy.max_slots, policy.max_chunk.is_some());
        let shape = StepShape { slots, rows, reads_in_parts };
        let load = self.library.step_loader(settings, index, model.calls(), shape);
        let load = load.map_err(|error| error.to_string())?;
        NativeInstance::start_steps(name, queue, load).map_err(|error| error.to_string())
    }
}

/// A copy of a model that native code runs, in a thread of its own.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct RunningCopy {
    instance: NativeInstance,
}

impl RunningCopy {
    /// What Python sees of an instance.
    pub(crate) fn new(instance: NativeInstance) -> Self {
        Self { instance }
    }
}

#[pymethods]
impl RunningCopy {
    /// Ends after the running batch; False when it still runs after the timeout.
    fn stop(&self, py: Python<'_>, timeout_s: f64) -> bool {
        let timeout = Duration::try_from_secs_f64(timeout_s).unwrap_or_default();
        py.detach(|| self.instance.stop(timeout))
    }

    /// Waits until the model takes no requests and all are finished.
    fn join(&self, py: Python<'_>) {
        py.detach(|| self.instance.join());
    }

    /// Why the copy failed, while no other one runs.
    fn failure(&self) -> Option<String> {
        self.instance.failure()
    }

    /// How often another copy was loaded after one had failed.
    fn restarts(&self) -> u64 {
        self.instance.restarts()
    }
}
