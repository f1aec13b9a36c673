//! TensorRT engines on a GPU, behind a shim.
//!
//! They run as `grps/backends/tensorrt` runs them: the same signature, profiles and causes of errors.
//! Each copy has an engine and a stream of its own; more streams of one engine need Python.

mod arguments;

use std::path::PathBuf;

use grps_plugin::EngineSettings;

use crate::common::{EngineError, LoadedEngine, ModelFile, one_line};
use crate::shim::{Shim, ShimInferer, load_shims};
use crate::tensorrt::arguments::Arguments;

static SHIM: Shim = Shim::new("tensorrt", "GRPS_TENSORRT", one_line);

/// Opens this library; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    SHIM.use_library(path);
}

/// Where a model with this `device` runs, such as `cuda:1`.
pub(crate) fn place_of(device: &str) -> String {
    let device = device.trim().to_ascii_lowercase();
    let device = device.strip_prefix("original").unwrap_or(&device);
    let (_, index) = device.split_once(':').unwrap_or((device, "0"));
    format!("cuda:{index}")
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
        threads: 1,
        args: arguments.for_shim(),
    };
    Ok(ShimInferer::new(&SHIM, SHIM.open(&settings)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_on_the_gpu_that_its_device_names() {
        for device in ["", "cuda", "gpu", "CUDA:0", "original"] {
            assert_eq!(place_of(device), "cuda:0", "{device}");
        }
        for device in ["cuda:1", "gpu:1", "original cuda:1"] {
            assert_eq!(place_of(device), "cuda:1", "{device}");
        }
    }
}
