//! The entry of every HTTP request: finds its route, checks the access policy, calls the endpoint,
//! and adds common headers to the response.

use std::convert::Infallible;
use std::sync::Arc;

use grps_core::Error;
use grps_core::metrics::Protocol;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};

use crate::app::App;
use crate::call::access::admit;
use crate::call::access_line::AccessLine;
use crate::call::call::Call;
use crate::frontends::FrontEnd;
use crate::frontends::shared::endpoint::{EndpointFuture, HttpRequest};
use crate::frontends::shared::response_form::ResponseForm;
use crate::frontends::shared::router::{Router, is_grpc};
use crate::frontends::shared::{
    credentials, optional_headers, rate_limit_headers, timing_header, trace_headers,
};
use crate::net::http::content_coding;
use crate::net::http::grpc_web::GrpcWeb;
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::request_body::IncomingBody;
use crate::net::http::request_head::HeadFacts;
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
    request: Request<IncomingBody>,
) -> Result<Response<ReplyBody>, Infallible> {
    let optional = optional_headers::find(request.headers());
    let trace = trace_headers::read_context(&app, optional);
    let sent_id = optional.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let timeline = Arc::new(app.request_ids.start_timeline(sent_id, trace));
    let with_timing = timing_header::is_requested(optional);
    let refuses_coding = content_coding::read(optional).is_err();
    let version = request.version();
    let is_plain_grpc = is_grpc(version, request.headers());
    let web = if is_plain_grpc { None } else { GrpcWeb::of(request.headers()) };
    let grpc = is_plain_grpc || web.is_some();
    let form = ResponseForm::of(&app, &request, grpc, web);
    let protocol = if grpc { Protocol::Grpc } else { Protocol::Http };
    let call = Call::start(app, peer, timeline, protocol);
    if let Some(sampled) = call.scope.sampled() {
        sampled.note_headers(request.headers());
    }
    let (app, scope) = (Arc::clone(&call.app), Arc::clone(&call.scope));
    let timeline = Arc::clone(&call.timeline);
    let path = || request.uri().path().to_owned();
    let line = AccessLine::begin(&call, request.method(), path);
    let head = check_head(&app, &call.peer, &request);
    let is_refused = head.is_err();
    let response = match head {
        Ok(()) => match route(&router, call, place, request, grpc) {
            Ok(responding) => responding.await,
            Err(refused) => refused,
        },
        Err(error) => router.error(grpc, request.uri().path(), &error),
    };
    let mut response = form.apply(&app, &scope, response).await;
    add_accepted_codings(&mut response, grpc, refuses_coding);
    if let Some(caller) = scope.caller() {
        rate_limit_headers::add(response.headers_mut(), &caller.minute());
    }
    if with_timing {
        timing_header::add(response.headers_mut(), &timeline);
    }
    // Read behind the answer: one that a drain refused is the last of its connection.
    let is_draining = app.engine.health().is_draining();
    add_common_headers(
        response.headers_mut(),
        timeline.id(),
        (is_draining || is_refused || place == Place::Reserved) && version < Version::HTTP_2,
    );
    if let Some(line) = line {
        line.write(&timeline, i32::from(response.status().as_u16()));
    }
    Ok(response)
}

/// Checks what the HTTP libraries do not check of a head. Most requests of a connection name the same
/// host, which is checked once.
fn check_head(app: &App, peer: &Peer, request: &Request<IncomingBody>) -> Result<(), Error> {
    let (uri, headers) = (request.uri(), request.headers());
    let head = HeadFacts::of(request.version(), uri, headers);
    head.check_framing()?;
    let host = head.only_host();
    if host.is_some_and(|host| peer.has_named(host)) {
        return Ok(());
    }
    head.check_hosts()?;
    let is_known = credentials::check_host(app, peer, uri, headers)?;
    if let Some(host) = host.filter(|_| is_known) {
        peer.note_host(host);
    }
    Ok(())
}

/// The response to a request that may not call its route.
fn refusal(front_end: &dyn FrontEnd, error: &Error) -> Response<ReplyBody> {
    let mut response = front_end.error(error);
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// Finds the route of a request, checks that the request may call it, and calls it.
///
/// # Errors
/// The response to a request that no route serves.
#[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
fn route(
    router: &Router,
    mut call: Call,
    place: Place,
    request: Request<IncomingBody>,
    grpc: bool,
) -> Result<EndpointFuture, Response<ReplyBody>> {
    let cors = call.app.settings.interface.cors.as_ref();
    if let Some(answer) = cors.and_then(|cors| cors.preflight(request.method(), request.headers()))
    {
        return Err(answer);
    }
    let (matched, parameters) = match router.find(request.method(), request.uri().path(), grpc) {
        Ok(found) => found,
        Err(response) => {
            request.into_body().refuse();
            return Err(response);
        }
    };
    let (parts, body) = request.into_parts();
    let admission = matched.endpoint.admission(&parts.method);
    let admitted = place
        .check(matched.endpoint.is_vital)
        .and_then(|()| admit(&mut call, admission, || credentials::read(&parts)));
    match admitted {
        Ok(()) => Ok(matched.endpoint.handle(call, HttpRequest { parts, body, parameters })),
        Err(error) => {
            body.refuse();
            Err(refusal(matched.front_end, &error))
        }
    }
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
