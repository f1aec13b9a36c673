//! Answers in pieces: from running user code straight to the connection, in order, with
//! back-pressure.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::request::content::Content;

/// Bytes that may wait for a slow client before the producer is held up.
const CAPACITY_BYTES: usize = 64 * 1024;
/// What a chunk counts for besides its own bytes, so that empty ones fill a stream too.
const CHUNK_BYTES: usize = 256;

/// What happens on a stream.
#[derive(Debug)]
enum Event {
    Chunk(Content),
    Failed(Error),
    End,
}

/// What the two ends share.
#[derive(Debug, Default)]
struct Shared {
    /// Under a lock that is held for a few instructions.
    state: Mutex<State>,
    /// Wakes producers that wait for room.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the connection has not taken yet.
    events: VecDeque<Event>,
    /// What the chunks among it count for.
    bytes: usize,
    /// Wakes the connection; there only while it waits.
    waker: Option<Waker>,
    /// Producers that wait for room.
    waiting: usize,
    /// Producers that are left.
    senders: usize,
    /// Set when nobody listens any more.
    closed: bool,
}

impl State {
    fn has_room(&self) -> bool {
        self.bytes < CAPACITY_BYTES
    }
}

/// Makes the two ends of a stream; `walk` feeds it and ends with it.
pub(crate) fn stream_channel() -> (ChunkSender, Events) {
    let shared = Arc::new(Shared::default());
    shared.state.lock().senders = 1;
    (ChunkSender(Arc::clone(&shared)), Events { shared, taken: VecDeque::new() })
}

/// The producer's end; it rides in every queue entry of a streaming request.
#[derive(Debug)]
pub struct ChunkSender(Arc<Shared>);

impl ChunkSender {
    /// Sends a chunk, waiting while the client is slow; not for async code.
    ///
    /// Returns false when nobody listens any more: the client has left or the stream has ended.
    pub fn send(&self, chunk: Content) -> bool {
        let mut state = self.0.state.lock();
        while !state.has_room() && !state.closed {
            state.waiting += 1;
            self.0.room.wait(&mut state);
            state.waiting -= 1;
        }
        push(state, Event::Chunk(chunk))
    }

    /// Sends a chunk if there is room for it, else gives it back; tells whether somebody listens.
    ///
    /// # Errors
    /// The chunk, when the client is slow.
    pub fn try_send(&self, chunk: Content) -> Result<bool, Content> {
        let state = self.0.state.lock();
        if state.has_room() || state.closed {
            Ok(push(state, Event::Chunk(chunk)))
        } else {
            Err(chunk)
        }
    }

    /// Ends the stream ahead of the model's return; later chunks go nowhere.
    pub fn end(&self) {
        push(self.0.state.lock(), Event::End);
    }

    /// Ends the stream with the model's outcome, behind all chunks.
    pub(crate) fn finish(&self, outcome: Result<Content, Error>) {
        match outcome {
            Ok(tensors @ Content::Tensors(_)) => {
                push(self.0.state.lock(), Event::Chunk(tensors));
            }
            Ok(_) => {}
            Err(error) => {
                push(self.0.state.lock(), Event::Failed(error));
            }
        }
        self.end();
    }
}

/// Adds an event and wakes the connection; false when nobody listens.
fn push(mut state: MutexGuard<'_, State>, event: Event) -> bool {
    if state.closed {
        return false;
    }
    if let Event::Chunk(chunk) = &event {
        state.bytes += CHUNK_BYTES + chunk.byte_len();
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
    /// What has been taken together, so that the lock is not needed for each.
    taken: VecDeque<Event>,
}

impl Events {
    /// Waits for the next event; `None` once all producers are gone.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.taken.is_empty() {
            let mut state = self.shared.state.lock();
            if state.events.is_empty() && state.senders > 0 {
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut state.events, &mut self.taken);
            state.bytes = 0;
            if state.waiting > 0 {
                self.shared.room.notify_all();
            }
        }
        Poll::Ready(self.taken.pop_front())
    }

    /// Takes no more; producers that wait for room go on in vain.
    fn close(&mut self) {
        self.taken.clear();
        let mut state = self.shared.state.lock();
        state.closed = true;
        // Dropped outside the lock.
        let left = std::mem::take(&mut state.events);
        self.shared.room.notify_all();
        drop(state);
        drop(left);
    }
}

/// The connection's end; dropping it cancels the request.
#[derive(Debug)]
pub struct Chunks {
    events: Events,
    /// Set at the end, whatever a producer still sends.
    ended: bool,
    /// Walks the request through its models.
    walk: JoinHandle<()>,
}

impl Chunks {
    pub(crate) fn new(events: Events, walk: JoinHandle<()>) -> Self {
        Self { events, ended: false, walk }
    }

    /// Waits for the next chunk; `None` at the end, which an error also is.
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

    /// What a producer still has goes nowhere.
    fn end(&mut self) {
        self.ended = true;
        self.events.close();
    }

    /// Waits for the next chunk; `None` at the end, which an error also is.
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
    async fn a_full_stream_gives_the_chunk_back() {
        let (sender, mut chunks) = chunks();
        let half = CAPACITY_BYTES / 2 - CHUNK_BYTES;
        assert_eq!(sender.try_send(chunk(half)), Ok(true));
        assert_eq!(sender.try_send(chunk(half - 1)), Ok(true));
        // One byte is left, which is room for a chunk of any length.
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
    async fn a_producer_waits_for_room_and_learns_that_nobody_listens() {
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
    async fn it_ends_by_word_by_failure_and_when_all_producers_are_gone() {
        let (sender, mut ended) = chunks();
        sender.end();
        assert!(sender.send(chunk(1)));
        assert_eq!(ended.next().await, None);
        assert!(!sender.send(chunk(1)));

        let (sender, mut failed) = chunks();
        sender.finish(Err(Error::invalid("no")));
        assert_eq!(failed.next().await, Some(Err(Error::invalid("no"))));
        assert_eq!(failed.next().await, None);

        let (sender, mut abandoned) = chunks();
        let other = sender.clone();
        drop(sender);
        let waiting = tokio::spawn(async move { abandoned.next().await });
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(waiting.await.unwrap(), None);
    }
}
