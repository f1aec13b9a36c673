//! Streamed responses: chunks go from running user code to the connection, in order and with
//! backpressure.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::request::content::Content;

/// Bytes that can wait for a slow client before the producer blocks.
const CAPACITY_BYTES: usize = 64 * 1024;
/// Bytes that each chunk counts in addition to its content, so that empty chunks fill a stream too.
const CHUNK_BYTES: usize = 256;

/// An event of a stream.
#[derive(Debug)]
enum Event {
    Chunk(Content),
    Failed(Error),
    End,
}

/// State that both ends share.
#[derive(Debug, Default)]
struct Shared {
    /// Locked for a few instructions.
    state: Mutex<State>,
    /// Wakes producers that wait for space.
    space: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Events that the connection has not received yet.
    events: VecDeque<Event>,
    /// Size of the waiting chunks, with [`CHUNK_BYTES`] for each.
    bytes: usize,
    /// Wakes the connection; `None` while it does not wait.
    waker: Option<Waker>,
    /// Number of producers that wait for space.
    waiting: usize,
    /// Number of open producers.
    senders: usize,
    /// Whether a chunk was sent.
    sent: bool,
    /// Whether the connection receives no more events.
    closed: bool,
}

impl State {
    fn has_space(&self) -> bool {
        self.bytes < CAPACITY_BYTES
    }
}

/// Creates the two ends of a stream.
pub(crate) fn stream_channel() -> (ChunkSender, Events) {
    let shared = Arc::new(Shared::default());
    shared.state.lock().senders = 1;
    (ChunkSender(Arc::clone(&shared)), Events { shared, received: VecDeque::new() })
}

/// The producer's end; every queue entry of a streaming request carries it.
#[derive(Debug)]
pub struct ChunkSender(Arc<Shared>);

impl ChunkSender {
    /// Sends a chunk. Blocks while the client is slow, so async code must not call it.
    ///
    /// Returns false when the client has disconnected or the stream has ended.
    pub fn send(&self, chunk: Content) -> bool {
        let mut state = self.0.state.lock();
        while !state.has_space() && !state.closed {
            state.waiting += 1;
            self.0.space.wait(&mut state);
            state.waiting -= 1;
        }
        push(state, Event::Chunk(chunk))
    }

    /// Sends a chunk if there is space for it. Returns false when the client has disconnected or the
    /// stream has ended.
    ///
    /// # Errors
    /// Returns the chunk when there is no space, because the client is slow.
    pub fn try_send(&self, chunk: Content) -> Result<bool, Content> {
        let state = self.0.state.lock();
        if state.has_space() || state.closed {
            Ok(push(state, Event::Chunk(chunk)))
        } else {
            Err(chunk)
        }
    }

    /// Ends the stream before the model returns; later chunks are dropped.
    pub fn end(&self) {
        push(self.0.state.lock(), Event::End);
    }

    /// Ends the stream with the outcome of the model, after all chunks. A message is a chunk only if
    /// the model has sent none: user code that streams returns what its client has, or nothing.
    pub(crate) fn finish(&self, outcome: Result<Content, Error>) {
        match outcome {
            Ok(tensors @ Content::Tensors(_)) => {
                push(self.0.state.lock(), Event::Chunk(tensors));
            }
            Ok(message) => {
                let state = self.0.state.lock();
                if !state.sent && message.byte_len() > 0 {
                    push(state, Event::Chunk(message));
                }
            }
            Err(error) => {
                push(self.0.state.lock(), Event::Failed(error));
            }
        }
        self.end();
    }
}

/// Adds an event and wakes the connection; false when the connection receives no more events.
fn push(mut state: MutexGuard<'_, State>, event: Event) -> bool {
    if state.closed {
        return false;
    }
    if let Event::Chunk(chunk) = &event {
        state.bytes += CHUNK_BYTES + chunk.byte_len();
        state.sent = true;
    }
    state.events.push_back(event);
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
    true
}

impl Clone for ChunkSender {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for ChunkSender {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.senders -= 1;
        let waker = if state.senders == 0 { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Events {
    shared: Arc<Shared>,
    /// Events that were received together, so that one lock serves several events.
    received: VecDeque<Event>,
}

impl Events {
    /// Waits for the next event; `None` when all producers are dropped.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.received.is_empty() {
            let mut state = self.shared.state.lock();
            if state.events.is_empty() && state.senders > 0 {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut state.events, &mut self.received);
            state.bytes = 0;
            if state.waiting > 0 {
                self.shared.space.notify_all();
            }
        }
        Poll::Ready(self.received.pop_front())
    }

