//! OpenVINO's own models and ONNX models on OpenVINO, which is opened from its shared library.
//!
//! Models on the CPU run here as `grps/backends/openvino` runs them: the same arguments, signature
//! and causes of errors. Other devices, and several streams of one copy, need Python.

mod arguments;
mod causes;
mod inferer;
mod library;
mod types;

use crate::common::{EngineError, LoadedEngine, ModelFile, load_copies};
use crate::openvino::arguments::Arguments;
use crate::openvino::inferer::OpenvinoInferer;

pub(crate) use library::use_library;

/// See [`crate::NativeEngine::load`].
pub(crate) fn load(model: &ModelFile) -> Result<LoadedEngine, EngineError> {
    let arguments = Arguments::read(model)?;
    load_copies(model, move |model| OpenvinoInferer::open(model, &arguments))
}
