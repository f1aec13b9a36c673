//! Responses of gRPC: one message, or a stream of them, each a list of buffers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tonic::Status;

use crate::call::call::Call;
use crate::frontends::shared::grpc::PREFIX_BYTES;
use crate::frontends::shared::grpc::compression::compress;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// Buffers of fewer bytes are joined: a frame of their own would cost more than the copy.
const SMALL_BYTES: usize = 8 << 10;
/// Messages of fewer bytes are not compressed. The C++ library of gRPC 1.54 loses a compressed message
/// now and then if the end of the call arrives while it is decompressed, whichever server sent it.
/// The end of a small message arrives as soon as that.
const MIN_COMPRESSED_BYTES: usize = 64 << 10;

/// A message with its prefix.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The prefix and the message, in order.
    buffers: Vec<Bytes>,
}

impl Message {
    /// A message of these parts. Large ones leave in their own memory.
    pub(crate) fn new(parts: &[Bytes]) -> Self {
        Self::framed(parts, false)
    }

    fn framed(parts: &[Bytes], is_compressed: bool) -> Self {
        let is_small = |part: &&Bytes| part.len() < SMALL_BYTES;
        let small: usize = parts.iter().filter(is_small).map(Bytes::len).sum();
        let length: usize = parts.iter().map(Bytes::len).sum();
        let mut buffers = Vec::new();
        let mut joined = BytesMut::with_capacity(PREFIX_BYTES + small);
        joined.put_u8(u8::from(is_compressed));
        joined.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        for part in parts {
            if is_small(&part) {
                joined.put_slice(part);
            } else {
                if !joined.is_empty() {
                    buffers.push(joined.split().freeze());
                }
                buffers.push(part.clone());
            }
        }
        if !joined.is_empty() {
            buffers.push(joined.freeze());
        }
        Self { buffers }
    }

    /// The message of these parts, compressed as its request was.
    pub(crate) async fn encoded(call: &Call, parts: Vec<Bytes>, coding: Option<Coding>) -> Self {
        let length: usize = parts.iter().map(Bytes::len).sum();
        match coding.filter(|_| length >= MIN_COMPRESSED_BYTES) {
            None => Self::new(&parts).held(call),
            Some(coding) => {
                let compressed = compress(call, coding, parts.clone()).await;
                if compressed.len() < length {
                    Self::framed(&[compressed], true).held(call)
                } else {
                    Self::new(&parts).held(call)
                }
            }
        }
    }

    /// Counts large buffers until they are written.
    fn held(mut self, call: &Call) -> Self {
        for buffer in &mut self.buffers {
            *buffer = call.scope.hold(std::mem::take(buffer));
        }
        self
    }
}

/// What ends a stream, or one of its messages.
pub(crate) type StreamItem = Result<Message, Status>;

/// The body of a response.
struct MessageBody {
    /// Buffers of the message that is being written.
    buffers: std::vec::IntoIter<Bytes>,
    /// Where further messages come from; `None` after the last one.
    stream: Option<mpsc::Receiver<StreamItem>>,
    /// Whether the trailers were written.
    has_ended: bool,
}

impl Body for MessageBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            if let Some(buffer) = this.buffers.next() {
                return Poll::Ready(Some(Ok(Frame::data(buffer))));
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            let item = match &mut this.stream {
                None => None,
                Some(stream) => ready!(stream.poll_recv(context)),
            };
            let end = match item {
                Some(Ok(message)) => {
                    this.buffers = message.buffers.into_iter();
                    continue;
                }
                Some(Err(status)) => trailers(&status),
                None => trailers(&Status::ok("")),
            };
            // Dropped so that what produces further messages ends.
            this.stream = None;
            this.has_ended = true;
            return Poll::Ready(Some(Ok(Frame::trailers(end))));
        }
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert(Status::GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    trailers
}

/// A response with one message.
pub(crate) fn unary(message: Message, coding: Option<Coding>) -> Response<ReplyBody> {
    let buffers = message.buffers.into_iter();
    respond(MessageBody { buffers, stream: None, has_ended: false }, coding)
}

/// A response with the messages of a channel. A status ends it; its end is OK.
pub(crate) fn streaming(
    stream: mpsc::Receiver<StreamItem>,
    coding: Option<Coding>,
) -> Response<ReplyBody> {
    let buffers = Vec::new().into_iter();
    respond(MessageBody { buffers, stream: Some(stream), has_ended: false }, coding)
}

fn respond(body: MessageBody, coding: Option<Coding>) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Grpc(tonic::body::Body::new(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Some(coding) = coding {
        headers.insert("grpc-encoding", HeaderValue::from_static(coding.name()));
    }
    response
}

/// A response without a message.
pub(crate) fn failed(status: Status) -> Response<ReplyBody> {
    status.into_http().map(ReplyBody::Grpc)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn only_large_parts_keep_their_memory() {
        let large = Bytes::from(vec![7; SMALL_BYTES]);
        let parts = [Bytes::from_static(b"ab"), large.clone(), Bytes::from_static(b"c")];
        let message = Message::new(&parts);
        let [head, body, end] = message.buffers.as_slice() else { panic!("not three") };
        assert_eq!((&head[..], &end[..]), (&b"\0\0\0\x20\x03ab"[..], &b"c"[..]));
        assert_eq!(body.as_ptr(), large.as_ptr());
        assert_eq!(Message::new(&[]).buffers, [Bytes::from_static(&[0; 5])]);
    }

    #[tokio::test]
    async fn a_status_ends_a_stream() {
        let (sender, receiver) = mpsc::channel(4);
        let message = || Ok(Message::new(&[Bytes::from_static(b"x")]));
        sender.send(message()).await.unwrap();
        sender.send(Err(Status::not_found("no"))).await.unwrap();
        sender.send(message()).await.unwrap();
        let body = streaming(receiver, None).into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "5");
        assert_eq!(body.trailers().unwrap()["grpc-message"], "no");
        assert_eq!(body.to_bytes()[..], *b"\0\0\0\0\x01x");
        assert!(sender.is_closed());
    }

    #[tokio::test]
    async fn a_message_and_a_stream_end_with_ok() {
        let (sender, receiver) = mpsc::channel(4);
        drop(sender);
        for response in [unary(Message::new(&[]), Some(Coding::Gzip)), streaming(receiver, None)] {
            let body = response.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        }
    }
}
