//! A response in chunks, encoded one by one as the client takes them.

use std::task::{Context, Poll, ready};

use grps_core::{Chunks, Content, Error};

use crate::call::call::Call;

/// How a front end encodes the chunks of a response.
pub(crate) trait StreamEncoding: Send + Unpin + 'static {
    /// An encoded chunk.
    type Chunk: Send + Unpin;

    /// Encodes a chunk.
    ///
    /// # Errors
    /// `ModelFailed` when user code made a chunk that this protocol can't carry.
    fn encode(&mut self, chunk: Content) -> Result<Self::Chunk, Error>;

    /// Encodes a failure.
    fn encode_failure(&mut self, failure: &Error) -> Self::Chunk;

    /// Bytes that a chunk sends.
    fn length(chunk: &Self::Chunk) -> usize;
}

/// The chunks of one response; dropping it cancels the request.
pub(crate) struct ReplyStream<E: StreamEncoding> {
    /// Encoded already; taken by the next poll.
    first: Option<E::Chunk>,
    /// Where chunks come from.
    chunks: Chunks,
    encoding: E,
    /// Keeps shutdown waiting until the stream has ended.
    call: Call,
}

impl<E: StreamEncoding> ReplyStream<E> {
    pub(crate) fn new(chunks: Chunks, call: Call, encoding: E) -> Self {
        Self { first: None, chunks, encoding, call }
    }

    /// Waits for the first chunk, or for an end without any, and keeps it for
    /// [`ReplyStream::poll_next`].
    ///
    /// # Errors
    /// What failed before it.
    pub(crate) fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match ready!(self.chunks.poll_next(context)).transpose()? {
            Some(chunk) => self.first = Some(self.encode(Ok(chunk))),
            None => self.call.scope.judge(None),
        }
        Poll::Ready(Ok(()))
    }

    /// Whether [`ReplyStream::poll_first`] has found a chunk that is not taken yet.
    pub(crate) fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Waits for the next chunk; `None` at the end.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<E::Chunk>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(event) = ready!(self.chunks.poll_next(context)) else {
            self.call.scope.judge(None);
            return Poll::Ready(None);
        };
        Poll::Ready(Some(self.encode(event)))
    }

    fn encode(&mut self, event: Result<Content, Error>) -> E::Chunk {
        let bytes = event.as_ref().map_or(0, Content::byte_len);
        let encoding = &mut self.encoding;
        let encode = || event.and_then(|chunk| encoding.encode(chunk));
        let encoded = self.call.app.blocking.run_at_once(bytes, encode);
        let chunk = encoded.unwrap_or_else(|error| {
            self.call.scope.judge(Some(error.cause()));
            self.encoding.encode_failure(&error)
        });
        self.call.scope.send_chunk(E::length(&chunk));
        chunk
    }
}
