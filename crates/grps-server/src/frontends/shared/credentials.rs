//! Reads what the head of a request says about its client.

use std::net::IpAddr;

use grps_core::{Cause, Error, quoted};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::app::App;
use crate::call::access::{Credentials, Policy, authorize};
use crate::call::call::Call;
use crate::net::peer::Peer;

/// Header by which browsers report the site of the requesting page.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Headers that proxies add.
const FORWARDED: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];
/// Header with a key, as an alternative to `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const SCHEME: &str = "bearer";
/// In place of a key that can't be read: nobody's key.
const UNREADABLE: &str = "";

/// The credentials of a request.
pub(crate) fn read(head: &Parts) -> Credentials<'_> {
    Credentials {
        token: sent_key(&head.headers),
        is_cross_site: is_cross_site(head),
        is_direct: is_direct(head),
    }
}

/// The credentials of one request of a stream, whose page was checked when it was opened.
pub(crate) fn of_stream(headers: &HeaderMap) -> Credentials<'_> {
    Credentials { token: sent_key(headers), ..Credentials::default() }
}

/// The key of a request: the token of `Authorization`, or else `X-API-Key`. One that can't be read is
/// nobody's: the request may not go on without it.
pub(crate) fn sent_key(headers: &HeaderMap) -> Option<&str> {
    bearer_token(headers).or_else(|| {
        let key = headers.contains_key(API_KEY).then(|| only(headers, API_KEY));
        key.map(|key| key.unwrap_or(UNREADABLE).trim_ascii())
    })
}

/// Checks that a request of a browser is for a name of the service, if only this machine reaches it and
/// all may call: a page of another site can be loaded by a name of that site that resolves to the
/// loopback address, and is then a page of this service to its browser.
///
/// Returns whether all requests of the connection for the same name pass.
///
/// # Errors
/// `PermissionDenied` for another name.
pub(crate) fn check_host(
    app: &App,
    peer: &Peer,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<bool, Error> {
    if !peer.is_on_loopback() {
        return Ok(true);
    }
    if app.auth.is_required() {
        return Ok(false);
    }
    let names = &app.settings.interface.hosts;
    let is_own = |authority: &str| {
        host_of(authority).is_some_and(|host| {
            is_address(host) || is_localhost(host) || names.iter().any(|name| is_named(host, name))
        })
    };
    match authorities(uri, headers).find(|authority| !is_own(authority)) {
        None => Ok(true),
        Some(_) if !is_from_browser(headers) => Ok(false),
        // A page can't know the token.
        Some(_) if app.auth.is_admin_token(sent_key(headers)) => Ok(false),
        Some(other) => Err(Error::new(
            Cause::PermissionDenied,
            format!(
                "the service listens on a loopback address, and {} is no name of it; send requests to \
                 localhost, or add the name to interface.hosts of server.yml",
                quoted(other)
            ),
        )),
    }
}

/// Checks whether a request may change the service, for routes that also serve those that change
/// nothing.
///
/// # Errors
/// `PermissionDenied` with the missing condition.
pub(crate) fn authorize_admin(call: &Call, head: &Parts) -> Result<(), Error> {
    authorize(Policy::Admin, &call.peer, read(head), &call.app.auth).map(drop)
}

/// The text of a header that is sent once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// The token of `Authorization: Bearer TOKEN`; the name of the scheme has no case. Several headers
/// can't be read: a proxy may have checked another one.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let Some(value) = only(headers, header::AUTHORIZATION) else { return Some(UNREADABLE) };
    let value = value.trim_ascii();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, UNREADABLE));
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// Whether a browser may have sent the request. Some of these headers can be changed by a page, but no
/// page can leave out all of them.
fn is_from_browser(headers: &HeaderMap) -> bool {
    let named = [header::ORIGIN, header::REFERER, header::ACCEPT_LANGUAGE, FETCH_SITE];
    named.iter().any(|name| headers.contains_key(name))
        || headers
            .get(header::USER_AGENT)
            .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
}

/// Whether a page of another site caused the request. Browsers say so in `Sec-Fetch-Site`; older ones
/// send the page, or its origin. One header that names another site is enough.
fn is_cross_site(head: &Parts) -> bool {
    let headers = &head.headers;
    if headers.contains_key(FETCH_SITE) {
        let is_own = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
        return !headers.get_all(FETCH_SITE).iter().all(is_own);
    }
    let name = if headers.contains_key(header::ORIGIN) { header::ORIGIN } else { header::REFERER };
    let own = || authorities(&head.uri, headers);
    !headers.get_all(name).iter().all(|page| is_same_origin(page, own()))
}

