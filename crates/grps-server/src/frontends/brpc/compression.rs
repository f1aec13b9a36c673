//! Compressions of payloads: snappy, gzip and zlib, inflated within the limits of a request.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};
use grps_core::{Cause, Error};

use crate::call::call::Call;
use crate::net::http::content_coding::{self, Coding};
use crate::net::http::request_body::too_large;

/// How many bytes a byte of snappy can become: three bytes copy at most 64.
const MAX_SNAPPY_RATIO: usize = 32;
/// Compressing a byte takes as long as decoding so many of JSON.
const COST_PER_BYTE: usize = 8;

/// How a payload is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// A raw block of snappy.
    Snappy,
    Gzip,
    Zlib,
}

impl Compression {
    /// The compression of a number on the wire.
    ///
    /// # Errors
    /// `UnsupportedMediaType` with the known ones.
    pub(super) fn from_wire(number: i32) -> Result<Self, Error> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Gzip,
            3 => Self::Zlib,
            _ => {
                let text = format!(
                    "compress_type {number} is not supported; use 0 (none), 1 (snappy), 2 (gzip) \
                     or 3 (zlib)"
                );
                return Err(Error::new(Cause::UnsupportedMediaType, text));
            }
        })
    }

    /// The number on the wire.
    pub(super) fn wire(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Snappy => 1,
            Self::Gzip => 2,
            Self::Zlib => 3,
        }
    }
}

/// Decompresses the payload of a request. Its bytes are reserved for the request.
///
/// # Errors
/// `TooLarge` when it is over the limit of a request, `InvalidArgument` when it is malformed,
/// `QueueFull` when all requests together hold too much.
pub(super) async fn expand(
    call: &Call,
    compression: Compression,
    payload: Bytes,
) -> Result<Bytes, Error> {
    let coding = match compression {
        // An empty message may be sent without data of the compression.
        _ if payload.is_empty() => return Ok(payload),
        Compression::None => return Ok(payload),
        Compression::Snappy => return expand_snappy(call, payload).await,
        Compression::Gzip => Coding::Gzip,
        Compression::Zlib => Coding::Deflate,
    };
    content_coding::decode(call, coding, payload).await
}

async fn expand_snappy(call: &Call, payload: Bytes) -> Result<Bytes, Error> {
    let size = snappy_size(&payload, call.app.settings.max_request_bytes)?;
    call.scope.reserve_bytes(size)?;
    let expand = || snap::raw::Decoder::new().decompress_vec(&payload);
    let expanded = call.app.blocking.run(size, expand).await;
    expanded.map(Bytes::from).map_err(|error| bad_snappy(&error))
}

/// The size of a decompressed block, which is known before it is decompressed.
fn snappy_size(payload: &[u8], limit: usize) -> Result<usize, Error> {
    let size = snap::raw::decompress_len(payload).map_err(|error| bad_snappy(&error))?;
    if size > limit {
        return Err(too_large(limit));
    }
    if size > payload.len().saturating_mul(MAX_SNAPPY_RATIO) {
        return Err(Error::invalid("the body is not valid snappy: it claims too large a size"));
    }
    Ok(size)
}

fn bad_snappy(error: &snap::Error) -> Error {
    Error::invalid(format!("the body is not valid snappy: {error}"))
}

/// Compresses the payload of a response.
///
/// # Errors
/// `Internal` when it is too large for the compression.
pub(super) async fn compress(
    call: &Call,
    compression: Compression,
    payload: Bytes,
) -> Result<Bytes, Error> {
    if compression == Compression::None || payload.is_empty() {
        return Ok(payload);
    }
    let cost = payload.len().saturating_mul(COST_PER_BYTE);
    let compressed = call.app.blocking.run(cost, || compressed(compression, &payload)).await;
    let failed = |error| Error::new(Cause::Internal, format!("can't compress: {error}"));
    compressed.map(Bytes::from).map_err(failed)
}

fn compressed(compression: Compression, payload: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        Compression::None => Ok(payload.to_vec()),
        Compression::Snappy => {
            snap::raw::Encoder::new().compress_vec(payload).map_err(io::Error::from)
        }
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
            encoder.write_all(payload)?;
            encoder.finish()
        }
        Compression::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Level::fast());
            encoder.write_all(payload)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grps_core::Timeline;
    use grps_core::metrics::Protocol;

    use super::*;
    use crate::app::{App, Settings, tests};
    use crate::net::peer::Peer;

    fn call(max_request_bytes: usize) -> Call {
        let app = tests::app();
        let settings = Settings { max_request_bytes, ..tests::settings() };
        let app = App::new(Arc::clone(&app.engine), settings);
        let timeline = Arc::new(Timeline::new("r", None));
        Call::start(Arc::new(app), Peer::default(), timeline, Protocol::Brpc)
    }

    #[test]
    fn numbers_are_those_of_the_wire() {
        for number in 0..4 {
            assert_eq!(Compression::from_wire(number).unwrap().wire(), number);
        }
        for number in [-1, 4, i32::MAX] {
            let error = Compression::from_wire(number).unwrap_err();
            assert_eq!(error.cause(), Cause::UnsupportedMediaType);
        }
    }

    #[tokio::test]
    async fn payloads_round_trip_up_to_the_limit() {
        use Compression::{Gzip, None, Snappy, Zlib};
        let text = Bytes::from(b"some text, some text".repeat(1000));
        let (exact, small) = (call(text.len()), call(text.len() - 1));
        for compression in [None, Snappy, Gzip, Zlib] {
            let packed = compress(&exact, compression, text.clone()).await.unwrap();
            assert_eq!(packed.len() < text.len() / 10, compression != None);
            assert_eq!(expand(&exact, compression, packed.clone()).await.unwrap(), text);
            if compression != None {
                let error = expand(&small, compression, packed).await.unwrap_err();
                assert_eq!(error.cause(), Cause::TooLarge);
                let empty = expand(&exact, compression, Bytes::new()).await.unwrap();
                assert!(empty.is_empty());
                let garbage = Bytes::from_static(b"\x05garbage");
                let error = expand(&exact, compression, garbage).await.unwrap_err();
                assert_eq!(error.cause(), Cause::InvalidArgument, "{error}");
            }
        }
    }

    #[test]
    fn the_claimed_size_of_snappy_is_checked_first() {
        // A varint of 2^20 and nothing more.
        let claim = [0x80, 0x80, 0x40];
        assert_eq!(snappy_size(&claim, 1 << 19).unwrap_err().cause(), Cause::TooLarge);
        assert_eq!(snappy_size(&claim, 1 << 20).unwrap_err().cause(), Cause::InvalidArgument);
        let zeros = snap::raw::Encoder::new().compress_vec(&vec![0; 1 << 20]).unwrap();
        assert_eq!(snappy_size(&zeros, 1 << 20).unwrap(), 1 << 20);
    }
}
