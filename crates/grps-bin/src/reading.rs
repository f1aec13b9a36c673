//! `--read`: what the native reader makes of files, for tests and tools.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use grps_config::{ConfigError, Loader};
use serde_json::{Value, json};

use crate::app::Options;
use crate::output;
use crate::project::Project;

/// Exit status for a project that needs Python.
const NEEDS_PYTHON: u8 = 3;

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
        FileKind::Inference => Ok(loader.inference(file)?.0.effective),
        FileKind::Server => Ok(loader.server(file)?.effective),
        FileKind::Keys => Ok(json!(loader.keys(file)?.len())),
    }
}

/// Says whether a project can be served without Python.
pub(crate) fn check_project(options: &Options) -> ExitCode {
    let service = options.service.as_ref().unwrap_or(&options.project);
    let checked = Loader::new()
        .and_then(|loader| Project::read(&loader, &options.project, &service.join("conf")));
    match checked {
        Ok(_) => ExitCode::SUCCESS,
        Err(ConfigError::NeedsPython(need)) => {
            output::complain(&need);
            ExitCode::from(NEEDS_PYTHON)
        }
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
