//! Payloads that a client sends in several frames, by `chunk_info`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use crate::frontends::brpc::errors::RpcError;
use crate::frontends::brpc::exchange::Opened;
use crate::frontends::brpc::meta::Chunk;

/// Most payloads of one connection that are being received.
const MAX_STREAMS: usize = 16;

/// What has been received of a request.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The payload.
    pub(super) payload: Bytes,
    /// What follows it.
    pub(super) attachment: Bytes,
}

/// A request of which a part has been received.
pub(super) struct Partial {
    stream_id: u64,
    /// The request that the first frame opened.
    pub(super) opened: Opened,
    payload: BytesMut,
    attachment: BytesMut,
    /// The position of the next part.
    next: i64,
    /// When the rest must have been received.
    end: Instant,
}

impl Partial {
    /// Begins to receive a request.
    pub(super) fn new(opened: Opened, stream_id: u64, timeout: Duration) -> Self {
        let (payload, attachment) = (BytesMut::new(), BytesMut::new());
        let end = Instant::now() + timeout;
        Self { stream_id, opened, payload, attachment, next: 0, end }
    }

    /// Bytes that have been received.
    pub(super) fn len(&self) -> usize {
        self.payload.len() + self.attachment.len()
    }

    /// Checks that a chunk is the next one.
    ///
    /// # Errors
    /// 1003 for another one.
    pub(super) fn check(&self, chunk: Chunk) -> Result<(), RpcError> {
        if chunk.chunk_id == Chunk::LAST || chunk.chunk_id == self.next {
            return Ok(());
        }
        Err(RpcError::bad_request(format!(
            "chunk_id is {}, but {} or -1, the last one, follows in stream_id {}",
            chunk.chunk_id, self.next, self.stream_id
        )))
    }

    /// Adds the part of a frame.
    pub(super) fn add(&mut self, part: &Received) {
        self.payload.extend_from_slice(&part.payload);
        self.attachment.extend_from_slice(&part.attachment);
        self.next = self.next.saturating_add(1);
    }

    /// All that has been received.
    pub(super) fn finish(self) -> (Opened, Received) {
        let received =
            Received { payload: self.payload.freeze(), attachment: self.attachment.freeze() };
        (self.opened, received)
    }
}

/// The requests of a connection of which a part has been received, oldest first.
#[derive(Default)]
pub(super) struct Partials(Vec<Partial>);

impl Partials {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no further one may be begun.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_STREAMS
    }

    /// Takes the request of a stream.
    pub(super) fn take(&mut self, stream_id: u64) -> Option<Partial> {
        let at = self.0.iter().position(|partial| partial.stream_id == stream_id)?;
        Some(self.0.remove(at))
    }

    /// Keeps a request until its next frame.
    pub(super) fn keep(&mut self, partial: Partial) {
        let at = self.0.partition_point(|other| other.end <= partial.end);
        self.0.insert(at, partial);
    }

    /// When the oldest request must have been received.
    pub(super) fn end(&self) -> Option<Instant> {
        self.0.first().map(|partial| partial.end)
    }

    /// Takes the oldest request if it has not been received in time.
    pub(super) fn take_expired(&mut self) -> Option<Partial> {
        let is_expired = self.end().is_some_and(|end| end <= Instant::now());
        is_expired.then(|| self.0.remove(0))
    }
}
