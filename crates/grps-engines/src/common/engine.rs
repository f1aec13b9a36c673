//! What all engines take and return.

use std::path::PathBuf;

use grps_core::{LoadInferer, Signature};

use crate::common::joined_rows::{check_signature, joining_fault};
use crate::common::warm_up::{FirstRun, Runs, first_run};

/// A model as its configuration describes it.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// `name-version`, for the log.
    pub key: String,
    /// The model, or the directory that it is in; absolute.
    pub path: PathBuf,
    /// `device` of the configuration; empty without one.
    pub device: String,
    /// `inferer_args` of the configuration.
    pub args: serde_json::Value,
    /// The processors that one copy of the model may use.
    pub processors: usize,
    /// Whether the model runs once before it takes requests.
    pub warm_up: bool,
    /// How many rows run together; `None` when each request runs alone.
    pub joined: Option<RowLimits>,
}

#[cfg(test)]
impl ModelFile {
    /// A model on the CPU with these arguments.
    pub(crate) fn for_tests(args: serde_json::Value) -> Self {
        Self {
            key: "m-1".to_owned(),
            path: PathBuf::from("model"),
            device: "cpu".to_owned(),
            args,
            processors: 2,
            warm_up: true,
            joined: None,
        }
    }
}

/// How many rows of requests run together.
#[derive(Clone, Debug)]
pub struct RowLimits {
    /// Most rows.
    pub most: usize,
    /// The only numbers of rows that batches have, in ascending order; any when empty.
    pub sizes: Vec<usize>,
}

/// A model that was loaded.
pub struct LoadedEngine {
    /// Its inputs and outputs.
    pub signature: Signature,
    /// Makes what runs it: the first time of what is loaded already, then of a further copy.
    pub load: LoadInferer,
}

/// Why a model can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The configuration or the file is wrong.
    #[error("{0}")]
    Model(String),
    /// The engine's library can't be opened.
    #[error("{0}")]
    Library(String),
    /// What the model needs is there in Python only.
    #[error("{0} is not possible in native code; inferer_args.native: false runs it in Python")]
    NeedsPython(String),
}

/// Runs a model for the first time, and refuses batches of requests where their rows can't be joined.
///
/// # Errors
/// The model failed on what it says it takes, or its rows can't be joined.
pub(crate) fn try_out(
    model: &ModelFile,
    runs: &mut dyn Runs,
    signature: &Signature,
) -> Result<(), EngineError> {
    if model.joined.is_some()
        && let Some(fault) = check_signature(signature)
    {
        return Err(cannot_join(
            &fault,
            "export the model with a free first dimension in all inputs and outputs, or use \
             batching.type none",
        ));
    }
    if !model.warm_up {
        return Ok(());
    }
    let ran = first_run(runs, signature).map_err(|error| EngineError::Model(error.to_string()))?;
    match (ran, &model.joined) {
        (FirstRun::Skipped(why), _) => {
            tracing::warn!(model = model.key, "the model is not warmed up: {why}");
            Ok(())
        }
        (FirstRun::Ran(inputs), Some(limits)) => match joining_fault(runs, &inputs, limits) {
            Some(fault) => Err(cannot_join(&fault, "use batching.type none")),
            None => Ok(()),
        },
        (FirstRun::Ran(_), None) => Ok(()),
    }
}

fn cannot_join(fault: &str, advice: &str) -> EngineError {
    let text = format!("batching.type dynamic: {fault}, so requests can't be joined; {advice}");
    EngineError::Model(text)
}
