//! Reads the messages of a request: one, or a stream of them.

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use grps_core::metrics::RequestStage;
use grps_core::{Cause, Error};
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;

use crate::call::call::Call;
use crate::frontends::shared::grpc::PREFIX_BYTES;
use crate::frontends::shared::grpc::compression::{expand, read_encoding};
pub(crate) use crate::frontends::shared::grpc::joined::FindPart;
use crate::frontends::shared::grpc::joined::Joined;
use crate::net::http::content_coding::Coding;
use crate::net::http::grpc_web::Base64Body;
use crate::net::http::request_body::IncomingBody;

/// Reads messages from the body of a request.
pub(crate) struct MessageReader<B = IncomingBody> {
    body: B,
    /// The encoding of messages that are compressed.
    coding: Option<Coding>,
    /// Bytes that have arrived and were not read.
    frames: VecDeque<Bytes>,
    /// How many they are.
    buffered: usize,
    /// Most bytes of a message.
    limit: usize,
    /// Decodes a body in base64.
    text: Option<Base64Body>,
}

/// What a message begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    is_compressed: bool,
    length: usize,
}

impl<B> MessageReader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    /// A reader of the body of a request with these headers, whose messages have at most `limit` bytes.
    ///
    /// # Errors
    /// `Unsupported` for an unknown encoding.
    pub(crate) fn new(headers: &HeaderMap, body: B, limit: usize) -> Result<Self, Error> {
        let coding = read_encoding(headers)?;
        let text = Base64Body::of(headers);
        Ok(Self { body, coding, frames: VecDeque::new(), buffered: 0, limit, text })
    }

    /// The encoding of compressed messages.
    pub(crate) fn coding(&self) -> Option<Coding> {
        self.coding
    }

    /// Reads the only message of a request.
    ///
    /// # Errors
    /// Those of [`MessageReader::read`]; `InvalidArgument` when there is none or more than one.
    pub(crate) async fn read_only(
        &mut self,
        call: &Call,
        find_part: FindPart,
    ) -> Result<Bytes, Error> {
        let timeout = call.app.settings.body_timeout;
        let reading = async {
            let one = || Error::invalid("the request must have exactly one message");
            let prefix = self.next().await?.ok_or_else(one)?;
            let message = self.collect(call, prefix, find_part).await?;
            // Also waits for the end, so that the stream of the connection ends in order.
            if self.next().await?.is_some() { Err(one()) } else { Ok((prefix, message)) }
        };
        let read = tokio::time::timeout(timeout, reading).await;
        let (prefix, message) = read.map_err(|_| timed_out(timeout))??;
        self.open(call, prefix, message).await
    }

    /// Waits for the next message; `None` at the end of the request.
    ///
    /// # Errors
    /// `InvalidArgument` when it is malformed, `Cancelled` when the client has disconnected.
    pub(crate) async fn next(&mut self) -> Result<Option<Prefix>, Error> {
        while self.buffered < PREFIX_BYTES {
            if !self.receive().await? {
                return if self.buffered == 0 { Ok(None) } else { Err(truncated()) };
            }
        }
        let mut prefix = [0; PREFIX_BYTES];
        for byte in &mut prefix {
            *byte = self.take(1).and_then(|taken| taken.first().copied()).ok_or_else(truncated)?;
        }
        let [flag, l0, l1, l2, l3] = prefix;
        if flag > 1 {
            return Err(Error::invalid(format!("the compression flag of a message is {flag}")));
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        Ok(Some(Prefix { is_compressed: flag == 1, length }))
    }

    /// Reads the message behind a prefix. Its bytes are counted for `call`.
    ///
    /// # Errors
    /// `TooLarge`, `RequestTimeout`, `QueueFull` when all requests together hold too many bytes,
    /// `InvalidArgument` when it ends early or can't be decompressed, `Cancelled` when the client has
    /// disconnected.
    pub(crate) async fn read(
        &mut self,
        call: &Call,
        prefix: Prefix,
        find_part: FindPart,
    ) -> Result<Bytes, Error> {
        let timeout = call.app.settings.body_timeout;
        let read = tokio::time::timeout(timeout, self.collect(call, prefix, find_part)).await;
        let message = read.map_err(|_| timed_out(timeout))??;
        self.open(call, prefix, message).await
    }

    /// Decompresses a message.
    async fn open(&self, call: &Call, prefix: Prefix, message: Bytes) -> Result<Bytes, Error> {
        call.timeline.note_stage_end(RequestStage::Receive);
        match self.coding {
            // An empty message may be sent without data of the encoding.
            Some(coding) if prefix.is_compressed && !message.is_empty() => {
                let message = expand(call, coding, message).await?;
                self.check_length(message.len()).map(|()| message)
            }
            None if prefix.is_compressed => {
                Err(Error::invalid("a message is compressed, but grpc-encoding is not set"))
            }
            _ => Ok(message),
        }
    }

    /// Reads so many bytes within the limits of size and of all requests.
    async fn collect(
        &mut self,
        call: &Call,
        prefix: Prefix,
        find_part: FindPart,
    ) -> Result<Bytes, Error> {
        let length = prefix.length;
        self.check_length(length)?;
        let first = self.take_frame(call, length).await?;
        if first.len() == length {
            // A message in one frame, the common case, is not copied.
            return Ok(first);
        }
        let mut left = length - first.len();
        let mut joined = Joined::new(length, &first, find_part);
        drop(first);
        while left > 0 {
            let frame = self.take_frame(call, left).await?;
            left -= frame.len();
            joined.add(&frame);
        }
        Ok(joined.into_bytes())
    }

    fn check_length(&self, length: usize) -> Result<(), Error> {
        let limit = self.limit;
        if length <= limit {
            return Ok(());
        }
        let text = format!("the message has {length} bytes, and at most {limit} are allowed here");
        Err(Error::new(Cause::TooLarge, text))
    }

    /// The next bytes, at most so many.
    async fn take_frame(&mut self, call: &Call, at_most: usize) -> Result<Bytes, Error> {
        if at_most == 0 {
            return Ok(Bytes::new());
        }
        while self.buffered == 0 {
            if !self.receive().await? {
                return Err(truncated());
            }
        }
        let frame = self.take(at_most).ok_or_else(truncated)?;
        call.scope.reserve_bytes(frame.len())?;
        Ok(frame)
    }

    /// At most so many of the bytes that have arrived, in one piece; `None` when there is none.
    fn take(&mut self, at_most: usize) -> Option<Bytes> {
        let first = self.frames.front_mut()?;
        let taken =
            if first.len() <= at_most { self.frames.pop_front()? } else { first.split_to(at_most) };
        self.buffered -= taken.len();
        Some(taken)
    }

    /// Waits for more bytes; false at the end of the body.
    async fn receive(&mut self) -> Result<bool, Error> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(false) };
            let frame = frame.map_err(|error| Error::new(Cause::Cancelled, error.to_string()))?;
            match frame.into_data() {
                Ok(data) if !data.is_empty() => {
                    let data = self.decode_text(data)?;
                    if data.is_empty() {
                        continue;
                    }
                    self.buffered += data.len();
                    self.frames.push_back(data);
                    return Ok(true);
                }
                // Nothing, or trailers.
                _ => {}
            }
        }
    }

    /// Decodes bytes of a body in base64.
    fn decode_text(&mut self, data: Bytes) -> Result<Bytes, Error> {
        match &mut self.text {
            None => Ok(data),
            Some(text) => text.decode(&data).map_err(|status| Error::invalid(status.message())),
        }
    }
}

fn truncated() -> Error {
    Error::invalid("the request ends in the middle of a message")
}

fn timed_out(timeout: Duration) -> Error {
    let timeout_ms = timeout.as_millis();
    let text =
        format!("the message did not arrive within limits.body_timeout_ms ({timeout_ms} ms)");
    Error::new(Cause::RequestTimeout, text)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
