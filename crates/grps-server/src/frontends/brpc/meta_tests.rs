//! Tests of metas.

use proptest::prelude::*;

use super::*;
use crate::frontends::brpc::frame::FrameReader;

/// A request's meta, from its fields.
fn encoded(request: &[u8], rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut meta = Vec::new();
    write_bytes(&mut meta, 1, request);
    rest(&mut meta);
    meta
}

fn pair(name: &str, value: &str) -> Vec<u8> {
    let mut pair = Vec::new();
    write_bytes(&mut pair, 1, name.as_bytes());
    write_bytes(&mut pair, 2, value.as_bytes());
    pair
}

#[test]
fn all_fields_are_read() {
    let mut request = Vec::new();
    write_bytes(&mut request, 1, b"S");
    write_bytes(&mut request, 2, b"M");
    write_number(&mut request, 3, 7);
    write_number(&mut request, 8, 250);
    write_number(&mut request, 99, 1);
    let bytes = encoded(&request, |meta| {
        write_number(meta, 3, 2);
        write_number(meta, 4, u64::MAX);
        write_number(meta, 5, 3);
        let mut chunk = Vec::new();
        write_number(&mut chunk, 1, 5);
        write_number(&mut chunk, 2, -1i64 as u64);
        write_bytes(meta, 6, &chunk);
        write_bytes(meta, 8, b"");
        // A field that is not known, and one of another type than it has.
        write_bytes(meta, 100, b"x");
        write_number(meta, 7, 1);
    });
    let meta = Meta::parse(&bytes).unwrap();
    assert!(meta.is_request && meta.opens_stream);
    assert_eq!((meta.service, meta.method, meta.timeout_ms), (&b"S"[..], &b"M"[..], 250));
    assert_eq!((meta.compress_type, meta.correlation_id), (2, u64::MAX));
    assert_eq!(meta.chunk, Some(Chunk { stream_id: 5, chunk_id: Chunk::LAST }));
    assert_eq!(meta.split(3).unwrap(), (0, 3));
    assert_eq!(meta.split(10).unwrap(), (7, 3));
    assert!(meta.split(2).is_err());
    assert!(Meta { attachment_bytes: -1, ..Meta::default() }.split(10).is_err());
    assert!(!Meta::parse(b"").unwrap().is_request);
    assert!(Meta::parse(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn fields_become_headers() {
    let mut request = Vec::new();
    write_number(&mut request, 3, 42);
    write_number(&mut request, 4, 0xab);
    write_number(&mut request, 5, 0xc);
    // Pairs of Java's client, and what is no pair.
    write_bytes(&mut request, 7, &pair("X-Grps-Priority", "3"));
    write_bytes(&mut request, 7, &pair("bad name", "x"));
    let bytes = encoded(&request, |meta| {
        write_bytes(meta, 7, b"secret");
        write_bytes(meta, 9, &pair("tenant", "a"));
        write_bytes(meta, 9, &pair("tenant2", "a\nb"));
        write_bytes(meta, 9, b"\xff\xff");
    });
    let headers = Meta::parse(&bytes).unwrap().attributes();
    assert_eq!(headers["x-grps-priority"], "3");
    assert_eq!(headers["tenant"], "a");
    assert_eq!(headers["authorization"], "Bearer secret");
    assert_eq!(headers["x-request-id"], "42");
    let trace = "00-000000000000000000000000000000ab-000000000000000c-01";
    assert_eq!(headers["traceparent"], trace);
    assert_eq!(headers.len(), 5);
}

#[test]
fn the_identifier_of_the_client_comes_first() {
    let mut request = Vec::new();
    write_number(&mut request, 3, 42);
    write_bytes(&mut request, 7, b"id-7");
    let bytes = encoded(&request, |meta| write_bytes(meta, 7, b"bearer t"));
    let headers = Meta::parse(&bytes).unwrap().attributes();
    assert_eq!(
        (&headers["x-request-id"], &headers["authorization"]),
        (&HeaderValue::from_static("id-7"), &HeaderValue::from_static("bearer t"))
    );
    assert!(Meta::default().attributes().is_empty());
}

#[test]
fn responses_repeat_the_correlation_id() {
    let meta = ResponseMeta { correlation_id: 0, error: None, compress_type: 0 };
    let start = meta.frame_start(5).unwrap();
    assert_eq!(start[..], *b"PRPC\0\0\0\x0b\0\0\0\x06\x12\x02\x08\0\x20\0");
    let error = Some((1003, "no"));
    let meta = ResponseMeta { correlation_id: 300, error, compress_type: 1 };
    let start = meta.frame_start(0).unwrap();
    assert_eq!(start[12..], *b"\x12\x07\x08\xeb\x07\x12\x02no\x18\x01\x20\xac\x02");
    assert!(meta.frame_start(i32::MAX as usize - 14).is_some());
    assert!(meta.frame_start(i32::MAX as usize - 13).is_none());
    assert!(meta.frame_start(usize::MAX).is_none());
}

#[test]
fn paths_have_no_control_characters() {
    assert_eq!(path_of(b"S", b"M\n"), "/S/M\\n");
}

proptest! {
    #[test]
    fn garbage_is_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(meta) = Meta::parse(&bytes) {
            let _ = (meta.attributes(), meta.split(bytes.len()));
        }
    }

    #[test]
    fn changed_metas_are_refused_or_read(at in 0usize..60, byte: u8, end in 0usize..60) {
        let mut request = Vec::new();
        write_bytes(&mut request, 1, b"GrpsBrpcService");
        write_bytes(&mut request, 7, &pair("name", "value"));
        let mut bytes = encoded(&request, |meta| write_bytes(meta, 9, &pair("name", "value")));
        if let Some(changed) = bytes.get_mut(at) {
            *changed = byte;
        }
        bytes.truncate(end);
        if let Ok(meta) = Meta::parse(&bytes) {
            let _ = (meta.attributes(), meta.split(end));
        }
    }
}

/// The meta of a response is one that the reader of frames takes.
#[tokio::test]
async fn responses_are_frames() {
    let meta = ResponseMeta { correlation_id: 9, error: Some((2001, "x")), compress_type: 0 };
    let start = meta.frame_start(0).unwrap();
    let mut frames = FrameReader::new(&start[..]);
    let (meta, rest_bytes) = frames.meta(1000).await.unwrap();
    let meta = Meta::parse(&meta).unwrap();
    assert_eq!((meta.correlation_id, meta.is_request, rest_bytes), (9, false, 0));
}
