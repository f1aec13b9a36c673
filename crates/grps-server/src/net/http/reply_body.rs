//! Response bodies: whole, in chunks, or framed for gRPC.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Maximum size of a frame of a whole body; limits the write buffer of an HTTP/1.1 connection.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Source of the chunks of a body; dropping it cancels the request.
pub(crate) trait ChunkSource: Send {
    /// Waits for the next chunk; `None` at the end.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// Body of a response.
pub(crate) enum ReplyBody {
    /// A complete body.
    Whole(Bytes),
    /// Chunks that user code sends while it runs.
    Chunks(Box<dyn ChunkSource>),
    /// Framed by tonic.
    Grpc(tonic::body::Body),
}

impl Default for ReplyBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
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
            Self::Whole(remaining) if remaining.is_empty() => Poll::Ready(None),
            Self::Whole(remaining) => {
                let data = remaining.split_to(remaining.len().min(MAX_FRAME_BYTES));
                Poll::Ready(Some(Ok(Frame::data(data))))
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
            Self::Whole(remaining) => remaining.is_empty(),
            Self::Chunks(_) => false,
            Self::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(remaining) => SizeHint::with_exact(remaining.len() as u64),
            Self::Chunks(_) => SizeHint::default(),
            Self::Grpc(body) => body.size_hint(),
        }
    }
}
