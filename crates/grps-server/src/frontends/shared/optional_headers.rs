//! Headers that only some clients send: deadlines, urgency, identifiers, traces.
//!
//! One look at the names tells whether there is any; nearly all requests are spared a lookup of each.

use std::sync::LazyLock;

use http::HeaderMap;

static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// The headers, or none at all when there is none that tells a wish.
pub(crate) fn of(headers: &HeaderMap) -> &HeaderMap {
    let tells = |name: &str| {
        name.starts_with("x-") || name.starts_with("trace") || name.starts_with("grpc-t")
    };
    if headers.keys().any(|name| tells(name.as_str())) { headers } else { &NONE }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn wishes_are_seen_among_others() {
        let mut headers = HeaderMap::new();
        for common in ["host", "accept", "content-type", "content-length", "user-agent"] {
            headers.insert(HeaderName::from_static(common), "a".parse().unwrap());
        }
        assert!(of(&headers).is_empty());
        for wish in [
            "x-request-id",
            "x-request-timeout-ms",
            "x-grps-priority",
            "x-grps-batch-key",
            "x-grps-timing",
            "traceparent",
            "grpc-timeout",
        ] {
            let mut headers = headers.clone();
            headers.insert(HeaderName::from_static(wish), "b".parse().unwrap());
            assert_eq!(of(&headers)[wish], "b");
        }
    }
}
