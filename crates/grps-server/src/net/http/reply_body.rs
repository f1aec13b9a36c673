//! Response bodies: whole, in parts, in chunks, or framed for gRPC.

use std::collections::VecDeque;
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
    /// A complete body in several buffers, which are written as they are.
    Parts(VecDeque<Bytes>),
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

impl ReplyBody {
    /// The buffers of a complete body; none of a body whose length is not known.
    pub(crate) fn buffers_mut(&mut self) -> &mut [Bytes] {
        match self {
            Self::Whole(body) => std::slice::from_mut(body),
            Self::Parts(parts) => parts.make_contiguous(),
            Self::Chunks(_) | Self::Grpc(_) => &mut [],
        }
    }
}

/// A body of these buffers, empty ones left out.
impl From<Vec<Bytes>> for ReplyBody {
    fn from(mut parts: Vec<Bytes>) -> Self {
        parts.retain(|part| !part.is_empty());
        Self::Parts(parts.into())
    }
}

/// Takes the next frame off a buffer.
fn next_frame(remaining: &mut Bytes) -> Frame<Bytes> {
    Frame::data(remaining.split_to(remaining.len().min(MAX_FRAME_BYTES)))
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
            Self::Whole(remaining) => Poll::Ready(Some(Ok(next_frame(remaining)))),
            Self::Parts(parts) => {
                let Some(first) = parts.front_mut() else { return Poll::Ready(None) };
                let frame = next_frame(first);
                if first.is_empty() {
                    parts.pop_front();
                }
                Poll::Ready(Some(Ok(frame)))
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
            Self::Parts(parts) => parts.is_empty(),
            Self::Chunks(_) => false,
            Self::Grpc(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(remaining) => SizeHint::with_exact(remaining.len() as u64),
            Self::Parts(parts) => {
                SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum())
            }
            Self::Chunks(_) => SizeHint::default(),
            Self::Grpc(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn parts_are_sent_in_order_and_in_frames_of_bounded_size() {
        let large = Bytes::from(vec![7; MAX_FRAME_BYTES + 1]);
        let parts = vec![Bytes::from_static(b"head"), Bytes::new(), large.clone()];
        let mut body = ReplyBody::from(parts);
        assert_eq!(body.size_hint().exact(), Some(large.len() as u64 + 4));
        assert_eq!(body.buffers_mut().len(), 2);
        let mut lengths = Vec::new();
        while let Some(frame) = body.frame().await {
            lengths.push(frame.unwrap().into_data().unwrap().len());
        }
        assert_eq!(lengths, [4, MAX_FRAME_BYTES, 1]);
        assert!(body.is_end_stream() && ReplyBody::from(Vec::new()).is_end_stream());
    }
}
