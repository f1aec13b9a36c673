//! HTTP responses for all front ends.

use std::time::Duration;

use bytes::Bytes;
use grps_core::Error;
use http::{HeaderValue, Response, StatusCode, header};

use crate::call::reply_stream::{ReplyStream, StreamEncoding};
use crate::call::status::{http_status, retry_after};
use crate::net::http::reply_body::ReplyBody;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
pub(crate) const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Browsers take the content type for what it is, and do not guess another one.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
/// Pages of other sites may not show a page in a frame, where clicks could be stolen.
const NO_FRAMES: HeaderValue = HeaderValue::from_static("frame-ancestors 'self'");
const NO_FRAMES_OLD: HeaderValue = HeaderValue::from_static("SAMEORIGIN");

/// A response with a whole body.
pub(crate) fn respond(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(body.into()));
    *response.status_mut() = status;
    add_content_type(&mut response, content_type);
    response
}

fn add_content_type(response: &mut Response<ReplyBody>, content_type: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
}

/// The response to a failed request, with a body of the front end. It has `Retry-After` where the same
/// request may succeed later.
pub(crate) fn failure(
    error: &Error,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<ReplyBody> {
    let mut response = respond(http_status(error), content_type, body);
    add_retry_after(&mut response, error);
    response
}

/// Adds when a client can retry, in whole seconds; returns whether it can.
pub(crate) fn add_retry_after(response: &mut Response<ReplyBody>, error: &Error) -> bool {
    let Some(after) = retry_after(error) else { return false };
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    true
}

/// Rounded up: a client that comes earlier is refused again.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1)
}

/// 200 with a body.
pub(crate) fn with_content_type(body: ReplyBody, content_type: HeaderValue) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    add_content_type(&mut response, content_type);
    response
}

/// 200 with JSON text.
pub(crate) fn json(text: impl Into<Bytes>) -> Response<ReplyBody> {
    respond(StatusCode::OK, JSON, text)
}

/// 200 with an HTML page.
pub(crate) fn html(body: Bytes) -> Response<ReplyBody> {
    let mut page = respond(StatusCode::OK, HTML, body);
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, NO_FRAMES);
    page.headers_mut().insert(header::X_FRAME_OPTIONS, NO_FRAMES_OLD);
    page
}

/// A streamed response; without a chunk it has an empty body.
pub(crate) fn stream<E: StreamEncoding<Chunk = Bytes>>(
    content_type: HeaderValue,
    stream: ReplyStream<E>,
) -> Response<ReplyBody> {
    let body = if stream.has_first() {
        ReplyBody::Chunks(Box::new(stream))
    } else {
        ReplyBody::from(Bytes::new())
    };
    let mut response = Response::new(body);
    add_content_type(&mut response, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_to_wait_are_rounded_up() {
        let cases = [(0, 1), (1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2)];
        for (nanos, seconds) in cases {
            assert_eq!(whole_seconds(Duration::from_nanos(nanos)), seconds, "{nanos}");
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
