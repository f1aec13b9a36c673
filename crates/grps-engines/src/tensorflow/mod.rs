//! SavedModels on TensorFlow, which is opened from its shared library.
//!
//! Signatures on the CPU run here as `grps/backends/tensorflow` runs them: the same arguments,
//! choice and order of inputs and outputs, and causes of errors. They run as a graph in a session.
//! GPUs, text files and warm-up with serialized examples need Python.

mod arguments;
mod causes;
mod inferer;
mod library;
mod savedmodel;
mod threads;
mod types;
mod values;

use crate::common::{EngineError, LoadedEngine, ModelFile, load_copies};
use crate::tensorflow::arguments::Arguments;
use crate::tensorflow::inferer::TensorflowInferer;

pub(crate) use library::use_library;

/// See [`crate::NativeEngine::load`].
pub(crate) fn load(model: &ModelFile) -> Result<LoadedEngine, EngineError> {
    let arguments = Arguments::read(model)?;
    load_copies(model, move |model| TensorflowInferer::open(model, &arguments))
}