fn is_same_origin<'a>(page: &HeaderValue, mut own: impl Iterator<Item = &'a str>) -> bool {
    let Some((_, rest)) = page.to_str().ok().and_then(|page| page.split_once("://")) else {
        return false;
    };
    let page = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let mut is_page = |own: &str| own.eq_ignore_ascii_case(page);
    own.next().is_some_and(&mut is_page) && own.all(is_page)
}

/// Whether the request is for this machine by a name that no other can have, and from no proxy.
fn is_direct(head: &Parts) -> bool {
    let is_forwarded = FORWARDED.iter().any(|name| head.headers.contains_key(name));
    !is_forwarded && authorities(&head.uri, &head.headers).all(is_loopback)
}

/// The hosts that the request names: in its target and in its `Host` headers.
fn authorities<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let hosts = headers.get_all(header::HOST).iter();
    // A host that is not text is no name of this machine.
    let hosts = hosts.map(|host| host.to_str().unwrap_or_default());
    uri.authority().map(Authority::as_str).into_iter().chain(hosts)
}

/// The host of an authority; `None` if its port is none.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host)
}

/// Whether an authority is a name or an address of the loopback.
fn is_loopback(authority: &str) -> bool {
    host_of(authority).is_some_and(|host| match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => is_named(host, "localhost"),
    })
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// Whether a host is a name of the loopback: browsers resolve names below `localhost` as such.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    host.rsplit(|byte| *byte == b'.')
        .next()
        .is_some_and(|top| top.eq_ignore_ascii_case(b"localhost"))
}

