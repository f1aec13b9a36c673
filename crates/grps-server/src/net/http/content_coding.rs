//! Content codings of requests: `gzip`, `deflate` and `zstd`, decoded within the limits of a request.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use grps_core::{Cause, Error, shown};
use http::{HeaderMap, HeaderValue, header};

use crate::call::call::Call;
use crate::net::http::request_body::{self, IncomingBody, too_large};

/// The codings that requests may have, for `Accept-Encoding` of a response that refuses one.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, zstd");
/// The header of every gRPC response with the encodings that request messages may have.
pub(crate) const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";
/// Its value.
pub(crate) const GRPC_ACCEPTED: &str = "identity,deflate,gzip,zstd";
/// Most codings of one body.
const MAX_CODINGS: usize = 4;
/// Largest window of zstd that is decoded, as a power of two: what its command makes, and less than
/// a decoder would allow.
const MAX_WINDOW_LOG: u32 = 23;
/// Decoded bodies of so many bytes are decoded once.
const SMALL_BODY: usize = 1 << 20;
/// How much is decoded at once while the length is counted.
const STEP_BYTES: usize = 64 * 1024;
/// Maximum size of the parts of a body that is decoded in parts.
const PART_BYTES: usize = 1 << 20;

/// One coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// In the zlib format, as the standard says, or without it, as some clients send it.
    Deflate,
    Zstd,
}

impl Coding {
    /// The coding of a name in a header; `None` for an unknown one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            Some(Self::Gzip)
        } else if name.eq_ignore_ascii_case("deflate") {
            Some(Self::Deflate)
        } else if name.eq_ignore_ascii_case("zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }

    /// How many bytes a byte of compressed data can become.
    fn max_ratio(self) -> usize {
        match self {
            Self::Gzip | Self::Deflate => 1032,
            // A block of 128 KiB takes three bytes or more.
            Self::Zstd => 1 << 16,
        }
    }

    /// The name in headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings of a body in the order in which they were applied.
///
/// # Errors
/// `UnsupportedMediaType` with the codings that are supported.
pub(crate) fn read(headers: &HeaderMap) -> Result<Vec<Coding>, Error> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in names.filter(|name| !name.eq_ignore_ascii_case("identity")) {
            codings.push(Coding::from_name(name).ok_or_else(|| {
                unsupported(&format!("Content-Encoding {} is not supported", shown(name)))
            })?);
        }
    }
    if codings.len() > MAX_CODINGS {
        return Err(unsupported(&format!("more than {MAX_CODINGS} content codings")));
    }
    Ok(codings)
}

/// Reads and decodes a whole body.
///
/// # Errors
/// Those of [`request_body::collect`]; `UnsupportedMediaType` for an unknown coding, `TooLarge` when
/// the decoded body is over the limit, `InvalidArgument` when it can't be decoded.
pub(crate) async fn collect(
    headers: &HeaderMap,
    body: IncomingBody,
    call: &Call,
) -> Result<Bytes, Error> {
    collect_aligned(headers, body, call, 0).await
}

/// As [`collect`], for a body with elements from byte number `aligned_at` on, which are aligned where
/// the body is copied anyway.
///
/// # Errors
/// See [`collect`].
pub(crate) async fn collect_aligned(
    headers: &HeaderMap,
    body: IncomingBody,
    call: &Call,
    aligned_at: usize,
) -> Result<Bytes, Error> {
    let codings = match read(headers) {
        Ok(codings) => codings,
        Err(error) => {
            body.refuse();
            return Err(error);
        }
    };
    let mut body = request_body::collect(headers, body, call, aligned_at).await?;
    // A client may name a coding although it sends no body.
    if body.is_empty() {
        return Ok(body);
    }
    for coding in codings.into_iter().rev() {
        body = decode(call, coding, body).await?;
    }
    Ok(body)
}

/// Decodes a body. Its bytes are reserved for the request before they are allocated.
///
/// # Errors
/// See [`collect`].
pub(crate) async fn decode(call: &Call, coding: Coding, body: Bytes) -> Result<Bytes, Error> {
    let mut parts = decode_by(call, coding, body, usize::MAX).await?;
    Ok(parts.pop().unwrap_or_default())
}

/// Decodes a body that is copied part by part. Its bytes are reserved for the request before they
/// are allocated.
///
/// # Errors
/// See [`collect`].
pub(crate) async fn decode_parts(
    call: &Call,
    coding: Coding,
    body: Bytes,
) -> Result<Vec<Bytes>, Error> {
    decode_by(call, coding, body, PART_BYTES).await
}

