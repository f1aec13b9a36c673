//! Responses in JSON.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use crate::frontends::shared::response::respond;
use crate::net::http::reply_body::ReplyBody;

/// The content type, without parameters: KServe's client reads errors only of exactly this one.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with JSON text.
pub(super) fn json(text: impl Into<Bytes>) -> Response<ReplyBody> {
    respond(StatusCode::OK, JSON, text)
}
