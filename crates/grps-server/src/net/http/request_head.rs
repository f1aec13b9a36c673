//! Rules for request heads that the HTTP libraries do not check: the host, and how the body is framed.
//!
//! A proxy in front of the service may read a doubtful head in another way, and then the two see
//! different requests.

use std::net::Ipv6Addr;

use grps_core::Error;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Uri, Version};

/// Maximum length of a host in an error message.
const MAX_SHOWN_CHARS: usize = 100;

/// What the head of a request says of its host and of the framing of its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadFacts<'a> {
    version: Version,
    /// The host in the target.
    authority: Option<&'a str>,
    host: Option<&'a HeaderValue>,
    has_more_hosts: bool,
    encoding: Option<&'a HeaderValue>,
    has_more_encodings: bool,
}

impl<'a> HeadFacts<'a> {
    /// Reads a head.
    pub(crate) fn of(version: Version, uri: &'a Uri, headers: &'a HeaderMap) -> Self {
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let (mut host, mut has_more_hosts) = (None, false);
        let (mut encoding, mut has_more_encodings) = (None, false);
        // One pass is quicker than a lookup of each.
        for (name, value) in headers {
            if *name == HOST {
                has_more_hosts |= host.replace(value).is_some();
            } else if *name == TRANSFER_ENCODING {
                has_more_encodings |= encoding.replace(value).is_some();
            }
        }
        Self { version, authority, host, has_more_hosts, encoding, has_more_encodings }
    }

    /// The host of a head that names it where its version does, and nowhere else.
    pub(crate) fn only_host(&self) -> Option<&'a [u8]> {
        match (self.authority, self.host) {
            (Some(authority), None) if self.version >= Version::HTTP_2 => {
                Some(authority.as_bytes())
            }
            (None, Some(host)) if !self.has_more_hosts => Some(host.as_bytes()),
            _ => None,
        }
    }

    /// Checks the framing of the body (RFC 9112, section 6.1). The library has decoded chunks.
    ///
    /// # Errors
    /// `InvalidArgument` for another encoding.
    pub(crate) fn check_framing(&self) -> Result<(), Error> {
        let is_chunked =
            |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if self.encoding.is_none_or(is_chunked) && !self.has_more_encodings {
            return Ok(());
        }
        Err(Error::invalid(
            "Transfer-Encoding must be 'chunked' alone; other encodings are not decoded",
        ))
    }

    /// Checks the hosts (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rule.
    pub(crate) fn check_hosts(&self) -> Result<(), Error> {
        let Self { version, authority, host, .. } = *self;
        if self.has_more_hosts {
            return Err(Error::invalid("the request has more than one Host header; send one"));
        }
        let named = authority.map(str::as_bytes).into_iter();
        for value in named.chain(host.map(HeaderValue::as_bytes)) {
            if !is_host(value) {
                return Err(bad_host(value));
            }
        }
        if version >= Version::HTTP_2 {
            return check_authority(authority, host);
        }
        if host.is_none() && version == Version::HTTP_11 {
            return Err(Error::invalid("the request has no Host header, which HTTP/1.1 requires"));
        }
        Ok(())
    }
}

/// Checks that an HTTP/2 request names one host.
fn check_authority(authority: Option<&str>, host: Option<&HeaderValue>) -> Result<(), Error> {
    match (authority, host) {
        (None, None) => Err(Error::invalid("the request has neither :authority nor Host")),
        (Some(authority), Some(host))
            if !authority.as_bytes().eq_ignore_ascii_case(host.as_bytes()) =>
        {
            Err(Error::invalid("Host differs from :authority; send :authority alone"))
        }
        _ => Ok(()),
    }
}

/// Whether a value is a host with an optional port (RFC 3986, section 3.2.2).
fn is_host(value: &[u8]) -> bool {
    if let Some(rest) = value.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
        let (address, rest) = rest.split_at(end);
        return is_literal_address(address) && is_port(rest.get(1..).unwrap_or_default());
    }
    let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
    let (name, port) = value.split_at(end);
    !name.is_empty() && is_name(name) && is_port(port)
}

/// Whether what is between brackets is an address of IPv6 or of a later version.
fn is_literal_address(address: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(address) else { return false };
    let Some(later) = text.strip_prefix(['v', 'V']) else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    let Some((version, rest)) = later.split_once('.') else { return false };
    let is_part = |byte: u8| byte == b':' || is_name_byte(byte);
    !version.is_empty()
        && version.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !rest.is_empty()
        && rest.bytes().all(is_part)
}

/// Whether a value consists of the characters of a name; each `%` needs two hexadecimal digits.
fn is_name(mut value: &[u8]) -> bool {
    while let [byte, rest @ ..] = value {
        value = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if [high, low].iter().all(|d| d.is_ascii_hexdigit()) => {
                rest
            }
            (b'%', _) => return false,
            _ if is_name_byte(*byte) => rest,
            _ => return false,
        };
    }
    true
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'..=b',' | b';' | b'=')
}

