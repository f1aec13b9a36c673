//! The shared library of ONNX Runtime, opened once for all models of the process.

use std::path::PathBuf;
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::common::{EngineError, LibraryPath};

static LIBRARY: LibraryPath = LibraryPath {
    title: "ONNX Runtime",
    package: "onnxruntime",
    variable: "GRPS_ONNXRUNTIME",
    any: "libonnxruntime.so.1",
    chosen: OnceLock::new(),
};
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Opens this library of ONNX Runtime; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    LIBRARY.choose(path);
}

/// The environment of ONNX Runtime, which is one for a process.
///
/// # Errors
/// The library is missing or too old.
pub(super) fn environment() -> Result<Environment, EngineError> {
    let mut known = ENVIRONMENT.lock();
    if let Some(environment) = &*known {
        return Ok(environment.clone());
    }
    let path = LIBRARY.get();
    let opened = ort::init_from(&path).map_err(|error| LIBRARY.missing(&error))?;
    let environment = opened
        .with_telemetry(false)
        .with_logger(std::sync::Arc::new(|level, _, _, place, message| log(level, place, message)))
        .build()
        .map_err(|error| EngineError::Library(format!("ONNX Runtime: {}", error.message())))?;
    environment.set_log_level(LogLevel::Error);
    tracing::info!(library = %path.display(), "ONNX Runtime is opened");
    Ok(known.insert(environment).clone())
}

fn log(level: LogLevel, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(place, "onnxruntime: {message}"),
        LogLevel::Warning => tracing::warn!(place, "onnxruntime: {message}"),
        _ => tracing::debug!(place, "onnxruntime: {message}"),
    }
}
