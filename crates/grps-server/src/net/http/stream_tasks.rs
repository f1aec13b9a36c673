//! The tasks of the streams of an HTTP/2 connection.
//!
//! A client that grants no window to a stream keeps its request running. The HTTP/2 library has no
//! time limit for this, so each stream's task is watched here, and the open ones are counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

use crate::net::http::stream_progress::{StreamProgress, Streams};

/// The tasks of one connection; starts a task for each stream.
#[derive(Clone)]
pub(crate) struct StreamTasks(Arc<Shared>);

struct Shared {
    /// How long a client may take nothing of a body.
    stall_timeout: Duration,
    /// Called when a stream was ended because of it.
    report: Box<dyn Fn() + Send + Sync>,
    /// The request that the library has just handed over; its task starts next.
    next: Mutex<Option<Arc<StreamProgress>>>,
    streams: Arc<Streams>,
}

impl StreamTasks {
    /// The tasks of a new connection; `report` is called for each stream that is ended because its
    /// client took nothing for `stall_timeout`. A request that goes on while it is answered may pause
    /// for `pause_limit`.
    pub(crate) fn new(
        stall_timeout: Duration,
        pause_limit: Duration,
        report: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let streams = Arc::new(Streams::new(pause_limit));
        let (report, next) = (Box::new(report), Mutex::new(None));
        Self(Arc::new(Shared { stall_timeout, report, next, streams }))
    }

    /// Announces the stream whose task the library starts next; returns its progress.
    pub(crate) fn announce(&self) -> Arc<StreamProgress> {
        let progress = Arc::new(StreamProgress::new(&self.0.streams));
        *self.0.next.lock() = Some(Arc::clone(&progress));
        progress
    }

    /// Waits until the connection may be closed: it was idle for `limit`, or its client does not
    /// read. Streams whose requests do not arrive, or whose responses are not taken, do not keep it.
    pub(crate) async fn wait_useless(&self, limit: Duration) {
        tokio::select! {
            () = self.0.streams.wait_idle(limit) => {}
            () = self.0.streams.wait_unread() => {}
        }
    }

    /// Waits until what is open may end with the connection; see [`Streams::wait_closed`].
    pub(crate) async fn wait_closed(&self, body_timeout: Duration, grace: Duration) {
        self.0.streams.wait_closed(body_timeout, grace).await;
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamTasks {
    fn execute(&self, future: F) {
        let announced = self.0.next.lock().take();
        let progress = announced.unwrap_or_else(|| Arc::new(StreamProgress::new(&self.0.streams)));
        progress.note_open();
        let open = OpenStream { progress, tasks: Arc::clone(&self.0) };
        tokio::spawn(StreamTask { future, timer: None, taken: 0, open });
    }
}

/// Counts a stream as open until it is dropped.
struct OpenStream {
    progress: Arc<StreamProgress>,
    tasks: Arc<Shared>,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.progress.note_closed();
    }
}

pin_project_lite::pin_project! {
    /// One stream: its request, then its response. Dropping the future resets the stream.
    struct StreamTask<F> {
        #[pin]
        future: F,
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
        let Some(taken) = this.open.progress.waits_for_client() else {
            *this.timer = None;
            return Poll::Pending;
        };
        if *this.taken != taken {
            *this.taken = taken;
            *this.timer = None;
        }
        let limit = this.open.tasks.stall_timeout;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        this.open.progress.note_stall();
        (this.open.tasks.report)();
        Poll::Ready(())
    }
}

#[cfg(test)]
#[path = "stream_tasks_tests.rs"]
mod tests;
