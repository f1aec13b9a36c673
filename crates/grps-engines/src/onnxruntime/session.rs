//! Opens a session for one copy of a model.

use std::path::{Path, PathBuf};

use grps_core::Signature;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::arguments::expect_libraries;
use crate::engine::{EngineError, ModelFile};
use crate::onnxruntime::arguments::{Arguments, Level};
use crate::onnxruntime::causes::cause_of;
use crate::onnxruntime::external_data::ExternalData;
use crate::onnxruntime::library::environment;
use crate::onnxruntime::types::signature_of;

const INTRA_SPINNING: &str = "session.intra_op.allow_spinning";
const INTER_SPINNING: &str = "session.inter_op.allow_spinning";

/// Opens a session.
///
/// # Errors
/// The file is no such model, or ONNX Runtime refused it.
pub(super) fn open_session(
    model: &ModelFile,
    arguments: &Arguments,
) -> Result<(Session, Signature), EngineError> {
    let environment = environment()?;
    let path = only_file(&model.path)?;
    let external = ExternalData::of(&path)?;
    let refused =
        |error: ort::Error| EngineError::Model(format!("{}: {}", path.display(), cause_of(&error)));
    let builder = SessionBuilder::new(&environment).map_err(refused)?;
    let builder = configured(builder, model, arguments).map_err(refused)?;
    let mut builder = external.give_to(with_libraries(builder, arguments)?).map_err(refused)?;
    let session = builder.commit_from_file(&path).map_err(refused)?;
    let signature = signature_of(&session)?;
    Ok((session, signature))
}

fn configured(
    builder: SessionBuilder,
    model: &ModelFile,
    arguments: &Arguments,
) -> Result<SessionBuilder, ort::Error> {
    let inter = arguments.inter_op_threads.map_or(1, usize::from);
    let intra = arguments.intra_op_threads.map_or(model.processors, usize::from);
    let spinning = if arguments.allow_spinning { "1" } else { "0" };
    let level = match arguments.graph_optimization_level {
        Level::Disable => GraphOptimizationLevel::Disable,
        Level::Basic => GraphOptimizationLevel::Level1,
        Level::Extended => GraphOptimizationLevel::Level2,
        Level::All => GraphOptimizationLevel::All,
    };
    Ok(builder
        .with_log_level(LogLevel::Error)?
        .with_intra_threads(intra)?
        .with_inter_threads(inter)?
        .with_parallel_execution(inter > 1)?
        .with_optimization_level(level)?
        .with_config_entry(INTRA_SPINNING, spinning)?
        .with_config_entry(INTER_SPINNING, spinning)?)
}

fn with_libraries(
    mut builder: SessionBuilder,
    arguments: &Arguments,
) -> Result<SessionBuilder, EngineError> {
    let libraries = arguments.operator_libraries();
    expect_libraries(&libraries)?;
    for library in libraries {
        let what = format!("library of custom operators {}", library.display());
        builder = builder
            .with_operator_library(&library)
            .map_err(|error| EngineError::Model(format!("{what}: {}", cause_of(&error.into()))))?;
    }
    Ok(builder)
}

/// The path, or the one model in it when it is a directory.
fn only_file(path: &Path) -> Result<PathBuf, EngineError> {
    let failed = |what: String| EngineError::Model(format!("{}: {what}", path.display()));
    if !path.exists() {
        return Err(failed("no such file".to_owned()));
    }
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let entries = path.read_dir().map_err(|error| failed(error.to_string()))?;
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
    };
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_model).collect();
    found.sort();
    if let [only] = found.as_slice() {
        return Ok(only.clone());
    }
    let names: Vec<_> = found
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy())
        .collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(failed(format!("expected exactly one .onnx file, found {names}")))
}
