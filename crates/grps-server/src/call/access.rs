//! Access control: routes declare a policy, which is checked here.

use std::sync::Arc;

use grps_core::{Cause, Error};

use crate::auth::authenticator::Authenticator;
use crate::auth::identity::Identity;
use crate::auth::scopes::Scopes;
use crate::call::call::Call;
use crate::net::peer::Peer;

/// The access policy of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Every client: pages, liveness and readiness.
    Public,
    /// Inference requests, which are counted, and refused while the service drains: every client, or
    /// callers with the scope `infer` where the service has `auth`.
    Infer,
    /// Metadata and metrics: every client, or callers with the scope `read`.
    Read,
    /// Operators only: clients with the admin token or, if the service has none, clients on this
    /// machine; with `auth`, callers with the scope `admin`. Requests that a browser sends for another site are refused.
    Admin,
}

impl Policy {
    /// The scope that a caller needs; `None` for routes that need no caller.
    fn scope(self) -> Option<Scopes> {
        match self {
            Self::Public => None,
            Self::Infer => Some(Scopes::INFER),
            Self::Read => Some(Scopes::READ),
            Self::Admin => Some(Scopes::ADMIN),
        }
    }
}

/// Credentials of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Credentials<'a> {
    /// The key, or the token.
    pub(crate) token: Option<&'a str>,
    /// Whether a browser sends the request for a page of another site. A browser on this machine
    /// also uses the loopback address.
    pub(crate) is_cross_site: bool,
    /// Whether the client addresses this machine as itself, such as `localhost`, and uses no proxy. A
    /// page of another site can have a name that resolves to the loopback address, but not this one.
    pub(crate) is_direct: bool,
}

/// What a route asks before it serves a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    /// The access policy.
    pub(crate) policy: Policy,
    /// Whether the request is one inference request; a stream of them counts each by itself.
    pub(crate) is_counted: bool,
}

/// Checks whether a request may call its route, and marks it if it is an inference request. Routes
/// without access control skip the look at the credentials.
///
/// # Errors
/// See [`authorize`]; `Unavailable` for inference while draining.
pub(crate) fn admit<'c>(
    call: &mut Call,
    admission: Admission,
    credentials: impl FnOnce() -> Credentials<'c>,
) -> Result<(), Error> {
    let Admission { policy, is_counted } = admission;
    if policy == Policy::Infer && is_counted {
        call.scope.mark_inference();
    }
    let admitted = find_caller(policy, call, credentials)
        .and_then(|caller| caller.map_or(Ok(()), |caller| admit_caller(caller, is_counted, call)));
    if policy == Policy::Infer {
        let _ = admitted.as_ref().inspect_err(|error| call.scope.record_failure(error));
    }
    admitted
}

/// Counts a request of a caller; one that only opens a stream of requests, each of which counts, is
/// not counted.
fn admit_caller(caller: Arc<Identity>, is_counted: bool, call: &mut Call) -> Result<(), Error> {
    call.peer.set_caller(Arc::clone(&caller.name));
    let permit = if is_counted { caller.count() } else { Ok(None) };
    call.scope.set_caller(caller);
    if let Some(permit) = permit? {
        call.scope.set_permit(permit);
    }
    Ok(())
}

fn find_caller<'c>(
    policy: Policy,
    call: &Call,
    credentials: impl FnOnce() -> Credentials<'c>,
) -> Result<Option<Arc<Identity>>, Error> {
    if policy == Policy::Infer && call.app.engine.health().is_draining() {
        return Err(Error::new(Cause::Unavailable, "the service is shutting down"));
    }
    let auth = &call.app.auth;
    let is_checked = policy == Policy::Admin || auth.is_required();
    let credentials = if is_checked { credentials() } else { Credentials::default() };
    authorize(policy, &call.peer, credentials, auth)
}

/// Checks a request against the policy of its route; returns the caller where only known ones may
/// call. It does not count as a request of the caller.
///
/// # Errors
/// `Unauthenticated` when a caller is needed and not known, `PermissionDenied` with the missing
/// condition.
pub(crate) fn authorize(
    policy: Policy,
    peer: &Peer,
    credentials: Credentials<'_>,
    auth: &Authenticator,
) -> Result<Option<Arc<Identity>>, Error> {
    match (policy.scope(), auth.is_required()) {
        (None, _) => Ok(None),
        (Some(scope), true) => authorize_caller(scope, peer, credentials, auth).map(Some),
        (Some(Scopes::ADMIN), false) => authorize_admin(peer, credentials, auth).map(|()| None),
        (Some(_), false) => Ok(None),
    }
}

fn authorize_caller(
    scope: Scopes,
    peer: &Peer,
    credentials: Credentials<'_>,
    auth: &Authenticator,
) -> Result<Arc<Identity>, Error> {
    // A browser sends the certificate of its user for the page of any site.
    let by_certificate = credentials.token.is_none() && peer.identity().is_some();
    if credentials.is_cross_site && (scope == Scopes::ADMIN || by_certificate) {
        return Err(denied("a page of another site may not make this call"));
    }
    let identity = auth.identify(credentials.token, peer.identity().map(AsRef::as_ref))?;
    if !identity.scopes.contain(scope) {
        let message = format!("'{}' lacks the scope '{}'", identity.name, scope.name());
        return Err(denied(&message));
    }
    Ok(identity)
}

