//! `inferer_args` of an ONNX model; `OnnxruntimeArguments` in Python has the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::common::{
    DefaultDevice, EngineError, ModelFile, Paths, needs_python, read_arguments, require_cpu,
};

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

impl Arguments {
    /// Reads the arguments of a model.
    ///
    /// # Errors
    /// They are wrong, or need Python.
    pub(super) fn read(model: &ModelFile) -> Result<Self, EngineError> {
        require_cpu(model, DefaultDevice::Gpu)?;
        let arguments: Self = read_arguments(model)?;
        let providers = arguments.providers.as_ref().map(Paths::words);
        needs_python([
            ("providers", providers.is_some_and(|words| !words.is_empty())),
            ("provider_options", !arguments.provider_options.is_empty()),
            ("gpu_mem_limit_mib", arguments.gpu_mem_limit_mib.is_some()),
            ("arena_gc_interval_s", arguments.arena_gc_interval_s.is_some()),
        ])?;
        Ok(arguments)
    }

    /// Libraries of custom operators.
    ///
    /// # Errors
    /// One is missing.
    pub(super) fn operator_libraries(&self) -> Result<Vec<PathBuf>, EngineError> {
        let mut libraries = Paths::libraries(self.custom_op_paths.as_ref())?;
        libraries.extend(Paths::libraries(self.customized_op_paths.as_ref())?);
        Ok(libraries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(device: &str, args: Value) -> Result<Arguments, String> {
        let model = ModelFile { device: device.to_owned(), ..ModelFile::for_tests(args) };
        Arguments::read(&model).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_those_of_python() {
        let given = json!({
            "intra_op_threads": 2, "inter_op_threads": 1, "graph_optimization_level": "basic",
            "allow_spinning": true, "custom_op_paths": "a.so, b.so", "customized_op_paths": null,
            "io_binding": false, "providers": [], "provider_options": {}
        });
        let arguments = read("cpu", given).unwrap();
        assert_eq!(arguments.intra_op_threads.map(usize::from), Some(2));
        assert!(arguments.allow_spinning);
        let missing = arguments.operator_libraries().unwrap_err().to_string();
        assert_eq!(missing, "library of custom operators a.so: no such file");
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
