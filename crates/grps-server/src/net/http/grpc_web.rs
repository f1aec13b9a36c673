//! gRPC-Web, by which browsers call gRPC: the trailers are a frame of the body, which may be base64.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use tonic::Status;

use crate::net::http::reply_body::ReplyBody;

const BINARY: &[u8] = b"application/grpc-web";
/// What follows it where the frames are in base64.
const TEXT: &[u8] = b"-text";
/// The flag of the frame with the trailers.
const TRAILERS: u8 = 0x80;

/// The form of gRPC-Web that a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrpcWeb {
    /// Frames as they are.
    Binary,
    /// Frames in base64.
    Text,
}

impl GrpcWeb {
    /// The form by the content type of a request; `None` for another protocol.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?.as_bytes();
        let (start, rest) = value.split_at_checked(BINARY.len())?;
        if !start.eq_ignore_ascii_case(BINARY) {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b';' | b'+')).unwrap_or(rest.len());
        match rest.get(..end)?.trim_ascii() {
            b"" => Some(Self::Binary),
            form if form.eq_ignore_ascii_case(TEXT) => Some(Self::Text),
            _ => None,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Binary => "application/grpc-web+proto",
            Self::Text => "application/grpc-web-text+proto",
        })
    }

    /// A response of gRPC in this form.
    pub(crate) fn response(self, response: Response<ReplyBody>) -> Response<ReplyBody> {
        let mut response = response.map(|body| {
            ReplyBody::Grpc(tonic::body::Body::new(WebBody { body, form: self, is_over: false }))
        });
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type());
        response
    }
}

/// The body of a response: the frames of gRPC, and the trailers as the last of them.
struct WebBody {
    body: ReplyBody,
    form: GrpcWeb,
    is_over: bool,
}

impl Body for WebBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let frame = match ready!(Pin::new(&mut this.body).poll_frame(context)) {
            None => return Poll::Ready(None),
            // The status of a call that fails after its head is in the error.
            Some(Err(status)) => {
                let mut trailers = HeaderMap::new();
                if let Err(error) = status.add_header(&mut trailers) {
                    return Poll::Ready(Some(Err(error)));
                }
                Frame::trailers(trailers)
            }
            Some(Ok(frame)) => frame,
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                this.is_over = true;
                frame.into_trailers().map_or_else(|_| Bytes::new(), |trailers| encode(&trailers))
            }
        };
        let data = match this.form {
            GrpcWeb::Binary => data,
            GrpcWeb::Text => STANDARD.encode(data).into(),
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }
}

/// Trailers as a frame.
fn encode(trailers: &HeaderMap) -> Bytes {
    let mut text = Vec::new();
    for (name, value) in trailers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    let mut frame = BytesMut::with_capacity(5 + text.len());
    frame.put_u8(TRAILERS);
    frame.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    frame.put_slice(&text);
    frame.freeze()
}

/// Decodes a body in base64 as it arrives. A client may encode several parts one after the other, so
/// padding does not end the body.
#[derive(Debug, Default)]
pub(crate) struct Base64Body {
    /// The characters of a group of four that has not arrived whole.
    rest: Vec<u8>,
}

impl Base64Body {
    /// For the body of a request with these headers; `None` if it is not base64.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        (GrpcWeb::of(headers) == Some(GrpcWeb::Text)).then(Self::default)
    }

    /// Decodes the next bytes.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for characters that are no base64.
    pub(crate) fn decode(&mut self, data: &[u8]) -> Result<Bytes, Status> {
        let mut decoded = Vec::with_capacity((self.rest.len() + data.len()) / 4 * 3);
        let mut data = data;
        if !self.rest.is_empty() {
            let (missing, others) = data.split_at((4 - self.rest.len()).min(data.len()));
            self.rest.extend_from_slice(missing);
            data = others;
            if self.rest.len() < 4 {
                return Ok(Bytes::new());
            }
            decode_groups(&self.rest, &mut decoded)?;
            self.rest.clear();
        }
        let (groups, rest) = data.split_at(data.len() / 4 * 4);
        decode_groups(groups, &mut decoded)?;
        self.rest.extend_from_slice(rest);
        Ok(decoded.into())
    }

    /// Checks that a body does not end within a group.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when it does.
    pub(crate) fn finish(&self) -> Result<(), Status> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