    /// Receives no more events; wakes the producers that wait for space.
    fn close(&mut self) {
        self.received.clear();
        let mut state = self.shared.state.lock();
        state.closed = true;
        // Dropped outside the lock.
        let unsent = std::mem::take(&mut state.events);
        self.shared.space.notify_all();
        drop(state);
        drop(unsent);
    }
}

/// The connection's end; dropping it cancels the request.
#[derive(Debug)]
pub struct Chunks {
    events: Events,
    /// Whether the stream has ended; producers may still send.
    ended: bool,
    /// The task that runs the request through its models.
    walk: JoinHandle<()>,
}

impl Chunks {
    pub(crate) fn new(events: Events, walk: JoinHandle<()>) -> Self {
        Self { events, ended: false, walk }
    }

    /// Waits for the next chunk; `None` at the end. An error is always the last item.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Content, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.events.poll_next(context).map(|event| match event {
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

    /// Ends the stream; later chunks of producers are dropped.
    fn end(&mut self) {
        self.ended = true;
        self.events.close();
    }

    /// Waits for the next chunk; `None` at the end. An error is always the last item.
    pub async fn next(&mut self) -> Option<Result<Content, Error>> {
        poll_fn(|context| self.poll_next(context)).await
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.events.close();
        self.walk.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    fn chunk(length: usize) -> Content {
        Content::Raw(Bytes::from(vec![0; length]))
    }

    fn chunks() -> (ChunkSender, Chunks) {
        let (sender, events) = stream_channel();
        (sender, Chunks::new(events, tokio::spawn(std::future::pending())))
    }

    #[tokio::test]
    async fn a_full_stream_returns_the_chunk() {
        let (sender, mut chunks) = chunks();
        let half = CAPACITY_BYTES / 2 - CHUNK_BYTES;
        assert_eq!(sender.try_send(chunk(half)), Ok(true));
        assert_eq!(sender.try_send(chunk(half - 1)), Ok(true));
        // One free byte is enough for a chunk of any length.
        assert_eq!(sender.try_send(chunk(CAPACITY_BYTES)), Ok(true));
        assert_eq!(sender.try_send(chunk(0)), Err(chunk(0)));
        assert_eq!(chunks.next().await.unwrap(), Ok(chunk(half)));
        assert_eq!(sender.try_send(chunk(0)), Ok(true));
        drop(chunks);
        assert_eq!(sender.try_send(chunk(0)), Ok(false));
    }

    #[tokio::test]
    async fn empty_chunks_fill_a_stream_too() {
        let (sender, _chunks) = chunks();
        for _ in 0..CAPACITY_BYTES / CHUNK_BYTES {
            assert_eq!(sender.try_send(chunk(0)), Ok(true));
        }
        assert_eq!(sender.try_send(chunk(0)), Err(chunk(0)));
    }

    #[tokio::test]
    async fn a_producer_waits_for_space_until_the_client_disconnects() {
        let (sender, mut chunks) = chunks();
        let producing = tokio::task::spawn_blocking(move || {
            let mut sent = 0;
            while sender.send(chunk(CAPACITY_BYTES)) {
                sent += 1;
            }
            sent
        });
        for _ in 0..20 {
            assert_eq!(chunks.next().await.unwrap(), Ok(chunk(CAPACITY_BYTES)));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(chunks);
        let sent = producing.await.unwrap();
        assert!((20..=22).contains(&sent), "{sent}");
    }

    #[tokio::test]
    async fn a_stream_ends_on_request_on_failure_and_without_producers() {
        let (sender, mut ended) = chunks();
        sender.end();
        assert!(sender.send(chunk(1)));
        assert_eq!(ended.next().await, None);
        assert!(!sender.send(chunk(1)));

        let (sender, mut failed) = chunks();
        sender.finish(Err(Error::invalid("no")));
        assert_eq!(failed.next().await, Some(Err(Error::invalid("no"))));
        assert_eq!(failed.next().await, None);

        let message =
            |text: &'static str| Ok(Content::Message(Bytes::from_static(text.as_bytes())));
        let (sender, mut whole) = chunks();
        sender.finish(message("all"));
        assert_eq!(whole.next().await, Some(message("all")));
        assert_eq!(whole.next().await, None);

        let (sender, mut streamed) = chunks();
        assert!(sender.send(chunk(1)));
        sender.finish(message("returned after chunks"));
        assert_eq!(streamed.next().await, Some(Ok(chunk(1))));
        assert_eq!(streamed.next().await, None);

        let (sender, mut abandoned) = chunks();
        let other = sender.clone();
        drop(sender);
        let waiting = tokio::spawn(async move { abandoned.next().await });
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(waiting.await.unwrap(), None);
    }
}
