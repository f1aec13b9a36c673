//! Which shared library of an engine is opened.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::common::engine::EngineError;

/// The library of one engine.
pub(crate) struct LibraryPath {
    /// The engine's title.
    pub(crate) title: &'static str,
    /// The package that has the library.
    pub(crate) package: &'static str,
    /// The environment variable that says which, unless [`LibraryPath::choose`] was called.
    pub(crate) variable: &'static str,
    /// What is opened if nothing says which: the one that the system's loader finds.
    pub(crate) any: &'static str,
    pub(crate) chosen: OnceLock<PathBuf>,
}

impl LibraryPath {
    /// Opens this one; only the first call of the process counts.
    pub(crate) fn choose(&self, path: PathBuf) {
        let _ = self.chosen.set(path);
    }

    /// The one to open.
    pub(crate) fn get(&self) -> PathBuf {
        let named = || std::env::var_os(self.variable).map(PathBuf::from);
        self.chosen.get().cloned().or_else(named).unwrap_or_else(|| PathBuf::from(self.any))
    }

    /// The error of a library that can't be opened.
    pub(crate) fn missing(&self, error: &dyn Display) -> EngineError {
        let Self { title, package, variable, any, .. } = self;
        let file = any.split_once(".so").map_or(*any, |(name, _)| name);
        let tried = self.get();
        EngineError::Library(format!(
            "{title}: {error}; install it by: pip install {package}, or set {variable} to the path \
             of {file}.so ({} was tried)",
            tried.display()
        ))
    }
}