/// Decodes whole groups of four characters; each part of them may end with padding.
fn decode_groups(mut groups: &[u8], decoded: &mut Vec<u8>) -> Result<(), Status> {
    while !groups.is_empty() {
        let padding = memchr::memchr(b'=', groups);
        let end = padding.map_or(groups.len(), |padding| (padding / 4 + 1) * 4);
        let (part, rest) = groups.split_at_checked(end).ok_or_else(malformed)?;
        STANDARD.decode_vec(part, decoded).map_err(|_| malformed())?;
        groups = rest;
    }
    Ok(())
}

fn malformed() -> Status {
    Status::invalid_argument("the body is not base64, as application/grpc-web-text needs")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;

    fn form(content_type: &'static str) -> Option<GrpcWeb> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        GrpcWeb::of(&headers)
    }

    #[test]
    fn the_content_type_names_the_form() {
        for binary in
            ["application/grpc-web", "application/grpc-web+proto", "Application/GRPC-Web;a=b"]
        {
            assert_eq!(form(binary), Some(GrpcWeb::Binary), "{binary}");
        }
        for text in ["application/grpc-web-text", "application/grpc-web-text+proto"] {
            assert_eq!(form(text), Some(GrpcWeb::Text), "{text}");
        }
        for other in ["application/grpc", "application/grpc-webs", "text/plain", ""] {
            assert_eq!(form(other), None, "{other}");
        }
    }

    async fn body(form: GrpcWeb) -> Vec<u8> {
        let status = Status::not_found("no such model");
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).unwrap();
        let data = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\x01x"));
        let whole = data.with_trailers(std::future::ready(Some(Ok(trailers))));
        let reply = ReplyBody::Grpc(tonic::body::Body::new(whole));
        let response = form.response(Response::new(reply));
        assert_eq!(response.headers()[header::CONTENT_TYPE], form.content_type());
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn trailers_are_the_last_frame() {
        let binary = body(GrpcWeb::Binary).await;
        let trailers = "grpc-status: 5\r\ngrpc-message: no%20such%20model\r\n";
        assert_eq!(binary[..6], *b"\0\0\0\0\x01x");
        assert_eq!(binary[6..11], [0x80, 0, 0, 0, u8::try_from(trailers.len()).unwrap()]);
        assert_eq!(std::str::from_utf8(&binary[11..]).unwrap(), trailers);
        let text = body(GrpcWeb::Text).await;
        assert_eq!(*Base64Body::default().decode(&text).unwrap(), *binary);
    }

    #[test]
    fn malformed_base64_is_refused() {
        for text in ["????", "=aaa", "a=aa", "aa=a"] {
            assert!(Base64Body::default().decode(text.as_bytes()).is_err(), "{text}");
        }
        let mut body = Base64Body::default();
        assert!(body.decode(b"YW").unwrap().is_empty());
        assert!(body.finish().is_err());
        assert_eq!(body.decode(b"JjZA==").unwrap(), "abcd");
        assert!(body.finish().is_ok());
    }

    proptest! {
        #[test]
        fn parts_are_decoded_however_they_arrive(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
            step in 1usize..9
        ) {
            let sent: String = parts.iter().map(|part| STANDARD.encode(part)).collect();
            let mut body = Base64Body::default();
            let mut received = Vec::new();
            for piece in sent.as_bytes().chunks(step) {
                received.extend_from_slice(&body.decode(piece).unwrap());
            }
            prop_assert!(body.finish().is_ok());
            prop_assert_eq!(received, parts.concat());
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Base64Body::default().decode(&bytes);
        }
    }
}
