//! Calls over gRPC, unary or with a stream of responses.

use std::time::Instant;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::SendRequest;

use crate::exchange::connection::{Reading, build, ended};
use crate::exchange::failure::{Class, Failure, MOST_BODY_BYTES};
use crate::exchange::prepared::Prepared;
use crate::exchange::watch::Watch;
use crate::exchange::wire;

const HEAD_BYTES: usize = 5;

/// Sends a call and reads its messages to the end.
///
/// # Errors
///
/// The connection, the status or a message reports a failure.
pub(crate) async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: &Prepared,
    reading: Reading,
    watch: &mut Watch,
) -> Result<(), Failure> {
    sender.ready().await.map_err(|error| ended(&error))?;
    let response = sender.send_request(build(request)).await.map_err(|error| ended(&error))?;
    let (head, mut body) = response.into_parts();
    if !head.status.is_success() {
        return Err(Failure::new(Class::Http(head.status.as_u16()), "the response is not gRPC"));
    }
    let mut messages = Messages::default();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ended(&error))?;
        match frame.into_data() {
            Ok(part) => {
                watch.add_bytes(part.len())?;
                messages.read(part, reading, watch)?;
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    check_status(trailers.as_ref().unwrap_or(&head.headers))
}

/// Reads `grpc-status`: it is in the trailers, or in the head of a call without a message.
fn check_status(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let Some(code) = text("grpc-status").and_then(|code| code.parse::<u32>().ok()) else {
        return Err(Failure::new(Class::Unreadable, "the response has no grpc-status"));
    };
    if code == 0 {
        return Ok(());
    }
    let message = text("grpc-message").unwrap_or_default();
    Err(Failure::new(Class::Grpc(code), percent_decoded(message)))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Finds the messages in the parts of a body. Of each, the first bytes are kept for its status.
#[derive(Default)]
struct Messages {
    head: Vec<u8>,
    /// Bytes of the message that have not come.
    left: usize,
    start: Vec<u8>,
}

impl Messages {
    fn read(
        &mut self,
        mut part: Bytes,
        reading: Reading,
        watch: &mut Watch,
    ) -> Result<(), Failure> {
        loop {
            if self.head.len() < HEAD_BYTES {
                let count = (HEAD_BYTES - self.head.len()).min(part.len());
                self.head.extend_from_slice(&part.split_to(count));
                if self.head.len() < HEAD_BYTES {
                    return Ok(());
                }
                let mut size = self.head.get(1..).unwrap_or_default();
                self.left = usize::try_from(size.get_u32()).unwrap_or(usize::MAX);
            }
            let taken = part.split_to(self.left.min(part.len()));
            self.left -= taken.len();
            watch.keep(&taken);
            if reading.grps_status {
                let room = MOST_BODY_BYTES.saturating_sub(self.start.len()).min(taken.len());
                self.start.extend_from_slice(&taken[..room]);
            }
            if self.left > 0 {
                return Ok(());
            }
            self.head.clear();
            let start = std::mem::take(&mut self.start);
            wire::check_grps_status(&start)?;
            if reading.streaming {
                watch.add_chunk(Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading { streaming: true, grps_status: true, counts_tokens: false };

    #[test]
    fn messages_are_found_in_any_parts() {
        let body = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\0\x01d";
        for size in 1..=body.len() {
            let (mut watch, mut messages) = (Watch::new(usize::MAX), Messages::default());
            for part in body.chunks(size) {
                messages.read(Bytes::copy_from_slice(part), READING, &mut watch).unwrap();
            }
            assert_eq!(watch.chunks, 3, "parts of {size}");
        }
    }

    #[test]
    fn the_status_of_a_call_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(check_status(&headers).unwrap_err().class, Class::Unreadable);
        headers.insert("grpc-status", http::HeaderValue::from_static("3"));
        headers.insert("grpc-message", http::HeaderValue::from_static("50%25 off%2"));
        let failure = check_status(&headers).unwrap_err();
        assert_eq!((failure.class, &*failure.text), (Class::Grpc(3), "50% off%2"));
        assert_eq!(failure.class.to_string(), "gRPC 3 INVALID_ARGUMENT");
    }
}
