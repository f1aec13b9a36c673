//! How a client asks for a response in chunks, by the control of a custom route.

use form_urlencoded::parse;
use http::HeaderMap;

use crate::app::{StreamingControl, StreamingMode};
use crate::codec::json;

/// Whether a request asks for chunks by the control its route is configured with.
pub(crate) fn is_asked(
    control: &StreamingControl,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> bool {
    match control.mode {
        StreamingMode::Query => {
            let mut pairs = parse(query.as_bytes());
            pairs.find(|(key, _)| *key == control.key).is_some_and(|(_, value)| is_true(&value))
        }
        StreamingMode::Header => {
            let value = headers.get(&control.key).and_then(|value| value.to_str().ok());
            value.is_some_and(is_true)
        }
        StreamingMode::Body => json::has_true(body, &control.key),
    }
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}
