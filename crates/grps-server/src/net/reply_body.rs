//! Bodies of responses: whole, in chunks, or framed for gRPC.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Most of a whole body that is handed over at once: what an HTTP/1.1 connection keeps to write
/// together stays of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Where the chunks of a body come from; dropping it cancels the request.
pub(crate) trait ChunkSource: Send {
    /// Waits for the next chunk; `None` at the end.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// Body of a response.
pub(crate) enum ReplyBody {
    /// Made before the first of it is sent.
    Whole(Bytes),
    /// Chunk by chunk, as user code makes them.
    Chunks(Box<dyn ChunkSource>),
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
            Self::Chunks(source) => loop {
                match ready!(source.poll_chunk(context)) {
                    // An empty chunk would end an HTTP/1.1 body.
                    Some(chunk) if chunk.is_empty() => {}
                    chunk => return Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk)))),
                }
            },
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
