//! Compressed messages: `grpc-encoding` of gzip, deflate and zstd.
//!
//! HTTP and gRPC have one decoder, whose output is reserved for the request while it grows, and which
//! does not block other connections.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use grps_core::{Cause, Error, shown};
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either};
use tonic::Status;
use tonic::metadata::MetadataValue;

use crate::call::call::Call;
use crate::call::status::rpc_status;
use crate::frontends::shared::grpc::PREFIX_BYTES;
use crate::net::http::compression;
use crate::net::http::content_coding::{self, Coding};
use crate::net::http::request_body::LimitedBody;

/// How much longer compressing takes than decoding JSON.
const COMPRESSION_COST: usize = 4;
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The body of a request: as it arrives, or with a message that was compressed.
pub(crate) type RequestBody = Either<LimitedBody, Frames>;

/// A body of frames that are there. Each is freed when it has been read, since tonic copies them.
pub(crate) struct Frames(VecDeque<Bytes>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the body of a request with a message that is not compressed.
///
/// # Errors
/// `UNIMPLEMENTED` for an unknown encoding; errors of the body; `OUT_OF_RANGE` when the message is
/// over the limit, `INVALID_ARGUMENT` when it can't be decompressed.
pub(crate) async fn decompress(
    call: &Call,
    headers: &mut HeaderMap,
    body: LimitedBody,
) -> Result<RequestBody, Status> {
    let Some(coding) = read_encoding(headers).map_err(|error| unsupported(&error))? else {
        return Ok(Either::Left(body));
    };
    headers.remove(ENCODING);
    let framed = read_all(call, body).await?;
    let expanded = expand_message(call, coding, framed).await;
    expanded.map(|frames| Either::Right(Frames(frames))).map_err(|error| match error.cause() {
        // As tonic reports it for a message that is not compressed.
        Cause::TooLarge => Status::out_of_range(error.message()),
        _ => rpc_status(&error).unwrap_or_else(|| Status::invalid_argument(error.message())),
    })
}

/// The compression of a request's messages; `None` without.
///
/// # Errors
/// `Unsupported` for an unknown encoding.
pub(crate) fn read_encoding(headers: &HeaderMap) -> Result<Option<Coding>, Error> {
    let Some(value) = headers.get(ENCODING) else { return Ok(None) };
    let name = String::from_utf8_lossy(value.as_bytes());
    if name == "identity" {
        return Ok(None);
    }
    Coding::from_name(&name).map(Some).ok_or_else(|| {
        let text =
            format!("grpc-encoding {} is not supported; use gzip, deflate or zstd", shown(&name));
        Error::new(Cause::Unsupported, text)
    })
}

/// The status for an unknown encoding.
fn unsupported(error: &Error) -> Status {
    let mut status = Status::unimplemented(error.message());
    let accepted = MetadataValue::from_static(content_coding::GRPC_ACCEPTED);
    status.metadata_mut().insert(content_coding::GRPC_ACCEPT_ENCODING, accepted);
    status
}

/// Reads a body within the limit of a message.
async fn read_all(call: &Call, body: LimitedBody) -> Result<Bytes, Status> {
    let limit = call.app.settings.max_request_bytes;
    let mut joined = BytesMut::new();
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if joined.len() + data.len() > limit.saturating_add(PREFIX_BYTES) {
            return Err(Status::out_of_range("the compressed message is too large"));
        }
        joined.extend_from_slice(&data);
    }
    Ok(joined.freeze())
}

/// Replaces the compressed message of a framed body. What is not a whole compressed message is left to
/// tonic, which refuses it.
async fn expand_message(
    call: &Call,
    coding: Coding,
    mut framed: Bytes,
) -> Result<VecDeque<Bytes>, Error> {
    let &[flag, l0, l1, l2, l3, ..] = &*framed else { return Ok([framed].into()) };
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if flag != 1 || framed.len() - PREFIX_BYTES < length {
        return Ok([framed].into());
    }
    let mut message = framed.split_off(PREFIX_BYTES);
    let rest = message.split_off(length);
    // An empty message may be sent without data of the encoding.
    let mut parts = VecDeque::new();
    if !message.is_empty() {
        let decoding = content_coding::decode_parts(call, coding, message);
        parts = decoding.await.map_err(as_message_error)?.into();
    }
    let length: usize = parts.iter().map(Bytes::len).sum();
    let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
    prefix.put_u8(0);
    prefix.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    parts.push_front(prefix.freeze());
    parts.push_back(rest);
    Ok(parts)
}

/// Decompresses one message, which is not empty.
///
/// # Errors
/// `TooLarge` when the message is over the limit, `InvalidArgument` when it can't be decompressed.
pub(crate) async fn expand(call: &Call, coding: Coding, message: Bytes) -> Result<Bytes, Error> {
    content_coding::decode(call, coding, message).await.map_err(as_message_error)
}

/// Compresses a message of these parts.
pub(crate) async fn compress(call: &Call, coding: Coding, parts: Vec<Bytes>) -> Bytes {
    let cost = parts.iter().map(Bytes::len).sum::<usize>().saturating_mul(COMPRESSION_COST);
    // Writing to memory does not fail.
    call.app.blocking.run(cost, || compression::compress(coding, &parts)).await.unwrap_or_default()
}

/// The error of a body as that of a message.
fn as_message_error(error: Error) -> Error {
    match error.cause() {
        Cause::InvalidArgument | Cause::TooLarge => {
            Error::new(error.cause(), error.message().replacen("the body", "the message", 1))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use tonic::Code;

    use super::*;

    fn encoding(name: &str) -> Result<Option<Coding>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ENCODING, HeaderValue::from_str(name).unwrap());
        read_encoding(&headers)
    }

    #[test]
    fn known_encodings_are_read() {
        assert_eq!(read_encoding(&HeaderMap::new()).unwrap(), None);
        assert_eq!(encoding("identity").unwrap(), None);
        assert_eq!(encoding("gzip").unwrap(), Some(Coding::Gzip));
        assert_eq!(encoding("deflate").unwrap(), Some(Coding::Deflate));
    }

    #[test]
    fn unknown_encodings_are_refused_with_the_known() {
        let status = unsupported(&encoding("snappy").unwrap_err());
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.metadata().get(content_coding::GRPC_ACCEPT_ENCODING).unwrap().as_bytes(),
            content_coding::GRPC_ACCEPTED.as_bytes()
        );
    }
}
