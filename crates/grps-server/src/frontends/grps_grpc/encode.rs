//! Encodes outputs, chunks and errors for GRPS over gRPC.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use grps_core::{Cause, Content, Error};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full};

use crate::app::App;
use crate::call::reply_stream::StreamEncoding;
use crate::call::status::{grps_status, rpc_status};
use crate::codec::{GrpsMessage, proto};
use crate::frontends::shared::grpc::PREFIX_BYTES;
use crate::frontends::shared::messages::predict;
use crate::net::http::reply_body::ReplyBody;

/// The largest message that clients of gRPC take by default.
const CLIENT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// An encoded message, or the status that ends the call.
pub(super) type Message = Result<Bytes, tonic::Status>;

/// An error as a message, or as the status that ends the call.
pub(super) fn error(error: &Error) -> Message {
    match rpc_status(error) {
        Some(status) => Err(status),
        None => Ok(proto::encode(&GrpsMessage::of_status(grps_status(error)))),
    }
}

/// The response to an error before the request message is read.
pub(super) fn error_response(failure: &Error) -> Response<ReplyBody> {
    let response = match error(failure) {
        // gRPC has its own code for an unknown method.
        _ if failure.cause() == Cause::NotFound => {
            tonic::Status::unimplemented("Method not found!").into_http()
        }
        Err(status) => status.into_http(),
        Ok(message) => return message_response(&message),
    };
    response.map(ReplyBody::Grpc)
}

/// A unary response with one message.
fn message_response(message: &Bytes) -> Response<ReplyBody> {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(ReplyBody::Grpc(tonic::body::Body::new(body)));
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Logs the first response message that clients refuse unless their channel has an option.
pub(super) fn note_length(app: &App, message: &Bytes) {
    let bytes = message.len();
    if bytes > CLIENT_LIMIT_BYTES {
        app.large_message_logged.call_once(|| {
            tracing::warn!(
                bytes,
                "a gRPC response is larger than 4 MiB: clients refuse it with RESOURCE_EXHAUSTED \
                 unless their channel allows more, in Python by \
                 options=[(\"grpc.max_receive_message_length\", -1)]; this is logged once"
            );
        });
    }
}

/// Encodes chunks as GRPS messages.
pub(super) struct MessageChunks {
    pub(super) app: Arc<App>,
    /// Whether the client takes tensors with raw elements.
    pub(super) takes_raw: bool,
}

impl StreamEncoding for MessageChunks {
    type Chunk = Message;

    fn encode(&mut self, chunk: Content) -> Result<Message, Error> {
        let message = predict::encode(chunk, proto::with_chunk_status, self.takes_raw)?;
        note_length(&self.app, &message);
        Ok(Ok(message))
    }

    fn encode_failure(&mut self, failure: &Error) -> Message {
        error(failure)
    }

    fn length(chunk: &Message) -> usize {
        chunk.as_ref().map_or(0, Bytes::len)
    }
}
