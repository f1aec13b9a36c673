//! `inferer_args` of an OpenVINO model; `OpenvinoArguments` in Python has the same.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use crate::common::{
    DefaultDevice, EngineError, ModelFile, Paths, needs_python, read_arguments, require_cpu,
};

/// Whether files of weights are mapped instead of read.
const MAPS: &str = "ENABLE_MMAP";

/// Whether threads stay on one processor each: OpenVINO takes the first ones for every copy.
const PINS: &str = "ENABLE_CPU_PINNING";

/// What a model is loaded with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Arguments {
    streams: Option<NonZeroUsize>,
    /// Threads of one run; as many as there are processors when absent.
    intra_op_threads: Option<NonZeroUsize>,
    inference_precision: Option<Precision>,
    cache_dir: Option<String>,
    /// Properties of the device by OpenVINO's names; they win over all of the above.
    properties: BTreeMap<String, Property>,
    customized_op_paths: Option<Paths>,
    /// Whether the model runs here where Python's server has the choice.
    #[serde(rename = "native")]
    _native: bool,
}

/// What the arithmetic is done in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
    F32,
    Bf16,
    F16,
}

/// A value of a property.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Property {
    Switch(bool),
    Number(serde_json::Number),
    Text(String),
}

impl Arguments {
    /// Reads the arguments of a model.
    ///
    /// # Errors
    /// They are wrong, or need Python.
    pub(super) fn read(model: &ModelFile) -> Result<Self, EngineError> {
        require_cpu(model, DefaultDevice::Cpu)?;
        let arguments: Self = read_arguments(model)?;
        needs_python([(
            "streams above 1",
            arguments.streams.is_some_and(|streams| streams.get() > 1),
        )])?;
        Ok(arguments)
    }

    /// Libraries of custom operators.
    ///
    /// # Errors
    /// One is missing.
    pub(super) fn operator_libraries(&self) -> Result<Vec<PathBuf>, EngineError> {
        Paths::libraries(self.customized_op_paths.as_ref())
    }

    /// Whether files of weights are mapped. A mapped file that is overwritten changes the answers,
    /// and one that gets shorter ends the process.
    pub(super) fn maps(&self) -> bool {
        self.properties.get(MAPS).is_some_and(|value| ["YES", "true"].contains(&&*value.text()))
    }

    /// The properties that a model is compiled with.
    ///
    /// `share` is how many processors one run may use, `usable` how many the process may.
    pub(super) fn properties(&self, share: usize, usable: usize) -> Vec<(String, String)> {
        let threads = self.intra_op_threads.map_or(share, usize::from);
        let mut properties = BTreeMap::from([
            ("PERFORMANCE_HINT", "LATENCY".to_owned()),
            ("PERFORMANCE_HINT_NUM_REQUESTS", "1".to_owned()),
            ("NUM_STREAMS", "1".to_owned()),
            ("INFERENCE_NUM_THREADS", threads.to_string()),
        ]);
        if threads < usable {
            properties.insert(PINS, "NO".to_owned());
        }
        if let Some(precision) = self.inference_precision {
            let name = format!("{precision:?}").to_ascii_lowercase();
            properties.insert("INFERENCE_PRECISION_HINT", name);
        }
        if let Some(cache) = self.cache_dir.as_ref().filter(|cache| !cache.is_empty()) {
            properties.insert("CACHE_DIR", cache.clone());
        }
        let given = self.properties.iter().filter(|(key, _)| *key != MAPS);
        properties.extend(given.map(|(key, value)| (key.as_str(), value.text())));
        properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Property {
    /// The value as OpenVINO reads it.
    fn text(&self) -> String {
        match self {
            Self::Switch(true) => "YES".to_owned(),
            Self::Switch(false) => "NO".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
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
    fn arguments_become_properties() {
        let given = json!({
            "streams": 1, "intra_op_threads": 3, "inference_precision": "f32", "cache_dir": "/c",
            "properties": {"ENABLE_CPU_PINNING": true, "ENABLE_MMAP": true, "NUM_STREAMS": 2},
            "native": true
        });
        let arguments = read(given).unwrap();
        assert!(arguments.maps());
        let found = arguments.properties(8, 8);
        let words: Vec<_> = found.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            words,
            [
                "CACHE_DIR=/c",
                "ENABLE_CPU_PINNING=YES",
                "INFERENCE_NUM_THREADS=3",
                "INFERENCE_PRECISION_HINT=f32",
                "NUM_STREAMS=2",
                "PERFORMANCE_HINT=LATENCY",
                "PERFORMANCE_HINT_NUM_REQUESTS=1"
            ]
        );
        let none = read(Value::Null).unwrap();
        assert!(!none.maps());
        assert!(none.properties(8, 8).contains(&("INFERENCE_NUM_THREADS".into(), "8".into())));
    }

    #[test]
    fn copies_with_a_part_of_the_processors_are_not_pinned() {
        let unpinned = (PINS.to_owned(), "NO".to_owned());
        for (given, share, is_pinned) in
            [(Some(7), 8, false), (Some(8), 4, true), (None, 4, false), (None, 8, true)]
        {
            let arguments = read(json!({"intra_op_threads": given})).unwrap();
            assert_eq!(!arguments.properties(share, 8).contains(&unpinned), is_pinned, "{given:?}");
        }
    }

    #[test]
    fn what_is_wrong_and_what_only_python_can_do_is_named() {
        let text = read(json!({"streams": 2})).unwrap_err();
        assert!(text.starts_with("inferer_args.streams above 1 is not possible"), "{text}");
        let text = read(json!({"inference_precision": "f8"})).unwrap_err();
        assert!(text.starts_with("inferer_args: unknown variant `f8`"), "{text}");
        assert!(read(json!({"stream": 1})).is_err());
    }
}
