//! The shared library of ONNX Runtime, opened once for all models of the process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::engine::EngineError;

/// Which library is opened, unless [`use_library`] was called.
const VARIABLE: &str = "GRPS_ONNXRUNTIME";
/// What is opened if nothing says which: the one that the system's loader finds.
const ANY: &str = "libonnxruntime.so.1";

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Opens this library of ONNX Runtime; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    let _ = CHOSEN.set(path);
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
    let path = CHOSEN.get().cloned().or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    let path = path.unwrap_or_else(|| PathBuf::from(ANY));
    let opened = ort::init_from(&path).map_err(|error| missing(&path, &error))?;
    let environment = opened
        .with_telemetry(false)
        .with_logger(std::sync::Arc::new(|level, _, _, place, message| log(level, place, message)))
        .build()
        .map_err(|error| EngineError::Library(format!("ONNX Runtime: {}", error.message())))?;
    environment.set_log_level(LogLevel::Error);
    tracing::info!(library = %path.display(), "ONNX Runtime is opened");
    Ok(known.insert(environment).clone())
}

fn missing(path: &Path, error: &ort::LoadDynamicError) -> EngineError {
    EngineError::Library(format!(
        "ONNX Runtime: {error}; install it by: pip install onnxruntime, or set {VARIABLE} to the \
         path of libonnxruntime.so ({} was tried)",
        path.display()
    ))
}

fn log(level: LogLevel, place: &str, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(place, "onnxruntime: {message}"),
        LogLevel::Warning => tracing::warn!(place, "onnxruntime: {message}"),
        _ => tracing::debug!(place, "onnxruntime: {message}"),
    }
}
