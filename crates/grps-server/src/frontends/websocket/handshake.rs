//! The handshake of WebSocket (RFC 6455, section 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grps_core::{Cause, Error};
use http::header::{
    CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::call::call::Call;
use crate::frontends::grps_http::{PredictQuery, encode};
use crate::frontends::shared::credentials;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::websocket::session::Session;
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::upgrade::UpgradeSlot;

const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Answers the request that opens a connection of WebSocket.
pub(super) async fn open(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match upgrade(&call, request) {
        Ok(response) => response,
        Err(error) => {
            let mut response = encode::failure(&error);
            // Says which version the service has, if that was the reason.
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, VERSION);
            response
        }
    }
}

fn upgrade(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let HttpRequest { parts, body, .. } = request;
    let accept = accept_key(&parts.headers)?;
    check_origin(call, &parts)?;
    let slot = parts.extensions.get::<UpgradeSlot>().cloned();
    // HTTP/2 has another handshake for it, which browsers use only if a server offers it.
    let slot = slot.ok_or_else(|| Error::invalid("WebSocket needs a connection of HTTP/1.1"))?;
    let session = Session {
        app: call.app.clone(),
        peer: call.peer.clone(),
        query: PredictQuery::parse(parts.uri.query()),
        headers: parts.headers.clone(),
        closing: slot.closing(),
    };
    let mut request = Request::from_parts(parts, body);
    let upgrading = hyper::upgrade::on(&mut request);
    slot.put(async move {
        match upgrading.await {
            Ok(upgraded) => session.run(upgraded).await,
            Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
        }
    });
    let mut response = Response::new(ReplyBody::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// The answer to the key of a handshake.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Error> {
    let is_upgrade =
        lists(headers, &UPGRADE, "websocket") && lists(headers, &CONNECTION, "upgrade");
    if !is_upgrade {
        return Err(Error::invalid(
            "this route takes connections of WebSocket; open ws:// with its path",
        ));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(Error::invalid("Sec-WebSocket-Version must be 13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != 16 {
        return Err(Error::invalid("Sec-WebSocket-Key must be 16 bytes in base64"));
    }
    HeaderValue::from_str(&derive_accept_key(key))
        .map_err(|error| Error::new(Cause::Internal, error.to_string()))
}

/// Whether a header lists a token.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Checks that the page which opens the connection may. Browsers do not ask before, as they do for
/// other requests to another site.
fn check_origin(call: &Call, head: &Parts) -> Result<(), Error> {
    if !credentials::read(head).is_cross_site {
        return Ok(());
    }
    let cors = call.app.settings.interface.cors.as_ref();
    let allowed =
        cors.zip(head.headers.get(ORIGIN)).is_some_and(|(cors, origin)| cors.allows(origin));
    if allowed {
        return Ok(());
    }
    Err(Error::new(
        Cause::PermissionDenied,
        "pages of this origin may not open connections; add it to interface.cors.origins",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn accept(fields: &[(&'static str, &'static str)]) -> Result<HeaderValue, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        accept_key(&headers)
    }

    #[test]
    fn the_key_is_answered_as_the_standard_says() {
        assert_eq!(accept(&GOOD).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn each_part_of_the_handshake_is_needed() {
        for missing in 0..GOOD.len() {
            let mut fields = GOOD.to_vec();
            fields.remove(missing);
            assert!(accept(&fields).is_err(), "{missing}");
        }
        for (index, value) in [(0, "h2c"), (1, "close"), (2, "8"), (3, "c2hvcnQ="), (3, "?")] {
            let mut fields = GOOD.to_vec();
            fields[index].1 = value;
            assert!(accept(&fields).is_err(), "{value}");
        }
    }
}
