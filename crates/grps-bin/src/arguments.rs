//! The command line: the one of `python -m grps.server`, and what `grpst` asks.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use grps_engines::NativeEngine;

use crate::app::Options;
use crate::reading::FileKind;

pub(crate) const HELP: &str = "\
usage: grps-server [--project FOLDER] [--service FOLDER] [--port PORTS] [--state_file FILE]
                   [--stderr] [--library ENGINE=FILE]... [--check]
                   [--read KIND FILE...] [--ready FILE] [--version [--json]]

Serve a project without Python: models of inferer_type plugin and identity, and with
inferer_args.native those of onnxruntime, openvino, tensorflow, tensorrt and torch.

options:
  --project FOLDER     project folder; this one when left out
  --service FOLDER     folder of conf/ and logs/, if another
  --port PORTS         listen here, not where server.yml says
  --state_file FILE    file for the phase of the process
  --stderr             log to standard error as well
  --library ENGINE=FILE
                       the shared library of an engine, such as onnxruntime=libonnxruntime.so; that
                       of the variable GRPS_ONNXRUNTIME and so on, or the system's, when left out
  --check              only say whether the project can be served without Python
  --read KIND FILE...  only read files: inference, server or keys; one line of JSON for each
  --ready FILE         only ask the service of a state file whether it is ready: exit code 0, or 1
                       and the reason
  --version            only say the version and how it was built; with --json, as JSON

environment:
  GRPS_LOG_STDERR      json or text: log to standard error only, in this format";

/// The word that makes the program the worker of a server.
pub(crate) const WORKER: &str = "worker";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Serve a project.
    Serve,
    /// Say how it is used.
    Help,
    /// Say which version this is.
    Version,
    /// Say whether a project can be served.
    Check,
    /// Run one instance of a model for a server, which is the only one to start this.
    Work,
    /// Ask the service of a state file whether it is ready.
    Ready(PathBuf),
    /// Read configuration files.
    Read(FileKind),
}

/// The words of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) action: Action,
    pub(crate) options: Options,
    /// Whether the version is said as JSON.
    pub(crate) as_json: bool,
    /// What is only read.
    pub(crate) files: Vec<PathBuf>,
}

impl Arguments {
    /// Reads the words behind the name of the program.
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let (mut action, mut files, mut options) = (Action::Serve, Vec::new(), Options::default());
        let (mut project, mut as_json) = (PathBuf::new(), false);
        while let Some(word) = words.next() {
            let name = word.to_str().unwrap_or_default();
            let mut value = || words.next().ok_or_else(|| format!("{name}: expected one argument"));
            match name {
                "--help" | "-h" => action = Action::Help,
                "--check" => action = Action::Check,
                "--version" => action = Action::Version,
                "--json" => as_json = true,
                WORKER => action = Action::Work,
                "--stderr" => options.to_stderr = true,
                "--project" => project = value()?.into(),
                "--service" => options.service = Some(absolute(&PathBuf::from(value()?))?),
                "--state_file" => options.state_file = Some(absolute(&PathBuf::from(value()?))?),
                "--library" => options.libraries.push(library(&value()?)?),
                "--port" => options.port = Some(value()?.to_string_lossy().into_owned()),
                "--ready" => action = Action::Ready(value()?.into()),
                "--read" => {
                    let kind = value()?;
                    let kind = kind.to_str().and_then(FileKind::named);
                    action = Action::Read(kind.ok_or("--read: inference, server or keys")?);
                    files = words.by_ref().map(PathBuf::from).collect();
                }
                _ => return Err(format!("unknown argument '{}'", word.to_string_lossy())),
            }
        }
        if as_json && action != Action::Version {
            return Err("--json: only with --version".to_owned());
        }
        options.project = absolute(&project)?;
        if matches!(action, Action::Serve | Action::Check) && !options.project.is_dir() {
            return Err(format!("{} is not a folder", options.project.display()));
        }
        Ok(Self { action, options, as_json, files })
    }
}

/// An engine and its library, of a word such as `onnxruntime=libonnxruntime.so`.
fn library(word: &OsStr) -> Result<(NativeEngine, PathBuf), String> {
    let word = word.to_string_lossy();
    let parts = word.split_once('=');
    let (engine, path) = parts.ok_or_else(|| format!("--library: '{word}' has no '='"))?;
    let known = || NativeEngine::ALL.map(NativeEngine::name).join(", ");
    let engine = NativeEngine::named(engine)
        .ok_or_else(|| format!("--library: no engine '{engine}'; there are: {}", known()))?;
    Ok((engine, absolute(Path::new(path))?))
}

/// A path from the root of the file system, its links as they are; it starts at the working folder
/// as the shell names it, where that is a link.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    use std::os::unix::fs::MetadataExt;
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let named = std::env::var_os("PWD").map(PathBuf::from).filter(|named| named.is_absolute());
    let is_here = |named: &PathBuf| match (named.metadata(), here.metadata()) {
        (Ok(named), Ok(here)) => (named.dev(), named.ino()) == (here.dev(), here.ino()),
        _ => false,
    };
    let start = named.filter(is_here).unwrap_or(here);
    Ok(if path.as_os_str().is_empty() { start } else { start.join(path) })
}
