//! Reading of `inferer_args`, the same for every engine; as `grps/backends/common/arguments.py`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::engine::{EngineError, ModelFile};

/// The devices that are the CPU.
const CPU: [&str; 2] = ["cpu", "original"];
/// There where the driver of a GPU is loaded. A model without a device runs on the GPU then.
const GPU_DRIVER: &str = "/dev/nvidiactl";

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Paths {
    One(String),
    Several(Vec<String>),
}

impl Paths {
    /// The words of a list, or of one text that commas part.
    pub(crate) fn split(&self) -> Vec<PathBuf> {
        let words: Vec<&str> = match self {
            Self::One(text) => text.split(',').collect(),
            Self::Several(texts) => texts.iter().map(String::as_str).collect(),
        };
        let words = words.into_iter().map(str::trim).filter(|word| !word.is_empty());
        words.map(PathBuf::from).collect()
    }
}

/// Reads the arguments of a model; an empty value means the default.
///
/// # Errors
/// They are wrong.
pub(crate) fn read_arguments<T>(model: &ModelFile) -> Result<T, EngineError>
where
    T: DeserializeOwned + Default,
{
    let Value::Object(given) = &model.args else { return Ok(T::default()) };
    let given = given.iter().filter(|(_, value)| !value.is_null());
    let given = given.map(|(key, value)| (key.clone(), value.clone())).collect();
    T::deserialize(Value::Object(given))
        .map_err(|error| EngineError::Model(format!("inferer_args: {error}")))
}

/// Refuses devices other than the CPU.
///
/// # Errors
/// The model is for a GPU, or has no device where there is a GPU.
pub(crate) fn expect_cpu(model: &ModelFile) -> Result<(), EngineError> {
    let device = model.device.trim().to_ascii_lowercase();
    if device.is_empty() && Path::new(GPU_DRIVER).exists() {
        return Err(EngineError::NeedsPython("a GPU".to_owned()));
    }
    if !device.is_empty() && !CPU.contains(&device.as_str()) {
        return Err(EngineError::NeedsPython(format!("device {device}")));
    }
    Ok(())
}

/// Refuses what only Python's server knows what to do with.
///
/// # Errors
/// One of these arguments is given.
pub(crate) fn refuse_beyond<const N: usize>(
    arguments: [(&'static str, bool); N],
) -> Result<(), EngineError> {
    match arguments.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(EngineError::NeedsPython(format!("inferer_args.{name}"))),
        None => Ok(()),
    }
}

/// Checks that libraries of custom operators are files.
///
/// # Errors
/// One is missing.
pub(crate) fn expect_libraries(libraries: &[PathBuf]) -> Result<(), EngineError> {
    match libraries.iter().find(|library| !library.is_file()) {
        Some(missing) => Err(EngineError::Model(format!(
            "library of custom operators {}: no such file",
            missing.display()
        ))),
        None => Ok(()),
    }
}
