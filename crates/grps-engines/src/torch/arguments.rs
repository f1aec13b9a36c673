//! `inferer_args` of a PyTorch model; `TorchArguments` in Python has the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{
    DefaultDevice, EngineError, ModelFile, Paths, needs_python, read_arguments, require_cpu,
};

/// What a model is loaded with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Arguments {
    /// Threads that share one operator; as many as there are processors when absent.
    pub(super) intra_op_threads: Option<NonZeroUsize>,
    /// Threads that run independent operators side by side.
    inter_op_threads: Option<NonZeroUsize>,
    /// Libraries of custom operators.
    customized_op_paths: Option<Paths>,
    /// Types and shapes that the file lacks.
    pub(super) inputs: BTreeMap<String, String>,
    memory_format: MemoryFormat,
    compile: Compile,
    /// Of copies on a GPU.
    #[serde(rename = "cuda_stream")]
    _cuda_stream: bool,
    /// Whether the model runs here where Python's server has the choice.
    #[serde(rename = "native")]
    _native: bool,
}

/// How images lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MemoryFormat {
    Contiguous,
    ChannelsLast,
}

/// Whether a program of torch.export is compiled as it is loaded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Compile {
    Is(bool),
    Mode(Mode),
}

/// Modes of `torch.compile`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Default,
    ReduceOverhead,
    MaxAutotune,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            intra_op_threads: None,
            inter_op_threads: None,
            customized_op_paths: None,
            inputs: BTreeMap::new(),
            memory_format: MemoryFormat::Contiguous,
            compile: Compile::Is(false),
            _cuda_stream: true,
            _native: false,
        }
    }
}

impl Arguments {
    /// Reads the arguments of a model.
    ///
    /// # Errors
    /// They are wrong, or need Python.
    pub(super) fn read(model: &ModelFile) -> Result<Self, EngineError> {
        require_cpu(model, DefaultDevice::Gpu)?;
        let arguments: Self = read_arguments(model)?;
        let is_compiled = match &arguments.compile {
            Compile::Is(is_compiled) => *is_compiled,
            Compile::Mode(Mode::Default | Mode::ReduceOverhead | Mode::MaxAutotune) => true,
        };
        needs_python([("compile", is_compiled)])?;
        Paths::libraries(arguments.customized_op_paths.as_ref())?;
        Ok(arguments)
    }

    /// Those that the shim reads.
    pub(super) fn for_shim(&self) -> Value {
        let libraries = self.customized_op_paths.as_ref().map(Paths::words).unwrap_or_default();
        json!({
            "inter_op_threads": self.inter_op_threads.map_or(0, usize::from),
            "libraries": libraries,
            "channels_last": self.memory_format == MemoryFormat::ChannelsLast,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn read(device: &str, args: Value) -> Result<Arguments, String> {
        let model = ModelFile {
            key: "m-1".to_owned(),
            path: PathBuf::from("m.pt"),
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
            "intra_op_threads": 2, "inter_op_threads": 3, "customized_op_paths": "/dev/null, ",
            "inputs": {"x": "float32[-1]"}, "memory_format": "channels_last", "compile": false,
            "cuda_stream": false, "native": true
        });
        let text = read("cpu", given.clone()).unwrap_err();
        assert_eq!(text, "library of custom operators /dev/null: no such file");
        let mut given = given;
        given["customized_op_paths"] = Value::Null;
        let arguments = read("CPU", given).unwrap();
        assert_eq!(arguments.intra_op_threads.map(usize::from), Some(2));
        assert_eq!(arguments.inputs["x"], "float32[-1]");
        let passed = json!({"inter_op_threads": 3, "libraries": [], "channels_last": true});
        assert_eq!(arguments.for_shim(), passed);
        let passed = json!({"inter_op_threads": 0, "libraries": [], "channels_last": false});
        assert_eq!(read("original", Value::Null).unwrap().for_shim(), passed);
    }

    #[test]
    fn wrong_ones_and_those_that_need_python_are_named() {
        for (device, args, what) in [
            ("cpu", json!({"threads": 2}), "inferer_args: unknown field `threads`"),
            ("cpu", json!({"memory_format": "nhwc"}), "inferer_args: unknown variant `nhwc`"),
            ("cpu", json!({"compile": true}), "inferer_args.compile is not possible in native"),
            ("cpu", json!({"compile": "max-autotune"}), "inferer_args.compile is not possible"),
            ("cuda:1", json!({}), "device cuda:1 is not possible in native code"),
        ] {
            let text = read(device, args).unwrap_err();
            assert!(text.starts_with(what), "{text}");
        }
    }
}