async fn decode_by(
    call: &Call,
    coding: Coding,
    body: Bytes,
    part_bytes: usize,
) -> Result<Vec<Bytes>, Error> {
    let limit = call.app.settings.max_request_bytes;
    let cost = body.len().saturating_mul(coding.max_ratio()).min(limit);
    let reserve = |bytes| call.scope.reserve_bytes(bytes);
    call.app.blocking.run(cost, || expand(coding, &body, limit, part_bytes, reserve)).await
}

/// The decoded body in parts of so many bytes. A large one is decoded twice: its length is counted
/// first, since a buffer that grows would take twice the memory.
fn expand(
    coding: Coding,
    body: &[u8],
    limit: usize,
    part_bytes: usize,
    reserve: impl Fn(usize) -> Result<(), Error>,
) -> Result<Vec<Bytes>, Error> {
    let mut small = Vec::new();
    let (length, rest) = with_decoder(coding, body, |decoder| {
        let read = decoder.take(SMALL_BODY as u64).read_to_end(&mut small)?;
        Ok(read + if read < SMALL_BODY { 0 } else { count(decoder, limit)? })
    })?;
    if length > limit {
        return Err(too_large(limit));
    }
    if !rest.is_empty() {
        return Err(malformed(coding, "bytes follow its end"));
    }
    reserve(length)?;
    if length == small.len() {
        return Ok(vec![small.into()]);
    }
    drop(small);
    let (parts, _) = with_decoder(coding, body, |decoder| {
        let mut parts = Vec::new();
        let mut missing = length;
        while missing > 0 {
            let mut part = Vec::with_capacity(missing.min(part_bytes));
            missing -= decoder.take(part.capacity() as u64).read_to_end(&mut part)?;
            parts.push(part.into());
        }
        Ok(parts)
    })?;
    Ok(parts)
}

/// How many bytes a decoder returns; it stops when they are over the limit.
fn count(decoder: &mut dyn Read, limit: usize) -> io::Result<usize> {
    let mut buffer = vec![0; STEP_BYTES];
    let mut length = 0;
    while length <= limit {
        match decoder.read(&mut buffer)? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

/// Lets `read` read what a body decodes to; also returns what follows the compressed data.
fn with_decoder<T>(
    coding: Coding,
    body: &[u8],
    read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Result<(T, &[u8]), Error> {
    let mut rest = body;
    let value = match coding {
        Coding::Gzip => read(&mut MultiGzDecoder::new(&mut rest)),
        Coding::Deflate if has_zlib_header(body) => read(&mut ZlibDecoder::new(&mut rest)),
        Coding::Deflate => read(&mut DeflateDecoder::new(&mut rest)),
        Coding::Zstd => zstd_decoder(&mut rest).and_then(|mut decoder| read(&mut decoder)),
    };
    match value {
        Ok(value) => Ok((value, rest)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(malformed(coding, "it ends early"))
        }
        Err(error) => Err(malformed(coding, &error.to_string())),
    }
}

/// A decoder of frames of zstd that refuses a frame with a larger window.
fn zstd_decoder<R: BufRead>(body: R) -> io::Result<zstd::stream::read::Decoder<'static, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(MAX_WINDOW_LOG)?;
    Ok(decoder)
}

fn malformed(coding: Coding, reason: &str) -> Error {
    Error::invalid(format!("the body is not valid {}: {reason}", coding.name()))
}

/// Whether compressed data starts with the header of the zlib format (RFC 1950).
fn has_zlib_header(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0
        }
        _ => false,
    }
}

