//! `predict`, `classify` and `regress`.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, Route};
use http::Response;

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::codec::Room;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::inference::content::to_content;
use crate::frontends::shared::inference::output_content::to_tensors;
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::frontends::shared::timeout_header;
use crate::frontends::tfserving::http::json_request::JsonRequest;
use crate::frontends::tfserving::http::{
    Second, failure, json_examples, json_request, json_response, success,
};
use crate::frontends::tfserving::model_choice::ModelChoice;
use crate::frontends::tfserving::{Method, examples, scores, signature};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::response_coding;

/// Encoding a byte of a tensor as text takes as long as decoding this many bytes of text.
const TEXT_BYTES_PER_BYTE: usize = 8;

/// Serves an inference request.
pub(super) async fn infer(
    call: Call,
    request: HttpRequest,
    second: Second,
    method: Method,
) -> Response<ReplyBody> {
    let coding = response_coding::preferred(&request.parts.headers);
    match serve(&call, request, second, method).await {
        Ok(text) => response_coding::encode(&call, coding, success(text)).await,
        Err(error) => {
            call.report_failure(&error);
            failure(&error)
        }
    }
}

async fn serve(
    call: &Call,
    request: HttpRequest,
    second: Second,
    method: Method,
) -> Result<Vec<u8>, Error> {
    let model = second.choose(&request);
    let HttpRequest { parts, body, .. } = request;
    let head = RequestHead::of_http(call, parts.headers)?;
    let reading = collect(&head.headers, body, call);
    let body = timeout_header::within(head.options.deadline, reading).await?;
    run(call, Infer { model, method, head, body, form: None }).await
}

/// An inference request.
struct Infer {
    model: ModelChoice,
    method: Method,
    head: RequestHead,
    body: Bytes,
    /// What the response needs of the request, once it is decoded.
    form: Option<ResponseForm>,
}

/// What is kept of a request for its response.
struct ResponseForm {
    route: Route,
    kind: ResponseKind,
}

/// The kind of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseKind {
    /// Predictions, one for each instance.
    Rows,
    /// Whole outputs.
    Columns,
    /// The classes of so many examples.
    Classes(usize),
    /// The values of so many examples.
    Values(usize),
}

impl Infer {
    /// The tensors of the body.
    fn read(&self, route: &Route, body: &Bytes, room: &Room<'_>) -> Result<JsonRequest, Error> {
        let classes = match self.method {
            Method::Predict => return json_request::read(route, body, room),
            Method::Classify => true,
            Method::Regress => false,
        };
        let name = examples::input_name(route)?;
        let read = json_examples::read(body, room)?;
        let count = read.examples.len();
        let input = examples::to_input(name, read.examples, &read.context, room)?;
        Ok(JsonRequest {
            signature: read.signature,
            inputs: vec![input],
            kind: if classes { ResponseKind::Classes(count) } else { ResponseKind::Values(count) },
        })
    }
}

impl Inference for Infer {
    type Reply = Vec<u8>;

    fn decode_bytes(&self) -> usize {
        self.body.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let body = std::mem::take(&mut self.body);
        let bytes = body.len();
        // The types of the inputs are those of the model.
        let route = self.model.resolve(call, &self.head.headers)?;
        let (content, kind) = call.scope.within_room(bytes, |room| {
            let JsonRequest { signature, inputs, kind } = self.read(&route, &body, room)?;
            signature::check(&route, &signature)?;
            drop(body);
            Ok::<_, Error>((to_content(&route, inputs, bytes, room)?, kind))
        })?;
        self.form = Some(ResponseForm { route: route.clone(), kind });
        let options = self.head.options.clone();
        Ok(Decoded { route, content, options, attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len().saturating_mul(TEXT_BYTES_PER_BYTE)
    }

    fn encode(&self, output: Content) -> Result<Vec<u8>, Error> {
        let Some(ResponseForm { route, kind }) = &self.form else {
            return Err(Error::new(Cause::Internal, "the request was not decoded"));
        };
        let tensors = to_tensors(output, route)?;
        match *kind {
            ResponseKind::Rows => json_response::rows(&tensors),
            ResponseKind::Columns => json_response::columns(&tensors),
            ResponseKind::Classes(examples) => {
                Ok(json_response::classes(&scores::classify(&tensors, examples)?))
            }
            ResponseKind::Values(examples) => {
                Ok(json_response::values(&scores::regress(&tensors, examples)?))
            }
        }
    }
}
