//! The `grpc-timeout` header.

use std::time::Duration;

use grps_core::{Error, quoted};
use http::HeaderMap;
use tokio::time::Instant;

/// Reads the deadline of a call; `None` without the header.
///
/// # Errors
/// `InvalidArgument` when the header is malformed.
pub(crate) fn read_deadline(headers: &HeaderMap) -> Result<Option<Instant>, Error> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    match value.to_str().ok().and_then(parse) {
        // A timeout beyond the range of instants is no deadline.
        Some(timeout) => Ok(Instant::now().checked_add(timeout)),
        None => {
            let value = quoted(&String::from_utf8_lossy(value.as_bytes()));
            Err(Error::invalid(format!("grpc-timeout is malformed: {value}")))
        }
    }
}

/// Parses one to eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_units_are_parsed() {
        assert_eq!(parse("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("5n"), Some(Duration::from_nanos(5)));
    }

    #[test]
    fn malformed_timeouts_are_refused() {
        for text in ["", "S", "100", "1x", "123456789S", "-1S", "1.5S", "1\u{e9}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
