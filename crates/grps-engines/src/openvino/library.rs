//! The shared library of OpenVINO, opened once for all models of the process.

use std::path::PathBuf;
use std::sync::OnceLock;

use grps_engine_api::openvino::Openvino;
use parking_lot::Mutex;

use crate::common::{EngineError, LibraryPath};

static LIBRARY: LibraryPath = LibraryPath {
    title: "OpenVINO",
    package: "openvino",
    variable: "GRPS_OPENVINO",
    any: "libopenvino_c.so",
    chosen: OnceLock::new(),
};
static OPENED: Mutex<Option<&'static Openvino>> = Mutex::new(None);

/// Opens this library of OpenVINO; only the first call of the process counts.
pub(crate) fn use_library(path: PathBuf) {
    LIBRARY.choose(path);
}

/// OpenVINO, which is one for a process and never released.
///
/// # Errors
/// The library is missing or too old.
pub(super) fn openvino() -> Result<&'static Openvino, EngineError> {
    let mut opened = OPENED.lock();
    if let Some(openvino) = *opened {
        return Ok(openvino);
    }
    let path = LIBRARY.get();
    let openvino = Openvino::open(&path).map_err(|error| LIBRARY.missing(&error))?;
    tracing::info!(library = %path.display(), "OpenVINO is opened");
    Ok(*opened.insert(Box::leak(Box::new(openvino))))
}
