//! What server and worker exchange besides requests: lines of JSON over a socket.

use std::path::PathBuf;

use grps_config::types::ModelConfig;
use grps_core::{DataType, InputForm, Naming, Signature, TensorSpec};
use serde::{Deserialize, Serialize};

/// What a worker is: the first line that it reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSettings {
    /// The project.
    pub(crate) folder: PathBuf,
    /// The model, with the device of this copy.
    pub(crate) model: ModelConfig,
    /// Which instance of it.
    pub(crate) index: u32,
    /// The processors that one run of an engine may use.
    pub(crate) processors: usize,
    /// Libraries of engines, by their names; others are looked for.
    pub(crate) libraries: Vec<(String, PathBuf)>,
    /// Which log lines are sent.
    pub(crate) log_level: String,
}

impl WorkerSettings {
    /// The instance in logs.
    pub(crate) fn name(&self) -> String {
        format!("{}#{}", self.model.key(), self.index)
    }
}

/// From the server, after the settings: which log lines are sent from here on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LevelSet {
    pub(crate) level: String,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromWorker {
    /// The copy is loaded and warm.
    Loaded(Loaded),
    /// The copy can't be loaded; the cause as one line.
    Failed(String),
    /// A line for the log.
    Logged(Logged),
    /// Values of a plugin for series.
    Recorded(Vec<Value>),
}

/// A value of a plugin: the name of its kind, its own name, and the value.
pub(crate) type Value = (String, String, f64);

/// What a loaded copy says of its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Loaded {
    /// Whether it takes whole messages instead of tensors.
    takes_messages: bool,
    signature: Option<SentSignature>,
    /// Where it runs, as its engine chose.
    pub(crate) places: Vec<String>,
    /// Bytes of one row of all slots, of a step model.
    pub(crate) row_bytes: usize,
}

/// A line for the log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Logged {
    pub(crate) level: Level,
    /// Whether native code of a plugin has written it.
    pub(crate) of_plugin: bool,
    /// The thread that has written it; empty where it is not known.
    pub(crate) logger: String,
    pub(crate) text: String,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SentSignature {
    inputs: Vec<SentTensor>,
    outputs: Vec<SentTensor>,
    /// Whether clients must call the inputs by their names.
    is_strict: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SentTensor {
    name: String,
    dtype: Option<String>,
    shape: Option<Vec<Option<usize>>>,
    required: bool,
}

impl Loaded {
    pub(crate) fn new(form: InputForm, signature: Option<Signature>, places: Vec<String>) -> Self {
        let takes_messages = form == InputForm::Message;
        let signature = signature.map(SentSignature::from);
        Self { takes_messages, signature, places, row_bytes: 0 }
    }

    /// What a copy of a step model says, of which one row of all slots has so many bytes.
    pub(crate) fn of_steps(signature: Option<Signature>, row_bytes: usize) -> Self {
        Self { row_bytes, ..Self::new(InputForm::Tensors, signature, Vec::new()) }
    }

    /// The form in which it takes its input.
    pub(crate) fn form(&self) -> InputForm {
        if self.takes_messages { InputForm::Message } else { InputForm::Tensors }
    }

    /// What requests are checked against.
    pub(crate) fn signature(&self) -> Option<Signature> {
        self.signature.clone().map(Signature::from)
    }
}

impl From<Signature> for SentSignature {
    fn from(signature: Signature) -> Self {
        let is_strict = signature.has_names();
        let sent = |specs: Vec<TensorSpec>| specs.into_iter().map(SentTensor::from).collect();
        Self { inputs: sent(signature.inputs), outputs: sent(signature.outputs), is_strict }
    }
}

impl From<SentSignature> for Signature {
    fn from(sent: SentSignature) -> Self {
        let naming = if sent.is_strict { Naming::Strict } else { Naming::Advisory };
        let specs = |tensors: Vec<SentTensor>| tensors.into_iter().map(TensorSpec::from).collect();
        Self { inputs: specs(sent.inputs), outputs: specs(sent.outputs), naming }
    }
}

impl From<TensorSpec> for SentTensor {
    fn from(spec: TensorSpec) -> Self {
        let TensorSpec { name, dtype, shape, required } = spec;
        let dtype = dtype.map(|dtype| dtype.name().to_owned());
        Self { name: name.to_string(), dtype, shape, required }
    }
}

impl From<SentTensor> for TensorSpec {
    fn from(sent: SentTensor) -> Self {
        let SentTensor { name, dtype, shape, required } = sent;
        let dtype = dtype.as_deref().and_then(DataType::from_name);
        Self { name: name.into(), dtype, shape, required }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_copy_says_of_its_model_arrives_as_it_was() {
        let spec = |dtype, shape| TensorSpec { name: "x".into(), dtype, shape, required: false };
        let signature = Signature {
            inputs: vec![spec(Some(DataType::Bfloat16), Some(vec![None, Some(2)]))],
            outputs: vec![spec(None, None)],
            naming: Naming::Strict,
        };
        for form in [InputForm::Tensors, InputForm::Message] {
            let loaded = Loaded::new(form, Some(signature.clone()), vec!["cpu".to_owned()]);
            let line = serde_json::to_string(&FromWorker::Loaded(loaded.clone())).unwrap();
            let FromWorker::Loaded(read) = serde_json::from_str(&line).unwrap() else {
                unreachable!("it was written as this")
            };
            assert_eq!((read.form(), read.signature()), (form, Some(signature.clone())));
            assert_eq!(read, loaded);
        }
    }
}