fn unsupported(what: &str) -> Error {
    let text = format!("{what}; send gzip, deflate, zstd, or the body without a coding");
    Error::new(Cause::UnsupportedMediaType, text)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn codings(values: &[&str]) -> Result<Vec<Coding>, Error> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        read(&headers)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn decoded(coding: Coding, body: &[u8], limit: usize) -> Result<Bytes, Error> {
        let mut parts = expand(coding, body, limit, usize::MAX, |_| Ok(()))?;
        assert_eq!(parts.len(), 1);
        Ok(parts.remove(0))
    }

    #[test]
    fn codings_are_read_from_all_headers() {
        use Coding::{Deflate, Gzip, Zstd};
        for (values, expected) in [
            (&[][..], vec![]),
            (&["identity"], vec![]),
            (&["GZip"], vec![Gzip]),
            (&[" x-gzip ,, deflate"], vec![Gzip, Deflate]),
            (&["deflate", "identity, gzip"], vec![Deflate, Gzip]),
            (&["zstd"], vec![Zstd]),
        ] {
            assert_eq!(codings(values).unwrap(), expected);
        }
        for values in
            [&["br"][..], &["gzip, compress"], &["gzip;q=1"], &["gzip,gzip,gzip,gzip,gzip"]]
        {
            let error = codings(values).unwrap_err();
            assert_eq!(error.cause(), Cause::UnsupportedMediaType, "{error}");
        }
    }

    #[test]
    fn all_codings_are_decoded() {
        let text = b"some text, some text".repeat(10_000);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(&text).unwrap();
        let members = [gzip(&text[..70_000]), gzip(&text[70_000..])].concat();
        let zstd = zstd::stream::encode_all(&*text, 3).unwrap();
        let frames = [&zstd[..], &zstd::bulk::compress(b"", 1).unwrap()].concat();
        for (coding, body) in [
            (Coding::Zstd, zstd),
            (Coding::Zstd, frames),
            (Coding::Gzip, gzip(&text)),
            (Coding::Gzip, members),
            (Coding::Deflate, zlib.finish().unwrap()),
            (Coding::Deflate, deflate.finish().unwrap()),
        ] {
            assert_eq!(decoded(coding, &body, text.len()).unwrap(), text);
            let error = decoded(coding, &body, text.len() - 1).unwrap_err();
            assert_eq!(error.cause(), Cause::TooLarge);
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_allocated() {
        let body = gzip(&vec![0; 50_000_000]);
        let reserved = Cell::new(0);
        let reserve = |bytes| {
            reserved.set(reserved.get() + bytes);
            Ok(())
        };
        let error = expand(Coding::Gzip, &body, 49_999_999, usize::MAX, reserve).unwrap_err();
        assert_eq!((error.cause(), reserved.get()), (Cause::TooLarge, 0));
        let full = |_| Err(Error::new(Cause::QueueFull, "full"));
        let error = expand(Coding::Gzip, &body, 50_000_000, usize::MAX, full).unwrap_err();
        assert_eq!(error.cause(), Cause::QueueFull);
        let parts = expand(Coding::Gzip, &body, 50_000_000, usize::MAX, reserve).unwrap();
        assert_eq!((parts.len(), reserved.get()), (1, 50_000_000));
    }

    #[test]
    fn parts_are_the_whole() {
        for length in [0, 1, SMALL_BODY - 1, SMALL_BODY, SMALL_BODY + 1, 3 * PART_BYTES + 5] {
            let text: Vec<u8> = (0..length).map(|index| (index / 1000) as u8).collect();
            let body = gzip(&text);
            let parts = expand(Coding::Gzip, &body, length, PART_BYTES, |_| Ok(())).unwrap();
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES));
            assert!(parts.concat() == text, "{length}");
            assert!(decoded(Coding::Gzip, &body, length).unwrap() == text, "{length}");
        }
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let whole = gzip(b"text");
        for body in
            [&b"{}"[..], &whole[..whole.len() - 1], &whole[..5], &[&whole[..], b"x"].concat()]
        {
            let error = decoded(Coding::Gzip, body, 100).unwrap_err();
            assert_eq!(error.cause(), Cause::InvalidArgument, "{error}");
            assert!(error.message().starts_with("the body is not valid gzip: "), "{error}");
        }
        assert!(decoded(Coding::Deflate, b"{\"ndarray\": [1]}", 100).is_err());
        let whole = zstd::bulk::compress(b"text", 1).unwrap();
        for body in [&b"{}"[..], &whole[..whole.len() - 1], &[&whole[..], b"x"].concat()] {
            let error = decoded(Coding::Zstd, body, 100).unwrap_err();
            assert_eq!(error.cause(), Cause::InvalidArgument, "{error}");
        }
    }

    #[test]
    fn a_large_window_of_zstd_is_refused() {
        let encoded = |window_log| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window_log).unwrap();
            encoder.write_all(b"text").unwrap();
            encoder.flush().unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(decoded(Coding::Zstd, &encoded(MAX_WINDOW_LOG), 100).unwrap(), "text");
        let error = decoded(Coding::Zstd, &encoded(MAX_WINDOW_LOG + 1), 100).unwrap_err();
        assert_eq!(error.cause(), Cause::InvalidArgument, "{error}");
    }
}
