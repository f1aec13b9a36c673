//! HTTP requests that user code reads, and the responses that it writes.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{
    Cause, Content, Error, HttpExchange, HttpReply, RawHttpRequest, Route, SchedulingOptions,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run_in_chunks};
use crate::call::reply_stream::{ReplyStream, StreamEncoding};
use crate::net::http::reply_body::ReplyBody;

/// What became of a request.
pub(crate) enum Answered<E: StreamEncoding> {
    /// User code has set a response.
    Response(Response<ReplyBody>),
    /// It has set none; the chunks that it has sent.
    Chunks(ReplyStream<E>),
}

/// A request whose response user code writes.
pub(crate) struct Exchange {
    exchange: Arc<HttpExchange>,
    route: Route,
    options: SchedulingOptions,
}

impl Exchange {
    /// A request for the models of a route.
    pub(crate) fn new(request: RawHttpRequest, route: Route, options: SchedulingOptions) -> Self {
        Self { exchange: Arc::new(HttpExchange::new(request)), route, options }
    }

    /// Runs the request; user code may stream the response to any request.
    ///
    /// # Errors
    /// The failure of the request, unless user code gave a response with it.
    pub(crate) async fn run<E>(self, call: &Call, encoding: E) -> Result<Answered<E>, Error>
    where
        E: StreamEncoding<Chunk = Bytes> + 'static,
    {
        let exchange = Arc::clone(&self.exchange);
        let stream = match run_in_chunks(call, self, encoding).await {
            Ok(stream) => stream,
            Err(error) => return refusal(call, &exchange, error).map(Answered::Response),
        };
        Ok(match exchange.take_reply() {
            Some(reply) if stream.has_first() => {
                Answered::Response(head(&reply)?.map(|()| ReplyBody::Chunks(Box::new(stream))))
            }
            Some(reply) => Answered::Response(respond(reply)?),
            None => Answered::Chunks(stream),
        })
    }
}

impl Inference for Exchange {
    /// Nothing: the reply is in the exchange, or comes in chunks.
    type Reply = ();

    /// 0, because user code decodes the body.
    fn decode_bytes(&self) -> usize {
        0
    }

    fn decode(&mut self, _: &Call) -> Result<Decoded, Error> {
        Ok(Decoded {
            route: self.route.clone(),
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

/// The headers of a request with a decoded body.
pub(crate) fn headers_of(headers: &HeaderMap, body_length: usize) -> Vec<(String, Vec<u8>)> {
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
