use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use grps_core::Timeline;
use grps_core::metrics::Protocol;
use http::HeaderValue;
use http_body::Frame;
use http_body_util::StreamBody;
use proptest::prelude::*;

use super::*;
use crate::app::Settings;
use crate::app::tests::{app_with, settings};

const LIMIT: usize = 100_000;

fn call() -> Call {
    call_within(Duration::from_secs(10))
}

fn call_within(body_timeout: Duration) -> Call {
    let address: SocketAddr = ([127, 0, 0, 1], 1).into();
    let timeline = Arc::new(Timeline::new("id", None));
    Call::start(
        Arc::new(app_with(Settings { body_timeout, ..settings() })),
        address.into(),
        timeline,
        Protocol::Grpc,
    )
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The body in frames of so many bytes.
fn body(bytes: &[u8], frame: usize) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
    let frames: Vec<_> =
        bytes.chunks(frame).map(|frame| Ok(Frame::data(Bytes::copy_from_slice(frame)))).collect();
    StreamBody::new(stream::iter(frames))
}

/// All messages of a body, or the first error.
async fn messages(bytes: &[u8], frame: usize, encoding: &str) -> Result<Vec<Bytes>, Error> {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-encoding", HeaderValue::from_str(encoding).unwrap());
    let mut reader = MessageReader::new(&headers, body(bytes, frame), LIMIT)?;
    let (call, mut read) = (call(), Vec::new());
    while let Some(prefix) = reader.next().await? {
        read.push(reader.read(&call, prefix, |_| Some(3)).await?);
    }
    Ok(read)
}

#[tokio::test]
async fn messages_are_read_from_frames_of_any_size() {
    let sent: [&[u8]; 4] = [b"one", b"", &[7; 1000], b"four"];
    let bytes: Vec<u8> = sent.iter().flat_map(|message| framed(0, message)).collect();
    for frame in [1, 2, 5, 6, 7, 500, bytes.len()] {
        assert_eq!(messages(&bytes, frame, "identity").await.unwrap(), sent);
    }
    assert_eq!(messages(&[], 1, "identity").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_message_in_one_frame_is_not_copied() {
    let bytes = Bytes::from(framed(0, &[7; 100]));
    let place = bytes[PREFIX_BYTES..].as_ptr();
    let frames = vec![Ok::<_, Infallible>(Frame::data(bytes))];
    let body = StreamBody::new(stream::iter(frames));
    let mut reader = MessageReader::new(&HeaderMap::new(), body, LIMIT).unwrap();
    let message = reader.read_only(&call(), |_| None).await.unwrap();
    assert_eq!((message.as_ptr(), message.len()), (place, 100));
}

#[tokio::test]
async fn compressed_messages_are_expanded() {
    let text = b"some text ".repeat(100);
    let bytes = [framed(1, &gzip(&text)), framed(0, b"plain"), framed(1, b"")].concat();
    assert_eq!(messages(&bytes, 9, "gzip").await.unwrap(), [&text[..], b"plain", b""]);
    let error = messages(&bytes, 9, "identity").await.unwrap_err();
    assert_eq!(error.message(), "a message is compressed, but grpc-encoding is not set");
    let error = messages(&framed(1, b"no gzip"), 9, "gzip").await.unwrap_err();
    assert!(error.message().starts_with("the message is not valid gzip"), "{error}");
    let error = messages(&[], 1, "snappy").await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unsupported);
}

#[tokio::test]
async fn the_limit_holds_before_and_after_expanding() {
    let exact = vec![7; LIMIT];
    let over = vec![7; LIMIT + 1];
    for (bytes, encoding) in [(framed(0, &exact), "identity"), (framed(1, &gzip(&exact)), "gzip")] {
        assert_eq!(messages(&bytes, 9000, encoding).await.unwrap(), [&exact[..]]);
    }
    for (bytes, encoding) in [(framed(0, &over), "identity"), (framed(1, &gzip(&over)), "gzip")] {
        let error = messages(&bytes, 9000, encoding).await.unwrap_err();
        assert_eq!(error.cause(), Cause::TooLarge);
    }
    // Nothing of an announced message is waited for.
    let announced = [0, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(messages(&announced, 5, "identity").await.unwrap_err().cause(), Cause::TooLarge);
}

#[tokio::test]
async fn malformed_framing_is_refused() {
    for (bytes, reason) in [
        (&[0, 0, 0][..], "ends in the middle"),
        (&[0, 0, 0, 0, 2, 7], "ends in the middle"),
        (&[0, 0, 0, 0, 1], "ends in the middle"),
        (&[2, 0, 0, 0, 0], "the compression flag of a message is 2"),
    ] {
        let error = messages(bytes, 2, "identity").await.unwrap_err();
        assert!(error.message().contains(reason), "{error}");
    }
    for many in [vec![], framed(0, b"a").repeat(2)] {
        let mut reader = MessageReader::new(&HeaderMap::new(), body(&many, 3), LIMIT).unwrap();
        let error = reader.read_only(&call(), |_| None).await.unwrap_err();
        assert_eq!(error.message(), "the request must have exactly one message");
    }
}

#[tokio::test]
async fn a_message_that_does_not_arrive_is_not_waited_for() {
    let begun = Bytes::from_static(&[0, 0, 0, 0, 9, 1]);
    let begun = stream::once(std::future::ready(Ok::<_, Infallible>(Frame::data(begun))));
    let body = StreamBody::new(stream::StreamExt::chain(begun, stream::pending()));
    let mut reader = MessageReader::new(&HeaderMap::new(), body, LIMIT).unwrap();
    let call = call_within(Duration::from_millis(1));
    let error = reader.read_only(&call, |_| None).await.unwrap_err();
    assert_eq!(error.cause(), Cause::RequestTimeout);
}

proptest! {
    #[test]
    fn any_bytes_in_any_frames_are_read_alike(
        bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), 2..9u8, any::<u8>()], 0..60),
        frame in 1usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let whole = messages(&bytes, bytes.len().max(1), "gzip").await;
            let parts = messages(&bytes, frame, "gzip").await;
            assert_eq!(whole, parts);
        });
    }
}
