//! Answers in pieces: from running user code straight to the connection, in order, with
//! back-pressure.

use std::future::poll_fn;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use crate::content::Content;
use crate::error::Error;

/// Chunks that may wait for a slow client before the producer is held up.
const CAPACITY: usize = 64;

/// What happens on a stream.
#[derive(Debug)]
pub(crate) enum Event {
    Chunk(Content),
    Failed(Error),
    End,
}

/// Makes the two ends of a stream.
pub(crate) fn stream_channel() -> (ChunkSender, mpsc::Receiver<Event>) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (ChunkSender(sender), receiver)
}

/// The producer's end; it rides in every queue entry of a streaming request.
#[derive(Clone, Debug)]
pub struct ChunkSender(mpsc::Sender<Event>);

impl ChunkSender {
    /// Sends a chunk, waiting while the client is slow; not for async code.
    ///
    /// Returns false when nobody listens any more: the client has left or the stream has ended.
    pub fn send(&self, chunk: Content) -> bool {
        self.0.blocking_send(Event::Chunk(chunk)).is_ok()
    }

    /// Sends a chunk if there is room for it, else gives it back; tells whether somebody listens.
    ///
    /// # Errors
    /// The chunk, when the client is slow.
    pub fn try_send(&self, chunk: Content) -> Result<bool, Content> {
        match self.0.try_send(Event::Chunk(chunk)) {
            Ok(()) => Ok(true),
            Err(TrySendError::Full(Event::Chunk(chunk))) => Err(chunk),
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => Ok(false),
        }
    }

    /// Ends the stream ahead of the model's return; later chunks go nowhere.
    pub fn end(&self) {
        // Nobody listens: then the stream has ended already.
        let _ = self.0.blocking_send(Event::End);
    }

    /// Ends the stream with the model's outcome, behind all chunks.
    pub(crate) async fn finish(&self, outcome: Result<Content, Error>) {
        let last = match outcome {
            Ok(tensors @ Content::Tensors(_)) => Event::Chunk(tensors),
            Ok(_) => Event::End,
            Err(error) => Event::Failed(error),
        };
        // Nobody listens: then nobody wants to know.
        let _ = self.0.send(last).await;
        let _ = self.0.send(Event::End).await;
    }
}

/// The connection's end; dropping it cancels the request.
#[derive(Debug)]
pub struct Chunks {
    events: mpsc::Receiver<Event>,
    /// Set at the end, whatever a producer still sends.
    ended: bool,
    /// Walks the request through its models.
    walk: JoinHandle<()>,
}

impl Chunks {
    pub(crate) fn new(events: mpsc::Receiver<Event>, walk: JoinHandle<()>) -> Self {
        Self { events, ended: false, walk }
    }

    /// Waits for the next chunk; `None` at the end, which an error also is.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Content, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.events.poll_recv(context).map(|event| match event {
            Some(Event::Chunk(chunk)) => Some(Ok(chunk)),
            Some(Event::Failed(error)) => {
                self.end();
                Some(Err(error))
            }
            Some(Event::End) | None => {
                self.end();
                None
            }
        })
    }

    /// Wakes producers that wait for room: what they still have goes nowhere.
    fn end(&mut self) {
        self.ended = true;
        self.events.close();
        while self.events.try_recv().is_ok() {}
    }

    /// Waits for the next chunk; `None` at the end, which an error also is.
    pub async fn next(&mut self) -> Option<Result<Content, Error>> {
        poll_fn(|context| self.poll_next(context)).await
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.walk.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Content {
        Content::Tensors(Vec::new())
    }

    #[test]
    fn a_full_stream_gives_the_chunk_back() {
        let (sender, mut events) = stream_channel();
        for _ in 0..CAPACITY {
            assert_eq!(sender.try_send(chunk()), Ok(true));
        }
        assert_eq!(sender.try_send(chunk()), Err(chunk()));
        assert!(events.try_recv().is_ok());
        assert_eq!(sender.try_send(chunk()), Ok(true));
        drop(events);
        assert_eq!(sender.try_send(chunk()), Ok(false));
    }
}
