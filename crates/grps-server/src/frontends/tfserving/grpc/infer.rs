//! `Predict`, `Classify` and `Regress`.

use bytes::Bytes;
use grps_core::{Cause, Content, Error, Route, Tensor};
use http::Response;
use prost::Message as _;

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run};
use crate::call::status::rpc_failure;
use crate::codec::Room;
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::grpc::reader::MessageReader;
use crate::frontends::shared::grpc::response::{Message, failed, unary};
use crate::frontends::shared::inference::content::to_content;
use crate::frontends::shared::inference::output_content::to_tensors;
use crate::frontends::shared::inference::request_head::RequestHead;
use crate::frontends::tfserving::grpc::codec::{
    Examples, PredictRequest, cost_of, encode_predict, find_elements,
};
use crate::frontends::tfserving::grpc::messages::{
    Class, ClassificationResponse, ClassificationResult, Classifications, ModelSpec, Regression,
    RegressionResponse, RegressionResult,
};
use crate::frontends::tfserving::scores::{self, Class as ScoredClass};
use crate::frontends::tfserving::{Method, examples, signature};
use crate::net::http::content_coding::Coding;
use crate::net::http::reply_body::ReplyBody;

/// How many bytes of elements take as long to encode as one of JSON takes to decode.
const ELEMENTS_SHARE: usize = 8;

/// Serves an inference request.
pub(super) async fn infer(call: Call, request: HttpRequest, method: Method) -> Response<ReplyBody> {
    match serve(&call, request, method).await {
        Ok((message, coding)) => unary(message, coding),
        Err(error) => {
            call.report_failure(&error);
            failed(rpc_failure(&error))
        }
    }
}

async fn serve(
    call: &Call,
    request: HttpRequest,
    method: Method,
) -> Result<(Message, Option<Coding>), Error> {
    let HttpRequest { parts, body, .. } = request;
    let limit = call.app.settings.max_request_bytes;
    let mut reader = MessageReader::new(&parts.headers, body, limit)?;
    let head = RequestHead::of_grpc(call, parts.headers)?;
    let message = reader.read_only(call, find_elements).await?;
    let reply = run(call, Infer { method, head, message, form: None }).await?;
    call.scope.count_sent_bytes(reply.iter().map(Bytes::len).sum());
    let coding = reader.coding();
    Ok((Message::encoded(call, reply, coding).await, coding))
}

/// An inference request.
struct Infer {
    method: Method,
    head: RequestHead,
    /// The encoded message; dropped after decoding.
    message: Bytes,
    /// What the response needs of the request, once it is decoded.
    form: Option<ResponseForm>,
}

/// What is kept of a request for its response.
struct ResponseForm {
    route: Route,
    /// What ran the request.
    spec: ModelSpec,
    /// The outputs to return; all when there is none.
    outputs: Vec<String>,
    /// How many examples were sent.
    examples: usize,
}

/// The parts of a request that its content is made of.
struct Read {
    form: ResponseForm,
    inputs: Vec<Tensor>,
}

impl Infer {
    fn read(&self, call: &Call, message: &Bytes, room: &Room<'_>) -> Result<Read, Error> {
        if self.method == Method::Predict {
            let PredictRequest { spec, inputs, outputs } = PredictRequest::decode(message, room)?;
            let (route, spec) = self.select(call, spec)?;
            return Ok(Read { form: ResponseForm { route, spec, outputs, examples: 0 }, inputs });
        }
        let Examples { spec, examples, context } = Examples::decode(message, room)?;
        let (route, spec) = self.select(call, spec)?;
        let (name, count) = (examples::input_name(&route)?, examples.len());
        let inputs = vec![examples::to_input(name, examples, &context, room)?];
        let form = ResponseForm { route, spec, outputs: Vec::new(), examples: count };
        Ok(Read { form, inputs })
    }

    /// The route of a request, and what its response says of it.
    fn select(&self, call: &Call, spec: ModelSpec) -> Result<(Route, ModelSpec), Error> {
        let (choice, signature) = spec.into_choice();
        let route = choice.resolve(call, &self.head.headers)?;
        let signature = signature::check(&route, &signature)?;
        let spec = ModelSpec::of_route(&choice.name, &route, &signature);
        Ok((route, spec))
    }
}

impl Inference for Infer {
    type Reply = Vec<Bytes>;

    fn decode_bytes(&self) -> usize {
        match self.method {
            Method::Predict => cost_of(&self.message),
            Method::Classify | Method::Regress => self.message.len(),
        }
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let message = std::mem::take(&mut self.message);
        let (form, content) = call.scope.within_room(message.len(), |room| {
            let Read { form, inputs } = self.read(call, &message, room)?;
            let content = to_content(&form.route, inputs, message.len(), room)?;
            Ok::<_, Error>((form, content))
        })?;
        let (route, options) = (form.route.clone(), self.head.options.clone());
        self.form = Some(form);
        Ok(Decoded { route, content, options, attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        match output {
            Content::Tensors(_) | Content::Raw(_) => output.byte_len() / ELEMENTS_SHARE,
            Content::Message(message) => message.len(),
        }
    }

    fn encode(&self, output: Content) -> Result<Vec<Bytes>, Error> {
        let Some(form) = &self.form else {
            return Err(Error::new(Cause::Internal, "the request was not decoded"));
        };
        let tensors = to_tensors(output, &form.route)?;
        let spec = form.spec.clone();
        match self.method {
            Method::Predict => encode_predict(tensors, &form.outputs, &spec),
            Method::Classify => {
                let classes = scores::classify(&tensors, form.examples)?;
                Ok(vec![ClassificationResponse::new(classes, spec).encode_to_vec().into()])
            }
            Method::Regress => {
                let values = scores::regress(&tensors, form.examples)?;
                Ok(vec![RegressionResponse::new(values, spec).encode_to_vec().into()])
            }
        }
    }
}

impl ClassificationResponse {
    fn new(examples: Vec<Vec<ScoredClass>>, spec: ModelSpec) -> Self {
        let class = |ScoredClass { label, score }: ScoredClass| Class {
            label: String::from_utf8_lossy(&label).into_owned(),
            score,
        };
        let classes = |classes: Vec<ScoredClass>| Classifications {
            classes: classes.into_iter().map(class).collect(),
        };
        let classifications = examples.into_iter().map(classes).collect();
        let result = Some(ClassificationResult { classifications });
        Self { result, model_spec: Some(spec) }
    }
}

impl RegressionResponse {
    fn new(values: Vec<f32>, spec: ModelSpec) -> Self {
        let regressions = values.into_iter().map(|value| Regression { value }).collect();
        Self { result: Some(RegressionResult { regressions }), model_spec: Some(spec) }
    }
}
