//! The command line: the one of `python -m grps.server`, and what `grpst` asks.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::reading::FileKind;

pub(crate) const HELP: &str = "\
usage: grps-server [--read KIND FILE...]

Serve a project without Python.

options:
  --read KIND FILE...  only read files: inference, server or keys; one line of JSON for each";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Say how it is used.
    Help,
    /// Read configuration files.
    Read(FileKind),
}

/// The words of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) action: Action,
    pub(crate) files: Vec<PathBuf>,
}

impl Arguments {
    /// Reads the words behind the name of the program.
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = Self { action: Action::Help, files: Vec::new() };
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--help" | "-h") => arguments.action = Action::Help,
                Some("--read") => {
                    let kind = words.next().and_then(|kind| FileKind::named(kind.to_str()?));
                    let kind = kind.ok_or("--read: inference, server or keys")?;
                    arguments.action = Action::Read(kind);
                    arguments.files = words.by_ref().map(PathBuf::from).collect();
                }
                _ => return Err(format!("unknown argument '{}'", word.to_string_lossy())),
            }
        }
        Ok(arguments)
    }
}
