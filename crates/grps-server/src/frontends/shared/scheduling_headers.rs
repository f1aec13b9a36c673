//! Headers for the priority and the batch key of a request.

use std::net::IpAddr;
use std::sync::Arc;

use grps_core::{Error, SchedulingOptions, quoted};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

/// Priority; 0 is the most urgent.
const PRIORITY: HeaderName = HeaderName::from_static("x-grps-priority");
/// Requests with different keys never share a batch.
const BATCH_KEY: HeaderName = HeaderName::from_static("x-grps-batch-key");
const MAX_KEY_BYTES: usize = 128;

/// Reads the scheduling options of a request.
///
/// # Errors
/// `InvalidArgument` when a header is malformed.
pub(crate) fn read_options(
    headers: &HeaderMap,
    deadline: Option<Instant>,
    client: IpAddr,
) -> Result<SchedulingOptions, Error> {
    let priority = headers.get(PRIORITY).map_or(Ok(u8::MAX), parse_priority)?;
    let batch_key = headers.get(BATCH_KEY).map(parse_batch_key).transpose()?;
    Ok(SchedulingOptions { deadline, priority, batch_key, client: Some(client) })
}

fn parse_priority(value: &HeaderValue) -> Result<u8, Error> {
    let priority = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    priority.ok_or_else(|| {
        Error::invalid(format!(
            "X-Grps-Priority must be a whole number from 0, the most urgent, to 255; got {}",
            quoted(&String::from_utf8_lossy(value.as_bytes()))
        ))
    })
}

fn parse_batch_key(value: &HeaderValue) -> Result<Arc<str>, Error> {
    let key = value.to_str().ok().map(str::trim);
    let is_valid = |key: &&str| (1..=MAX_KEY_BYTES).contains(&key.len());
    key.filter(is_valid).map(Arc::from).ok_or_else(|| {
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
        read_options(&headers, None, Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn defaults_apply_without_headers() {
        let options = read_options(&HeaderMap::new(), None, Ipv4Addr::LOCALHOST.into()).unwrap();
        assert_eq!((options.priority, options.batch_key), (u8::MAX, None));
    }

    #[test]
    fn priorities_range_from_0_to_255() {
        assert_eq!(parse(PRIORITY, "0").unwrap().priority, 0);
        assert_eq!(parse(PRIORITY, " 255 ").unwrap().priority, 255);
        for bad in ["256", "-1", "high", "", "1.0"] {
            assert!(parse(PRIORITY, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn batch_keys_are_short_texts() {
        assert_eq!(parse(BATCH_KEY, "beam=4").unwrap().batch_key.as_deref(), Some("beam=4"));
        assert!(parse(BATCH_KEY, &"k".repeat(128)).is_ok());
        for bad in ["", " ", &"k".repeat(129), "\u{e9}"] {
            assert!(parse(BATCH_KEY, bad).is_err(), "{bad}");
        }
    }
}
