//! Access control: routes declare a policy, which is checked here.

use grps_core::{Cause, Error};
use subtle::ConstantTimeEq;

use crate::call::call::Call;
use crate::net::peer::Peer;

/// The access policy of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Every client: pages, liveness and readiness.
    Public,
    /// Every client: inference requests, which are counted, and refused while the service drains.
    Infer,
    /// Every client: metadata and metrics.
    Read,
    /// Operators only: clients with the admin token or, if the service has none, clients on this
    /// machine. Requests that a browser sends for another site are refused.
    Admin,
}

/// Credentials of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Credentials<'a> {
    /// The bearer token.
    pub(crate) token: Option<&'a str>,
    /// Whether a browser sends the request for a page of another site. A browser on this machine
    /// also uses the loopback address.
    pub(crate) is_cross_site: bool,
    /// Whether the client addresses this machine as itself, such as `localhost`, and uses no proxy. A
    /// page of another site can have a name that resolves to the loopback address, but not this one.
    pub(crate) is_direct: bool,
}

/// Checks whether a request may call its route, and marks it if it is an inference request. Routes
/// without access control skip the look at the credentials.
///
/// # Errors
/// `PermissionDenied` by the route's policy; `Unavailable` for inference while draining.
pub(crate) fn admit<'c>(
    call: &Call,
    policy: Policy,
    is_draining: bool,
    credentials: impl FnOnce() -> Credentials<'c>,
) -> Result<(), Error> {
    if policy == Policy::Infer {
        call.scope.mark_inference();
        if is_draining {
            let error = Error::new(Cause::Unavailable, "the service is shutting down");
            call.scope.record_failure(&error);
            return Err(error);
        }
    }
    let credentials = match policy {
        Policy::Admin => credentials(),
        Policy::Public | Policy::Infer | Policy::Read => Credentials::default(),
    };
    authorize(policy, &call.peer, credentials, call.app.settings.admin_token.as_deref())
}

/// Checks a request against the policy of its route.
///
/// # Errors
/// `PermissionDenied` with the missing condition.
pub(crate) fn authorize(
    policy: Policy,
    peer: &Peer,
    credentials: Credentials<'_>,
    admin_token: Option<&str>,
) -> Result<(), Error> {
    match policy {
        Policy::Public | Policy::Infer | Policy::Read => Ok(()),
        Policy::Admin => authorize_admin(peer, credentials, admin_token),
    }
}

fn authorize_admin(
    peer: &Peer,
    credentials: Credentials<'_>,
    admin_token: Option<&str>,
) -> Result<(), Error> {
    if credentials.is_cross_site {
        return Err(denied("a page of another site may not make admin calls"));
    }
    let Some(expected) = admin_token else {
        return authorize_local(peer, credentials);
    };
    match credentials.token {
        Some(sent) if is_equal(sent, expected) => Ok(()),
        Some(_) => Err(denied("the admin token is wrong")),
        None => Err(denied(
            "send the admin token as 'Authorization: Bearer TOKEN'; grpst reads it from the \
             environment variable GRPS_ADMIN_TOKEN",
        )),
    }
}

/// Without an admin token, only this machine may make admin calls.
fn authorize_local(peer: &Peer, credentials: Credentials<'_>) -> Result<(), Error> {
    if !peer.is_local() {
        return Err(denied(
            "set GRPS_ADMIN_TOKEN on the server to allow admin calls from other machines",
        ));
    }
    if !credentials.is_direct {
        return Err(denied(
            "without an admin token, admin calls must be for 127.0.0.1 or localhost and not come \
             through a proxy; set GRPS_ADMIN_TOKEN on the server to allow others",
        ));
    }
    Ok(())
}

/// Whether a token is the admin token of the service, if it has one.
pub(crate) fn is_admin_token(sent: Option<&str>, expected: Option<&str>) -> bool {
    sent.zip(expected).is_some_and(|(sent, expected)| is_equal(sent, expected))
}

/// Compares tokens in a time that does not depend on where they differ.
fn is_equal(sent: &str, expected: &str) -> bool {
    sent.as_bytes().ct_eq(expected.as_bytes()).into()
}

fn denied(message: &str) -> Error {
    Error::new(Cause::PermissionDenied, message)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(address: &str) -> Peer {
        address.parse::<SocketAddr>().unwrap().into()
    }

    fn admin(address: &str, token: Option<&str>, expected: Option<&str>) -> Result<(), Error> {
        let credentials = Credentials { token, is_cross_site: false, is_direct: true };
        authorize(Policy::Admin, &peer(address), credentials, expected)
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let credentials =
            Credentials { token: Some("secret"), is_cross_site: true, is_direct: true };
        let local = peer("127.0.0.1:1");
        assert!(authorize(Policy::Admin, &local, credentials, Some("secret")).is_err());
        for policy in [Policy::Public, Policy::Infer, Policy::Read] {
            assert!(authorize(policy, &local, credentials, None).is_ok());
        }
    }

    #[test]
    fn clients_on_the_loopback_need_no_token_if_there_is_none() {
        for address in ["127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(admin(address, None, None).is_ok());
            assert!(admin(address, None, Some("secret")).is_err());
            assert!(admin(address, Some("secret"), Some("secret")).is_ok());
        }
    }

    #[test]
    fn other_names_and_proxies_need_the_token() {
        let local = peer("127.0.0.1:1");
        let credentials = Credentials { token: None, is_cross_site: false, is_direct: false };
        assert!(authorize(Policy::Admin, &local, credentials, None).is_err());
        let credentials = Credentials { token: Some("secret"), ..credentials };
        assert!(authorize(Policy::Admin, &local, credentials, None).is_err());
        assert!(authorize(Policy::Admin, &local, credentials, Some("secret")).is_ok());
    }

    #[test]
    fn remote_clients_need_the_right_token() {
        let remote = "192.0.2.1:1";
        assert!(admin(remote, Some("secret"), Some("secret")).is_ok());
        for (sent, expected) in [
            (Some("secret"), None),
            (Some("other!"), Some("secret")),
            (Some("secre"), Some("secret")),
            (Some("secrets"), Some("secret")),
            (None, Some("secret")),
        ] {
            let error = admin(remote, sent, expected).unwrap_err();
            assert_eq!(error.cause(), Cause::PermissionDenied);
        }
    }
}
