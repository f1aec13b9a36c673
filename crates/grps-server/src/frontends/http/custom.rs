//! Customized HTTP: user code reads the request and writes the answer itself.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Content, Error, Request as EngineRequest, RouteQuery};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;

use super::query::PredictQuery;
use super::{collect, deadline, respond, streaming};
use crate::app::CustomRoute;
use crate::call::dispatch::Call;
use crate::call::scheduling_headers;
use crate::frontends::exchange::{HttpExchange, HttpReply};
use crate::net::reply_body::ReplyBody;

/// Hands a request to user code and returns its answer.
pub(super) async fn answer(
    call: &Call,
    route: &CustomRoute,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    call.scope.begin();
    let outcome = exchange(call, route, request).await;
    if let Err(error) = &outcome {
        call.scope.judge(Some(error.cause()));
    }
    match outcome {
        Ok(response) => response,
        Err(error) => {
            respond::log_failure(call, &error);
            respond::plain_failure(&error)
        }
    }
}

async fn exchange(
    call: &Call,
    custom: &CustomRoute,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Error> {
    let deadline = deadline::of(request.headers())?;
    let terms = scheduling_headers::of(request.headers(), deadline, call.peer.ip())?;
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let reading = collect(&parts.headers, body, call);
    let body = deadline::within(deadline, reading).await?;
    let streams = streaming::is_asked(&custom.streaming, query, &parts.headers, &body);
    let route =
        call.app.engine.resolve(&RouteQuery::named(&PredictQuery::of(Some(query)).model))?;
    call.scope.take(&route);
    let exchange = Arc::new(HttpExchange {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body,
        peer: call.peer,
        reply: Mutex::new(None),
    });
    let request = EngineRequest {
        timeline: Arc::clone(&call.timeline),
        // User code gets an empty message; all there is to know is in the exchange.
        content: Content::Message(Bytes::new()),
        terms,
        attachment: Some(exchange.clone()),
    };
    if streams {
        return streaming::respond_in_chunks(call, route, request, streaming::encode_raw).await;
    }
    call.app.engine.infer(&route, request).await?;
    call.scope.judge(None);
    let reply = exchange.reply.lock().take();
    reply.map_or_else(|| Ok(respond::plain(StatusCode::OK, Bytes::new())), to_response)
}

fn to_response(reply: HttpReply) -> Result<Response<ReplyBody>, Error> {
    let mut response = Response::new(ReplyBody::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status)
        .map_err(|_| respond::user_fault(format!("{} is no HTTP status", reply.status)))?;
    for (name, value) in reply.headers {
        let parsed = (HeaderName::try_from(&name), HeaderValue::try_from(&value));
        let (Ok(header), Ok(value)) = parsed else {
            return Err(respond::user_fault(format!("the header '{name}' can't be sent")));
        };
        // The connection's framing is ours to decide.
        if header != http::header::CONTENT_LENGTH && header != http::header::TRANSFER_ENCODING {
            response.headers_mut().append(header, value);
        }
    }
    Ok(response)
}
