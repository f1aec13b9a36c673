//! Reading request bodies within limits of size and time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use grps_core::{Cause, Error};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::app::Settings;

/// Bytes set aside at once for a body whose length the client announced.
const MAX_RESERVE_BYTES: usize = 16 * 1024 * 1024;

/// Reads a whole body.
///
/// # Errors
/// `TooLarge`, `RequestTimeout`, or `Cancelled` when the client broke off.
pub(crate) async fn collect(
    headers: &HeaderMap,
    body: Incoming,
    settings: &Settings,
) -> Result<Bytes, Error> {
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > settings.max_request_bytes) {
        return Err(too_large(settings.max_request_bytes));
    }
    match tokio::time::timeout(settings.body_timeout, read(body, announced, settings)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(timed_out(settings.body_timeout)),
    }
}

async fn read(
    mut body: Incoming,
    announced: Option<usize>,
    settings: &Settings,
) -> Result<Bytes, Error> {
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::new(Cause::Cancelled, error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if joined.len() + data.len() > settings.max_request_bytes {
            return Err(too_large(settings.max_request_bytes));
        }
        if joined.is_empty() {
            if body.is_end_stream() {
                // A body in one piece, the common case, is never copied.
                return Ok(data);
            }
            joined.reserve(announced.unwrap_or(0).min(MAX_RESERVE_BYTES));
        }
        joined.extend_from_slice(&data);
    }
    Ok(joined.freeze())
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Error {
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
    /// A body that fails when it has not ended in time; gRPC reads its requests through it.
    pub(crate) struct TimedBody {
        #[pin]
        body: Incoming,
        #[pin]
        alarm: Sleep,
        timeout: Duration,
    }
}

impl TimedBody {
    /// Gives `body` this long to arrive.
    pub(crate) fn new(body: Incoming, timeout: Duration) -> Self {
        Self { body, alarm: tokio::time::sleep(timeout), timeout }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(context) {
            return Poll::Ready(
                frame.map(|frame| {
                    frame.map_err(|error| tonic::Status::cancelled(error.to_string()))
                }),
            );
        }
        ready!(this.alarm.poll(context));
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
