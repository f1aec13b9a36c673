//! `generate` and `generate_stream`: inputs and outputs as the fields of JSON objects.

use std::sync::Arc;

use grps_core::{Content, Error};
use http::{HeaderValue, Response};

use crate::app::App;
use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run, run_in_chunks};
use crate::codec::{Room, proto};
use crate::frontends::oip::http::failure::failure;
use crate::frontends::oip::http::generate::fields::{self, GenerateRequest};
use crate::frontends::oip::http::generate::response::{Events, SharedForm, encode};
use crate::frontends::oip::http::infer::Received;
use crate::frontends::oip::http::reply;
use crate::frontends::oip::inference::prepare::prepare;
use crate::frontends::oip::inference::request::InferRequest;
use crate::frontends::oip::inference::response::ResponseForm;
use crate::frontends::oip::service::lookup;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::{input, response};
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::response_coding;

/// The content type of server-sent events.
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
/// Encoding a byte of an output as text takes as long as decoding this many bytes of text.
const TEXT_BYTES_PER_BYTE: usize = 8;

/// Serves a request with one response.
pub(in crate::frontends::oip::http) async fn generate(
    call: Call,
    request: HttpRequest,
) -> Response<ReplyBody> {
    let coding = response_coding::preferred(&request.parts.headers);
    match serve(&call, request).await {
        Ok(response) => response_coding::encode(&call, coding, response).await,
        Err(error) => report(&call, &error),
    }
}

/// Serves a request whose chunks are events.
pub(in crate::frontends::oip::http) async fn generate_stream(
    call: Call,
    request: HttpRequest,
) -> Response<ReplyBody> {
    match serve_stream(&call, request).await {
        Ok(response) => response,
        Err(error) => report(&call, &error),
    }
}

fn report(call: &Call, error: &Error) -> Response<ReplyBody> {
    call.report_failure(error);
    failure(error)
}

async fn serve(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    run(call, Generate::read(call, request).await?).await
}

async fn serve_stream(call: &Call, request: HttpRequest) -> Result<Response<ReplyBody>, Error> {
    let generate = Generate::read(call, request).await?;
    let events = Events { app: Arc::clone(&call.app), form: Arc::clone(&generate.form) };
    let stream = run_in_chunks(call, generate, events).await?;
    Ok(response::stream(EVENTS, stream))
}

/// A request whose body has been read.
struct Generate {
    received: Received,
    form: SharedForm,
    app: Arc<App>,
}

impl Generate {
    async fn read(call: &Call, request: HttpRequest) -> Result<Self, Error> {
        let received = Received::read(call, request, 0).await?;
        Ok(Self { received, form: SharedForm::default(), app: Arc::clone(&call.app) })
    }

    fn decode_within(
        &mut self,
        call: &Call,
        room: &Room<'_>,
    ) -> Result<(Decoded, ResponseForm), Error> {
        let Received { model, version, head, body } = &mut self.received;
        let route = lookup::resolve(call, model, version, &head.headers)?;
        let body = std::mem::take(body);
        let GenerateRequest { request, message } = fields::read(&route, &body, room)?;
        let (model, version) = (std::mem::take(model), std::mem::take(version));
        let request = InferRequest { model, version, ..request };
        let bytes = body.len();
        drop(body);
        let (mut decoded, form) = prepare(call, head, request, bytes, room)?;
        if let Some(message) = message {
            let message = proto::encode_within(&message, room)?;
            decoded.content = input::to_message(&route, message, bytes, room)?;
        }
        Ok((decoded, form))
    }
}

impl Inference for Generate {
    type Reply = Response<ReplyBody>;

    fn decode_bytes(&self) -> usize {
        self.received.body.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let scope = Arc::clone(&call.scope);
        let bytes = self.received.body.len();
        let (decoded, form) = scope.within_room(bytes, |room| self.decode_within(call, room))?;
        // The request is decoded once.
        let _ = self.form.set(form);
        Ok(decoded)
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len().saturating_mul(TEXT_BYTES_PER_BYTE)
    }

    fn encode(&self, output: Content) -> Result<Response<ReplyBody>, Error> {
        encode(&self.app, &self.form, output).map(reply::json)
    }
}
