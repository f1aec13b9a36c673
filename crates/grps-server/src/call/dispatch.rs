//! The entry of every request: identifier, drain check, and HTTP or gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use grps_core::metrics::Protocol;
use grps_core::{Cause, Error, Timeline};
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;

use crate::app::App;
use crate::call::request_id::REQUEST_ID;
use crate::call::request_scope::RequestScope;
use crate::call::{optional_headers, timing, trace_context};
use crate::frontends::{grpc, http as http_api};
use crate::net::reply_body::ReplyBody;

/// What the code that answers needs to know besides the request itself.
pub(crate) struct Call {
    /// Engine and settings.
    pub(crate) app: Arc<App>,
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// Who the request is, and where its steps are noted.
    pub(crate) timeline: Arc<Timeline>,
    /// Keeps shutdown waiting for the answer, and counts it.
    pub(crate) scope: Arc<RequestScope>,
}

/// Answers one request of any protocol.
pub(crate) async fn dispatch(
    app: Arc<App>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let wishes = optional_headers::of(request.headers());
    let trace = trace_context::of(&app, wishes);
    let timeline = Arc::new(app.request_ids.begin(wishes, trace));
    let times = timing::is_asked(wishes);
    let is_grpc = grpc::is_grpc(request.headers());
    let protocol = if is_grpc { Protocol::Grpc } else { Protocol::Http };
    let scope = Arc::new(RequestScope::new(&app, Arc::clone(&timeline), protocol));
    let draining = app.engine.health().is_draining();
    let call = Call {
        app: Arc::clone(&app),
        peer,
        timeline: Arc::clone(&timeline),
        scope: Arc::clone(&scope),
    };
    let version = request.version();
    let line = app
        .settings
        .access_log
        .then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut response = if is_grpc {
        grpc::answer(call, request, draining).await.map(ReplyBody::Grpc)
    } else {
        let refusal =
            draining.then(|| Error::new(Cause::Unavailable, "the service is shutting down"));
        http_api::answer(call, request, refusal).await
    };
    if let ReplyBody::Whole(body) = response.body() {
        scope.send(body.len());
    }
    if times {
        timing::add(response.headers_mut(), &timeline);
    }
    sign(response.headers_mut(), timeline.id(), draining && version < Version::HTTP_2);
    if let Some((method, path)) = line {
        let status = response.status().as_u16();
        let elapsed_us = timeline.began().elapsed().as_micros();
        tracing::info!(%peer, id = timeline.id(), %method, path, status, elapsed_us, "request");
    }
    Ok(response)
}

/// Puts the request's identifier into the answer, and the end of the connection if it must close.
fn sign(headers: &mut HeaderMap, id: &str, close: bool) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
