//! `X-Request-Timeout-Ms`: the timeout of the client.

use std::pin::pin;
use std::time::Duration;

use grps_core::{Cause, Error, quoted};
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

const HEADER: HeaderName = HeaderName::from_static("x-request-timeout-ms");
const MAX_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Reads the deadline of a request; `None` without the header.
///
/// # Errors
/// `InvalidArgument` when the header is not a whole number of milliseconds in range.
pub(crate) fn read_deadline(headers: &HeaderMap) -> Result<Option<Instant>, Error> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let timeout_ms = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .filter(|ms| (1..=MAX_MS).contains(ms));
    let Some(timeout_ms) = timeout_ms else {
        return Err(Error::invalid(format!(
            "X-Request-Timeout-Ms must be a whole number from 1 to {MAX_MS}, got {}",
            quoted(&String::from_utf8_lossy(value.as_bytes()))
        )));
    };
    Ok(Some(Instant::now() + Duration::from_millis(timeout_ms)))
}

/// Reads a request until its deadline.
///
/// # Errors
/// Those of `reading`; `DeadlineExceeded` when the deadline passed first.
pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    reading: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let reading = pin!(reading);
    let Some(deadline) = deadline else { return reading.await };
    tokio::time::timeout_at(deadline, reading).await.unwrap_or_else(|_| {
        Err(Error::new(Cause::DeadlineExceeded, "the deadline passed before the body had arrived"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Instant>, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, text.parse().unwrap());
        read_deadline(&headers)
    }

    #[test]
    fn limits_of_the_timeout_are_exact() {
        assert!(read_deadline(&HeaderMap::new()).unwrap().is_none());
        assert!(parse("1").unwrap().is_some());
        assert!(parse(&MAX_MS.to_string()).unwrap().is_some());
        for bad in ["0", "-1", "1.5", "soon", "", "604800001"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