fn authorize_admin(
    peer: &Peer,
    credentials: Credentials<'_>,
    auth: &Authenticator,
) -> Result<(), Error> {
    if credentials.is_cross_site {
        return Err(denied("a page of another site may not make admin calls"));
    }
    if !auth.has_admin_token() {
        return authorize_local(peer, credentials);
    }
    if auth.is_admin_token(credentials.token) {
        return Ok(());
    }
    Err(denied(match credentials.token {
        Some(_) => "the admin token is wrong",
        None => {
            "send the admin token as 'Authorization: Bearer TOKEN'; grpst reads it from the \
             environment variable GRPS_ADMIN_TOKEN"
        }
    }))
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

fn denied(message: &str) -> Error {
    Error::new(Cause::PermissionDenied, message)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::auth::settings::{AuthSettings, CallerLimits, CallerSettings, CertificateSettings};

    fn peer(address: &str) -> Peer {
        address.parse::<SocketAddr>().unwrap().into()
    }

    fn auth(admin_token: Option<&str>) -> Authenticator {
        Authenticator::new(admin_token.map(str::to_owned))
    }

    fn admin(address: &str, token: Option<&str>, expected: Option<&str>) -> Result<(), Error> {
        let credentials = Credentials { token, is_cross_site: false, is_direct: true };
        authorize(Policy::Admin, &peer(address), credentials, &auth(expected)).map(drop)
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        let credentials =
            Credentials { token: Some("secret"), is_cross_site: true, is_direct: true };
        let local = peer("127.0.0.1:1");
        assert!(authorize(Policy::Admin, &local, credentials, &auth(Some("secret"))).is_err());
        for policy in [Policy::Public, Policy::Infer, Policy::Read] {
            assert!(authorize(policy, &local, credentials, &auth(None)).is_ok());
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

    fn caller(name: &str, scopes: Scopes) -> CallerSettings {
        let limits = CallerLimits { max_concurrency: Some(1), ..CallerLimits::default() };
        CallerSettings { name: name.to_owned(), scopes, limits }
    }

    /// Callers with one scope each, known by a certificate with its name.
    fn guarded() -> Authenticator {
        let auth = auth(Some("root"));
        let certificate = |scope: Scopes| CertificateSettings {
            subject: scope.name().to_owned(),
            caller: caller(scope.name(), scope),
        };
        let scopes = [Scopes::INFER, Scopes::READ, Scopes::ADMIN];
        let certificates = scopes.map(certificate).into();
        auth.set_callers(&AuthSettings { certificates, ..AuthSettings::default() }).unwrap();
        auth
    }

    #[test]
    fn a_caller_needs_the_scope_of_the_policy() {
        let auth = guarded();
        let policies = [Policy::Infer, Policy::Read, Policy::Admin];
        for (scope, own) in [Scopes::INFER, Scopes::READ, Scopes::ADMIN].iter().zip(policies) {
            let peer = peer("127.0.0.1:1").with_identity(Some(scope.name().into()));
            let credentials = Credentials { is_direct: true, ..Credentials::default() };
            for policy in policies {
                let called = authorize(policy, &peer, credentials, &auth);
                match called {
                    Ok(caller) => assert!(policy == own && caller.is_some(), "{policy:?}"),
                    Err(error) => {
                        assert!(policy != own && error.cause() == Cause::PermissionDenied);
                    }
                }
            }
        }
    }

    #[test]
    fn without_credentials_only_public_routes_are_served() {
        let auth = guarded();
        let local = peer("127.0.0.1:1");
        let direct = Credentials { is_direct: true, ..Credentials::default() };
        assert!(authorize(Policy::Public, &local, direct, &auth).unwrap().is_none());
        for policy in [Policy::Infer, Policy::Read, Policy::Admin] {
            for token in [None, Some("wrong")] {
                let error = authorize(policy, &local, Credentials { token, ..direct }, &auth);
                assert_eq!(error.unwrap_err().cause(), Cause::Unauthenticated);
            }
            let root = Credentials { token: Some("root"), ..direct };
            assert!(authorize(policy, &peer("192.0.2.1:1"), root, &auth).is_ok());
        }
    }

    #[test]
    fn a_page_of_another_site_can_not_use_a_certificate() {
        let auth = guarded();
        let peer = peer("192.0.2.1:1").with_identity(Some("infer".into()));
        let credentials = Credentials { is_cross_site: true, ..Credentials::default() };
        let error = authorize(Policy::Infer, &peer, credentials, &auth).unwrap_err();
        assert_eq!(error.cause(), Cause::PermissionDenied);
    }

    #[test]
    fn a_caller_has_limits_until_its_request_ends() {
        let auth = guarded();
        let peer = peer("192.0.2.1:1").with_identity(Some("infer".into()));
        let caller = || authorize(Policy::Infer, &peer, Credentials::default(), &auth).unwrap();
        let count = || caller().unwrap().count();
        let running = count().unwrap();
        assert_eq!(count().unwrap_err().cause(), Cause::RateLimited);
        drop(running);
        assert!(count().is_ok());
    }

    #[test]
    fn other_names_and_proxies_need_the_token() {
        let local = peer("127.0.0.1:1");
        let credentials = Credentials { token: None, is_cross_site: false, is_direct: false };
        assert!(authorize(Policy::Admin, &local, credentials, &auth(None)).is_err());
        let credentials = Credentials { token: Some("secret"), ..credentials };
        assert!(authorize(Policy::Admin, &local, credentials, &auth(None)).is_err());
        assert!(authorize(Policy::Admin, &local, credentials, &auth(Some("secret"))).is_ok());
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
