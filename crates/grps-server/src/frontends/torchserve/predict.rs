//! `/predictions/MODEL[/VERSION]` and `/explanations/MODEL[/VERSION]`: the whole request goes to the
//! handler of a model archive. Any other model reads the body as `infer/predict` does, and explains
//! nothing.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, RawBody, RawHttpRequest, Route, RouteQuery};
use http::{HeaderMap, HeaderValue, Response};

use crate::call::call::Call;
use crate::call::reply_stream::StreamEncoding;
use crate::frontends::grps_http;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::http_exchange::{Answered, Exchange, headers_of};
use crate::frontends::shared::{scheduling_headers, timeout_header};
use crate::frontends::torchserve::error;
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// The header by which handlers know that an explanation is asked for.
const EXPLAIN: &str = "explain";

/// Runs a model on a request.
pub(super) async fn predict(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let served = serve(&call, request).await;
    respond(&call, served)
}

/// Has the handler explain what it would answer.
pub(super) async fn explain(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    let served = serve_explanation(&call, request).await;
    respond(&call, served)
}

fn respond(call: &Call, served: Result<Response<ReplyBody>, Error>) -> Response<ReplyBody> {
    served.unwrap_or_else(|error| {
        call.report_failure(&error);
        error::failure(&error)
    })
}

async fn serve(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let route = find_route(call, &request.parameters, &request.parts.headers)?;
    if !takes_http(&route) {
        let model = request.parameters.join("-");
        return grps_http::predict_by(call, request, &model).await;
    }
    run(call, request, route).await
}

async fn serve_explanation(
    call: &Call,
    mut request: HttpRequest,
) -> Result<Response<ReplyBody>, Error> {
    let route = find_route(call, &request.parameters, &request.parts.headers)?;
    if !takes_http(&route) {
        return Err(Error::new(
            Cause::Unsupported,
            "only the handler of a TorchServe archive explains; POST /predictions/MODEL runs the model",
        ));
    }
    request.parts.headers.insert(EXPLAIN, HeaderValue::from_static("True"));
    run(call, request, route).await
}

/// Passes a request to a handler.
async fn run(
    call: &Call,
    request: HttpRequest,
    route: Route,
) -> Result<Response<ReplyBody>, Error> {
    call.scope.set_route(&route);
    let HttpRequest { parts, body, .. } = request;
    let deadline = timeout_header::read_deadline(&parts.headers)?;
    let options = scheduling_headers::read_options(&parts.headers, deadline, call)?;
    let reading = collect(&parts.headers, body, call);
    let body = timeout_header::within(deadline, reading).await?;
    let sent = RawHttpRequest {
        streaming: false,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers_of(&parts.headers, body.len()),
        body,
        peer: call.peer.socket_address(),
    };
    match Exchange::new(sent, route, options).run(call, Pieces).await? {
        Answered::Response(response) => Ok(response),
        Answered::Chunks(_) => {
            Err(Error::new(Cause::ModelFailed, "the handler returned no response"))
        }
    }
}

/// The route of the model, and of its version, in the path.
fn find_route(call: &Call, parameters: &[String], headers: &HeaderMap) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let model = parameters.first().map(String::as_str).unwrap_or_default();
    let version = parameters.get(1).map(String::as_str);
    call.find_route(&RouteQuery { version, attributes, ..RouteQuery::named(model) })
}

/// Whether the only model of a route reads HTTP requests itself: a handler.
fn takes_http(route: &Route) -> bool {
    match route.models() {
        [model] => model.spec().raw_body == Some(RawBody::Http),
        _ => false,
    }
}

/// The pieces of a response that a handler sends, without encoding.
struct Pieces;

impl StreamEncoding for Pieces {
    type Chunk = Bytes;

    fn encode(&mut self, chunk: Content) -> Result<Bytes, Error> {
        match chunk {
            Content::Raw(bytes) => Ok(bytes),
            // The end of the response, which is an empty message.
            Content::Message(_) | Content::Tensors(_) => Ok(Bytes::new()),
        }
    }

    fn encode_failure(&mut self, failure: &Error) -> Bytes {
        error::text(failure).into()
    }

    fn length(chunk: &Bytes) -> usize {
        chunk.len()
    }
}
