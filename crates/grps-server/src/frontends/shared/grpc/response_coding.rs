//! The compression of messages in responses of gRPC (`grpc-encoding`).
//!
//! Clients announce all codings that they know, so a service that used them would compress for every
//! client. A response is compressed if the request was, or if the configuration says so.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::{Body, Frame};
use tonic::Status;

use crate::app::App;
use crate::frontends::shared::grpc::PREFIX_BYTES;
use crate::net::http::compression::{compress, preferred};
use crate::net::http::content_coding::{Coding, GRPC_ACCEPT_ENCODING};
use crate::net::http::reply_body::ReplyBody;

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The coding of the response to a request; `None` for messages as they are.
pub(crate) fn of_request(app: &App, headers: &HeaderMap) -> Option<Coding> {
    let sent = headers.get(ENCODING).and_then(|value| Coding::from_name(value.to_str().ok()?));
    if sent.is_none() && !app.settings.interface.compression.grpc {
        return None;
    }
    let accepted = headers.get_all(GRPC_ACCEPT_ENCODING).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    match sent {
        Some(sent) => accepted
            .flat_map(|value| value.split(','))
            .any(|name| Coding::from_name(name.trim()) == Some(sent))
            .then_some(sent),
        None => preferred(&mut accepted),
    }
}

/// A response whose larger messages are compressed.
pub(crate) fn apply(
    app: &Arc<App>,
    coding: Coding,
    response: Response<ReplyBody>,
) -> Response<ReplyBody> {
    // A front end may have compressed its messages itself.
    if response.headers().contains_key(ENCODING) {
        return response;
    }
    let mut response = response.map(|body| {
        let (app, buffer) = (Arc::clone(app), BytesMut::new());
        ReplyBody::Grpc(tonic::body::Body::new(CompressedBody { body, app, coding, buffer }))
    });
    response.headers_mut().insert(ENCODING, HeaderValue::from_static(coding.name()));
    response
}

/// The body of a response whose larger messages are compressed.
struct CompressedBody {
    body: ReplyBody,
    app: Arc<App>,
    coding: Coding,
    /// The start of a message that has not been read whole.
    buffer: BytesMut,
}

impl CompressedBody {
    /// Takes the messages that are whole.
    fn take_messages(&mut self) -> Result<Bytes, Status> {
        let mut framed = BytesMut::new();
        while let Some(&[flag, l0, l1, l2, l3]) = self.buffer.first_chunk::<PREFIX_BYTES>() {
            let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            if self.buffer.len() - PREFIX_BYTES < length {
                break;
            }
            self.buffer.advance(PREFIX_BYTES);
            let message = self.buffer.split_to(length).freeze();
            let (flag, message) = if flag == 0 { self.encode(message)? } else { (flag, message) };
            framed.reserve(PREFIX_BYTES + message.len());
            framed.put_u8(flag);
            framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
            framed.put_slice(&message);
        }
        Ok(framed.freeze())
    }

    /// A message with its flag; small ones, and those that do not shrink, stay as they are.
    fn encode(&self, message: Bytes) -> Result<(u8, Bytes), Status> {
        if message.len() < self.app.settings.interface.compression.min_bytes {
            return Ok((0, message));
        }
        let work = || compress(self.coding, std::slice::from_ref(&message));
        let encoded = self.app.blocking.run_at_once(message.len(), work);
        let encoded = encoded.map_err(|error| Status::internal(error.to_string()))?;
        Ok(if encoded.len() < message.len() { (1, encoded) } else { (0, message) })
    }
}

impl Body for CompressedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            };
            this.buffer.extend_from_slice(&data);
            match this.take_messages() {
                Ok(framed) if framed.is_empty() => {}
                framed => return Poll::Ready(Some(framed.map(Frame::data))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.buffer.is_empty() && self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};

    use super::*;
    use crate::app::tests::app;

    fn coding(app: &App, sent: Option<&'static str>, accepted: &'static str) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        if let Some(sent) = sent {
            headers.insert(ENCODING, HeaderValue::from_static(sent));
        }
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(accepted));
        of_request(app, &headers)
    }

    #[test]
    fn a_response_is_compressed_as_its_request_was() {
        let mut app = app();
        let all = "identity, deflate, gzip";
        assert_eq!(coding(&app, None, all), None);
        assert_eq!(coding(&app, Some("identity"), all), None);
        assert_eq!(coding(&app, Some("gzip"), all), Some(Coding::Gzip));
        assert_eq!(coding(&app, Some("zstd"), all), None);
        assert_eq!(coding(&app, Some("zstd"), "gzip,zstd"), Some(Coding::Zstd));
        app.settings.interface.compression.grpc = true;
        assert_eq!(coding(&app, None, all), Some(Coding::Gzip));
        assert_eq!(coding(&app, None, "identity"), None);
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], &length[..], message].concat()
    }

    #[tokio::test]
    async fn large_messages_are_compressed_however_they_are_cut() {
        let (small, large) = (vec![b'a'; 100], vec![b'b'; 100_000]);
        let sent = [framed(&small), framed(&large), framed(b"")].concat();
        for step in [3, 50_000, 1_000_000] {
            let frames: Vec<_> = sent
                .chunks(step)
                .map(|chunk| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(chunk))))
                .collect();
            let body = StreamBody::new(futures_util::stream::iter(frames));
            let reply = Response::new(ReplyBody::Grpc(tonic::body::Body::new(body)));
            let response = apply(&Arc::new(app()), Coding::Gzip, reply);
            assert_eq!(response.headers()[ENCODING], "gzip");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let packed = compress(Coding::Gzip, &[large.clone().into()]).unwrap();
            let mut expected = [framed(&small), framed(&packed), framed(b"")].concat();
            expected[small.len() + PREFIX_BYTES] = 1;
            assert_eq!(*body, *expected, "{step}");
        }
    }
}