/// Whether what follows a host is empty, or a colon and a port; the port may be empty.
fn is_port(rest: &[u8]) -> bool {
    let Some(digits) = rest.strip_prefix(b":") else { return rest.is_empty() };
    let port = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit));
    port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
}

fn bad_host(value: &[u8]) -> Error {
    let shown: String = value.escape_ascii().take(MAX_SHOWN_CHARS).map(char::from).collect();
    Error::invalid(format!(
        "'{shown}' is not a host with an optional port; correct the Host header"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Error> {
        let head = HeadFacts::of(version, uri, headers);
        head.check_framing().and_then(|()| head.check_hosts())
    }

    #[test]
    fn a_host_is_known_only_where_it_is_named_once() {
        let only = |version, uri, fields: &[(&'static str, &str)]| {
            let uri = Uri::from_static(uri);
            HeadFacts::of(version, &uri, &headers(fields)).only_host().map(<[u8]>::to_vec)
        };
        assert_eq!(only(Version::HTTP_11, "/", &[("host", "a")]).unwrap(), b"a");
        assert_eq!(only(Version::HTTP_2, "http://a/", &[]).unwrap(), b"a");
        assert!(only(Version::HTTP_11, "http://a/", &[]).is_none());
        assert!(only(Version::HTTP_11, "http://a/", &[("host", "a")]).is_none());
        assert!(only(Version::HTTP_2, "http://a/", &[("host", "b")]).is_none());
        assert!(only(Version::HTTP_11, "/", &[("host", "a"), ("host", "a")]).is_none());
        assert!(only(Version::HTTP_11, "/", &[]).is_none());
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn check_http1(fields: &[(&'static str, &str)]) -> Result<(), Error> {
        check(Version::HTTP_11, &Uri::from_static("/"), &headers(fields))
    }

    fn check_http2(uri: &'static str, fields: &[(&'static str, &str)]) -> Result<(), Error> {
        check(Version::HTTP_2, &Uri::from_static(uri), &headers(fields))
    }

    #[test]
    fn hosts_are_names_or_addresses_with_a_port() {
        for good in [
            "a",
            "localhost:8080",
            "127.0.0.1:1",
            "[::1]:65535",
            "[::ffff:1.2.3.4]",
            "a:",
            "x-y_z.de",
            "a%20b",
            "%c3%BC",
            "[v1.a:b]",
            "xn--bcher-kva.example",
        ] {
            assert!(check_http1(&[("host", good)]).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a/b",
            "a@b",
            "user:pw@a",
            "a:b",
            "a:-1",
            "a:65536",
            ":80",
            "[::1",
            "[]",
            "[:]",
            "[.]",
            "[a]",
            "[v]",
            "[v1.]",
            "[vx.a]",
            "[1::2::3]",
            "[::1.2.3]",
            "[12345::]",
            "[127.0.0.1]",
            "a%",
            "a%2",
            "a%zz",
            "a%2x",
            "%%20",
            "[::1]x",
            "::1",
            "a:1:2",
            "http://a",
            "a?b",
            "a#b",
            "a\\b",
            "a\"b",
            "b\u{fc}cher",
            "<a>",
        ] {
            assert!(check_http1(&[("host", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn http1_needs_one_host() {
        assert!(check_http1(&[]).is_err());
        assert!(check_http1(&[("host", "a"), ("host", "a")]).is_err());
        let check_old = |fields| check(Version::HTTP_10, &Uri::from_static("/"), &headers(fields));
        assert!(check_old(&[]).is_ok());
        assert!(check_old(&[("host", "a"), ("host", "b")]).is_err());
        let absolute = Uri::from_static("http://u@a/");
        assert!(check(Version::HTTP_11, &absolute, &headers(&[("host", "a")])).is_err());
    }

    #[test]
    fn http2_needs_one_authority() {
        assert!(check_http2("http://a:1/", &[]).is_ok());
        assert!(check_http2("http://a:1/", &[("host", "A:1")]).is_ok());
        assert!(check_http2("/", &[("host", "a")]).is_ok());
        assert!(check_http2("/", &[]).is_err());
        assert!(check_http2("http://a/", &[("host", "b")]).is_err());
        assert!(check_http2("http://u@a/", &[]).is_err());
    }

    #[test]
    fn chunked_is_the_only_encoding() {
        let check = |values: &[&str]| {
            let encodings = values.iter().map(|value| ("transfer-encoding", *value));
            check_http1(&[("host", "a")].into_iter().chain(encodings).collect::<Vec<_>>())
        };
        assert!(check(&["chunked"]).is_ok() && check(&["Chunked "]).is_ok());
        for bad in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked", "chunked"], &["x"]] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
