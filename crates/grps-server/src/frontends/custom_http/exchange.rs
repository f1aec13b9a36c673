//! Custom HTTP exchanges: user code gets the raw request and sets the response.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{
    Cause, Content, Error, HttpExchange, HttpReply, RawHttpRequest, SchedulingOptions,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run_in_chunks};
use crate::call::reply_stream::StreamEncoding;
use crate::frontends::grps_http::PredictQuery;
use crate::frontends::grps_http::encode::MessageChunks;
use crate::frontends::shared::endpoint::HttpRequest;
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
    let exchange = Arc::new(HttpExchange::new(sent));
    let inference = Exchange { exchange: exchange.clone(), headers: parts.headers, options };
    // User code may stream the reply to any request.
    let stream = match run_in_chunks(call, inference, RawChunks).await {
        Ok(stream) => stream,
        Err(error) => return refusal(call, &exchange, error),
    };
    match exchange.take_reply() {
        Some(reply) if stream.has_first() => {
            Ok(head(&reply)?.map(|()| ReplyBody::Chunks(Box::new(stream))))
        }
        Some(reply) => respond(reply),
        None if streaming || stream.has_first() => {
            let content_type = custom.and_then(|custom| custom.stream_content_type.clone());
            Ok(response::stream(content_type.unwrap_or(BINARY), stream))
        }
        None => Ok(response::respond(StatusCode::OK, TEXT, "")),
    }
}

/// The response to a request that failed: the one that user code gave with the failure, if any.
fn refusal(
    call: &Call,
    exchange: &HttpExchange,
    error: Error,
) -> Result<Response<ReplyBody>, Error> {
    let Some(Ok(response)) = exchange.take_reply().map(respond) else { return Err(error) };
    call.report_failure(&error);
    Ok(response)
}

/// The headers of a request with a decoded body.
fn headers_of(headers: &HeaderMap, body_length: usize) -> Vec<(String, Vec<u8>)> {
    let is_encoded = headers.contains_key(header::CONTENT_ENCODING);
    let describe = |(name, value): (&HeaderName, &HeaderValue)| match *name {
        header::CONTENT_ENCODING => None,
        header::CONTENT_LENGTH if is_encoded => {
            Some((name.to_string(), body_length.to_string().into_bytes()))
        }
        _ => Some((name.to_string(), value.as_bytes().to_vec())),
    };
    headers.iter().filter_map(describe).collect()
}

/// A request whose response user code writes.
struct Exchange {
    exchange: Arc<HttpExchange>,
    headers: HeaderMap,
    options: SchedulingOptions,
}

impl Inference for Exchange {
    /// Nothing: the reply is in the exchange, or comes in chunks.
    type Reply = ();

    /// 0, because user code decodes the body.
    fn decode_bytes(&self) -> usize {
        0
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let model = PredictQuery::parse(Some(&self.exchange.request().query)).model;
        let route = resolve(call, &model, &self.headers)?;
        Ok(Decoded {
            route,
            // The input is an empty message; user code reads the exchange.
            content: Content::Message(Bytes::new()),
            options: self.options.clone(),
            attachment: Some(self.exchange.clone()),
        })
    }

    fn encode_bytes(&self, _: &Content) -> usize {
        0
    }

    fn encode(&self, _: Content) -> Result<(), Error> {
        Ok(())
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

/// The whole response of user code.
fn respond(reply: HttpReply) -> Result<Response<ReplyBody>, Error> {
    Ok(head(&reply)?.map(|()| ReplyBody::from(reply.body)))
}

/// The response of user code without its body.
fn head(reply: &HttpReply) -> Result<Response<()>, Error> {
    let user_error = |message: String| Error::new(Cause::ModelFailed, message);
    let mut response = Response::new(());
    // An interim status, below 200, can't end a request.
    *response.status_mut() = StatusCode::from_u16(reply.status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| user_error(format!("{} is not the status of a response", reply.status)))?;
    for (name, value) in &reply.headers {
        let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(header), Ok(value)) = parsed else {
            return Err(user_error(format!("the header '{name}' can't be sent")));
        };
        // The server sets the framing of the connection itself.
        if header != header::CONTENT_LENGTH && header != header::TRANSFER_ENCODING {
            response.headers_mut().append(header, value);
        }
    }
    Ok(response)
}
