//! `admin/logs` and `admin/log-level`: the latest log lines, and the log level.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use form_urlencoded::parse;
use grps_core::{Cause, Error};
use http::{Response, StatusCode};

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::{self, TEXT, respond};
use crate::net::http::reply_body::ReplyBody;

/// Default and maximum number of bytes in a response.
const DEFAULT_BYTES: u64 = 32 * 1024;
const MAX_BYTES: u64 = 1024 * 1024;

/// The last lines of the log file `file`, at most `bytes` bytes; both are query parameters.
pub(super) async fn tail(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match read_tail(&call, request.parts.uri.query().unwrap_or_default()).await {
        Ok(text) => respond(StatusCode::OK, TEXT, text),
        Err(error) => failure(&error),
    }
}

async fn read_tail(call: &Call, query: &str) -> Result<Vec<u8>, Error> {
    let settings = &call.app.settings;
    let (mut file, mut bytes) = (None, DEFAULT_BYTES);
    for (key, value) in parse(query.as_bytes()) {
        match &*key {
            "file" => file = Some(value.into_owned()),
            "bytes" => {
                bytes = value.parse().map_err(|_| {
                    Error::invalid(format!("bytes must be a number up to {MAX_BYTES}"))
                })?;
            }
            _ => {}
        }
    }
    if settings.logs.is_empty() {
        let cause = "this service writes its log to standard error only, not to a file";
        return Err(Error::new(Cause::NotFound, cause.to_owned()));
    }
    let requested = file.as_deref().unwrap_or("server");
    let known = || settings.logs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    let (_, path) = settings.logs.iter().find(|(name, _)| name == requested).ok_or_else(|| {
        Error::new(
            Cause::NotFound,
            format!("unknown log file; file must be one of {}", known().join(", ")),
        )
    })?;
    let path = path.clone();
    let read = move || read_end(&path, bytes.min(MAX_BYTES));
    let read = tokio::task::spawn_blocking(read).await;
    let internal = |error: String| Error::new(Cause::Internal, error);
    read.map_err(|error| internal(error.to_string()))?.map_err(|error| internal(error.to_string()))
}

/// The last complete lines of a file within a number of bytes; none for a missing file.
fn read_end(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let start = file.metadata()?.len().saturating_sub(bytes);
    // One more byte shows whether the first line is complete.
    file.seek(SeekFrom::Start(start.saturating_sub(1)))?;
    let mut text = Vec::new();
    file.take(bytes + 1).read_to_end(&mut text)?;
    if start > 0 {
        let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
        text.drain(..end);
    }
    Ok(text)
}

/// Sets the log level to the query parameter `level`.
pub(super) async fn set_level(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match change_level(&call, request.parts.uri.query().unwrap_or_default()).await {
        Ok(text) => response::json(text.into_bytes()),
        Err(error) => failure(&error),
    }
}

async fn change_level(call: &Call, query: &str) -> Result<String, Error> {
    let level = parse(query.as_bytes()).find(|(key, _)| key == "level").map(|(_, level)| level);
    let level = level.unwrap_or_default();
    if !["debug", "info", "warning", "error"].contains(&&*level) {
        return Err(Error::invalid("level must be one of debug, info, warning, error"));
    }
    tracing::info!(peer = %call.peer, %level, "log level set by the operator");
    call.app.commands.run(Action::SetLogLevel, level.into_owned()).await
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_complete_lines_are_read() {
        let path = std::env::temp_dir().join(format!("grps-tail-{}", std::process::id()));
        File::create(&path).unwrap().write_all(b"one\ntwo\nthree\n").unwrap();
        let read = |bytes| String::from_utf8(read_end(&path, bytes).unwrap()).unwrap();
        for (bytes, expected) in [
            (0, ""),
            (5, ""),
            (6, "three\n"),
            (7, "three\n"),
            (10, "two\nthree\n"),
            (99, "one\ntwo\nthree\n"),
        ] {
            assert_eq!(read(bytes), expected, "{bytes}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read_end(&path, 10).unwrap(), b"");
    }
}
