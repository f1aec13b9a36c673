//! Engines with a C++ interface, each behind a shim that is built for its installed version
//! (`sdk/cpp/engines`).
//!
//! An engine has one static [`Shim`]; a copy of a model that it opens is a [`ShimInferer`].

mod inferer;
mod library;

use crate::common::{EngineError, LoadedEngine, ModelFile, load_inferers};

pub(crate) use inferer::ShimInferer;
pub(crate) use library::Shim;

/// Loads the first copy of a model, and returns what loads the others; `open` opens one.
///
/// # Errors
/// Those of `open`; the copy failed on what it says it takes.
pub(crate) fn load_shims(
    model: &ModelFile,
    open: impl Fn(&ModelFile) -> Result<ShimInferer, EngineError> + Send + Sync + 'static,
) -> Result<LoadedEngine, EngineError> {
    load_inferers(model, move |model| {
        let copy = open(model)?;
        let signature = copy.signature.clone();
        Ok((copy, signature))
    })
}
