//! `--read`: what the native reader makes of files, for tests and tools.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use grps_config::{ConfigError, Loader};
use serde_json::{Value, json};

use crate::output;

/// Which file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Inference,
    Server,
    Keys,
}

impl FileKind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "inference" => Some(Self::Inference),
            "server" => Some(Self::Server),
            "keys" => Some(Self::Keys),
            _ => None,
        }
    }
}

/// Writes a line for each file: its effective values, or why it is not taken.
pub(crate) fn read_files(kind: FileKind, files: &[PathBuf]) -> ExitCode {
    let loader = match Loader::new() {
        Ok(loader) => loader,
        Err(error) => {
            output::complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    for file in files {
        let line = match read(&loader, kind, file) {
            Ok(values) => json!({"values": values}),
            Err(ConfigError::Invalid(text)) => json!({"invalid": text}),
            Err(ConfigError::NeedsPython(text)) => json!({"needs_python": text}),
        };
        if output::say(&line.to_string()) != ExitCode::SUCCESS {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn read(loader: &Loader, kind: FileKind, file: &Path) -> Result<Value, ConfigError> {
    match kind {
        FileKind::Inference => Ok(loader.inference(file)?.effective),
        FileKind::Server => Ok(loader.server(file)?.effective),
        FileKind::Keys => Ok(json!(loader.keys(file)?.len())),
    }
}
