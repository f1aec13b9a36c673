//! Content codings of responses: which one a client accepts, which contents are compressed, and
//! the compression of whole bodies and of streams.

use std::io::{self, Write};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::{ChunkSource, ReplyBody};

/// The levels of compression: a slower one saves little more of the JSON of tensors.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;
/// Memory of a stream that is compressed by zstd, as a power of two.
const STREAM_WINDOW_LOG: u32 = 17;
/// The codings, the preferred one first.
const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Gzip, Coding::Deflate];
/// Types of contents that compression makes smaller, besides all of `text/`.
const TEXTS: [&str; 6] = [
    "application/json",
    "application/x-ndjson",
    "application/javascript",
    "application/xml",
    "application/openmetrics-text",
    "image/svg+xml",
];

/// The coding that a client prefers, by `Accept-Encoding`; `None` for a body as it is.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let mut values = headers.get_all(ACCEPT_ENCODING).iter().peekable();
    values.peek()?;
    preferred(values.filter_map(|value| value.to_str().ok()))
}

/// The coding with the highest quality in lists such as `gzip;q=0.5, zstd`.
pub(crate) fn preferred<'a>(values: impl Iterator<Item = &'a str>) -> Option<Coding> {
    let mut qualities = [None; CODINGS.len()];
    let (mut any, mut identity) = (None, None);
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let quality = quality(parts);
        match Coding::from_name(name) {
            Some(coding) => {
                let known = CODINGS.iter().zip(&mut qualities).find(|(known, _)| **known == coding);
                if let Some((_, slot)) = known {
                    *slot = Some(quality);
                }
            }
            None if name == "*" => any = Some(quality),
            None if name.eq_ignore_ascii_case("identity") => identity = Some(quality),
            None => {}
        }
    }
    let mut best = (identity.unwrap_or(f32::MIN_POSITIVE), None);
    for (coding, quality) in CODINGS.into_iter().zip(qualities) {
        let quality = quality.or(any).unwrap_or(0.0);
        // Of equal ones the first applies; a body as it is only if it is preferred.
        if quality > best.0 || (quality > 0.0 && best.1.is_none() && quality >= best.0) {
            best = (quality, Some(coding));
        }
    }
    best.1
}

fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    let text = parameters.find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        key.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    text.map_or(1.0, |text| text.parse().unwrap_or(0.0))
}

/// Whether a response may be compressed: a text that has no coding yet.
pub(crate) fn is_compressible(response: &Response<ReplyBody>) -> bool {
    let headers = response.headers();
    let has_body = !matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::PARTIAL_CONTENT
    );
    let as_it_is = headers.get(CACHE_CONTROL).is_some_and(|value| {
        value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("no-transform"))
    });
    has_body && !as_it_is && !headers.contains_key(CONTENT_ENCODING) && is_text(headers)
}

fn is_text(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let starts_with_text =
        essence.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text/"));
    starts_with_text
        || essence.ends_with("+json")
        || TEXTS.iter().any(|text| essence.eq_ignore_ascii_case(text))
}

/// Adds the headers of a response that may be compressed, and was by `coding`.
pub(crate) fn add_headers(headers: &mut HeaderMap, coding: Option<Coding>) {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        headers.remove(http::header::CONTENT_LENGTH);
    }
}

/// Compresses a whole body of these parts.
///
/// # Errors
/// The error of the encoder, which has none for memory.
pub(crate) fn compress(coding: Coding, parts: &[Bytes]) -> io::Result<Bytes> {
    if let (Coding::Zstd, [body]) = (coding, parts) {
        return Ok(zstd::bulk::compress(body, ZSTD_LEVEL)?.into());
    }
    let mut encoder = Encoder::new(coding)?;
    parts.iter().try_for_each(|part| encoder.writer().write_all(part))?;
    encoder.finish()
}

/// A stream that is compressed chunk by chunk; each chunk can be decoded when it has arrived.
pub(crate) struct CompressedChunks {
    source: Box<dyn ChunkSource>,
    /// `None` after the end.
    encoder: Option<Encoder>,
}

impl CompressedChunks {
    /// Compresses the chunks of `source`.
    pub(crate) fn new(coding: Coding, source: Box<dyn ChunkSource>) -> Self {
        // Without memory for it the stream ends early, which clients notice.
        Self { source, encoder: Encoder::new(coding).ok() }
    }
}

impl ChunkSource for CompressedChunks {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let Some(encoder) = &mut self.encoder else { return Poll::Ready(None) };
            match ready!(self.source.poll_chunk(context)) {
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) => match encoder.encode(&chunk) {
                    Ok(encoded) => return Poll::Ready(Some(encoded)),
                    // An encoder into memory does not fail; a stream that ends early is noticed.
                    Err(_) => self.encoder = None,
                },
                None => {
                    let last = self.encoder.take().map(Encoder::finish);
                    return Poll::Ready(last.and_then(Result::ok));
                }
            }
        }
    }
}

/// An encoder into memory.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(coding: Coding) -> io::Result<Self> {
        let level = Compression::new(GZIP_LEVEL);
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Coding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(STREAM_WINDOW_LOG)?;
                Self::Zstd(encoder)
            }
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(encoder) => encoder,
            Self::Deflate(encoder) => encoder,
            Self::Zstd(encoder) => encoder,
        }
    }

    /// Encodes a chunk so that all of it can be decoded.
    fn encode(&mut self, chunk: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(chunk)?;
        self.writer().flush()?;
        let written = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        Ok(std::mem::take(written).into())
    }

    fn finish(self) -> io::Result<Bytes> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
        .map(Bytes::from)
    }
}

#[cfg(test)]
#[path = "compression_tests.rs"]
mod tests;
