//! The shim of an engine, which is opened when the first model needs it.

use std::path::PathBuf;
use std::sync::OnceLock;

use grps_plugin::{EngineLibrary, EngineModel, EngineSettings};
use parking_lot::Mutex;

use crate::common::EngineError;

/// The shim of an engine.
pub(crate) struct Shim {
    /// The `inferer_type`.
    engine: &'static str,
    /// The environment variable with the path of the shim.
    variable: &'static str,
    /// The line with the cause in what the engine says.
    pub(super) cause_of: fn(&str) -> String,
    chosen: OnceLock<PathBuf>,
    opened: Mutex<Option<EngineLibrary>>,
}

impl Shim {
    /// The shim of the engine with this `inferer_type`.
    pub(crate) const fn new(
        engine: &'static str,
        variable: &'static str,
        cause_of: fn(&str) -> String,
    ) -> Self {
        Self { engine, variable, cause_of, chosen: OnceLock::new(), opened: Mutex::new(None) }
    }

    /// Opens this library; only the first call of the process counts.
    pub(crate) fn use_library(&self, path: PathBuf) {
        let _ = self.chosen.set(path);
    }

    /// Loads a copy of a model.
    ///
    /// # Errors
    /// The shim can't be opened, or refuses the model.
    pub(crate) fn open(&self, settings: &EngineSettings) -> Result<EngineModel, EngineError> {
        let library = self.library()?;
        let path = settings.path.display();
        if !settings.path.exists() {
            return Err(EngineError::Model(format!("{path}: no such file")));
        }
        EngineModel::open(&library, settings)
            .map_err(|fault| EngineError::Model(format!("{path}: {}", (self.cause_of)(&fault))))
    }

    fn library(&self) -> Result<EngineLibrary, EngineError> {
        let mut known = self.opened.lock();
        if let Some(library) = &*known {
            return Ok(library.clone());
        }
        let (engine, variable) = (self.engine, self.variable);
        let path = self.chosen.get().cloned();
        let path = path.or_else(|| std::env::var_os(variable).map(PathBuf::from));
        let path = path.ok_or_else(|| {
            EngineError::Library(format!(
                "the {engine} engine is not built; start the service by grpst, which builds it, or \
                 set {variable} to the path that `grpst sdk --engine {engine}` prints"
            ))
        })?;
        let library = EngineLibrary::open(&path, engine);
        let library =
            library.map_err(|fault| EngineError::Library(format!("{engine}: {fault}")))?;
        let title = library.title();
        tracing::info!(library = %path.display(), "the engine {title} is opened");
        Ok(known.insert(library).clone())
    }
}
