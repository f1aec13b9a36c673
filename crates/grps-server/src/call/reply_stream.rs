//! A streamed response; each chunk is encoded when the connection requests it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use grps_core::{Chunks, Content, Error};

use crate::call::call::Call;
use crate::call::token_charge::TokenCharge;
use crate::net::http::reply_body::ChunkSource;

/// How a front end encodes the chunks of a response.
pub(crate) trait StreamEncoding: Send + Unpin + 'static {
    /// An encoded chunk.
    type Chunk: Send + Unpin;

    /// Encodes a chunk.
    ///
    /// # Errors
    /// `ModelFailed` when user code made a chunk that this protocol can't carry.
    fn encode(&mut self, chunk: Content) -> Result<Self::Chunk, Error>;

    /// Encodes the chunk that a model returned, behind which nothing follows.
    ///
    /// # Errors
    /// See [`StreamEncoding::encode`].
    fn encode_last(&mut self, chunk: Content) -> Result<Self::Chunk, Error> {
        self.encode(chunk)
    }

    /// What ends a stream whose last chunk was not known as such; `None` for nothing.
    fn encode_end(&mut self) -> Option<Self::Chunk> {
        None
    }

    /// Encodes a failure.
    fn encode_failure(&mut self, failure: &Error) -> Self::Chunk;

    /// Number of bytes of a chunk.
    fn length(chunk: &Self::Chunk) -> usize;
}

/// The chunks of one response; dropping it cancels the request.
pub(crate) struct ReplyStream<E: StreamEncoding> {
    /// The first chunk, already encoded; the next poll returns it.
    first: Option<E::Chunk>,
    /// Chunks of the model.
    chunks: Chunks,
    encoding: E,
    /// Context of the request; shutdown waits until it is dropped.
    call: Call,
    charge: TokenCharge,
    /// Whether the last item was encoded.
    has_ended: bool,
}

impl<E: StreamEncoding> ReplyStream<E> {
    pub(crate) fn new(chunks: Chunks, call: Call, charge: TokenCharge, encoding: E) -> Self {
        Self { first: None, chunks, encoding, call, charge, has_ended: false }
    }

    /// Waits for the first chunk or the end, and keeps the chunk for [`ReplyStream::poll_next`].
    ///
    /// # Errors
    /// An error before the first chunk.
    pub(crate) fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match ready!(self.chunks.poll_next(context)).transpose()? {
            Some(chunk) => self.first = Some(self.encode(Ok(chunk))),
            None => self.call.scope.record_outcome(None),
        }
        Poll::Ready(Ok(()))
    }

    /// Whether [`ReplyStream::poll_first`] has received a chunk.
    pub(crate) fn has_first(&self) -> bool {
        self.first.is_some()
    }

    /// Waits for the next chunk; `None` at the end.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<E::Chunk>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(event) = ready!(self.chunks.poll_next(context)) else {
            self.call.scope.record_outcome(None);
            let is_missing = !std::mem::replace(&mut self.has_ended, true);
            return Poll::Ready(is_missing.then(|| self.encoding.encode_end()).flatten());
        };
        Poll::Ready(Some(self.encode(event)))
    }

    fn encode(&mut self, event: Result<Content, Error>) -> E::Chunk {
        let bytes = event.as_ref().map_or(0, Content::byte_len);
        let _ = event.as_ref().inspect(|chunk| self.charge.add_output(chunk));
        let encoding = &mut self.encoding;
        let is_last = self.chunks.is_at_end();
        self.has_ended |= is_last;
        let encode = || match event {
            Ok(chunk) if is_last => encoding.encode_last(chunk),
            event => event.and_then(|chunk| encoding.encode(chunk)),
        };
        let encoded = self.call.app.blocking.run_at_once(bytes, encode);
        let chunk = encoded.unwrap_or_else(|error| {
            self.has_ended = true;
            self.call.scope.record_failure(&error);
            self.encoding.encode_failure(&error)
        });
        self.call.scope.count_sent_chunk(E::length(&chunk));
        chunk
    }
}

impl<E: StreamEncoding<Chunk = Bytes>> ChunkSource for ReplyStream<E> {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_next(context)
    }
}
