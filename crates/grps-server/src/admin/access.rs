//! Who may change the state of the service.

use std::net::IpAddr;

use grps_core::{Cause, Error};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Whose page makes a browser send a request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets loopback peers through, and others that carry the admin token.
///
/// # Errors
/// `PermissionDenied` saying what is missing.
pub(crate) fn authorize(
    peer: IpAddr,
    headers: &HeaderMap,
    token: Option<&str>,
) -> Result<(), Error> {
    if is_by_foreign_page(headers) {
        return Err(denied("a page of another site may not make admin calls"));
    }
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

/// Whether a browser sends this for a page of another site: the user's browser is on the loopback,
/// too.
fn is_by_foreign_page(headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"))
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
    fn pages_of_other_sites_are_refused() {
        let loopback = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        for (site, allowed) in
            [("same-origin", true), ("none", true), ("cross-site", false), ("same-site", false)]
        {
            let mut headers = bearer("secret");
            headers.insert(FETCH_SITE, HeaderValue::from_static(site));
            assert_eq!(authorize(loopback, &headers, Some("secret")).is_ok(), allowed, "{site}");
        }
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
