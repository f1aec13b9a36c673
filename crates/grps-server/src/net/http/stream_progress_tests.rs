use std::future::poll_fn;

use tokio::time::timeout;

use super::*;
use crate::net::http::reply_body::ChunkSource;

const LIMIT: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(40);

/// A stream of one chunk.
struct OneChunk(Option<Bytes>);

impl ChunkSource for OneChunk {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Poll::Ready(self.0.take())
    }
}

fn begin(streams: &Arc<Streams>) -> Arc<StreamProgress> {
    let progress = Arc::new(StreamProgress::new(streams));
    progress.note_open();
    progress
}

async fn next_length(body: &mut WatchedBody) -> Option<usize> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    frame.map(|frame| frame.unwrap().into_data().unwrap().len())
}

#[tokio::test]
async fn large_frames_are_given_in_parts() {
    let streams = Arc::new(Streams::new(PAUSE));
    let progress = begin(&streams);
    let chunk = Bytes::from(vec![7; MAX_FRAME_BYTES + 1]);
    let chunks = ReplyBody::Chunks(Box::new(OneChunk(Some(chunk))));
    let mut body = Arc::clone(&progress).watch(chunks);
    assert_eq!(progress.waits_for_client(), None);
    assert_eq!(next_length(&mut body).await, Some(MAX_FRAME_BYTES));
    assert_eq!(progress.waits_for_client(), Some(1));
    assert_eq!(next_length(&mut body).await, Some(1));
    assert_eq!(progress.waits_for_client(), Some(2));
    assert!(!progress.is_taken.load(Ordering::Relaxed));
    assert_eq!(next_length(&mut body).await, None);
    assert!(progress.is_taken.load(Ordering::Relaxed));

    let progress = begin(&streams);
    let mut body = Arc::clone(&progress).watch(ReplyBody::from(Bytes::from(vec![7; 10])));
    assert_eq!(body.size_hint().exact(), Some(10));
    assert_eq!(next_length(&mut body).await, Some(10));
    assert!(body.is_end_stream() && progress.is_taken.load(Ordering::Relaxed));
}

/// Makes `act` happen again and again until the connection counts as idle, or for many limits.
async fn is_idle_in_spite_of(streams: &Arc<Streams>, mut act: impl FnMut(usize)) -> bool {
    let acting = async {
        for number in 0..20 {
            act(number);
            sleep(STEP).await;
        }
    };
    tokio::select! {
        () = streams.wait_idle(LIMIT) => true,
        () = acting => false,
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_finished_do_not_keep_a_connection() {
    let streams = Arc::new(Streams::new(PAUSE));
    let mut open = Vec::new();
    assert!(is_idle_in_spite_of(&streams, |_| open.push(begin(&streams))).await);

    let streams = Arc::new(Streams::new(PAUSE));
    assert!(is_idle_in_spite_of(&streams, |_| begin(&streams).note_closed()).await);

    // A whole request that is reset before its response was taken.
    let streams = Arc::new(Streams::new(PAUSE));
    let reset = |_| {
        let progress = begin(&streams);
        progress.note_arrived();
        progress.note_closed();
    };
    assert!(is_idle_in_spite_of(&streams, reset).await);

    // A response to a request that does not arrive.
    let streams = Arc::new(Streams::new(PAUSE));
    let refused = |_| {
        let progress = begin(&streams);
        drop(Arc::clone(&progress).watch(ReplyBody::from(Bytes::new())));
        progress.note_closed();
    };
    assert!(is_idle_in_spite_of(&streams, refused).await);
}

#[tokio::test(start_paused = true)]
async fn exchanges_keep_a_connection() {
    let streams = Arc::new(Streams::new(PAUSE));
    let exchange = |_| {
        let progress = begin(&streams);
        progress.note_arrived();
        drop(Arc::clone(&progress).watch(ReplyBody::from(Bytes::new())));
        progress.note_closed();
    };
    assert!(!is_idle_in_spite_of(&streams, exchange).await);

    // The rest of a refused request arrives after the response.
    let streams = Arc::new(Streams::new(PAUSE));
    let late = |_| {
        let progress = begin(&streams);
        drop(Arc::clone(&progress).watch(ReplyBody::from(Bytes::new())));
        progress.note_closed();
        progress.note_arrived();
    };
    assert!(!is_idle_in_spite_of(&streams, late).await);

    // A request that runs, among others that do not arrive.
    let streams = Arc::new(Streams::new(PAUSE));
    begin(&streams).note_arrived();
    assert!(!is_idle_in_spite_of(&streams, |_| begin(&streams).note_closed()).await);
}

#[tokio::test(start_paused = true)]
async fn a_closing_connection_waits_for_what_is_open() {
    let streams = Arc::new(Streams::new(PAUSE));
    let (running, arriving) = (begin(&streams), begin(&streams));
    running.note_arrived();
    let mut closed = Box::pin(streams.wait_closed(10 * LIMIT, STEP));
    assert!(timeout(LIMIT, closed.as_mut()).await.is_err());
    arriving.note_arrived();
    running.note_closed();
    assert!(timeout(20 * LIMIT, closed.as_mut()).await.is_err());
    // Streams that begin afterwards are not waited for.
    begin(&streams).note_arrived();
    arriving.note_closed();
    assert!(timeout(LIMIT, closed.as_mut()).await.is_ok());

    let streams = Arc::new(Streams::new(PAUSE));
    begin(&streams);
    let mut closed = Box::pin(streams.wait_closed(10 * LIMIT, STEP));
    assert!(timeout(9 * LIMIT, closed.as_mut()).await.is_err());
    assert!(timeout(2 * LIMIT, closed.as_mut()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn only_a_client_that_reads_nothing_is_unread() {
    let streams = Arc::new(Streams::new(PAUSE));
    let stalled = begin(&streams);
    let other = begin(&streams);
    other.note_arrived();
    drop(Arc::clone(&other).watch(ReplyBody::from(Bytes::new())));
    other.note_closed();
    stalled.note_stall();
    assert!(timeout(LIMIT, streams.wait_unread()).await.is_err());
    begin(&streams).note_stall();
    assert!(timeout(LIMIT, streams.wait_unread()).await.is_ok());
}

#[tokio::test]
async fn a_request_that_goes_on_while_it_is_answered_may_pause() {
    let streams = Arc::new(Streams::new(PAUSE));
    let duplex = begin(&streams);
    let chunks = ReplyBody::Chunks(Box::new(OneChunk(Some(Bytes::from_static(b"a")))));
    let mut body = Arc::clone(&duplex).watch(chunks);
    assert_eq!(next_length(&mut body).await, Some(1));
    assert!(timeout(LIMIT * 2, streams.wait_idle(LIMIT)).await.is_err());
    assert!(timeout(PAUSE, streams.wait_idle(LIMIT)).await.is_ok(), "it paused for too long");

    // Once it is closed, the usual limit holds.
    let streams = Arc::new(Streams::new(PAUSE * 100));
    let duplex = begin(&streams);
    let chunks = ReplyBody::Chunks(Box::new(OneChunk(Some(Bytes::from_static(b"a")))));
    let mut body = Arc::clone(&duplex).watch(chunks);
    assert_eq!(next_length(&mut body).await, Some(1));
    let closing = async {
        sleep(LIMIT * 2).await;
        duplex.note_closed();
    };
    let idle = timeout(PAUSE * 10, streams.wait_idle(LIMIT));
    assert!(tokio::join!(closing, idle).1.is_ok());
}
