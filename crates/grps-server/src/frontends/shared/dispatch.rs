//! The entry of every HTTP request: begins it, finds its route, checks who may call it, and signs
//! the response.

use std::convert::Infallible;
use std::sync::Arc;

use grps_core::metrics::Protocol;
use grps_core::{Cause, Error};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;

use crate::app::App;
use crate::call::access::{Credentials, Policy, authorize};
use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::router::{Found, Router, is_grpc};
use crate::frontends::shared::{optional_headers, timing_header, trace_headers};
use crate::net::peer::Peer;
use crate::net::reply_body::ReplyBody;

/// Header that carries the identifier of a request in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Whose page makes a browser send a request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers one request of any front end over HTTP.
pub(crate) async fn dispatch(
    router: Arc<Router>,
    app: Arc<App>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let optional = optional_headers::of(request.headers());
    let trace = trace_headers::of(&app, optional);
    let sent_id = optional.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let timeline = Arc::new(app.request_ids.begin(sent_id, trace));
    let wants_timing = timing_header::is_asked(optional);
    let grpc = is_grpc(request.headers());
    let protocol = if grpc { Protocol::Grpc } else { Protocol::Http };
    let call = Call::begin(app, peer, timeline, protocol);
    let (app, scope) = (Arc::clone(&call.app), Arc::clone(&call.scope));
    let timeline = Arc::clone(&call.timeline);
    let is_draining = app.engine.health().is_draining();
    let version = request.version();
    let line = app.settings.access_log.then(|| AccessLine::new(&call, &request));
    let mut response = match router.find(request.method(), request.uri().path(), grpc) {
        Ok((found, parameters)) => {
            let (parts, body) = request.into_parts();
            match admit(&call, found, &parts.headers, is_draining) {
                Ok(()) => {
                    found.endpoint.handle(call, HttpRequest { parts, body, parameters }).await
                }
                Err(error) => found.front_end.error(&error),
            }
        }
        Err(response) => response,
    };
    if let ReplyBody::Whole(body) = response.body() {
        scope.send(body.len());
    }
    if wants_timing {
        timing_header::add(response.headers_mut(), &timeline);
    }
    sign(response.headers_mut(), timeline.id(), is_draining && version < Version::HTTP_2);
    if let Some(line) = line {
        line.write(timeline.id(), timeline.began().elapsed().as_micros(), &response);
    }
    Ok(response)
}

/// Lets a request through to its route.
///
/// # Errors
/// `PermissionDenied` by the route's policy; `Unavailable` for inference while draining.
fn admit(call: &Call, found: &Found, headers: &HeaderMap, is_draining: bool) -> Result<(), Error> {
    let policy = found.endpoint.policy;
    if policy == Policy::Infer {
        call.scope.begin();
        if is_draining {
            call.scope.judge(Some(Cause::Unavailable));
            return Err(Error::new(Cause::Unavailable, "the service is shutting down"));
        }
    }
    let admin_token = call.app.settings.admin_token.as_deref();
    authorize(policy, &call.peer, credentials(policy, headers), admin_token)
}

/// What the headers prove; most routes ask for no proof, and no header is looked up for them.
fn credentials(policy: Policy, headers: &HeaderMap) -> Credentials<'_> {
    if policy != Policy::Admin {
        return Credentials::default();
    }
    let authorization = headers.get(header::AUTHORIZATION);
    let token = authorization
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let is_cross_site = site.is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
    Credentials { token, is_cross_site }
}

/// Puts the request's identifier into the response, and the end of the connection if it must close.
fn sign(headers: &mut HeaderMap, id: &str, close: bool) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// A line of the access log.
struct AccessLine {
    peer: Peer,
    method: http::Method,
    path: String,
}

impl AccessLine {
    fn new(call: &Call, request: &Request<Incoming>) -> Self {
        let path = request.uri().path().to_owned();
        Self { peer: call.peer.clone(), method: request.method().clone(), path }
    }

    fn write(&self, id: &str, elapsed_us: u128, response: &Response<ReplyBody>) {
        let Self { peer, method, path } = self;
        let status = response.status().as_u16();
        tracing::info!(%peer, id, %method, path, status, elapsed_us, "request");
    }
}
