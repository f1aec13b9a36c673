//! `admin/logs` and `admin/log-level`: a look at the latest lines, and which lines are written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use form_urlencoded::parse;
use grps_core::{Cause, Error};
use http::{Response, StatusCode};

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::grps_http::encode::{failure, json_response};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response::{TEXT, respond};
use crate::net::reply_body::ReplyBody;

/// Bytes that are answered when the query does not say how many, and at most.
const DEFAULT_BYTES: u64 = 32 * 1024;
const MAX_BYTES: u64 = 1024 * 1024;

/// The end of a log file, from the begin of a line on: the query's `file` and `bytes`.
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
    let asked = file.as_deref().unwrap_or("server");
    let known = || settings.logs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    let (_, path) = settings.logs.iter().find(|(name, _)| name == asked).ok_or_else(|| {
        Error::new(Cause::NotFound, format!("no log is called so; file: {}", known().join(", ")))
    })?;
    let path = path.clone();
    let read = move || end_of(&path, bytes.min(MAX_BYTES));
    let read = tokio::task::spawn_blocking(read).await;
    let fault = |error: String| Error::new(Cause::Internal, error);
    read.map_err(|error| fault(error.to_string()))?.map_err(|error| fault(error.to_string()))
}

/// The last whole lines of a file that take no more than so many bytes; none when there is no file.
fn end_of(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let start = file.metadata()?.len().saturating_sub(bytes);
    // One byte more tells whether the first line is whole.
    file.seek(SeekFrom::Start(start.saturating_sub(1)))?;
    let mut text = Vec::new();
    file.take(bytes + 1).read_to_end(&mut text)?;
    if start > 0 {
        let end = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
        text.drain(..end);
    }
    Ok(text)
}

/// Writes the lines of a level and those above it from here on: the query's `level`.
pub(super) async fn set_level(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match change_level(&call, request.parts.uri.query().unwrap_or_default()).await {
        Ok(text) => json_response(text.into_bytes()),
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
    fn only_whole_lines_are_read() {
        let path = std::env::temp_dir().join(format!("grps-tail-{}", std::process::id()));
        File::create(&path).unwrap().write_all(b"one\ntwo\nthree\n").unwrap();
        let read = |bytes| String::from_utf8(end_of(&path, bytes).unwrap()).unwrap();
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
        assert_eq!(end_of(&path, 10).unwrap(), b"");
    }
}
