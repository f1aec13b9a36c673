//! The Python class of models that engines in native code run.

use std::path::PathBuf;
use std::sync::Arc;

use grps_core::{InputForm, LoadInferer, NativeInstance, Signature, TensorSpec};
use grps_engines::{ModelFile, NativeEngine, RowLimits};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::instances::plugin::RunningCopy;
use crate::instances::worker_copy::{Load, serve_copy};
use crate::service::model::Model;

/// Name, element type and dimensions of a tensor, `None` where the model does not say.
type Described = (String, Option<&'static str>, Option<Vec<Option<usize>>>);

/// A copy of a model that an engine in native code has loaded.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct LoadedCopy {
    signature: Signature,
    load: LoadInferer,
}

/// The attributes of `grps.server.native.NativeFile`.
#[derive(FromPyObject)]
struct PyModelFile {
    key: String,
    path: PathBuf,
    device: String,
    args: String,
    processors: usize,
    warm_up: bool,
    joined: Option<(usize, Vec<usize>)>,
}

#[pymethods]
impl LoadedCopy {
    /// Loads a copy by an engine, whose library is opened once for the whole process.
    #[new]
    fn new(py: Python<'_>, engine: &str, library: PathBuf, model: PyModelFile) -> PyResult<Self> {
        let engine = NativeEngine::named(engine)
            .ok_or_else(|| PyValueError::new_err(format!("no engine '{engine}' in native code")))?;
        engine.use_library(library);
        let model = ModelFile::try_from(model)?;
        let loaded = py.detach(|| engine.load(&model));
        let loaded = loaded.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { signature: loaded.signature, load: loaded.load })
    }

    /// Inputs in the order of the model.
    #[getter]
    fn inputs(&self) -> Vec<Described> {
        self.signature.inputs.iter().map(described).collect()
    }

    /// How many of the inputs a request must have; the others are at the end.
    #[getter]
    fn required(&self) -> usize {
        self.signature.inputs.iter().filter(|spec| spec.required).count()
    }

    /// Whether clients must call the inputs by their names.
    #[getter]
    fn has_names(&self) -> bool {
        self.signature.has_names()
    }

    /// Outputs in the order of the model.
    #[getter]
    fn outputs(&self) -> Vec<Described> {
        self.signature.outputs.iter().map(described).collect()
    }

    /// Runs the copy in a thread of its own, which pulls requests from the model's queue.
    fn start(&self, py: Python<'_>, model: &Model, index: u32) -> PyResult<RunningCopy> {
        let (name, queue) = (format!("{}#{index}", model.key()), model.queue()?);
        let load = Arc::clone(&self.load);
        let started = py.detach(|| NativeInstance::start(name, queue, InputForm::Tensors, load));
        let started = started.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(RunningCopy::new(started))
    }

    /// Runs the copy in a worker process, as the instance of this name; see [`serve_copy`].
    fn serve(
        &self,
        py: Python<'_>,
        name: String,
        descriptors: (i32, i32),
        loaded: Py<PyAny>,
    ) -> PyResult<Option<String>> {
        serve_copy(py, Load::Requests(Arc::clone(&self.load)), name, descriptors, loaded)
    }
}

impl TryFrom<PyModelFile> for ModelFile {
    type Error = PyErr;

    fn try_from(model: PyModelFile) -> PyResult<Self> {
        let PyModelFile { key, path, device, args, processors, warm_up, joined } = model;
        let args = serde_json::from_str(&args)
            .map_err(|error| PyValueError::new_err(format!("inferer_args: {error}")))?;
        let joined = joined.map(|(most, sizes)| RowLimits { most, sizes });
        Ok(Self { key, path, device, args, processors, warm_up, joined })
    }
}

fn described(spec: &TensorSpec) -> Described {
    (spec.name.to_string(), spec.dtype.map(grps_core::DataType::name), spec.shape.clone())
}
