//! TorchScript files and AOTInductor packages on libtorch, behind a shim.
//!
//! They run as `grps/backends/torch` runs them on the CPU: the same arguments, signature and causes of
//! errors. Programs of torch.export need Python.

mod arguments;
mod causes;
mod declared;
mod tree;

use std::path::PathBuf;

use grps_plugin::EngineSettings;

use crate::common::{EngineError, LoadedEngine, ModelFile};
use crate::shim::{Shim, ShimInferer, load_shims};
use crate::torch::arguments::Arguments;
use crate::torch::causes::cause_of;
use crate::torch::declared::{declare_inputs, learn_outputs};
use crate::torch::tree::CallSpec;

static SHIM: Shim = Shim::new("torch", "GRPS_TORCH", cause_of);

/// Opens this library; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    SHIM.use_library(path);
}

/// See [`crate::NativeEngine::load`].
pub(crate) fn load(model: &ModelFile) -> Result<LoadedEngine, EngineError> {
    let arguments = Arguments::read(model)?;
    load_shims(model, move |model| open(model, &arguments))
}

fn open(model: &ModelFile, arguments: &Arguments) -> Result<ShimInferer, EngineError> {
    let settings = EngineSettings {
        path: model.path.clone(),
        device: model.device.trim().to_ascii_lowercase(),
        threads: arguments.intra_op_threads.map_or(model.processors, usize::from),
        args: arguments.for_shim(),
    };
    let mut inferer = ShimInferer::new(&SHIM, SHIM.open(&settings)?);
    if let Some(spec) = CallSpec::read(inferer.notes())? {
        inferer.signature.inputs = spec.inputs;
        inferer.names = Some(spec.outputs);
    }
    if !arguments.inputs.is_empty() {
        declare_inputs(&mut inferer.signature, &arguments.inputs)?;
        let inputs = inferer.signature.inputs.clone();
        if let Some(outputs) = learn_outputs(&inputs, &mut inferer) {
            inferer.signature.outputs = outputs;
        }
    }
    Ok(inferer)
}
