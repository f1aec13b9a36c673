use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;

use tokio::sync::oneshot;

use super::*;
use crate::net::http::reply_body::ChunkSource;

const LIMIT: Duration = Duration::from_millis(20);

fn whole(length: usize) -> ReplyBody {
    ReplyBody::from(Bytes::from(vec![7; length]))
}

/// A stream of one chunk.
struct OneChunk(Option<Bytes>);

impl ChunkSource for OneChunk {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        Poll::Ready(self.0.take())
    }
}

async fn next_length(body: &mut WatchedBody) -> Option<usize> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    frame.map(|frame| frame.unwrap().into_data().unwrap().len())
}

#[tokio::test]
async fn large_frames_are_given_in_parts() {
    let tasks = StreamTasks::new(LIMIT, || {});
    let watch = tasks.announce();
    let progress = Arc::clone(&watch.0);
    let chunk = Bytes::from(vec![7; MAX_FRAME_BYTES + 1]);
    let mut body = watch.over(ReplyBody::Chunks(Box::new(OneChunk(Some(chunk)))));
    assert_eq!(progress.waits_for_client(), None);
    assert_eq!(next_length(&mut body).await, Some(MAX_FRAME_BYTES));
    assert_eq!(progress.waits_for_client(), Some(1));
    assert_eq!(next_length(&mut body).await, Some(1));
    assert_eq!(progress.waits_for_client(), Some(2));
    assert_eq!(next_length(&mut body).await, None);

    let mut body = tasks.announce().over(whole(10));
    assert_eq!(body.size_hint().exact(), Some(10));
    assert_eq!(next_length(&mut body).await, Some(10));
    assert!(body.is_end_stream());
}

/// Starts a stream whose library takes one frame and then waits for the client.
fn start_stalled(tasks: &StreamTasks) -> oneshot::Receiver<()> {
    let mut body = tasks.announce().over(whole(10));
    let (sender, dropped) = oneshot::channel::<()>();
    tasks.execute(async move {
        let _sender = sender;
        assert_eq!(next_length(&mut body).await, Some(10));
        std::future::pending().await
    });
    dropped
}

#[tokio::test]
async fn a_stream_that_the_client_does_not_take_is_ended() {
    let stalled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&stalled);
    let tasks = StreamTasks::new(LIMIT, move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let streams = [start_stalled(&tasks), start_stalled(&tasks)];
    for dropped in streams {
        assert!(dropped.await.is_err());
    }
    tasks.wait_idle(Instant::now(), Duration::ZERO).await;
    assert_eq!(stalled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_that_waits_for_its_model_is_not_ended() {
    let tasks = StreamTasks::new(LIMIT, || {});
    let (reply, model) = oneshot::channel::<()>();
    let (done, ended) = oneshot::channel();
    tasks.announce();
    tasks.execute(async move {
        model.await.unwrap();
        done.send(()).unwrap();
    });
    let idle = tasks.wait_idle(Instant::now(), LIMIT);
    assert!(tokio::time::timeout(LIMIT * 3, idle).await.is_err());
    reply.send(()).unwrap();
    ended.await.unwrap();
    tasks.wait_idle(Instant::now(), LIMIT).await;
}
