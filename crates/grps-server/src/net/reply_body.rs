//! Bodies of answers: whole, in chunks, or framed for gRPC.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use grps_core::{Chunks, Content, Error};
use http_body::{Body, Frame, SizeHint};

use crate::call::request_scope::RequestScope;

/// Most of a whole body that is handed over at once: what an HTTP/1.1 connection keeps to write
/// together stays of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Body of an answer.
pub(crate) enum ReplyBody {
    /// Made before the first of it is sent.
    Whole(Bytes),
    /// Piece by piece, as user code makes it.
    Chunks(ChunkBody),
    /// Framed by tonic.
    Grpc(tonic::body::Body),
}

impl From<Bytes> for ReplyBody {
    fn from(body: Bytes) -> Self {
        Self::Whole(body)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        match self.get_mut() {
            Self::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Self::Whole(rest) => {
                let piece = rest.split_to(rest.len().min(PIECE_BYTES));
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Self::Chunks(body) => {
                body.poll_chunk(context).map(|chunk| chunk.map(|c| Ok(Frame::data(c))))
            }
            Self::Grpc(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(rest) => rest.is_empty(),
            Self::Chunks(_) => false,
            Self::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
            Self::Chunks(_) => SizeHint::default(),
            Self::Grpc(body) => body.size_hint(),
        }
    }
}

/// FairQueue a chunk, or the error that ends the stream, into bytes for the client.
pub(crate) type EncodeChunk = fn(Result<Content, Error>) -> Bytes;

/// A stream of chunks; dropping it cancels the request.
pub(crate) struct ChunkBody {
    /// Taken by the first poll.
    first: Option<Bytes>,
    chunks: Chunks,
    encode: EncodeChunk,
    /// Keeps shutdown waiting until the stream has ended.
    scope: Arc<RequestScope>,
}

impl ChunkBody {
    /// A stream whose first chunk was received already.
    pub(crate) fn new(
        first: Bytes,
        chunks: Chunks,
        encode: EncodeChunk,
        scope: Arc<RequestScope>,
    ) -> Self {
        Self { first: Some(first), chunks, encode, scope }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let Some(event) = ready!(self.chunks.poll_next(context)) else {
                self.scope.judge(None);
                return Poll::Ready(None);
            };
            if let Err(error) = &event {
                self.scope.judge(Some(error.cause()));
            }
            let chunk = (self.encode)(event);
            self.scope.send_chunk(chunk.len());
            // An empty chunk would end an HTTP/1.1 body.
            if !chunk.is_empty() {
                return Poll::Ready(Some(chunk));
            }
        }
    }
}
