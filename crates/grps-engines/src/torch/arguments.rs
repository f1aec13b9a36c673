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
