//! `inferer_args` of a TensorFlow model; `TensorflowArguments` in Python has the same.

use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::Deserialize;

use crate::common::{DefaultDevice, EngineError, ModelFile, Paths, read_arguments, require_cpu};

/// What a model is loaded with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Arguments {
    /// Which signature is served; `serving_default`, or else the only one, when absent.
    pub(super) signature: Option<String>,
    /// Tags of the graph to load; `serve`, or else those of the only graph, when absent.
    tags: Option<Paths>,
    /// Threads that share one operator; as many as there are processors when absent.
    pub(super) intra_op_threads: Option<NonZeroU16>,
    /// Threads that run independent operators side by side; TensorFlow's choice when absent.
    pub(super) inter_op_threads: Option<NonZeroU16>,
    customized_op_paths: Option<Paths>,
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
        require_cpu(model, DefaultDevice::Gpu)?;
        read_arguments(model)
    }

    /// The tags that are asked for; none when the choice is free.
    pub(super) fn tags(&self) -> Vec<&str> {
        self.tags.as_ref().map(Paths::words).unwrap_or_default()
    }

    /// Libraries of custom operators.
    ///
    /// # Errors
    /// One is missing.
    pub(super) fn operator_libraries(&self) -> Result<Vec<PathBuf>, EngineError> {
        Paths::libraries(self.customized_op_paths.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(args: Value) -> Result<Arguments, String> {
        Arguments::read(&ModelFile::for_tests(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_those_of_python() {
        let given = json!({
            "signature": "upper", "tags": "serve, gpu", "intra_op_threads": 2,
            "inter_op_threads": null, "native": true
        });
        let arguments = read(given).unwrap();
        assert_eq!(arguments.tags(), ["serve", "gpu"]);
        assert_eq!(arguments.intra_op_threads.map(u16::from), Some(2));
        assert!(arguments.inter_op_threads.is_none());
        assert!(read(Value::Null).unwrap().tags().is_empty());
    }

    #[test]
    fn wrong_ones_are_named() {
        let text = read(json!({"threads": 2})).unwrap_err();
        assert!(text.starts_with("inferer_args: unknown field `threads`"), "{text}");
        assert!(read(json!({"intra_op_threads": 0})).is_err());
    }
}
