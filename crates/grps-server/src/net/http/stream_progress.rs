//! How far the streams of an HTTP/2 connection are: their requests and their responses.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::net::http::reply_body::ReplyBody;

/// Maximum size of a frame, so that a slow client is seen to take one after the other.
pub(super) const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The streams of one connection.
pub(super) struct Streams {
    state: Mutex<State>,
    /// How long a client may pause whose request goes on while it gets responses.
    pause_limit: Duration,
    /// Notified when no stream runs any more.
    idle: Notify,
    /// Notified when a client reads nothing at all.
    unread: Notify,
}

struct State {
    /// Number of open streams.
    open: usize,
    /// Number of open streams whose requests have arrived.
    running: usize,
    /// Number of open streams whose requests go on while they are answered.
    duplex: usize,
    /// When the latest of their answers was given.
    answered: Instant,
    /// Number of exchanges: the request has arrived, and the response was taken.
    exchanges: u64,
    /// The number of exchanges at `ended`.
    exchanges_at_end: u64,
    /// When the last exchange ended and no stream ran; before that, when the connection began.
    ended: Instant,
    /// Whether the connection is about to close; then new streams do not keep it.
    is_closing: bool,
}

impl State {
    /// When the connection will have been idle for too long; `None` while requests run.
    fn idle_end(&self, limit: Duration, pause_limit: Duration) -> Option<Instant> {
        let end = self.ended + limit;
        let duplex_end = if self.duplex > 0 { self.answered + pause_limit } else { end };
        (self.running == 0).then_some(end.max(duplex_end))
    }

    /// Notes the time if exchanges have ended and no stream runs.
    fn note_end(&mut self) {
        if self.running == 0 && self.exchanges_at_end != self.exchanges {
            self.exchanges_at_end = self.exchanges;
            self.ended = Instant::now();
        }
    }
}

impl Streams {
    /// The streams of a new connection; a client whose request goes on while it gets responses may
    /// pause for `pause_limit`.
    pub(super) fn new(pause_limit: Duration) -> Self {
        let state = State {
            open: 0,
            running: 0,
            duplex: 0,
            answered: Instant::now(),
            exchanges: 0,
            exchanges_at_end: 0,
            ended: Instant::now(),
            is_closing: false,
        };
        let (idle, unread) = (Notify::new(), Notify::new());
        Self { state: Mutex::new(state), pause_limit, idle, unread }
    }

    /// Waits until, for `limit`, no exchange has ended and no request that has arrived was running.
    /// A stream whose request does not arrive changes nothing, unless it is answered meanwhile.
    pub(super) async fn wait_idle(&self, limit: Duration) {
        loop {
            let end = self.state.lock().idle_end(limit, self.pause_limit);
            let now = Instant::now();
            match end {
                None => self.idle.notified().await,
                Some(end) if end <= now => return,
                // A stream that lets the client pause may end meanwhile.
                Some(end) => sleep_until(end.min(now + limit)).await,
            }
        }
    }

    /// Waits until a client has taken nothing of a stream for too long, and finished no other.
    pub(super) async fn wait_unread(&self) {
        self.unread.notified().await;
    }

    /// Waits until no stream may go on: those that run have ended, and the requests of others had
    /// `body_timeout` to arrive. Streams that begin after `grace`, in which the client learns that
    /// the connection closes, are not waited for.
    pub(super) async fn wait_closed(&self, body_timeout: Duration, grace: Duration) {
        let since = Instant::now();
        sleep(grace).await;
        self.state.lock().is_closing = true;
        loop {
            let end = {
                let state = self.state.lock();
                let limit = if state.open == 0 { grace } else { body_timeout.max(grace) };
                (state.running == 0).then(|| since.max(state.ended) + limit)
            };
            match end {
                None => self.idle.notified().await,
                Some(end) if end <= Instant::now() => return,
                Some(end) => sleep_until(end).await,
            }
        }
    }
}

/// How far one stream is.
pub(crate) struct StreamProgress {
    streams: Arc<Streams>,
    /// The count of frames of the response that were taken, times two; plus one while the last of
    /// them waits for the client.
    frames: AtomicU64,
    /// Whether the request has arrived. This and the next are changed while the state is locked.
    has_arrived: AtomicBool,
    /// Whether the stream is open and can keep the connection.
    counts: AtomicBool,
    /// Whether the response was taken.
    is_taken: AtomicBool,
    /// Whether the request goes on while it is answered.
    is_duplex: AtomicBool,
    /// The number of exchanges when the stream began.
    exchanges_before: AtomicU64,
}

