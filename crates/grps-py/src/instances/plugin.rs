//! The Python classes of plugins and of the instances that run them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grps_core::{InputForm, NativeInstance};
use grps_plugin::{InfererSettings, Library, PluginError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
}

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

    /// Loads a copy in a thread of its own, which pulls requests from the model's queue.
    fn start(
        &self,
        py: Python<'_>,
        model: &Model,
        settings: PyInfererSettings,
        index: u32,
    ) -> PyResult<PluginInstance> {
        let PyInfererSettings { inferer, folder, device, args } = settings;
        let settings =
            InfererSettings { inferer, model: model.key().to_owned(), folder, device, args };
        let load = self.library.loader(&settings, index);
        let load = load.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let (name, queue) = (format!("{}#{index}", model.key()), model.queue()?);
        let started = py.detach(|| NativeInstance::start(name, queue, self.form, load));
        let instance = started.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PluginInstance { instance })
    }
}

/// A copy of a model that a plugin runs, in a thread of its own.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct PluginInstance {
    instance: NativeInstance,
}

#[pymethods]
impl PluginInstance {
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
