//! Messages of gRPC in the body of a response.

use bytes::{Buf, Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;

use crate::transport::failure::Failure;

/// Bytes before each message: whether it is compressed, and its length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// The messages of a response.
#[derive(Debug)]
pub(crate) struct Messages {
    body: RecvStream,
    /// What is received and not returned.
    received: BytesMut,
    /// A frame that is the start of what follows, so that a message in one frame is not copied.
    frame: Bytes,
    /// Most bytes of a message.
    limit: usize,
}

impl Messages {
    /// The messages of a body.
    pub(crate) fn new(body: RecvStream, limit: usize) -> Self {
        Self { body, received: BytesMut::new(), frame: Bytes::new(), limit }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The stream broke, or a message is larger than allowed or malformed.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            let Some(frame) = self.body.data().await else {
                return match self.received.is_empty() && self.frame.is_empty() {
                    true => Ok(None),
                    false => Err(Failure::Lost("the response ends in a message".to_owned())),
                };
            };
            let frame = frame.map_err(|error| Failure::of_sent(&error))?;
            let released = self.body.flow_control().release_capacity(frame.len());
            released.map_err(|error| Failure::Lost(error.to_string()))?;
            self.add(frame);
        }
    }

    /// The trailers, once there are no more messages.
    ///
    /// # Errors
    /// The stream broke.
    pub(crate) async fn trailers(&mut self) -> Result<HeaderMap, Failure> {
        let trailers = self.body.trailers().await;
        let trailers = trailers.map_err(|error| Failure::of_sent(&error))?;
        Ok(trailers.unwrap_or_default())
    }

    fn add(&mut self, frame: Bytes) {
        if self.received.is_empty() && self.frame.is_empty() {
            self.frame = frame;
            return;
        }
        if self.received.is_empty() {
            let needed = length_of(&self.frame).unwrap_or(0).min(self.limit) + PREFIX_BYTES;
            self.received.reserve(needed.max(self.frame.len() + frame.len()));
            self.received.extend_from_slice(&std::mem::take(&mut self.frame));
        }
        self.received.extend_from_slice(&frame);
    }

    /// A message that is received as a whole.
    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        let start: &[u8] = if self.frame.is_empty() { &self.received } else { &self.frame };
        let Some(length) = length_of(start) else { return Ok(None) };
        if start.first() != Some(&0) {
            return Err(Failure::Lost("the response is compressed, unasked".to_owned()));
        }
        if length > self.limit {
            let limit = self.limit;
            let text = format!("a response of {length} bytes; max_response_bytes is {limit}");
            return Err(Failure::Lost(text));
        }
        if start.len() - PREFIX_BYTES < length {
            return Ok(None);
        }
        if self.frame.is_empty() {
            self.received.advance(PREFIX_BYTES);
            return Ok(Some(self.received.split_to(length).freeze()));
        }
        self.frame.advance(PREFIX_BYTES);
        Ok(Some(self.frame.split_to(length)))
    }
}

/// The length of the message that begins here; `None` before its prefix is complete.
fn length_of(start: &[u8]) -> Option<usize> {
    let prefix: &[u8; PREFIX_BYTES] = start.first_chunk()?;
    let [_, length @ ..] = *prefix;
    Some(u32::from_be_bytes(length) as usize)
}

/// The bytes before a message of this length; `None` for one that gRPC can't carry.
pub(crate) fn prefix(length: usize) -> Option<[u8; PREFIX_BYTES]> {
    let [a, b, c, d] = u32::try_from(length).ok()?.to_be_bytes();
    Some([0, a, b, c, d])
}
