//! The streaming control of a custom route: how a client requests a streamed response.

use form_urlencoded::parse;
use http::HeaderMap;

use crate::app::{StreamingControl, StreamingMode};
use crate::codec::json;

/// Whether a request sets the streaming control of its route.
pub(crate) fn is_requested(
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
