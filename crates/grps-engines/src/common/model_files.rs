//! The file of a model.

use std::path::{Path, PathBuf};

use crate::common::engine::EngineError;

/// The path, or the one file with this ending in it when it is a directory.
///
/// # Errors
/// There is no file, or not exactly one.
pub(crate) fn only_file(path: &Path, suffix: &str) -> Result<PathBuf, EngineError> {
    let failed = |what: String| EngineError::Model(format!("{}: {what}", path.display()));
    if !path.exists() {
        return Err(failed("no such file or directory".to_owned()));
    }
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let entries = path.read_dir().map_err(|error| failed(error.to_string()))?;
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(suffix))
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
    Err(failed(format!("expected exactly one .{suffix} file, found {names}")))
}
