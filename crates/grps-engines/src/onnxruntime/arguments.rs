//! `inferer_args` of an ONNX model; `OnnxruntimeArguments` in Python has the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{EngineError, ModelFile};

/// The devices that are the CPU.
const CPU: [&str; 2] = ["cpu", "original"];
/// There where the driver of a GPU is loaded. A model without a device runs on the GPU then.
const GPU_DRIVER: &str = "/dev/nvidiactl";

/// What a model is loaded with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Arguments {
    /// Threads that share one operator; as many as there are processors when absent.
    pub(super) intra_op_threads: Option<NonZeroUsize>,
    /// Threads that run independent operators side by side.
    pub(super) inter_op_threads: Option<NonZeroUsize>,
    pub(super) graph_optimization_level: Level,
    /// Let idle threads spin.
    pub(super) allow_spinning: bool,
    /// Libraries of custom operators.
    custom_op_paths: Option<Paths>,
    /// The same under upstream's name.
    customized_op_paths: Option<Paths>,
    providers: Option<Paths>,
    provider_options: BTreeMap<String, Value>,
    /// Where inputs and outputs lie during a run; on the CPU it makes no difference.
    #[serde(rename = "io_binding")]
    _io_binding: Option<bool>,
    /// Whether the model runs here where Python's server has the choice.
    #[serde(rename = "native")]
    _native: bool,
    gpu_mem_limit_mib: Option<NonZeroUsize>,
    arena_gc_interval_s: Option<NonZeroUsize>,
}

/// How much the graph is rewritten before it runs.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Disable,
    Basic,
    Extended,
    #[default]
    All,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Several(Vec<String>),
}

impl Arguments {
    /// Reads the arguments of a model.
    ///
    /// # Errors
    /// They are wrong, or need Python.
    pub(super) fn read(model: &ModelFile) -> Result<Self, EngineError> {
        let device = model.device.trim().to_ascii_lowercase();
        if device.is_empty() && Path::new(GPU_DRIVER).exists() {
            return Err(EngineError::NeedsPython("a GPU".to_owned()));
        }
        if !device.is_empty() && !CPU.contains(&device.as_str()) {
            return Err(EngineError::NeedsPython(format!("device {device}")));
        }
        let given = Some(&model.args).filter(|args| !args.is_null());
        let arguments = given.map_or_else(|| Ok(Self::default()), Self::deserialize);
        let arguments =
            arguments.map_err(|error| EngineError::Model(format!("inferer_args: {error}")))?;
        match arguments.beyond() {
            Some(name) => Err(EngineError::NeedsPython(format!("inferer_args.{name}"))),
            None => Ok(arguments),
        }
    }

    /// Libraries of custom operators.
    pub(super) fn operator_libraries(&self) -> Vec<PathBuf> {
        let given = [&self.custom_op_paths, &self.customized_op_paths];
        given.into_iter().flatten().flat_map(Paths::split).collect()
    }

    /// An argument that only Python's server knows what to do with.
    fn beyond(&self) -> Option<&'static str> {
        [
            ("providers", self.providers.as_ref().is_some_and(|paths| !paths.split().is_empty())),
            ("provider_options", !self.provider_options.is_empty()),
            ("gpu_mem_limit_mib", self.gpu_mem_limit_mib.is_some()),
            ("arena_gc_interval_s", self.arena_gc_interval_s.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

impl Paths {
    /// The words of a list, or of one text that commas part.
    fn split(&self) -> Vec<PathBuf> {
        let words: Vec<&str> = match self {
            Self::One(text) => text.split(',').collect(),
            Self::Several(texts) => texts.iter().map(String::as_str).collect(),
        };
        let words = words.into_iter().map(str::trim).filter(|word| !word.is_empty());
        words.map(PathBuf::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(device: &str, args: Value) -> Result<Arguments, String> {
        let model = ModelFile {
            key: "m-1".to_owned(),
            path: PathBuf::from("m.onnx"),
            device: device.to_owned(),
            args,
            processors: 2,
            warm_up: true,
            joined: None,
        };
        Arguments::read(&model).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_those_of_python() {
        let given = json!({
            "intra_op_threads": 2, "inter_op_threads": 1, "graph_optimization_level": "basic",
            "allow_spinning": true, "custom_op_paths": "a.so, b.so", "customized_op_paths": ["c.so"],
            "io_binding": false, "providers": [], "provider_options": {}
        });
        let arguments = read("cpu", given).unwrap();
        assert_eq!(arguments.intra_op_threads.map(usize::from), Some(2));
        assert!(arguments.allow_spinning);
        assert_eq!(arguments.operator_libraries(), ["a.so", "b.so", "c.so"].map(PathBuf::from));
        assert!(read("cpu", Value::Null).unwrap().intra_op_threads.is_none());
    }

    #[test]
    fn wrong_ones_are_named() {
        let text = read("cpu", json!({"intra_threads": 2})).unwrap_err();
        assert!(text.starts_with("inferer_args: unknown field `intra_threads`"), "{text}");
        let text = read("cpu", json!({"inter_op_threads": 0})).unwrap_err();
        assert!(text.contains("nonzero"), "{text}");
    }

    #[test]
    fn what_only_python_can_do_is_named() {
        for (device, args, what) in [
            ("cuda:0", json!({}), "device cuda:0"),
            ("cpu", json!({"providers": ["tensorrt"]}), "inferer_args.providers"),
            ("cpu", json!({"gpu_mem_limit_mib": 9}), "inferer_args.gpu_mem_limit_mib"),
        ] {
            let text = read(device, args).unwrap_err();
            assert!(text.starts_with(&format!("{what} is not possible in native code")), "{text}");
        }
    }
}
