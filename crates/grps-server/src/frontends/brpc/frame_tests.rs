//! Tests of the reader of frames.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::prelude::*;
use tokio::io::ReadBuf;
use tokio::runtime::Builder;

use super::*;

const MAX_META: usize = 64;

fn frame(meta: &[u8], rest: &[u8]) -> Vec<u8> {
    let sizes = [meta.len() + rest.len(), meta.len()].map(|size| (size as u32).to_be_bytes());
    [&MAGIC[..], &sizes[0], &sizes[1], meta, rest].concat()
}

/// A stream that returns a few bytes at a time.
struct Slow<'a> {
    rest: &'a [u8],
    step: usize,
}

impl AsyncRead for Slow<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.step.min(self.rest.len()).min(buffer.remaining());
        let (read, rest) = self.rest.split_at(count);
        buffer.put_slice(read);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// What a reader makes of a stream: its frames, and why it ended.
async fn read_all(bytes: &[u8], step: usize) -> (Vec<(Bytes, Bytes)>, io::ErrorKind) {
    let mut frames = FrameReader::new(Slow { rest: bytes, step });
    let mut read = Vec::new();
    loop {
        match frames.begin().await {
            Ok(true) => {}
            Ok(false) => return (read, io::ErrorKind::NotFound),
            Err(error) => return (read, error.kind()),
        }
        let (meta, rest_bytes) = match frames.meta(MAX_META).await {
            Ok(meta) => meta,
            Err(error) => return (read, error.kind()),
        };
        match frames.body(|_| Ok(())).await {
            Ok(body) => {
                assert_eq!(body.len(), rest_bytes);
                read.push((meta, body));
            }
            Err(BodyError::Io(error)) => return (read, error.kind()),
            Err(BodyError::Refused(error)) => panic!("{error}"),
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[tokio::test]
async fn limits_of_sizes_are_exact() {
    let fits = frame(&[7; MAX_META], b"");
    assert_eq!(read_all(&fits, 5).await.0, [(Bytes::from(vec![7; MAX_META]), Bytes::new())]);
    let large = frame(&[7; MAX_META + 1], b"");
    assert_eq!(read_all(&large, 5).await.1, io::ErrorKind::InvalidData);
    let mut larger_than_body = frame(b"meta", b"");
    larger_than_body[7] -= 1;
    assert_eq!(read_all(&larger_than_body, 5).await.1, io::ErrorKind::InvalidData);
    assert_eq!(read_all(b"PRPD\0\0\0\0\0\0\0\0", 5).await.1, io::ErrorKind::InvalidData);
    let announced = [&MAGIC[..], &[0xff; 4], &[0, 0, 0, 1], b"m"].concat();
    assert_eq!(read_all(&announced, 5).await.1, io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn bodies_are_reserved_before_they_are_read() {
    let body: Vec<u8> = (0..3 * STEP_BYTES + 5).map(|number| number as u8).collect();
    let bytes = [frame(b"m", &body), frame(b"n", b"next")].concat();
    let reserved = Cell::new(0);
    let mut frames = FrameReader::new(&bytes[..]);
    frames.meta(MAX_META).await.unwrap();
    let read = frames
        .body(|step| {
            reserved.set(reserved.get() + step);
            Ok(())
        })
        .await;
    assert_eq!((read.unwrap(), reserved.get()), (Bytes::from(body.clone()), body.len()));
    assert_eq!(frames.meta(MAX_META).await.unwrap(), (Bytes::from_static(b"n"), 4));
    // A body that is refused half-way is discarded, and the next frame is found.
    let mut frames = FrameReader::new(&bytes[..]);
    frames.meta(MAX_META).await.unwrap();
    let reserved = Cell::new(0);
    let reserve = |step| {
        reserved.set(reserved.get() + step);
        if reserved.get() > STEP_BYTES { Err(Error::invalid("full")) } else { Ok(()) }
    };
    assert!(matches!(frames.body(reserve).await, Err(BodyError::Refused(_))));
    frames.discard().await.unwrap();
    assert_eq!(frames.meta(MAX_META).await.unwrap().0, "n");
}

#[tokio::test]
async fn frames_that_wait_show_that_the_client_is_there() {
    let bytes = [frame(b"m", &vec![7; MAX_AHEAD_BYTES]), frame(b"n", b"")].concat();
    let mut frames = FrameReader::new(Slow { rest: &bytes, step: 10_000 });
    while frames.buffer.len() < MAX_AHEAD_BYTES {
        assert!(frames.read_ahead().await.unwrap());
    }
    let ahead = timeout(Duration::from_millis(1), frames.read_ahead()).await;
    assert!(ahead.is_err(), "no more is read ahead");
    assert_eq!(frames.meta(MAX_META).await.unwrap(), (Bytes::from_static(b"m"), MAX_AHEAD_BYTES));
    assert_eq!(frames.body(|_| Ok(())).await.unwrap().len(), MAX_AHEAD_BYTES);
    assert_eq!(frames.meta(MAX_META).await.unwrap().0, "n");
    assert!(!frames.read_ahead().await.unwrap());
}

#[tokio::test]
async fn little_is_discarded() {
    let size = (MAX_DISCARDED_BYTES + 2) as u32;
    let bytes = [&MAGIC[..], &size.to_be_bytes(), &[0, 0, 0, 1], b"m"].concat();
    let mut frames = FrameReader::new(&bytes[..]);
    frames.meta(MAX_META).await.unwrap();
    assert_eq!(frames.discard().await.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_ends(bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..50) {
        block_on(read_all(&bytes, step));
        let bytes = [&MAGIC[..], &bytes].concat();
        block_on(read_all(&bytes, step));
    }

    #[test]
    fn frames_arrive_however_they_are_cut(
        sent in proptest::collection::vec((0usize..MAX_META, 0usize..2000), 0..5),
        step in 1usize..5000,
        end in 0usize..8000,
    ) {
        let encode = |(meta, rest): &(usize, usize)| frame(&vec![1; *meta], &vec![2; *rest]);
        let frames: Vec<_> = sent.iter().map(encode).collect();
        let bytes = frames.concat();
        let end = end.min(bytes.len());
        let (read, reason) = block_on(read_all(&bytes[..end], step));
        let mut complete = 0;
        let mut length = 0;
        for frame in &frames {
            length += frame.len();
            complete += usize::from(length <= end);
        }
        prop_assert_eq!(read.len(), complete);
        for ((meta, body), (meta_bytes, body_bytes)) in read.iter().zip(&sent) {
            prop_assert_eq!((meta.len(), body.len()), (*meta_bytes, *body_bytes));
            prop_assert!(meta.iter().all(|byte| *byte == 1) && body.iter().all(|byte| *byte == 2));
        }
        let is_whole = length_of(&frames, complete) == end;
        let cut = io::ErrorKind::UnexpectedEof;
        let expected = if is_whole { io::ErrorKind::NotFound } else { cut };
        prop_assert_eq!(reason, expected);
    }
}

fn length_of(frames: &[Vec<u8>], count: usize) -> usize {
    frames.iter().take(count).map(Vec::len).sum()
}
