//! The entry of every HTTP request: finds its route, checks the access policy, calls the endpoint,
//! and adds common headers to the response.

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
use crate::frontends::shared::router::{MatchedRoute, Router, is_grpc};
use crate::frontends::shared::{optional_headers, timing_header, trace_headers};
use crate::net::peer::Peer;
use crate::net::places::Place;
use crate::net::reply_body::ReplyBody;
use crate::net::{request_body, request_head};

/// Header for the identifier of a request, in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Header by which browsers report the site of the requesting page.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Serves one HTTP request of any front end.
pub(crate) async fn dispatch(
    router: Arc<Router>,
    app: Arc<App>,
    peer: Peer,
    place: Place,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let optional = optional_headers::find(request.headers());
    let trace = trace_headers::read_context(&app, optional);
    let sent_id = optional.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let timeline = Arc::new(app.request_ids.start_timeline(sent_id, trace));
    let with_timing = timing_header::is_requested(optional);
    let grpc = is_grpc(request.headers());
    let protocol = if grpc { Protocol::Grpc } else { Protocol::Http };
    let call = Call::start(app, peer, timeline, protocol);
    let (app, scope) = (Arc::clone(&call.app), Arc::clone(&call.scope));
    let timeline = Arc::clone(&call.timeline);
    let is_draining = app.engine.health().is_draining();
    let version = request.version();
    let line = app.settings.access_log.then(|| AccessLine::new(&call, &request));
    let head = request_head::check(version, request.uri(), request.headers());
    let is_refused = head.is_err();
    let found = match head {
        Ok(()) => router.find(request.method(), request.uri().path(), grpc),
        Err(error) => Err(router.error(grpc, &error)),
    };
    let mut response = match found {
        Ok((matched, parameters)) => {
            let (parts, body) = request.into_parts();
            let allowed = check_place(place, matched)
                .and_then(|()| check_access(&call, matched, &parts.headers, is_draining));
            match allowed {
                Ok(()) => {
                    matched.endpoint.handle(call, HttpRequest { parts, body, parameters }).await
                }
                Err(error) => {
                    // A client with `Expect` sends no body after an error response.
                    if !parts.headers.contains_key(header::EXPECT) {
                        request_body::discard_later(body);
                    }
                    matched.front_end.error(&error)
                }
            }
        }
        Err(response) => response,
    };
    if let ReplyBody::Whole(body) = response.body() {
        scope.count_sent_bytes(body.len());
    }
    if with_timing {
        timing_header::add(response.headers_mut(), &timeline);
    }
    add_common_headers(
        response.headers_mut(),
        timeline.id(),
        (is_draining || is_refused || place == Place::Reserved) && version < Version::HTTP_2,
    );
    if let Some(line) = line {
        line.write(timeline.id(), timeline.began().elapsed().as_micros(), &response);
    }
    Ok(response)
}

/// Checks whether the connection may ask for a route.
///
/// # Errors
/// `Unavailable` for other routes than health and metrics when there are too many connections.
fn check_place(place: Place, matched: &MatchedRoute) -> Result<(), Error> {
    if place == Place::Ordinary || matched.endpoint.is_vital {
        return Ok(());
    }
    Err(Error::new(Cause::Unavailable, "too many connections; try again later"))
}

/// Checks whether a request may call its route.
///
/// # Errors
/// `PermissionDenied` by the route's policy; `Unavailable` for inference while draining.
fn check_access(
    call: &Call,
    matched: &MatchedRoute,
    headers: &HeaderMap,
    is_draining: bool,
) -> Result<(), Error> {
    let policy = matched.endpoint.policy;
    if policy == Policy::Infer {
        call.scope.mark_inference();
        if is_draining {
            call.scope.record_outcome(Some(Cause::Unavailable));
            return Err(Error::new(Cause::Unavailable, "the service is shutting down"));
        }
    }
    let admin_token = call.app.settings.admin_token.as_deref();
    authorize(policy, &call.peer, credentials(policy, headers), admin_token)
}

/// The credentials in the headers; routes without access control skip the lookup.
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

/// Adds the identifier of the request, and `Connection: close` if the connection must close.
fn add_common_headers(headers: &mut HeaderMap, id: &str, close: bool) {
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
