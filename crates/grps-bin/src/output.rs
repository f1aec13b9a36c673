//! Lines on the standard streams.

use std::io::Write;
use std::process::ExitCode;

/// Writes a text to standard output.
pub(crate) fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes an error to standard error.
pub(crate) fn complain(error: &str) {
    write_error(&format!("error: {error}"));
}

/// Writes a line to standard error.
pub(crate) fn write_error(line: &str) {
    // There is nowhere else to say that it can't be written.
    let _ = writeln!(std::io::stderr(), "{line}");
}
