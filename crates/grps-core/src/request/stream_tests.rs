use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::request::request::SchedulingOptions;
use crate::request::timeline::Timeline;
use crate::scheduling::admission::Admission;

fn chunk(length: usize) -> Content {
    Content::Raw(Bytes::from(vec![0; length]))
}

fn chunks() -> (ChunkSender, Chunks) {
    let (sender, events) = stream_channel(None);
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

    let message = |text: &'static str| Ok(Content::Message(Bytes::from_static(text.as_bytes())));
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

fn watched(max_running: usize) -> (Arc<Admission>, ChunkSender, Chunks) {
    let admission = Admission::new(max_running, 10);
    let timeline = Arc::new(Timeline::new("id", None));
    let watch = StallWatch::new(timeline, Arc::clone(&admission), Vec::new());
    let (sender, events) = stream_channel(Some(watch));
    (admission, sender, Chunks::new(events, tokio::spawn(std::future::pending())))
}

async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_full_stream_gives_its_permit_back_until_the_client_reads() {
    let (admission, sender, mut chunks) = watched(1);
    let held = sender.hold(admission.enter_now().unwrap());
    assert!(sender.send_now(chunk(CAPACITY_BYTES)));
    assert!(!sender.has_room());
    let other = admission.enter(&SchedulingOptions::default()).await.unwrap();
    assert_eq!(chunks.next().await.unwrap(), Ok(chunk(CAPACITY_BYTES)));
    assert!(sender.has_room());
    drop(other);
    // The stream has taken its permit back, or does so soon.
    drop(held);
    wait_until(|| admission.enter_now().is_some()).await;
}

#[tokio::test]
async fn a_stalled_stream_ends_when_others_wait_for_its_permit() {
    let (admission, sender, mut chunks) = watched(1);
    // As many are suspended as may be, so the stream keeps its permit.
    let _suspended = admission.enter_now().unwrap().suspend().unwrap();
    let held = sender.hold(admission.enter_now().unwrap());
    let waiting = tokio::spawn({
        let admission = Arc::clone(&admission);
        async move { admission.enter(&SchedulingOptions::default()).await.map(drop) }
    });
    let producing = tokio::task::spawn_blocking(move || {
        while sender.send(chunk(CAPACITY_BYTES)) {}
        drop(held);
    });
    producing.await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(chunks.next().await.unwrap(), Ok(chunk(CAPACITY_BYTES)));
    assert_eq!(chunks.next().await.unwrap().unwrap_err().cause(), Cause::Cancelled);
    assert_eq!(chunks.next().await, None);
}

#[tokio::test]
async fn a_producer_that_does_not_wait_fills_a_stream_to_its_end() {
    let (sender, _chunks) = chunks();
    let sent = (0..).take_while(|_| sender.send_now(chunk(1 << 20))).count();
    assert_eq!(sent, MAX_BYTES >> 20);
    assert!(sender.has_room(), "a stream that has ended takes no more, and is never waited for");
}

#[tokio::test]
async fn only_what_the_model_returned_is_known_as_the_last_chunk() {
    let (sender, mut stream) = chunks();
    sender.send(chunk(1));
    assert_eq!(stream.next().await.unwrap(), Ok(chunk(1)));
    assert!(!stream.is_at_end());
    sender.send(chunk(2));
    sender.finish(Ok(Content::Tensors(Vec::new())));
    assert_eq!(stream.next().await.unwrap(), Ok(chunk(2)));
    assert!(!stream.is_at_end());
    assert_eq!(stream.next().await.unwrap(), Ok(Content::Tensors(Vec::new())));
    assert!(stream.is_at_end());
    assert_eq!(stream.next().await, None);
    // Code that sends its chunks itself may return long after the last of them.
    let (sender, mut stream) = chunks();
    sender.send(chunk(1));
    sender.finish(Ok(chunk(0)));
    assert_eq!(stream.next().await.unwrap(), Ok(chunk(1)));
    assert!(!stream.is_at_end());
    assert_eq!(stream.next().await, None);
}
