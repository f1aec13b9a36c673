//! Optional headers: deadlines, priorities, identifiers, traces and content codings.
//!
//! One pass over the names detects them, which saves most requests a lookup of each.

use std::sync::LazyLock;

use http::HeaderMap;

static EMPTY: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// Returns the headers, or an empty map if none of them is optional.
pub(crate) fn find(headers: &HeaderMap) -> &HeaderMap {
    let is_optional = |name: &str| {
        name.starts_with("x-")
            || name.starts_with("trace")
            || name.starts_with("grpc-t")
            || name.starts_with("content-e")
    };
    if headers.keys().any(|name| is_optional(name.as_str())) { headers } else { &EMPTY }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn optional_headers_are_found_among_others() {
        let mut headers = HeaderMap::new();
        for common in ["host", "accept", "content-type", "content-length", "user-agent"] {
            headers.insert(HeaderName::from_static(common), "a".parse().unwrap());
        }
        assert!(find(&headers).is_empty());
        for optional in [
            "x-request-id",
            "x-request-timeout-ms",
            "x-grps-priority",
            "x-grps-batch-key",
            "x-grps-timing",
            "traceparent",
            "grpc-timeout",
            "content-encoding",
        ] {
            let mut headers = headers.clone();
            headers.insert(HeaderName::from_static(optional), "b".parse().unwrap());
            assert_eq!(find(&headers)[optional], "b");
        }
    }
}
