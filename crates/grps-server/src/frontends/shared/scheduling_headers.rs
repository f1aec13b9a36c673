//! Headers by which a client says how urgent its request is and with which others it may run.

use std::net::IpAddr;
use std::sync::Arc;

use grps_core::{Error, SchedulingOptions};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// Urgency, 0 for the most urgent.
const PRIORITY: HeaderName = HeaderName::from_static("x-grps-priority");
/// Requests with different keys never share a batch.
const BATCH_KEY: HeaderName = HeaderName::from_static("x-grps-batch-key");
const MAX_KEY_BYTES: usize = 128;

/// What a client asks of the scheduling of its request.
///
/// # Errors
/// `InvalidArgument` when a header is malformed.
pub(crate) fn of(
    headers: &HeaderMap,
    deadline: Option<Instant>,
    client: IpAddr,
) -> Result<SchedulingOptions, Error> {
    let priority = headers.get(PRIORITY).map_or(Ok(u8::MAX), priority)?;
    let batch_key = headers.get(BATCH_KEY).map(batch_key).transpose()?;
    Ok(SchedulingOptions { deadline, priority, batch_key, client: Some(client) })
}

fn priority(value: &HeaderValue) -> Result<u8, Error> {
    let level = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    level.ok_or_else(|| {
        Error::invalid(format!(
            "X-Grps-Priority must be a whole number from 0, the most urgent, to 255; got {value:?}"
        ))
    })
}

fn batch_key(value: &HeaderValue) -> Result<Arc<str>, Error> {
    let key = value.to_str().ok().map(str::trim);
    let fits = |key: &&str| (1..=MAX_KEY_BYTES).contains(&key.len());
    key.filter(fits).map(Arc::from).ok_or_else(|| {
        Error::invalid(format!(
            "X-Grps-Batch-Key must be 1 to {MAX_KEY_BYTES} visible ASCII characters"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn parse(name: HeaderName, value: &str) -> Result<SchedulingOptions, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        of(&headers, None, Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn absent_headers_ask_for_nothing() {
        let terms = of(&HeaderMap::new(), None, Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!((terms.priority, terms.batch_key), (u8::MAX, None));
    }

    #[test]
    fn priorities_are_bytes() {
        assert_eq!(parse(PRIORITY, "0").unwrap().priority, 0);
        assert_eq!(parse(PRIORITY, " 255 ").unwrap().priority, 255);
        for bad in ["256", "-1", "high", "", "1.0"] {
            assert!(parse(PRIORITY, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_short_texts() {
        assert_eq!(parse(BATCH_KEY, "beam=4").unwrap().batch_key.as_deref(), Some("beam=4"));
        assert!(parse(BATCH_KEY, &"k".repeat(128)).is_ok());
        for bad in ["", " ", &"k".repeat(129), "\u{e9}"] {
            assert!(parse(BATCH_KEY, bad).is_err(), "{bad}");
        }
    }
}
