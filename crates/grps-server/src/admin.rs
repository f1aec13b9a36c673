//! Who may change the state of the service.

use std::net::IpAddr;

use grps_core::{Cause, Error};
use http::{HeaderMap, header};

/// Lets loopback peers through, and others that carry the admin token.
///
/// # Errors
/// `PermissionDenied` saying what is missing.
pub(crate) fn authorize(
    peer: IpAddr,
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<(), Error> {
    if peer.to_canonical().is_loopback() {
        return Ok(());
    }
    let Some(token) = token else {
        return Err(denied(
            "set GRPS_ADMIN_TOKEN on the server to allow admin calls from other machines",
        ));
    };
    let sent = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match sent {
        Some(sent) if equal_in_constant_time(sent.as_bytes(), token.as_bytes()) => Ok(()),
        Some(_) => Err(denied("the admin token is wrong")),
        None => Err(denied("send the admin token as 'Authorization: Bearer TOKEN'")),
    }
}

fn denied(message: &str) -> Error {
    Error::new(Cause::PermissionDenied, message)
}

/// Compares without telling by its duration where the difference is.
fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0u8, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMOTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn bearer(token: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        headers
    }

    #[test]
    fn loopback_needs_no_token() {
        for peer in ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(authorize(peer.parse().unwrap(), &HeaderMap::new(), None).is_ok());
        }
    }

    #[test]
    fn others_need_the_right_token() {
        assert!(authorize(REMOTE, &bearer("secret"), Some("secret")).is_ok());
        for (headers, token) in [
            (bearer("secret"), None),
            (bearer("other!"), Some("secret")),
            (bearer("secre"), Some("secret")),
            (bearer("secrets"), Some("secret")),
            (HeaderMap::new(), Some("secret")),
        ] {
            let error = authorize(REMOTE, &headers, token).unwrap_err();
            assert_eq!(error.cause(), Cause::PermissionDenied);
        }
    }
}
