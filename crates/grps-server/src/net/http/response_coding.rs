//! Content codings of responses, for front ends whose clients ask for them.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, Response, header};

use crate::call::call::Call;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// Bodies of fewer bytes leave as they are: coding would make most of them no shorter.
const MIN_BYTES: usize = 1024;
/// Coding a byte takes as long as decoding so many bytes of JSON.
const COST: usize = 4;

/// The coding that a client prefers of those that the service has; `None` for a body as it is.
pub(crate) fn preferred(headers: &HeaderMap) -> Option<Coding> {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let ranges = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let mut best = (0.0, None);
    for (coding, quality) in ranges.filter_map(parse_range) {
        if quality > best.0 || quality == best.0 && coding == Some(Coding::Gzip) {
            best = (quality, coding);
        }
    }
    best.1
}

/// A coding and its quality; `None` for one that the service does not have. `identity` is no coding.
fn parse_range(range: &str) -> Option<(Option<Coding>, f32)> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next()?;
    let coding = match Coding::from_name(name) {
        None if name == "*" => Some(Coding::Gzip),
        None if name.eq_ignore_ascii_case("identity") => None,
        None => return None,
        coding => coding,
    };
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let quality = quality.map_or(Some(1.0), |text| text.trim().parse().ok())?;
    (quality > 0.0).then_some((coding, quality))
}

/// Encodes the body of a response, unless it is short or not complete.
pub(crate) async fn encode(
    call: &Call,
    coding: Option<Coding>,
    mut response: Response<ReplyBody>,
) -> Response<ReplyBody> {
    let Some(coding) = coding else { return response };
    let length: usize = response.body_mut().buffers_mut().iter().map(Bytes::len).sum();
    if length < MIN_BYTES || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let buffers = response.body_mut().buffers_mut();
    let cost = length.saturating_mul(COST);
    let encoded = call.app.blocking.run(cost, || compress(coding, buffers)).await;
    // Writing to memory does not fail.
    let Ok(encoded) = encoded else { return response };
    *response.body_mut() = ReplyBody::from(Bytes::from(encoded));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn compress(coding: Coding, buffers: &[Bytes]) -> std::io::Result<Vec<u8>> {
    let level = Compression::fast();
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            buffers.iter().try_for_each(|part| encoder.write_all(part))?;
            encoder.finish()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            buffers.iter().try_for_each(|part| encoder.write_all(part))?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

    #[test]
    fn the_coding_with_the_highest_quality_is_preferred() {
        use Coding::{Deflate, Gzip};
        for (value, expected) in [
            ("gzip", Some(Gzip)),
            ("deflate", Some(Deflate)),
            ("deflate, gzip", Some(Gzip)),
            ("gzip;q=0.5, deflate", Some(Deflate)),
            ("gzip;q=0", None),
            ("identity, gzip;q=0.5", None),
            ("br, zstd", None),
            ("*", Some(Gzip)),
            ("gzip;q=x", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(preferred(&headers), expected, "{value}");
        }
        assert_eq!(preferred(&HeaderMap::new()), None);
    }

    #[test]
    fn buffers_are_encoded_as_one_body() {
        let buffers = [Bytes::from(vec![b'a'; 5000]), Bytes::from_static(b"end")];
        let mut plain = Vec::new();
        let encoded = compress(Coding::Gzip, &buffers).unwrap();
        GzDecoder::new(&*encoded).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, buffers.concat());
        let encoded = compress(Coding::Deflate, &buffers).unwrap();
        plain.clear();
        ZlibDecoder::new(&*encoded).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, buffers.concat());
    }
}
