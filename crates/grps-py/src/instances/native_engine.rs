//! The Python class of models that engines in native code run.

use std::path::PathBuf;
use std::sync::Arc;

use grps_core::{InputForm, LoadInferer, NativeInstance, Signature, TensorSpec};
use grps_engines::{ModelFile, RowLimits, onnxruntime};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::instances::plugin::RunningCopy;
use crate::instances::worker_copy::serve_copy;
use crate::service::model::Model;

/// Name, element type and dimensions of a tensor, `None` where the model does not say.
type Described = (String, Option<&'static str>, Option<Vec<Option<usize>>>);

/// A loaded copy of an ONNX model.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct OnnxCopy {
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
impl OnnxCopy {
    /// Loads a copy by ONNX Runtime, whose library is opened once for the whole process.
    #[new]
    fn new(py: Python<'_>, library: PathBuf, model: PyModelFile) -> PyResult<Self> {
        onnxruntime::use_library(library);
        let model = ModelFile::try_from(model)?;
        let loaded = py.detach(|| onnxruntime::load(&model));
        let loaded = loaded.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { signature: loaded.signature, load: loaded.load })
    }

    /// Inputs in the order of the model.
    #[getter]
    fn inputs(&self) -> Vec<Described> {
        self.signature.inputs.iter().map(described).collect()
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
        serve_copy(py, Arc::clone(&self.load), name, descriptors, loaded)
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
