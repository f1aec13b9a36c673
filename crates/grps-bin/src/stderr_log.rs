//! `GRPS_LOG_STDERR`: logs on standard error only, as containers have them; as
//! `stderr_format` of `grps/log.py`.

use std::env::var_os;

use serde_json::json;

/// The variable.
pub(crate) const VARIABLE: &str = "GRPS_LOG_STDERR";

/// How lines on standard error are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StderrFormat {
    Text,
    Json,
}

/// Returns the format that the variable asks for; `None` when it is not set or empty.
pub(crate) fn stderr_format() -> Result<Option<StderrFormat>, String> {
    let value = var_os(VARIABLE).unwrap_or_default();
    parse(&value.to_string_lossy())
}

fn parse(value: &str) -> Result<Option<StderrFormat>, String> {
    match value {
        "" => Ok(None),
        "text" => Ok(Some(StderrFormat::Text)),
        "json" => Ok(Some(StderrFormat::Json)),
        other => Err(format!("{VARIABLE} is '{other}'; use json or text, or leave it unset")),
    }
}

/// Returns an error that ends the process as a line of the log.
pub(crate) fn error_line(error: &str) -> String {
    json!({"level": "ERROR", "message": error, "target": "grps_server"}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_empty_or_names_a_format() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("text"), Ok(Some(StderrFormat::Text)));
        assert_eq!(parse("json"), Ok(Some(StderrFormat::Json)));
        for wrong in ["JSON", "1", "json "] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(&format!("'{wrong}'")), "{error}");
        }
    }

    #[test]
    fn an_error_is_one_line() {
        let line = error_line("a\n\"b\"");
        assert_eq!(line.lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "a\n\"b\"");
    }
}
