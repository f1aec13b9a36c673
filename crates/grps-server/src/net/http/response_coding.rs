//! Content codings of responses, for front ends whose clients ask for them.

use bytes::Bytes;
use http::{HeaderValue, Response, header};

use crate::call::call::Call;
pub(crate) use crate::net::http::compression::accepted as preferred;
use crate::net::http::compression::compress;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// Bodies of fewer bytes leave as they are: coding would make most of them no shorter.
const MIN_BYTES: usize = 1024;
/// Coding a byte takes as long as decoding so many bytes of JSON.
const COST: usize = 4;

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
    *response.body_mut() = ReplyBody::from(encoded);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

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
