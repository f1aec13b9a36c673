//! Streamed responses: chunks go from running user code to the connection, in order and with
//! backpressure.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::task::{AbortHandle, JoinHandle};

use crate::error::{Cause, Error};
use crate::request::content::Content;
use crate::request::stall::{self, FullSince, StallWatch};
use crate::scheduling::admission::Permit;

/// Bytes that can wait for a slow client before the producer blocks.
const CAPACITY_BYTES: usize = 64 * 1024;
/// Bytes that each chunk counts in addition to its content, so that empty chunks fill a stream too.
const CHUNK_BYTES: usize = 256;
/// Bytes that can wait when the producer can't.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// An event of a stream.
#[derive(Debug)]
enum Event {
    /// A chunk that the model's code sent while it ran.
    Chunk(Content),
    /// What the model returned, behind which nothing follows.
    Last(Content),
    Failed(Error),
    End,
}

/// State that both ends share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Locked for a few instructions.
    state: Mutex<State>,
    /// Wakes producers that wait for space.
    space: Condvar,
    /// What watches the stream while it is full; `None` in tests.
    watch: Option<StallWatch>,
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
    /// Since when a producer has waited.
    full: FullSince,
    /// Ends the request.
    walk: Option<AbortHandle>,
}

impl State {
    fn has_space(&self) -> bool {
        self.bytes < CAPACITY_BYTES
    }

    fn add(&mut self, event: Event) {
        if let Event::Chunk(chunk) | Event::Last(chunk) = &event {
            self.bytes += CHUNK_BYTES + chunk.byte_len();
            self.sent = true;
        }
        self.events.push_back(event);
    }
}

impl Shared {
    /// Notes that a producer has found no space.
    fn note_full(self: &Arc<Self>, state: &mut State) {
        if let Some(watch) = &self.watch
            && state.full.note_full()
        {
            stall::watch(self, watch);
        }
    }

    /// What watches the stream.
    pub(crate) fn stall_watch(&self) -> Option<&StallWatch> {
        self.watch.as_ref()
    }

    /// Since when a producer has waited; `None` ends the watching task.
    pub(crate) fn full_since(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        if state.closed {
            state.full.note_taken();
        }
        state.full.check()
    }

    /// Ends the request of a stream whose client takes nothing.
    pub(crate) fn end_stalled(&self) {
        let mut state = self.state.lock();
        let text = "the client took nothing of the stream for too long";
        state.events.push_back(Event::Failed(Error::new(Cause::Cancelled, text)));
        state.closed = true;
        let (waker, walk) = (state.waker.take(), state.walk.take());
        self.space.notify_all();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(walk) = walk {
            walk.abort();
        }
    }
}

/// Creates the two ends of a stream.
pub(crate) fn stream_channel(watch: Option<StallWatch>) -> (ChunkSender, Events) {
    let shared = Arc::new(Shared { watch, ..Shared::default() });
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
            self.0.note_full(&mut state);
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
        let mut state = self.0.state.lock();
        if state.has_space() || state.closed {
            Ok(push(state, Event::Chunk(chunk)))
        } else {
            self.0.note_full(&mut state);
            Err(chunk)
        }
    }

    /// Whether a chunk can be sent without waiting: the stream has room, or has ended.
    pub fn has_room(&self) -> bool {
        let mut state = self.0.state.lock();
        let has_room = state.has_space() || state.closed;
        if !has_room {
            self.0.note_full(&mut state);
        }
        has_room
    }

    /// Sends a chunk for a producer that can't wait. Returns false when the client has disconnected,
    /// the stream has ended, or so much waits that it ends here.
    pub fn send_now(&self, chunk: Content) -> bool {
        let mut state = self.0.state.lock();
        if !state.has_space() {
            self.0.note_full(&mut state);
        }
        if state.bytes >= MAX_BYTES && !state.closed {
            drop(state);
            self.0.end_stalled();
            return false;
        }
        push(state, Event::Chunk(chunk))
    }

    /// Whether no chunk reaches the client any more: it has disconnected, or the stream has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.state.lock().closed
    }

    /// Keeps the permit of the request until the guard is dropped, except while the stream is full.
    pub(crate) fn hold(&self, permit: Permit) -> HeldPermit {
        match &self.0.watch {
            Some(watch) => {
                watch.hold(permit);
                HeldPermit::Watched(Arc::clone(&self.0))
            }
            None => HeldPermit::Plain(permit),
        }
    }

    /// Ends the stream before the model returns; later chunks are dropped.
    pub fn end(&self) {
        push(self.0.state.lock(), Event::End);
    }

    /// Ends the stream with the outcome of the model, after all chunks. A message is a chunk only if
    /// the model has sent none: user code that streams returns what its client has, or nothing.
    pub(crate) fn finish(&self, outcome: Result<Content, Error>) {
        let state = self.0.state.lock();
        let end = match outcome {
            Ok(tensors @ Content::Tensors(_)) => Event::Last(tensors),
            Ok(message) if !state.sent && message.byte_len() > 0 => Event::Last(message),
            Ok(_) => Event::End,
            Err(error) => Event::Failed(error),
        };
        push(state, end);
    }
}

/// The permit of a request with a stream; dropping it returns the permit.
#[derive(Debug)]
pub(crate) enum HeldPermit {
    /// It can be suspended.
    Watched(Arc<Shared>),
    /// It is held until the end.
    Plain(#[expect(dead_code, reason = "held until it is dropped")] Permit),
}

impl Drop for HeldPermit {
    fn drop(&mut self) {
        if let Self::Watched(shared) = self
            && let Some(watch) = &shared.watch
        {
            watch.release();
        }
    }
}

/// Adds an event and wakes the connection; false when the connection receives no more events.
fn push(mut state: MutexGuard<'_, State>, event: Event) -> bool {
    if state.closed {
        return false;
    }
    state.add(event);
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
            state.full.note_taken();
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

/// The connection's end; dropping it cancels the request, unless its model has ended the stream.
#[derive(Debug)]
pub struct Chunks {
    events: Events,
    /// Whether the stream has ended; producers may still send.
    ended: bool,
    /// Whether the model has ended it: the request then ends when the model returns.
    is_complete: bool,
    /// The task that runs the request through its models.
    walk: JoinHandle<()>,
}

impl Chunks {
    pub(crate) fn new(events: Events, walk: JoinHandle<()>) -> Self {
        events.shared.state.lock().walk = Some(walk.abort_handle());
        Self { events, ended: false, is_complete: false, walk }
    }

    /// Waits for the next chunk; `None` at the end. An error is always the last item.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Content, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.events.poll_next(context).map(|event| match event {
            Some(Event::Chunk(chunk)) => Some(Ok(chunk)),
            Some(Event::Last(chunk)) => {
                self.end();
                Some(Ok(chunk))
            }
            Some(Event::Failed(error)) => {
                self.end();
                Some(Err(error))
            }
            Some(Event::End) | None => {
                self.is_complete = true;
                self.end();
                None
            }
        })
    }

    /// Whether nothing follows what was received last: the stream has failed, or it was what the model
    /// returned.
    pub fn is_at_end(&self) -> bool {
        self.ended
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
        if !self.is_complete {
            self.walk.abort();
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
