//! `inferer_args` of a TensorRT engine; `TensorrtArguments` in Python has the same.

use std::num::NonZeroUsize;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{EngineError, ModelFile, Paths, needs_python, read_arguments};

/// Most runs of an engine that may be in progress at once.
const MOST_STREAMS: usize = 64;

/// What a model is loaded with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Arguments {
    /// Runs of the engine that may be in progress at once.
    streams: Option<NonZeroUsize>,
    /// Libraries of plugins.
    customized_op_paths: Option<Paths>,
    /// No effect: engines run on the GPU.
    #[serde(rename = "intra_op_threads")]
    _intra_op_threads: Option<NonZeroUsize>,
    /// Whether the model runs here where Python's server has the choice.
    #[serde(rename = "native")]
    _native: bool,
}

impl Arguments {
    /// Reads the arguments of a model.
    ///
    /// # Errors
    /// They are wrong, or need Python.
    pub(super) fn read(model: &ModelFile) -> Result<Self, EngineError> {
        let arguments: Self = read_arguments(model)?;
        let streams = arguments.streams.map_or(1, usize::from);
        if streams > MOST_STREAMS {
            let text = format!("inferer_args: streams is {streams}; at most {MOST_STREAMS}");
            return Err(EngineError::Model(text));
        }
        needs_python([("streams", streams > 1)])?;
        Paths::libraries(arguments.customized_op_paths.as_ref())?;
        Ok(arguments)
    }

    /// Those that the shim reads.
    pub(super) fn for_shim(&self) -> Value {
        let libraries = self.customized_op_paths.as_ref().map(Paths::words).unwrap_or_default();
        json!({ "libraries": libraries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn read(args: Value) -> Result<Arguments, String> {
        let model = ModelFile {
            key: "m-1".to_owned(),
            path: PathBuf::from("m.engine"),
            device: "cuda:1".to_owned(),
            args,
            processors: 2,
            warm_up: true,
            joined: None,
        };
        Arguments::read(&model).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_those_of_python() {
        let given = json!({"streams": 1, "customized_op_paths": " , ", "intra_op_threads": 3});
        assert_eq!(read(given).unwrap().for_shim(), json!({"libraries": []}));
        assert!(read(Value::Null).is_ok());
    }

    #[test]
    fn wrong_ones_are_named() {
        for (args, part) in [
            (json!({"stream": 2}), "unknown field `stream`"),
            (json!({"streams": 0}), "nonzero"),
            (json!({"streams": 65}), "streams is 65; at most 64"),
            (json!({"streams": 2}), "inferer_args.streams is not possible in native code"),
            (json!({"customized_op_paths": ["/no/such.so"]}), "/no/such.so: no such file"),
        ] {
            let text = read(args).unwrap_err();
            assert!(text.contains(part), "{text}");
        }
    }
}
