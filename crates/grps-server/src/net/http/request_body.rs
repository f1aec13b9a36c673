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
use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::call::call::Call;
use crate::call::request_scope::RequestScope;
use crate::call::status::rpc_status;
use crate::net::http::grpc_web::Base64Body;
use crate::net::http::stream_progress::StreamProgress;

/// Maximum allocation for the `Content-Length` of a body.
const MAX_RESERVE_BYTES: usize = 16 * 1024 * 1024;

/// Alignment of elements in a joined body: a cache line.
const ALIGNMENT: usize = 64;

/// How much of a refused body is read and discarded, for how long in all, and how long the client may
/// pause. A client that sends its whole body before it reads would otherwise get a reset instead of
/// the response.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(30);
const DISCARD_PAUSE: Duration = Duration::from_secs(2);

/// The body of a request as the HTTP library reads it.
///
/// Over HTTP/1.1, what a route leaves of it is discarded: the connection would be reset otherwise, and
/// the client could lose its response.
pub(crate) struct IncomingBody {
    /// `None` when nothing of it is left to read.
    body: Option<Incoming>,
    /// The stream of HTTP/2 that is notified when the body has arrived.
    stream: Option<Arc<StreamProgress>>,
    /// Whether the client waits for permission to send it.
    is_held_back: bool,
}

impl IncomingBody {
    /// A body of HTTP/1.1.
    pub(crate) fn plain(headers: &HeaderMap, body: Incoming) -> Self {
        let body = Some(body).filter(|body| !body.is_end_stream());
        Self { body, stream: None, is_held_back: headers.contains_key(header::EXPECT) }
    }

    /// A body of HTTP/2.
    pub(crate) fn watched(
        headers: &HeaderMap,
        body: Incoming,
        stream: Arc<StreamProgress>,
    ) -> Self {
        if body.is_end_stream() {
            stream.note_arrived();
        }
        let is_held_back = headers.contains_key(header::EXPECT);
        Self { body: Some(body), stream: Some(stream), is_held_back }
    }

    /// Reads and discards the rest, so that a client that is still sending gets its response. A client
    /// that waits for permission to send sends nothing after a response.
    pub(crate) fn refuse(mut self) {
        if self.is_held_back || self.body.is_none() {
            return;
        }
        self.is_held_back = true;
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(DISCARD_TIMEOUT, discard(self)));
        }
    }

    /// Lets the connection of HTTP/1.1 end after the response, since the body is late.
    fn abandon(mut self) {
        self.body = None;
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        // HTTP/2 resets only the stream.
        let is_discarded = self.stream.is_none() && !self.is_held_back;
        if let Some(body) = self.body.take().filter(|_| is_discarded) {
            Self { body: Some(body), stream: None, is_held_back: false }.refuse();
        }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        let is_read = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
        if is_read {
            if let Some(stream) = self.stream.as_ref().filter(|_| !matches!(frame, Some(Err(_)))) {
                stream.note_arrived();
            }
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// Reads a whole body. Where its frames are joined, its byte number `aligned_at` is aligned for elements
/// of any type.
///
/// # Errors
/// `TooLarge`, `RequestTimeout`, `QueueFull` when all requests together hold too many bytes, or
/// `Cancelled` when the client disconnected.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: IncomingBody,
    call: &Call,
    aligned_at: usize,
) -> Result<Bytes, Error> {
    let settings = &call.app.settings;
    let announced = announced_length(headers);
    let outcome = if announced.is_some_and(|length| length > settings.max_request_bytes) {
        Err(too_large(settings.max_request_bytes))
    } else {
        match tokio::time::timeout(
            settings.body_timeout,
            read(&mut body, announced, (call, aligned_at)),
        )
        .await
        {
            Ok(outcome) => outcome,
            Err(_) => {
                body.abandon();
                return Err(timed_out(settings.body_timeout));
            }
        }
    };
    call.timeline.note_stage_end(RequestStage::Receive);
    if outcome.is_err() {
        body.refuse();
    }
    outcome
}

/// Reads the rest of a body, so that a client that is still sending gets the response.
async fn discard(mut body: IncomingBody) {
    let mut discarded = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(DISCARD_PAUSE, body.frame()).await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

async fn read(
    body: &mut IncomingBody,
    announced: Option<usize>,
    (call, aligned_at): (&Call, usize),
) -> Result<Bytes, Error> {
    let limit = call.app.settings.max_request_bytes;
    let (mut joined, mut padding) = (BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreadable(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if joined.len() - padding + data.len() > limit {
            return Err(too_large(limit));
        }
        call.scope.reserve_bytes(data.len())?;
        if joined.is_empty() {
            if body.is_end_stream() {
                // A body in one frame, the common case, is not copied.
                return Ok(data);
            }
            joined.reserve(announced.unwrap_or(0).min(MAX_RESERVE_BYTES) + ALIGNMENT);
            padding = padding_of(joined.as_ptr(), aligned_at);
            joined.resize(padding, 0);
        } else if joined.len() + data.len() > MAX_RESERVE_BYTES {
            // Growing step by step would copy it and need twice the memory.
            joined.reserve(announced.unwrap_or(0).saturating_sub(joined.len() - padding));
        }
        joined.extend_from_slice(&data);
    }
    Ok(joined.split_off(padding).freeze())
}

/// How many bytes to put before a body so that its byte number `aligned_at` is aligned.
fn padding_of(start: *const u8, aligned_at: usize) -> usize {
    start.addr().wrapping_add(aligned_at).wrapping_neg() % ALIGNMENT
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
        body: IncomingBody,
        #[pin]
        timer: Sleep,
        timeout: Duration,
        scope: Arc<RequestScope>,
        // Decodes a body in base64.
        text: Option<Base64Body>,
    }
}

impl LimitedBody {
    /// Limits `body` by the settings of the service.
    pub(crate) fn new(headers: &HeaderMap, body: IncomingBody, call: &Call) -> Self {
        let timeout = call.app.settings.body_timeout;
        let scope = Arc::clone(&call.scope);
        let text = Base64Body::of(headers);
        Self { body, timer: tokio::time::sleep(timeout), timeout, scope, text }
    }
}

/// Decodes a frame of a body in base64.
fn decode_text(
    text: &mut Option<Base64Body>,
    frame: Frame<Bytes>,
) -> Result<Frame<Bytes>, tonic::Status> {
    match (text, frame.into_data()) {
        (Some(text), Ok(data)) => text.decode(&data).map(Frame::data),
        (None, Ok(data)) => Ok(Frame::data(data)),
        (_, Err(frame)) => Ok(frame),
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
                decode_text(this.text, frame)
            });
            let at_end = || this.text.as_ref().and_then(|text| text.finish().err()).map(Err);
            return Poll::Ready(frame.or_else(at_end));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padding_aligns_the_byte_behind_it() {
        let memory = BytesMut::with_capacity(4 * ALIGNMENT);
        for aligned_at in (0..200).chain([usize::MAX]) {
            let padding = padding_of(memory.as_ptr(), aligned_at);
            assert!(padding < ALIGNMENT);
            let address = memory.as_ptr().addr() + padding;
            assert!(address.wrapping_add(aligned_at).is_multiple_of(ALIGNMENT));
        }
    }
}