/// Whether a host has a name; every host has the name `*`.
fn is_named(host: &str, name: &str) -> bool {
    name == "*" || host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    use http::Request;

    use super::*;
    use crate::app::tests::app;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/grps/v1/health/offline");
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_scheme_of_a_token_has_no_case() {
        for value in ["Bearer secret", "bearer secret", "BEARER  secret ", "bEaReR secret"] {
            let head = head(&[("authorization", value)]);
            assert_eq!(read(&head).token, Some("secret"), "{value}");
        }
        let two = head(&[("authorization", "Bearer secret"), ("authorization", "Bearer other")]);
        assert_eq!(read(&two).token, Some(UNREADABLE));
        for value in ["secret", "Basic secret", "Bearersecret"] {
            assert_eq!(read(&head(&[("authorization", value)])).token, None, "{value}");
        }
        for value in ["Bearer", "bearer ", "Bearer \u{e9}"] {
            assert_eq!(read(&head(&[("authorization", value)])).token, Some(UNREADABLE), "{value}");
        }
        assert_eq!(read(&head(&[])).token, None);
    }

    #[test]
    fn a_key_is_sent_in_one_of_two_headers() {
        assert_eq!(read(&head(&[("x-api-key", " secret ")])).token, Some("secret"));
        let both = head(&[("x-api-key", "other"), ("authorization", "Bearer secret")]);
        assert_eq!(read(&both).token, Some("secret"));
        let basic = head(&[("x-api-key", "other"), ("authorization", "Basic c2VjcmV0")]);
        assert_eq!(read(&basic).token, Some("other"));
        for unreadable in [
            [("x-api-key", "secret"), ("x-api-key", "secret")],
            [("x-api-key", "\u{e9}"), ("host", "localhost")],
            [("authorization", "Bearer"), ("x-api-key", "secret")],
            [("authorization", "\u{e9}"), ("x-api-key", "secret")],
        ] {
            assert_eq!(read(&head(&unreadable)).token, Some(UNREADABLE), "{unreadable:?}");
        }
    }

    #[test]
    fn only_names_of_the_loopback_are_direct() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:7080",
            "127.9.9.9:1",
            "[::1]:7080",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LocalHost:7080",
            "localhost.:7080",
        ] {
            assert!(read(&head(&[("host", host)])).is_direct, "{host}");
        }
        for host in [
            "evil.test:7080",
            "192.0.2.1:7080",
            "0.0.0.0:7080",
            "[::]:7080",
            "localhost.evil.test",
            "127.0.0.1.evil.test:7080",
            "evil.test@localhost.x",
            "127.0.0.1:7080,evil",
            "",
            "\u{e9}",
            "notlocalhost",
            "2130706433.test",
        ] {
            assert!(!read(&head(&[("host", host)])).is_direct, "{host}");
        }
        assert!(read(&head(&[])).is_direct);
        assert!(!read(&head(&[("host", "localhost"), ("host", "evil.test")])).is_direct);
        let (absolute, ()) = Request::builder()
            .uri("http://evil.test/grps/v1/health/offline")
            .header("host", "localhost")
            .body(())
            .unwrap()
            .into_parts();
        assert!(!read(&absolute).is_direct);
    }

    #[test]
    fn on_the_loopback_a_host_must_be_a_name_of_the_service() {
        let mut app = app();
        app.settings.interface.hosts = vec!["model.example".to_owned()];
        let local: Peer = "127.0.0.1:1".parse::<SocketAddr>().unwrap().into();
        let check = |app: &App, peer: &Peer, host: &str| {
            let head = head(&[("host", host), ("accept-language", "en")]);
            check_host(app, peer, &head.uri, &head.headers)
        };
        let inside = local.clone().connected_to(IpAddr::V6(Ipv6Addr::LOCALHOST));
        let outside = local.connected_to(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        for own in [
            "localhost:7080",
            "demo.LOCALHOST.",
            "127.0.0.1",
            "192.0.2.1:1",
            "[2001:db8::1]:7080",
            "Model.Example:7080",
        ] {
            check(&app, &inside, own).unwrap();
        }
        let others = [
            "evil.test",
            "evil.test:7080",
            "localhost.evil.test",
            "xlocalhost",
            "x.model.example",
            "127.0.0.1:x",
            "",
            "\u{e9}",
            "model.example@evil.test",
        ];
        for other in others {
            let error = check(&app, &inside, other).unwrap_err();
            assert_eq!(error.cause(), Cause::PermissionDenied, "{other}");
            check(&app, &outside, other).unwrap();
        }
        for browser in [
            ("user-agent", "Mozilla/5.0"),
            ("origin", "http://evil.test"),
            ("referer", "http://evil.test/"),
            ("sec-fetch-site", "same-origin"),
        ] {
            let two = head(&[("host", "localhost"), ("host", "evil.test"), browser]);
            assert!(check_host(&app, &inside, &two.uri, &two.headers).is_err(), "{browser:?}");
        }
        // Other programs may name the service as they like, each time anew.
        let program = head(&[("host", "evil.test"), ("user-agent", "curl/8")]);
        assert!(!check_host(&app, &inside, &program.uri, &program.headers).unwrap());
        let none = head(&[]);
        check_host(&app, &inside, &none.uri, &none.headers).unwrap();
        app.settings.interface.hosts = vec!["*".to_owned()];
        check(&app, &inside, "evil.test").unwrap();
    }

    #[test]
    fn requests_of_proxies_are_not_direct() {
        for name in FORWARDED {
            let head = head(&[("host", "127.0.0.1:7080"), (name.as_str(), "192.0.2.1")]);
            assert!(!read(&head).is_direct, "{name}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_recognised() {
        let host = ("host", "127.0.0.1:7080");
        for (name, value, expected) in [
            ("sec-fetch-site", "same-origin", false),
            ("sec-fetch-site", "none", false),
            ("sec-fetch-site", "same-site", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "", true),
            ("origin", "http://127.0.0.1:7080", false),
            ("origin", "http://127.0.0.1:8000", true),
            ("origin", "http://127.0.0.1", true),
            ("origin", "null", true),
            ("origin", "", true),
            ("referer", "http://127.0.0.1:7080/page?x", false),
            ("referer", "http://evil.test/http://127.0.0.1:7080/", true),
            ("referer", "http://127.0.0.1:7080@evil.test/", true),
        ] {
            let head = head(&[host, (name, value)]);
            assert_eq!(read(&head).is_cross_site, expected, "{name}: {value}");
        }
        for (name, own, other) in [
            ("origin", "http://127.0.0.1:7080", "http://evil.test"),
            ("referer", "http://127.0.0.1:7080/page", "http://evil.test/"),
            ("sec-fetch-site", "same-origin", "cross-site"),
        ] {
            assert!(read(&head(&[host, (name, own), (name, other)])).is_cross_site, "{name}");
            assert!(read(&head(&[host, (name, other), (name, own)])).is_cross_site, "{name}");
            assert!(!read(&head(&[host, (name, own), (name, own)])).is_cross_site, "{name}");
        }
        assert!(!read(&head(&[host])).is_cross_site);
        assert!(read(&head(&[("origin", "http://127.0.0.1:7080")])).is_cross_site);
    }
}
