use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body::Body;
use tokio::sync::oneshot;

use super::*;
use crate::net::http::reply_body::ReplyBody;

const LIMIT: Duration = Duration::from_millis(20);

/// Starts a stream whose library takes one frame and then waits for the client.
fn start_stalled(tasks: &StreamTasks) -> oneshot::Receiver<()> {
    let progress = tasks.announce();
    progress.note_arrived();
    let mut body = progress.watch(ReplyBody::from(Bytes::from_static(b"abc")));
    let (sender, dropped) = oneshot::channel::<()>();
    tasks.execute(async move {
        let _sender = sender;
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        assert!(frame.unwrap().is_ok());
        std::future::pending().await
    });
    dropped
}

#[tokio::test]
async fn a_stream_that_the_client_does_not_take_is_ended() {
    let stalled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&stalled);
    let tasks = StreamTasks::new(LIMIT, LIMIT, move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let streams = [start_stalled(&tasks), start_stalled(&tasks)];
    for dropped in streams {
        assert!(dropped.await.is_err());
    }
    assert_eq!(stalled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_client_that_takes_nothing_does_not_keep_its_connection() {
    let tasks = StreamTasks::new(LIMIT, LIMIT, || {});
    let _running = start_running(&tasks);
    let _dropped = start_stalled(&tasks);
    tasks.wait_useless(Duration::from_secs(3600)).await;
}

/// Starts a stream that runs until the sender is dropped.
fn start_running(tasks: &StreamTasks) -> oneshot::Sender<()> {
    let (running, ended) = oneshot::channel();
    tasks.announce().note_arrived();
    tasks.execute(async move {
        let _ = ended.await;
    });
    running
}

#[tokio::test]
async fn a_stream_that_waits_for_its_model_is_not_ended() {
    let tasks = StreamTasks::new(LIMIT, LIMIT, || {});
    let running = start_running(&tasks);
    let useless = tasks.wait_useless(LIMIT);
    assert!(tokio::time::timeout(LIMIT * 3, useless).await.is_err());
    assert!(!running.is_closed());
    drop(running);
    tasks.wait_useless(LIMIT).await;
}
