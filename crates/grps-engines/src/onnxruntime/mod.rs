//! ONNX models on ONNX Runtime, which is opened from its shared library.
//!
//! Models on the CPU whose outputs are tensors run here as `grps/backends/onnxruntime` runs them:
//! the same arguments, signature, causes of errors and external data. Others need Python.

mod arguments;
mod causes;
mod external_data;
mod inferer;
mod library;
mod session;
mod types;
mod values;

use crate::common::{EngineError, LoadedEngine, ModelFile, load_copies};
use crate::onnxruntime::arguments::Arguments;
use crate::onnxruntime::inferer::OnnxInferer;
use crate::onnxruntime::session::open_session;

pub(crate) use library::use_library;

/// See [`crate::NativeEngine::load`].
pub(crate) fn load(model: &ModelFile) -> Result<LoadedEngine, EngineError> {
    let arguments = Arguments::read(model)?;
    load_copies(model, move |model| {
        let (session, signature) = open_session(model, &arguments)?;
        Ok((OnnxInferer::new(session, signature.clone())?, signature))
    })
}
