//! The shared library of TensorFlow, opened once for all models of the process.

use std::path::PathBuf;
use std::sync::OnceLock;

use grps_engine_api::tensorflow::Tensorflow;
use parking_lot::Mutex;

use crate::common::{EngineError, LibraryPath};

static LIBRARY: LibraryPath = LibraryPath {
    title: "TensorFlow",
    package: "tensorflow",
    variable: "GRPS_TENSORFLOW",
    any: "libtensorflow_cc.so.2",
    chosen: OnceLock::new(),
};
static OPENED: Mutex<Option<&'static Tensorflow>> = Mutex::new(None);

/// Opens this library of TensorFlow; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    LIBRARY.choose(path);
}

/// TensorFlow, which is one for a process.
///
/// # Errors
/// The library is missing or too old.
pub(super) fn tensorflow() -> Result<&'static Tensorflow, EngineError> {
    let mut opened = OPENED.lock();
    if let Some(tensorflow) = *opened {
        return Ok(tensorflow);
    }
    let path = LIBRARY.get();
    let tensorflow = Tensorflow::open(&path).map_err(|error| LIBRARY.missing(&error))?;
    tracing::info!(library = %path.display(), "TensorFlow is opened");
    Ok(*opened.insert(Box::leak(Box::new(tensorflow))))
}
