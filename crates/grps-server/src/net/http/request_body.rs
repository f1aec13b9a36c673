//! Reads request bodies within the limits of size and time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use grps_core::metrics::RequestStage;
use grps_core::{Cause, Error};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::call::call::Call;
use crate::call::request_scope::RequestScope;
use crate::call::status::rpc_status;

/// Maximum allocation for the `Content-Length` of a body.
const MAX_RESERVE_BYTES: usize = 16 * 1024 * 1024;

/// How much of a refused body is read and discarded, and for how long. A client that sends its whole
/// body before it reads would otherwise get a reset instead of the response.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads a whole body.
///
/// # Errors
/// `TooLarge`, `RequestTimeout`, `QueueFull` when all requests together hold too many bytes, or
/// `Cancelled` when the client disconnected.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: Incoming,
    call: &Call,
) -> Result<Bytes, Error> {
    let settings = &call.app.settings;
    let announced = announced_length(headers);
    let outcome = if announced.is_some_and(|length| length > settings.max_request_bytes) {
        Err(too_large(settings.max_request_bytes))
    } else {
        match tokio::time::timeout(settings.body_timeout, read(&mut body, announced, call)).await {
            Ok(outcome) => outcome,
            Err(_) => return Err(timed_out(settings.body_timeout)),
        }
    };
    call.timeline.note_stage_end(RequestStage::Receive);
    if outcome.is_err() {
        refuse(headers, body);
    }
    outcome
}

/// Discards the rest of the body of a refused request, unless its client waits before it sends one.
pub(crate) fn refuse(headers: &HeaderMap, body: Incoming) {
    // A client with `Expect` sends no body after an error response.
    if !headers.contains_key(header::EXPECT) && !body.is_end_stream() {
        tokio::spawn(tokio::time::timeout(DISCARD_TIMEOUT, discard(body)));
    }
}

/// Reads the rest of a body, so that a client that is still sending gets the response.
async fn discard(mut body: Incoming) {
    let mut discarded = 0;
    while let Some(Ok(frame)) = body.frame().await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

async fn read(body: &mut Incoming, announced: Option<usize>, call: &Call) -> Result<Bytes, Error> {
    let limit = call.app.settings.max_request_bytes;
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if joined.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        call.scope.reserve_bytes(data.len())?;
        if joined.is_empty() {
            if body.is_end_stream() {
                // A body in one frame, the common case, is not copied.
                return Ok(data);
            }
            joined.reserve(announced.unwrap_or(0).min(MAX_RESERVE_BYTES));
        } else if joined.len() + data.len() > MAX_RESERVE_BYTES {
            // Growing step by step would copy it and need twice the memory.
            joined.reserve(announced.unwrap_or(0).saturating_sub(joined.len()));
        }
        joined.extend_from_slice(&data);
    }
    Ok(joined.freeze())
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The error for a body that can't be read: the client has disconnected, or sent malformed chunks.
fn unreadable(error: &hyper::Error) -> Error {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            let detail = source.map(ToString::to_string).unwrap_or_default();
            Error::invalid(format!("the body is malformed: {detail}"))
        }
        _ => Error::new(Cause::Cancelled, error.to_string()),
    }
}

/// The error for a body over the limit.
pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(
        Cause::TooLarge,
        format!("the body is larger than limits.max_request_bytes ({limit} bytes)"),
    )
}

fn timed_out(timeout: Duration) -> Error {
    Error::new(
        Cause::RequestTimeout,
        format!(
            "the body did not arrive within limits.body_timeout_ms ({} ms)",
            timeout.as_millis()
        ),
    )
}

pin_project_lite::pin_project! {
    /// The body of a gRPC request. It fails after the timeout, and when all requests together hold
    /// too many bytes.
    pub(crate) struct LimitedBody {
        #[pin]
        body: Incoming,
        #[pin]
        timer: Sleep,
        timeout: Duration,
        scope: Arc<RequestScope>,
    }
}

impl LimitedBody {
    /// Limits `body` by the settings of the service.
    pub(crate) fn new(body: Incoming, call: &Call) -> Self {
        let timeout = call.app.settings.body_timeout;
        let scope = Arc::clone(&call.scope);
        Self { body, timer: tokio::time::sleep(timeout), timeout, scope }
    }
}

impl Body for LimitedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            let frame = frame.map(|frame| {
                let frame = frame.map_err(|error| tonic::Status::cancelled(error.to_string()))?;
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let reserved = this.scope.reserve_bytes(bytes);
                reserved.map_err(|error| {
                    let full = || tonic::Status::resource_exhausted(error.message());
                    rpc_status(&error).unwrap_or_else(full)
                })?;
                Ok(frame)
            });
            return Poll::Ready(frame);
        }
        ready!(this.timer.poll(context));
        let message = timed_out(*this.timeout).to_string();
        Poll::Ready(Some(Err(tonic::Status::deadline_exceeded(message))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
