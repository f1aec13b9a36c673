//! The entry of every HTTP request: finds its route, checks the access policy, calls the endpoint,
//! and adds common headers to the response.

use std::convert::Infallible;
use std::sync::Arc;

use grps_core::metrics::Protocol;
use grps_core::{Cause, Error};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;

use crate::app::App;
use crate::call::access::{Credentials, Policy, authorize};
use crate::call::call::Call;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::response_form::ResponseForm;
use crate::frontends::shared::router::{MatchedRoute, Router, is_grpc};
use crate::frontends::shared::{credentials, optional_headers, timing_header, trace_headers};
use crate::net::http::content_coding;
use crate::net::http::grpc_web::GrpcWeb;
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::{request_body, request_head};
use crate::net::peer::Peer;
use crate::net::places::Place;

/// Header for the identifier of a request, in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    let refuses_coding = content_coding::read(optional).is_err();
    let is_plain_grpc = is_grpc(request.headers());
    let web = if is_plain_grpc { None } else { GrpcWeb::of(request.headers()) };
    let grpc = is_plain_grpc || web.is_some();
    let form = ResponseForm::of(&app, &request, grpc, web);
    let protocol = if grpc { Protocol::Grpc } else { Protocol::Http };
    let mut call = Call::start(app, peer, timeline, protocol);
    call.has_text_body = web == Some(GrpcWeb::Text);
    let (app, scope) = (Arc::clone(&call.app), Arc::clone(&call.scope));
    let timeline = Arc::clone(&call.timeline);
    let is_draining = app.engine.health().is_draining();
    let version = request.version();
    let line = app.settings.access_log.then(|| AccessLine::new(&call, &request));
    let head = request_head::check(version, request.uri(), request.headers());
    let is_refused = head.is_err();
    let response = match head {
        Ok(()) => route(&router, call, place, request, grpc).await,
        Err(error) => router.error(grpc, request.uri().path(), &error),
    };
    let mut response = form.apply(&app, &scope, response).await;
    add_accepted_codings(&mut response, grpc, refuses_coding);
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

/// Finds the route of a request, checks that the request may call it, and calls it.
async fn route(
    router: &Router,
    call: Call,
    place: Place,
    request: Request<Incoming>,
    grpc: bool,
) -> Response<ReplyBody> {
    let cors = call.app.settings.interface.cors.as_ref();
    if let Some(answer) = cors.and_then(|cors| cors.preflight(request.method(), request.headers()))
    {
        return answer;
    }
    let (matched, parameters) = match router.find(request.method(), request.uri().path(), grpc) {
        Ok(found) => found,
        Err(response) => return response,
    };
    let (parts, body) = request.into_parts();
    let is_draining = call.app.engine.health().is_draining();
    let allowed = check_place(place, matched)
        .and_then(|()| check_access(&call, matched, &parts, is_draining));
    match allowed {
        Ok(()) => matched.endpoint.handle(call, HttpRequest { parts, body, parameters }).await,
        Err(error) => {
            request_body::refuse(&parts.headers, body);
            matched.front_end.error(&error)
        }
    }
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
    head: &Parts,
    is_draining: bool,
) -> Result<(), Error> {
    let policy = matched.endpoint.policy_of(&head.method);
    if policy == Policy::Infer {
        if !matched.endpoint.has_many_requests {
            call.scope.mark_inference();
        }
        if is_draining {
            let error = Error::new(Cause::Unavailable, "the service is shutting down");
            call.scope.record_failure(&error);
            return Err(error);
        }
    }
    let admin_token = call.app.settings.admin_token.as_deref();
    // Routes without access control skip the look at the headers.
    let credentials = match policy {
        Policy::Admin => credentials::read(head),
        Policy::Public | Policy::Infer | Policy::Read => Credentials::default(),
    };
    authorize(policy, &call.peer, credentials, admin_token)
}

/// Adds the content codings that the service decodes: to each response of gRPC, and to the refusal
/// of another one.
fn add_accepted_codings(response: &mut Response<ReplyBody>, grpc: bool, refuses_coding: bool) {
    if refuses_coding && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        response.headers_mut().insert(header::ACCEPT_ENCODING, content_coding::ACCEPTED);
    }
    if grpc {
        let accepted = HeaderValue::from_static(content_coding::GRPC_ACCEPTED);
        response.headers_mut().insert(content_coding::GRPC_ACCEPT_ENCODING, accepted);
    }
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
