//! The tasks of the streams of an HTTP/2 connection.
//!
//! A client that grants no window to a stream keeps its request running. The HTTP/2 library has no
//! time limit for this, so each stream's task is watched here, and the open ones are counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::net::http::reply_body::ReplyBody;

/// Maximum size of a frame, so that a slow client is seen to take one after the other.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// The tasks of one connection; starts a task for each stream.
#[derive(Clone)]
pub(crate) struct StreamTasks(Arc<Shared>);

struct Shared {
    /// How long a client may take nothing of a body.
    stall_timeout: Duration,
    /// Called when a stream was ended because of it.
    report: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// Notified when no stream is open any more.
    idle: Notify,
}

struct State {
    /// The body of the request that the library has just handed over; its task starts next.
    next: Option<Arc<BodyProgress>>,
    /// Number of open streams.
    open: usize,
    /// When the last stream ended; before that, when the connection began.
    ended: Instant,
}

/// How far the body of a response has been taken.
///
/// The count of frames that were taken, times two; plus one while the last of them waits for the
/// client.
#[derive(Debug, Default)]
struct BodyProgress(AtomicU64);

impl BodyProgress {
    fn note_frame(&self) {
        let taken = self.0.load(Ordering::Relaxed) / 2;
        self.0.store(taken * 2 + 3, Ordering::Relaxed);
    }

    /// Notes that the body has no frame yet.
    fn note_wait_for_model(&self) {
        self.0.fetch_and(!1, Ordering::Relaxed);
    }

    /// The number of frames taken, if the next step is the client's.
    fn waits_for_client(&self) -> Option<u64> {
        let state = self.0.load(Ordering::Relaxed);
        (state % 2 == 1).then_some(state / 2)
    }
}

impl StreamTasks {
    /// The tasks of a new connection; `report` is called for each stream that is ended because its
    /// client took nothing for `stall_timeout`.
    pub(crate) fn new(stall_timeout: Duration, report: impl Fn() + Send + Sync + 'static) -> Self {
        let state = Mutex::new(State { next: None, open: 0, ended: Instant::now() });
        let (report, idle) = (Box::new(report), Notify::new());
        Self(Arc::new(Shared { stall_timeout, report, state, idle }))
    }

    /// Announces the stream whose task the library starts next; returns what watches its body.
    pub(crate) fn announce(&self) -> BodyWatch {
        let progress = Arc::new(BodyProgress::default());
        self.0.state.lock().next = Some(Arc::clone(&progress));
        BodyWatch(progress)
    }

    /// Waits until no stream has been open for `limit`, counted from `since` at the earliest.
    pub(crate) async fn wait_idle(&self, mut since: Instant, limit: Duration) {
        loop {
            let (open, ended) = {
                let state = self.0.state.lock();
                (state.open, state.ended)
            };
            if open > 0 {
                self.0.idle.notified().await;
                continue;
            }
            since = since.max(ended);
            let end = since + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamTasks {
    fn execute(&self, future: F) {
        let progress = {
            let mut state = self.0.state.lock();
            state.open += 1;
            state.next.take().unwrap_or_default()
        };
        let open = OpenStream(Arc::clone(&self.0));
        tokio::spawn(StreamTask { future, progress, timer: None, taken: 0, open });
    }
}

/// Counts a stream as open until it is dropped.
struct OpenStream(Arc<Shared>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.open -= 1;
        if state.open == 0 {
            state.ended = Instant::now();
            drop(state);
            self.0.idle.notify_one();
        }
    }
}

pin_project_lite::pin_project! {
    /// One stream: its request, then its response. Dropping the future resets the stream.
    struct StreamTask<F> {
        #[pin]
        future: F,
        progress: Arc<BodyProgress>,
        // Runs while the client takes nothing.
        timer: Option<Pin<Box<Sleep>>>,
        // The number of frames taken when the timer was started.
        taken: u64,
        open: OpenStream,
    }
}

impl<F: Future<Output = ()>> Future for StreamTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.future.poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(taken) = this.progress.waits_for_client() else {
            *this.timer = None;
            return Poll::Pending;
        };
        if *this.taken != taken {
            *this.taken = taken;
            *this.timer = None;
        }
        let limit = this.open.0.stall_timeout;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        (this.open.0.report)();
        Poll::Ready(())
    }
}

/// Watches the body of one response.
pub(crate) struct BodyWatch(Arc<BodyProgress>);

impl BodyWatch {
    /// The body, which notes its progress.
    pub(crate) fn over(self, body: ReplyBody) -> WatchedBody {
        WatchedBody { body, rest: Bytes::new(), progress: self.0 }
    }
}

/// A body that notes its progress.
pub(crate) struct WatchedBody {
    body: ReplyBody,
    /// The rest of a large frame.
    rest: Bytes,
    progress: Arc<BodyProgress>,
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
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.progress.note_frame();
        let length = self.rest.len().min(MAX_FRAME_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[path = "stream_tasks_tests.rs"]
mod tests;
