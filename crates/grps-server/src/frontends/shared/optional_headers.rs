//! Headers that only some clients send: deadlines, urgency, identifiers, traces.
//!
//! One pass over the names shows whether there is any, which saves nearly all requests a lookup of each.

use std::sync::LazyLock;

use http::HeaderMap;

static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// The headers; an empty map if there is no optional one among them.
pub(crate) fn of(headers: &HeaderMap) -> &HeaderMap {
    let is_optional = |name: &str| {
        name.starts_with("x-") || name.starts_with("trace") || name.starts_with("grpc-t")
    };
    if headers.keys().any(|name| is_optional(name.as_str())) { headers } else { &NONE }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn optional_headers_are_seen_among_others() {
        let mut headers = HeaderMap::new();
        for common in ["host", "accept", "content-type", "content-length", "user-agent"] {
            headers.insert(HeaderName::from_static(common), "a".parse().unwrap());
        }
        assert!(of(&headers).is_empty());
        for optional in [
            "x-request-id",
            "x-request-timeout-ms",
            "x-grps-priority",
            "x-grps-batch-key",
            "x-grps-timing",
            "traceparent",
            "grpc-timeout",
        ] {
            let mut headers = headers.clone();
            headers.insert(HeaderName::from_static(optional), "b".parse().unwrap());
            assert_eq!(of(&headers)[optional], "b");
        }
    }
}
