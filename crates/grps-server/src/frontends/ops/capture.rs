//! `admin/capture`: starts and stops the recording of requests, and returns what was recorded.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::task::{Context, Poll};

use bytes::Bytes;
use grps_core::{Cause, Error, RouteQuery};
use http::{HeaderValue, Response, header};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use crate::call::call::Call;
use crate::capture::{MAGIC, StartOptions};
use crate::frontends::grps_http::encode::failure;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::{ChunkSource, ReplyBody};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that wait to be sent.
const CHUNKS: usize = 4;
const FILE_NAME: HeaderValue =
    HeaderValue::from_static("attachment; filename=\"requests.grpscap\"");

/// What is recorded, and how much was.
pub(super) async fn state(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    respond(Ok(()), &call)
}

/// Starts to record; the body may say what.
pub(super) async fn start(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    respond(begin(&call, request).await, &call)
}

async fn begin(call: &Call, request: HttpRequest) -> Result<(), Error> {
    let body = collect(&request.parts.headers, request.body, call).await?;
    let options = StartOptions::read(&body)?;
    options.check_models(|model| call.find_route(&RouteQuery::named(model)).map(drop))?;
    let app = call.app.clone();
    blocking(move || app.capture.start(options)).await??;
    tracing::info!(peer = %call.peer, "a capture of requests was started by the operator");
    Ok(())
}

/// Stops to record; what was recorded stays.
pub(super) async fn stop(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    let app = call.app.clone();
    let stopped = blocking(move || app.capture.stop()).await;
    tracing::info!(peer = %call.peer, "the capture of requests was stopped by the operator");
    respond(stopped, &call)
}

/// Returns what was recorded, as one file.
pub(super) async fn records(call: Call, _: HttpRequest) -> Response<ReplyBody> {
    let app = call.app.clone();
    let opened = blocking(move || app.capture.open()).await;
    match opened.and_then(|opened| opened) {
        Ok(files) => download(files),
        Err(error) => failure(&error),
    }
}

async fn blocking<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let ran = spawn_blocking(run).await;
    ran.map_err(|error| Error::new(Cause::Internal, error.to_string()))
}

fn respond(outcome: Result<(), Error>, call: &Call) -> Response<ReplyBody> {
    let body = outcome.and_then(|()| {
        let state = serde_json::to_vec(&call.app.capture.state());
        state.map_err(|error| Error::new(Cause::Internal, error.to_string()))
    });
    body.map_or_else(|error| failure(&error), response::json)
}

/// One file of several: what each begins with is sent once.
fn download(files: Vec<(File, u64)>) -> Response<ReplyBody> {
    let begin = MAGIC.len() as u64;
    let records: u64 = files.iter().map(|(_, length)| length.saturating_sub(begin)).sum();
    let (sender, receiver) = channel(CHUNKS);
    spawn_blocking(move || {
        if let Err(error) = send(files, &sender) {
            // The client notices that bytes are missing.
            tracing::warn!(%error, "the capture can't be read");
        }
    });
    let body = ReplyBody::Chunks(Box::new(Download(receiver)));
    let mut response = response::with_content_type(body, response::BINARY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(begin + records));
    headers.insert(header::CONTENT_DISPOSITION, FILE_NAME);
    response
}

fn send(files: Vec<(File, u64)>, sender: &Sender<Bytes>) -> io::Result<()> {
    // A failed send means that the client has left.
    if sender.blocking_send(Bytes::from_static(MAGIC)).is_err() {
        return Ok(());
    }
    let begin = MAGIC.len() as u64;
    for (mut file, length) in files {
        file.seek(SeekFrom::Start(begin))?;
        let mut records = file.take(length.saturating_sub(begin));
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let count = records.read(&mut chunk)?;
            chunk.truncate(count);
            if count == 0 {
                break;
            }
            if sender.blocking_send(chunk.into()).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The chunks of a file that a thread reads.
struct Download(Receiver<Bytes>);

impl ChunkSource for Download {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_recv(context)
    }
}