impl StreamProgress {
    /// The progress of a stream that is about to begin.
    pub(super) fn new(streams: &Arc<Streams>) -> Self {
        Self {
            streams: Arc::clone(streams),
            frames: AtomicU64::new(0),
            has_arrived: AtomicBool::new(false),
            counts: AtomicBool::new(false),
            is_taken: AtomicBool::new(false),
            is_duplex: AtomicBool::new(false),
            exchanges_before: AtomicU64::new(0),
        }
    }

    /// Notes that the request has arrived.
    pub(crate) fn note_arrived(&self) {
        if self.has_arrived.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.streams.state.lock();
        self.has_arrived.store(true, Ordering::Relaxed);
        self.end_duplex(&mut state);
        if self.counts.load(Ordering::Relaxed) {
            state.running += 1;
        } else if self.is_taken.load(Ordering::Relaxed) {
            // The client sent the rest of a request that had been refused.
            state.exchanges += 1;
            state.note_end();
        }
    }

    /// Notes that the task of the stream has started.
    pub(super) fn note_open(&self) {
        let mut state = self.streams.state.lock();
        state.open += 1;
        self.exchanges_before.store(state.exchanges, Ordering::Relaxed);
        if !state.is_closing {
            self.counts.store(true, Ordering::Relaxed);
            state.running += usize::from(self.has_arrived.load(Ordering::Relaxed));
        }
    }

    /// Notes that the task of the stream has ended.
    pub(super) fn note_closed(&self) {
        let mut state = self.streams.state.lock();
        state.open -= 1;
        self.end_duplex(&mut state);
        if !self.counts.swap(false, Ordering::Relaxed) || !self.has_arrived.load(Ordering::Relaxed)
        {
            return;
        }
        state.running -= 1;
        state.exchanges += u64::from(self.is_taken.load(Ordering::Relaxed));
        state.note_end();
        if state.running == 0 {
            drop(state);
            self.streams.idle.notify_one();
        }
    }

    /// Notes that the client took nothing of the response for too long.
    pub(super) fn note_stall(&self) {
        let before = self.exchanges_before.load(Ordering::Relaxed);
        if self.streams.state.lock().exchanges == before {
            self.streams.unread.notify_one();
        }
    }

    /// Notes that the request goes on while a response to a part of it is given.
    fn note_duplex(&self) {
        let mut state = self.streams.state.lock();
        if !self.counts.load(Ordering::Relaxed) || self.has_arrived.load(Ordering::Relaxed) {
            return;
        }
        state.duplex += usize::from(!self.is_duplex.swap(true, Ordering::Relaxed));
        state.answered = Instant::now();
    }

    /// Notes that the request does not go on.
    fn end_duplex(&self, state: &mut State) {
        state.duplex -= usize::from(self.is_duplex.swap(false, Ordering::Relaxed));
    }

    fn note_frame(&self) {
        if !self.has_arrived.load(Ordering::Relaxed) {
            self.note_duplex();
        }
        let taken = self.frames.load(Ordering::Relaxed) / 2;
        self.frames.store(taken * 2 + 3, Ordering::Relaxed);
    }

    /// Notes that the response has no frame yet.
    fn note_wait_for_model(&self) {
        self.frames.fetch_and(!1, Ordering::Relaxed);
    }

    /// Notes that the last part of the response was taken.
    fn note_taken(&self) {
        self.is_taken.store(true, Ordering::Relaxed);
    }

    /// The number of frames taken, if the next step is the client's.
    pub(super) fn waits_for_client(&self) -> Option<u64> {
        let state = self.frames.load(Ordering::Relaxed);
        (state % 2 == 1).then_some(state / 2)
    }

    /// The body of the response, which notes its progress.
    pub(super) fn watch(self: Arc<Self>, body: ReplyBody) -> WatchedBody {
        if body.is_end_stream() {
            self.note_taken();
        }
        WatchedBody { body, rest: Bytes::new(), progress: self }
    }
}

/// A response body that notes its progress.
pub(crate) struct WatchedBody {
    body: ReplyBody,
    /// The rest of a large frame.
    rest: Bytes,
    progress: Arc<StreamProgress>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.rest.is_empty() {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                self.progress.note_wait_for_model();
                return Poll::Pending;
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => {
                    self.progress.note_taken();
                    return Poll::Ready(Some(Ok(trailers)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.progress.note_taken();
                    return Poll::Ready(None);
                }
            }
        }
        self.progress.note_frame();
        let length = self.rest.len().min(MAX_FRAME_BYTES);
        let frame = Frame::data(self.rest.split_to(length));
        if self.is_end_stream() {
            self.progress.note_taken();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[path = "stream_progress_tests.rs"]
mod tests;
