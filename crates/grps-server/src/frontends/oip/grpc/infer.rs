//! `ModelInfer`: one request, one response.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use grps_core::{Cause, Content, Error};
use http::Response;

use crate::app::App;
use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::call::status::rpc_failure;
use crate::frontends::oip::grpc::codec::{self, cost_of, decode, find_raw_input};
use crate::frontends::oip::inference::prepare::prepare;
use crate::frontends::oip::inference::response::ResponseForm;
use crate::frontends::oip::inference::scheduling::EMPTY_FINAL_RESPONSE;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, failed, unary};
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// How many bytes of elements take as long to encode as one of JSON takes to decode.
const ELEMENTS_SHARE: usize = 16;

/// Serves `ModelInfer`.
pub(super) async fn model_infer(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match infer(&call, request).await {
        Ok((message, coding)) => unary(message, coding),
        Err(error) => {
            call.report_failure(&error);
            failed(rpc_failure(&error))
        }
    }
}

async fn infer(call: &Call, request: HttpRequest) -> Result<(Message, Option<Coding>), Error> {
    let HttpRequest { parts, body, .. } = request;
    let limit = call.app.settings.max_request_bytes;
    let mut reader = MessageReader::new(&parts.headers, body, limit)?;
    let head = RequestHead::of_grpc(call, parts.headers)?;
    let message = reader.read_only(call, find_raw_input).await?;
    let reply = run(call, Infer::new(call, message, Arc::new(head))).await?;
    call.scope.count_sent_bytes(reply.iter().map(Bytes::len).sum());
    let coding = reader.coding();
    Ok((Message::encoded(call, reply, coding).await, coding))
}

/// A request whose message has been read.
pub(super) struct Infer {
    app: Arc<App>,
    /// The encoded message; dropped after decoding.
    message: Bytes,
    head: Arc<RequestHead>,
    decoded: Arc<OnceLock<Responding>>,
}

/// What is kept of a decoded request for its responses.
#[derive(Debug)]
pub(super) struct Responding {
    pub(super) form: ResponseForm,
    /// Whether a response without outputs ends a stream whose last response was not known as such.
    pub(super) has_empty_final_response: bool,
}

impl Infer {
    /// A request with this metadata.
    pub(super) fn new(call: &Call, message: Bytes, head: Arc<RequestHead>) -> Self {
        Self { app: Arc::clone(&call.app), message, head, decoded: Arc::default() }
    }

    /// What is kept of the request once it is decoded.
    pub(super) fn responding(&self) -> Arc<OnceLock<Responding>> {
        Arc::clone(&self.decoded)
    }
}

impl Inference for Infer {
    type Reply = Vec<Bytes>;

    fn decode_bytes(&self) -> usize {
        cost_of(&self.message)
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let message = std::mem::take(&mut self.message);
        call.scope.within_room(message.len(), |room| {
            let request = decode(&call.app, &message, room)?;
            let has_empty_final_response = request.parameters.flag(EMPTY_FINAL_RESPONSE)?;
            let (decoded, form) = prepare(call, &self.head, request, message.len(), room)?;
            // Decoding happens once.
            let _ = self.decoded.set(Responding { form, has_empty_final_response });
            Ok(decoded)
        })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        encode_bytes(output)
    }

    fn encode(&self, output: Content) -> Result<Vec<Bytes>, Error> {
        let responding = self.decoded.get().ok_or_else(not_decoded)?;
        codec::encode(&responding.form.respond(&self.app, output)?)
    }
}

/// The cost of encoding an output.
fn encode_bytes(output: &Content) -> usize {
    match output {
        Content::Tensors(_) | Content::Raw(_) => output.byte_len() / ELEMENTS_SHARE,
        Content::Message(message) => message.len(),
    }
}

/// The error for an output before its request: the call decodes first.
pub(super) fn not_decoded() -> Error {
    Error::new(Cause::Internal, "an output came before its request was decoded")
}
