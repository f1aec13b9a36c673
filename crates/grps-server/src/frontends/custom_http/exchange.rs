//! Custom HTTP exchanges: user code gets the raw request and sets the response.

use bytes::Bytes;
use grps_core::{Content, Error, RawHttpRequest};
use http::{Response, StatusCode};

use crate::call::call::Call;
use crate::call::reply_stream::StreamEncoding;
use crate::frontends::grps_http::PredictQuery;
use crate::frontends::grps_http::encode::MessageChunks;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::http_exchange::{Answered, Exchange, headers_of};
use crate::frontends::shared::resolve::resolve;
use crate::frontends::shared::response::{self, BINARY, TEXT};
use crate::frontends::shared::{scheduling_headers, streaming_control, timeout_header};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Passes a request to user code and returns its response.
pub(crate) async fn serve(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match exchange(&call, request).await {
        Ok(response) => response,
        Err(error) => {
            call.report_failure(&error);
            response::failure(&error, TEXT, error_line(&error))
        }
    }
}

async fn exchange(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let HttpRequest { parts, body, .. } = request;
    let deadline = timeout_header::read_deadline(&parts.headers)?;
    let options = scheduling_headers::read_options(&parts.headers, deadline, call)?;
    let query = parts.uri.query().unwrap_or_default();
    let reading = collect(&parts.headers, body, call);
    let body = timeout_header::within(deadline, reading).await?;
    let custom = call.app.settings.custom_route_for(parts.uri.path());
    let streaming = custom.is_some_and(|custom| {
        streaming_control::is_requested(&custom.streaming, query, &parts.headers, &body)
    });
    let sent = RawHttpRequest {
        streaming,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.to_owned(),
        headers: headers_of(&parts.headers, body.len()),
        body,
        peer: call.peer.socket_address(),
    };
    let model = PredictQuery::parse(Some(query)).model;
    let exchange = Exchange::new(sent, resolve(call, &model, &parts.headers)?, options);
    match exchange.run(call, RawChunks).await? {
        Answered::Response(response) => Ok(response),
        Answered::Chunks(stream) if streaming || stream.has_first() => {
            let content_type = custom.and_then(|custom| custom.stream_content_type.clone());
            Ok(response::stream(content_type.unwrap_or(BINARY), stream))
        }
        Answered::Chunks(_) => Ok(response::respond(StatusCode::OK, TEXT, "")),
    }
}

/// Chunks of user code, without encoding.
struct RawChunks;

impl StreamEncoding for RawChunks {
    type Chunk = Bytes;

    fn encode(&mut self, chunk: Content) -> Result<Bytes, Error> {
        match chunk {
            Content::Raw(bytes) => Ok(bytes),
            chunk => MessageChunks.encode(chunk),
        }
    }

    fn encode_failure(&mut self, failure: &Error) -> Bytes {
        error_line(failure).into()
    }

    fn length(chunk: &Bytes) -> usize {
        chunk.len()
    }
}

/// An error as a line of text.
fn error_line(error: &Error) -> String {
    format!("{}\n", error.message())
}
