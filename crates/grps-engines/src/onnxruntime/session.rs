//! Opens a session for one copy of a model.

use grps_core::Signature;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use crate::common::{EngineError, ModelFile, only_file};
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
    let path = only_file(&model.path, "onnx")?;
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
    for library in arguments.operator_libraries()? {
        let what = format!("library of custom operators {}", library.display());
        builder = builder
            .with_operator_library(&library)
            .map_err(|error| EngineError::Model(format!("{what}: {}", cause_of(&error.into()))))?;
    }
    Ok(builder)
}
