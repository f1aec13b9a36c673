//! What every engine reads of a model's configuration: `inferer_args` and the device.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::common::engine::{EngineError, ModelFile};

/// There where the driver of a GPU is loaded.
const GPU_DRIVER: &str = "/dev/nvidiactl";

/// Where a model runs that names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultDevice {
    /// On the CPU.
    Cpu,
    /// On a GPU of NVIDIA where there is one.
    Gpu,
}

/// Reads the arguments of a model. An empty value means the default.
///
/// # Errors
/// One is unknown or has a wrong value.
pub(crate) fn read_arguments<A: Default + DeserializeOwned>(
    model: &ModelFile,
) -> Result<A, EngineError> {
    let Value::Object(given) = &model.args else { return Ok(A::default()) };
    let given = given.iter().filter(|(_, value)| !value.is_null());
    let given = given.map(|(key, value)| (key.clone(), value.clone())).collect();
    A::deserialize(Value::Object(given))
        .map_err(|error| EngineError::Model(format!("inferer_args: {error}")))
}

/// Refuses what only Python's server knows what to do with: names of arguments, and whether each is
/// given.
///
/// # Errors
/// One is given.
pub(crate) fn needs_python<const N: usize>(
    arguments: [(&'static str, bool); N],
) -> Result<(), EngineError> {
    let given = arguments.into_iter().find_map(|(name, is_given)| is_given.then_some(name));
    given.map_or(Ok(()), |name| Err(EngineError::NeedsPython(format!("inferer_args.{name}"))))
}

/// Refuses a device that is not the CPU.
///
/// # Errors
/// The model asks for another, or would run on a GPU.
pub(crate) fn require_cpu(model: &ModelFile, default: DefaultDevice) -> Result<(), EngineError> {
    let device = model.device.to_ascii_lowercase();
    let words: Vec<&str> = device.split_whitespace().collect();
    match words.as_slice() {
        [] if default == DefaultDevice::Gpu && Path::new(GPU_DRIVER).exists() => {
            Err(EngineError::NeedsPython("a GPU".to_owned()))
        }
        [] | ["cpu" | "original"] | ["original", "cpu"] => Ok(()),
        words => Err(EngineError::NeedsPython(format!("device {}", words.join(" ")))),
    }
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Paths {
    One(String),
    Several(Vec<String>),
}

impl Paths {
    /// The words of a list, or of one text that commas part.
    pub(crate) fn words(&self) -> Vec<&str> {
        let words: Vec<&str> = match self {
            Self::One(text) => text.split(',').collect(),
            Self::Several(texts) => texts.iter().map(String::as_str).collect(),
        };
        words.into_iter().map(str::trim).filter(|word| !word.is_empty()).collect()
    }

    /// Libraries of custom operators.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn libraries(given: Option<&Self>) -> Result<Vec<PathBuf>, EngineError> {
        let paths = given.map(Self::words).unwrap_or_default().into_iter().map(PathBuf::from);
        let existing = |path: PathBuf| {
            if path.is_file() {
                return Ok(path);
            }
            let text = format!("library of custom operators {}: no such file", path.display());
            Err(EngineError::Model(text))
        };
        paths.map(existing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(device: &str) -> Result<(), String> {
        let model = ModelFile { device: device.to_owned(), ..ModelFile::for_tests(Value::Null) };
        require_cpu(&model, DefaultDevice::Cpu).map_err(|error| error.to_string())
    }

    #[test]
    fn devices_other_than_the_cpu_are_named() {
        for device in ["", "cpu", " CPU ", "original", "original cpu"] {
            assert_eq!(on(device), Ok(()));
        }
        for device in ["cuda:0", "gpu", "npu", "original cuda"] {
            let text = on(device).unwrap_err();
            assert!(text.starts_with(&format!("device {device} is not possible")), "{text}");
        }
    }

    #[test]
    fn one_text_and_a_list_name_the_same() {
        let one = Paths::One("a.so, b.so,".to_owned());
        let several = Paths::Several(vec!["a.so".to_owned(), " b.so".to_owned()]);
        assert_eq!(one.words(), ["a.so", "b.so"]);
        assert_eq!(several.words(), ["a.so", "b.so"]);
        let error = Paths::libraries(Some(&one)).unwrap_err().to_string();
        assert_eq!(error, "library of custom operators a.so: no such file");
    }
}
