use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};

use super::*;

fn chosen(value: &'static str) -> Option<Coding> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
    accepted(&headers)
}

#[test]
fn the_preferred_coding_is_chosen() {
    use Coding::{Deflate, Gzip, Zstd};
    for (value, expected) in [
        ("gzip", Some(Gzip)),
        ("gzip, deflate", Some(Gzip)),
        ("gzip, deflate, br, zstd", Some(Zstd)),
        ("deflate", Some(Deflate)),
        ("GZIP;Q=0.5", Some(Gzip)),
        ("gzip;q=0.9, zstd;q=0.1", Some(Gzip)),
        ("*", Some(Zstd)),
        ("*, zstd;q=0", Some(Gzip)),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("br", None),
        ("", None),
    ] {
        assert_eq!(chosen(value), expected, "{value}");
    }
    assert_eq!(accepted(&HeaderMap::new()), None);
}

fn compressible(content_type: &'static str, more: &[(&'static str, &'static str)]) -> bool {
    let mut response = Response::new(ReplyBody::from(Bytes::new()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in more {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    is_compressible(&response)
}

#[test]
fn only_texts_are_compressed() {
    for text in [
        "application/json;charset=utf-8",
        "text/html; charset=utf-8",
        "TEXT/event-stream",
        "a/b+json",
    ] {
        assert!(compressible(text, &[]), "{text}");
    }
    for other in
        ["image/png", "application/octet-stream", "application/zip", "texts/x", "video/mp4"]
    {
        assert!(!compressible(other, &[]), "{other}");
    }
    assert!(!compressible("text/html", &[("content-encoding", "br")]));
    assert!(!compressible("text/html", &[("cache-control", "public, No-Transform")]));
}

fn decoded(coding: Coding, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // What has arrived is decoded, also if the end is missing.
    let _ = match coding {
        Coding::Gzip => GzDecoder::new(body).read_to_end(&mut text),
        Coding::Deflate => ZlibDecoder::new(body).read_to_end(&mut text),
        Coding::Zstd => zstd::stream::read::Decoder::new(body).unwrap().read_to_end(&mut text),
    };
    text
}

#[test]
fn whole_bodies_are_compressed() {
    let text = Bytes::from(b"[1.5, 2.5]".repeat(10_000));
    for coding in CODINGS {
        for parts in [vec![text.clone()], vec![text.slice(..9), text.slice(9..)]] {
            let body = compress(coding, &parts).unwrap();
            assert!(body.len() < text.len() / 20);
            assert_eq!(decoded(coding, &body), text);
        }
    }
}

struct Parts(Vec<&'static str>);

impl ChunkSource for Parts {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Bytes::from_static(self.0.remove(0).as_bytes())))
    }
}

#[test]
fn each_chunk_of_a_stream_can_be_decoded_at_once() {
    let context = &mut Context::from_waker(std::task::Waker::noop());
    for coding in CODINGS {
        let source = Box::new(Parts(vec!["one", "", "two", "three"]));
        let mut chunks = CompressedChunks::new(coding, source);
        let mut sent = Vec::new();
        for expected in ["one", "onetwo", "onetwothree", "onetwothree"] {
            let Poll::Ready(Some(chunk)) = chunks.poll_chunk(context) else { panic!("{coding:?}") };
            assert!(!chunk.is_empty());
            sent.extend_from_slice(&chunk);
            assert_eq!(decoded(coding, &sent), expected.as_bytes(), "{coding:?}");
        }
        assert!(matches!(chunks.poll_chunk(context), Poll::Ready(None)));
    }
}
