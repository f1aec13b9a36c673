//! Answers in chunks, and how a client asks for them.

use bytes::Bytes;
use form_urlencoded::parse;
use grps_core::{Content, Error, Request as EngineRequest, Route};
use http::{HeaderMap, HeaderValue, Response};

use super::respond;
use crate::app::{StreamingControl, StreamingMode};
use crate::call::dispatch::Call;
use crate::call::status::grps_status;
use crate::codec::{Data, GrpsMessage, Outcome, Status, json, proto};
use crate::net::reply_body::{ChunkBody, EncodeChunk, ReplyBody};

const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether a request asks for chunks by the control its route is configured with.
pub(super) fn is_asked(
    control: &StreamingControl,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> bool {
    match control.mode {
        StreamingMode::Query => {
            let mut pairs = parse(query.as_bytes());
            pairs.find(|(key, _)| *key == control.key).is_some_and(|(_, value)| is_true(&value))
        }
        StreamingMode::Header => {
            let value = headers.get(&control.key).and_then(|value| value.to_str().ok());
            value.is_some_and(is_true)
        }
        StreamingMode::Body => json::has_true(body, &control.key),
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

/// Runs a request whose answer comes in chunks.
///
/// The head is sent with the first chunk, so that a failure before it still has its own status.
///
/// # Errors
/// What failed before the first chunk.
pub(super) async fn respond_in_chunks(
    call: &Call,
    route: Route,
    request: EngineRequest,
    encode: EncodeChunk,
) -> Result<Response<ReplyBody>, Error> {
    let mut chunks = call.app.engine.infer_stream(route, request);
    let first = chunks.next().await.transpose()?;
    let body = match first {
        None => {
            call.scope.judge(None);
            ReplyBody::from(Bytes::new())
        }
        Some(chunk) => {
            let scope = call.scope.clone();
            let first = encode(Ok(chunk));
            scope.send_chunk(first.len());
            ReplyBody::Chunks(ChunkBody::new(first, chunks, encode, scope))
        }
    };
    let custom = call.app.settings.custom_route.as_ref();
    let content_type = custom.and_then(|route| route.stream_content_type.clone());
    Ok(respond::stream(content_type.unwrap_or(BINARY), body))
}

/// One GRPS message in JSON per chunk; `bin_data` as its bytes.
pub(super) fn encode_message(chunk: Result<Content, Error>) -> Bytes {
    match chunk {
        Ok(Content::Tensors(tensors)) => {
            match json::encode_tensors(Some(&Status::ok()), "", &tensors) {
                Ok(encoded) => encoded.into(),
                Err(error) => failure(&error),
            }
        }
        Ok(Content::Raw(bytes)) => bytes,
        Ok(Content::Message(encoded)) => match proto::decode(&encoded) {
            Ok(GrpsMessage { data: Data::Binary(bytes), .. }) if !bytes.is_empty() => bytes,
            Ok(mut message) => {
                // A chunk is a success unless it says itself that it failed.
                if message.status.as_ref().is_none_or(|s| s.outcome != Outcome::FAILURE) {
                    message.status = Some(Status::ok());
                }
                json::encode(&message).into()
            }
            Err(error) => failure(&error),
        },
        Err(error) => failure(&error),
    }
}

/// Chunks of user code that writes the answer itself; an error is its line of text.
pub(super) fn encode_raw(chunk: Result<Content, Error>) -> Bytes {
    match chunk {
        Ok(Content::Raw(bytes)) => bytes,
        Ok(content) => encode_message(Ok(content)),
        Err(error) => format!("{}\n", error.message()).into(),
    }
}

fn failure(error: &Error) -> Bytes {
    json::encode(&GrpsMessage::of_status(grps_status(error))).into()
}
