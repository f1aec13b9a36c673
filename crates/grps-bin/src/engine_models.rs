//! Models that engines in native code run.

use std::path::Path;
use std::sync::Arc;

use grps_config::types::ModelConfig;
use grps_core::{InputForm, LoadInferer, NestedCalls};
use grps_engines::{ModelFile, NativeEngine, RowLimits};
use parking_lot::Mutex;
use serde_json::Value;

use crate::loading::Copies;

/// What the copies of an engine's model are made by; the first of them is loaded already.
pub(crate) fn engine_copies(
    engine: NativeEngine,
    config: &ModelConfig,
    folder: &Path,
    processors: usize,
) -> Result<Copies, String> {
    let devices = config.devices();
    let file = ModelFile {
        key: config.key(),
        path: folder.join(config.inferer_path.as_deref().unwrap_or_default()),
        device: devices.first().copied().flatten().unwrap_or_default().to_owned(),
        args: config.inferer_args.clone().map_or(Value::Null, Value::Object),
        processors,
        warm_up: config.warm_up,
        joined: joined_rows(config),
    };
    let mut places: Vec<_> =
        devices.iter().map(|device| engine.place_of(device.unwrap_or_default())).collect();
    places.dedup();
    let first = engine.load(&file).map_err(|error| error.to_string())?;
    let (signature, first) = (first.signature, Mutex::new(Some(first.load)));
    let load = move |_, device: Option<&str>| -> Result<LoadInferer, String> {
        if let Some(first) = first.lock().take() {
            return Ok(first);
        }
        let copy = ModelFile { device: device.unwrap_or_default().to_owned(), ..file.clone() };
        engine.load(&copy).map(|copy| copy.load).map_err(|error| error.to_string())
    };
    Ok(Copies {
        form: InputForm::Tensors,
        signature: Some(signature),
        places,
        calls: Arc::new(NestedCalls::new(&config.key())),
        load: Box::new(load),
    })
}

/// How many rows of requests run together.
fn joined_rows(config: &ModelConfig) -> Option<RowLimits> {
    let batching = config.joining()?;
    let mut sizes = batching.allowed_sizes.clone();
    sizes.sort_unstable();
    Some(RowLimits { most: batching.max_batch_size, sizes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_may_have_the_engines_that_there_are() {
        let names = NativeEngine::ALL.map(NativeEngine::name);
        assert_eq!(names.as_slice(), grps_config::NATIVE_ENGINES);
    }
}
