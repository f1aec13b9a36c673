//! Other services and the models that run in them, as Python sees them.

use std::sync::Arc;
use std::time::Duration;

use grps_core::{Executor, InputForm, Naming, TensorSpec};
use grps_remote::{RemoteExecutor, ServiceSettings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The other services of a configuration.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Services {
    services: Arc<grps_remote::Services>,
}

impl Services {
    /// The services.
    pub(crate) fn services(&self) -> &Arc<grps_remote::Services> {
        &self.services
    }
}

#[pymethods]
impl Services {
    /// Reads the services of a configuration from JSON text; paths are absolute.
    #[new]
    fn new(json: &str) -> PyResult<Self> {
        let services = ServiceSettings::list(json).and_then(grps_remote::Services::new);
        let services = Arc::new(services.map_err(PyValueError::new_err)?);
        Ok(Self { services })
    }

    /// Returns a model that a service runs as `model`; `key` is its name and version here.
    fn model(&self, service: &str, model: &str, key: &str) -> PyResult<RemoteModel> {
        let executor = self.services.executor(service, model, key);
        let executor = Arc::new(executor.map_err(PyValueError::new_err)?);
        Ok(RemoteModel { executor })
    }
}

/// Name, element type, shape and whether it is needed, of an input or output.
type Spec = (String, Option<&'static str>, Option<Vec<Option<usize>>>, bool);
/// Inputs, outputs, and whether inputs must be called by their names.
type Described = (Vec<Spec>, Vec<Spec>, bool);

/// A model that another service runs.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct RemoteModel {
    executor: Arc<RemoteExecutor>,
}

impl RemoteModel {
    /// What runs its calls.
    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        Arc::<RemoteExecutor>::clone(&self.executor)
    }
}

#[pymethods]
impl RemoteModel {
    /// Waits until the service tells of the model: whether it takes tensors, and its inputs and
    /// outputs if it tells them. None when it has not in time.
    fn wait(&self, py: Python<'_>, timeout_ms: u64) -> Option<(bool, Option<Described>)> {
        let limit = Duration::from_millis(timeout_ms);
        let facts = py.detach(|| self.executor.wait_for_facts(limit))?;
        let described = facts.signature.map(|signature| {
            let is_strict = signature.naming == Naming::Strict;
            (specs(signature.inputs), specs(signature.outputs), is_strict)
        });
        Some((facts.form == InputForm::Tensors, described))
    }

    /// Returns why it can't run requests, as a line; None when it can.
    fn trouble(&self) -> Option<String> {
        self.executor.trouble()
    }

    /// Takes no more requests.
    fn close(&self) {
        self.executor.close();
    }
}

fn specs(specs: Vec<TensorSpec>) -> Vec<Spec> {
    let convert = |spec: TensorSpec| {
        let dtype = spec.dtype.map(grps_core::DataType::name);
        (spec.name.to_string(), dtype, spec.shape, spec.required)
    };
    specs.into_iter().map(convert).collect()
}
