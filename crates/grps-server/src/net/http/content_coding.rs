//! Content codings of requests: `gzip` and `deflate`, decoded within the limits of a request.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use grps_core::{Cause, Error, shown};
use http::{HeaderMap, HeaderValue, header};

use crate::call::call::Call;
use crate::net::http::request_body::{self, RequestBody, refuse, too_large};

/// The codings that requests may have, for `Accept-Encoding` of a response that refuses one.
pub(crate) const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate");
/// The header of every gRPC response with the encodings that request messages may have.
pub(crate) const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";
/// Its value.
pub(crate) const GRPC_ACCEPTED: &str = "identity,deflate,gzip";
/// Most codings of one body.
const MAX_CODINGS: usize = 4;
/// How many bytes a byte of compressed data can become.
const MAX_RATIO: usize = 1032;
/// How much is decoded at once; its bytes are reserved before more is decoded.
const STEP_BYTES: usize = 64 * 1024;

/// One coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// In the zlib format, as the standard says, or without it, as some clients send it.
    Deflate,
}

impl Coding {
    /// The coding of a name in a header; `None` for an unknown one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            Some(Self::Gzip)
        } else if name.eq_ignore_ascii_case("deflate") {
            Some(Self::Deflate)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
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
    body: RequestBody,
    call: &Call,
) -> Result<Bytes, Error> {
    let codings = match read(headers) {
        Ok(codings) => codings,
        Err(error) => {
            refuse(headers, body);
            return Err(error);
        }
    };
    let mut body = request_body::collect(headers, body, call).await?;
    // A client may name a coding although it sends no body.
    if body.is_empty() {
        return Ok(body);
    }
    for coding in codings.into_iter().rev() {
        body = decode(call, coding, body).await?;
    }
    Ok(body)
}

/// Decodes a body. Its bytes are reserved for the request while it grows.
///
/// # Errors
/// See [`collect`].
pub(crate) async fn decode(call: &Call, coding: Coding, body: Bytes) -> Result<Bytes, Error> {
    let limit = call.app.settings.max_request_bytes;
    let cost = body.len().saturating_mul(MAX_RATIO).min(limit);
    let reserve = |bytes| call.scope.reserve_bytes(bytes);
    call.app.blocking.run(cost, || expand(coding, &body, limit, reserve)).await
}

fn expand(
    coding: Coding,
    body: &[u8],
    limit: usize,
    reserve: impl Fn(usize) -> Result<(), Error>,
) -> Result<Bytes, Error> {
    let malformed =
        |reason: &str| Error::invalid(format!("the body is not valid {}: {reason}", coding.name()));
    let mut rest = body;
    let expanded = match coding {
        Coding::Gzip => drain(MultiGzDecoder::new(&mut rest), limit, reserve),
        Coding::Deflate if has_zlib_header(body) => {
            drain(ZlibDecoder::new(&mut rest), limit, reserve)
        }
        Coding::Deflate => drain(DeflateDecoder::new(&mut rest), limit, reserve),
    };
    let expanded = expanded.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Malformed(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            malformed("it ends early")
        }
        Failure::Malformed(error) => malformed(&error.to_string()),
    })?;
    if rest.fill_buf().is_ok_and(<[u8]>::is_empty) {
        Ok(expanded.into())
    } else {
        Err(malformed("bytes follow its end"))
    }
}

/// Why a body was not decoded.
enum Failure {
    Refused(Error),
    Malformed(io::Error),
}

/// Reads all that a decoder returns, up to the limit.
fn drain(
    mut decoder: impl Read,
    limit: usize,
    reserve: impl Fn(usize) -> Result<(), Error>,
) -> Result<Vec<u8>, Failure> {
    // One vector that grows would have its bytes twice each time.
    let (mut parts, mut length) = (Vec::new(), 0);
    loop {
        let mut part = Vec::new();
        // One byte over the limit shows that there is more.
        let step = STEP_BYTES.min(limit - length + 1) as u64;
        let read = decoder.by_ref().take(step).read_to_end(&mut part);
        let read = read.map_err(Failure::Malformed)?;
        if read == 0 {
            return Ok(join(parts, length));
        }
        length += read;
        if length > limit {
            return Err(Failure::Refused(too_large(limit)));
        }
        reserve(read).map_err(Failure::Refused)?;
        parts.push(part);
    }
}

/// The parts as one; each is freed when it was copied.
fn join(mut parts: Vec<Vec<u8>>, length: usize) -> Vec<u8> {
    if parts.len() == 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = Vec::with_capacity(length);
    for part in parts {
        whole.extend_from_slice(&part);
    }
    whole
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
    let text = format!("{what}; send gzip, deflate, or the body without a coding");
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
        expand(coding, body, limit, |_| Ok(()))
    }

    #[test]
    fn codings_are_read_from_all_headers() {
        use Coding::{Deflate, Gzip};
        for (values, expected) in [
            (&[][..], vec![]),
            (&["identity"], vec![]),
            (&["GZip"], vec![Gzip]),
            (&[" x-gzip ,, deflate"], vec![Gzip, Deflate]),
            (&["deflate", "identity, gzip"], vec![Deflate, Gzip]),
        ] {
            assert_eq!(codings(values).unwrap(), expected);
        }
        for values in [&["br"][..], &["gzip, zstd"], &["gzip;q=1"], &["gzip,gzip,gzip,gzip,gzip"]] {
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
        for (coding, body) in [
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
    fn a_bomb_is_cut_while_it_is_decoded() {
        let body = gzip(&vec![0; 50_000_000]);
        let reserved = Cell::new(0);
        let reserve = |bytes| {
            reserved.set(reserved.get() + bytes);
            Ok(())
        };
        let error = expand(Coding::Gzip, &body, 1_000_000, reserve).unwrap_err();
        assert_eq!(error.cause(), Cause::TooLarge);
        assert!(reserved.get() <= 1_000_000);
        let full = |_| Err(Error::new(Cause::QueueFull, "full"));
        let error = expand(Coding::Gzip, &body, 1_000_000, full).unwrap_err();
        assert_eq!(error.cause(), Cause::QueueFull);
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
    }
}
