//! Building HTTP answers.

use bytes::Bytes;
use grps_core::{Cause, Error};
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::codec::{GrpsMessage, Status, json};
use crate::status::{grps_status, http_status};

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Seconds after which a client that met a full queue may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

fn respond(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// 200 with a JSON body.
pub(super) fn json(body: Vec<u8>) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, JSON, body.into())
}

/// 200 with a binary body.
pub(super) fn binary(body: Bytes) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, BINARY, body)
}

/// 200 with a page.
pub(super) fn html(body: Bytes) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, HTML, body)
}

/// A status without a body.
pub(super) fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    respond(status, HTML, Bytes::new())
}

/// 200 with a GRPS message that says only that.
pub(super) fn success() -> Response<Full<Bytes>> {
    message(StatusCode::OK, &GrpsMessage::of_status(Status::ok()))
}

/// An error as a GRPS message; nobody sees a traceback here.
pub(crate) fn failure(error: &Error) -> Response<Full<Bytes>> {
    let body = GrpsMessage::of_status(grps_status(error));
    let mut response = message(http_status(error), &body);
    if error.cause() == Cause::QueueFull {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// A GRPS message as JSON.
pub(super) fn message(status: StatusCode, message: &GrpsMessage) -> Response<Full<Bytes>> {
    respond(status, JSON, json::encode(message).into())
}
