//! Building HTTP answers.

use bytes::Bytes;
use grps_core::{Cause, Error};
use http::{HeaderValue, Response, StatusCode, header};

use crate::call::dispatch::Call;
use crate::call::status::{grps_status, http_status};
use crate::codec::{GrpsMessage, Status, json};
use crate::net::reply_body::ReplyBody;

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Seconds after which a client that met a full queue may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

fn respond(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// 200 with a JSON body.
pub(super) fn json(body: Vec<u8>) -> Response<ReplyBody> {
    respond(StatusCode::OK, JSON, body.into())
}

/// 200 with a binary body.
pub(super) fn binary(body: Bytes) -> Response<ReplyBody> {
    respond(StatusCode::OK, BINARY, body)
}

/// 200 with a body of some type.
pub(super) fn typed(content_type: HeaderValue, body: Bytes) -> Response<ReplyBody> {
    respond(StatusCode::OK, content_type, body)
}

/// 200 with a page.
pub(super) fn html(body: Bytes) -> Response<ReplyBody> {
    respond(StatusCode::OK, HTML, body)
}

/// A status without a body.
pub(super) fn empty(status: StatusCode) -> Response<ReplyBody> {
    respond(status, HTML, Bytes::new())
}

/// 200 with a GRPS message that says only that.
pub(super) fn success() -> Response<ReplyBody> {
    message(StatusCode::OK, &GrpsMessage::of_status(Status::ok()))
}

/// An error as a GRPS message; nobody sees a traceback here.
pub(crate) fn failure(error: &Error) -> Response<ReplyBody> {
    let body = GrpsMessage::of_status(grps_status(error));
    let mut response = message(http_status(error), &body);
    if error.cause() == Cause::QueueFull {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// 404 for a path that stands for nothing.
pub(super) fn not_found(path: &str) -> Response<ReplyBody> {
    let message = format!("no route {path}; the API is under /grps/v1/");
    failure(&Error::new(Cause::NotFound, message))
}

/// A GRPS message as JSON.
pub(super) fn message(status: StatusCode, message: &GrpsMessage) -> Response<ReplyBody> {
    respond(status, JSON, json::encode(message).into())
}

/// An answer in chunks.
pub(super) fn stream(content_type: HeaderValue, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Plain text.
pub(super) fn plain(status: StatusCode, body: Bytes) -> Response<ReplyBody> {
    respond(status, TEXT, body)
}

/// An error as a line of plain text, for routes whose answers are not GRPS messages.
pub(super) fn plain_failure(error: &Error) -> Response<ReplyBody> {
    plain(http_status(error), format!("{}\n", error.message()).into())
}

/// A fault in what the model or the user's code answered is theirs, not the client's.
pub(super) fn user_fault(message: impl Into<String>) -> Error {
    Error::new(Cause::ModelFailed, message)
}

/// Writes a failed predict call to the log.
pub(crate) fn log_failure(call: &Call, error: &Error) {
    let (id, peer, cause) = (call.timeline.id(), call.peer, error.cause());
    tracing::warn!(id, %peer, ?cause, %error, "predict failed");
}
