//! `infer/predict`: reads a predict call and runs it as an inference request.

use grps_core::metrics::RequestStage;
use grps_core::{Content, Error, Route, SchedulingOptions};
use http::request::Parts;
use http::{HeaderMap, Response, header};

use crate::call::call::Call;
use crate::call::inference::{Decoded, Inference, run, run_in_chunks};
use crate::frontends::grps_http::body_form::BodyForm;
use crate::frontends::grps_http::decode::PredictBody;
use crate::frontends::grps_http::encode::{self, OutputForm};
use crate::frontends::grps_http::query::PredictQuery;
use crate::frontends::grps_http::stream_form::{FramedChunks, StreamForm};
use crate::frontends::shared::endpoint::HttpRequest;
use crate::frontends::shared::resolve::find_route;
use crate::frontends::shared::response::{self, BINARY};
use crate::frontends::shared::{
    optional_headers, scheduling_headers, streaming_control, timeout_header,
};
use crate::net::http::content_coding::collect;
use crate::net::http::reply_body::ReplyBody;

/// Encoding a byte of a tensor as text takes as long as decoding this many bytes of text.
const TEXT_BYTES_PER_BYTE: usize = 8;

/// Serves a predict call.
pub(crate) async fn predict(call: Call, request: HttpRequest) -> Response<ReplyBody> {
    match serve(&call, request, None).await {
        Ok(response) => response,
        Err(error) => {
            call.report_failure(&error);
            encode::failure(&error)
        }
    }
}

/// Serves a predict call of another front end, which names the model.
///
/// # Errors
/// The first error, for the caller to report and encode.
pub(crate) async fn predict_by(
    call: &Call,
    request: HttpRequest,
    model: &str,
) -> Result<Response<ReplyBody>, Error> {
    serve(call, request, Some(model)).await
}

/// Serves a predict call; `model` overrides the model in the query.
async fn serve(
    call: &Call,
    request: HttpRequest,
    model: Option<&str>,
) -> Result<Response<ReplyBody>, Error> {
    let custom = call.app.settings.custom_route_for(request.parts.uri.path());
    let predict = Predict::read(call, request, model).await?;
    if !predict.streams {
        return run(call, predict).await;
    }
    if predict.query.return_ndarray {
        return Err(Error::invalid(
            "Bad Request, err: Streaming and ret ndarray are not supported at the same time.",
        ));
    }
    let form = StreamForm::from_accept(&predict.headers);
    let stream = run_in_chunks(call, predict, FramedChunks(form)).await?;
    let content_type = custom.and_then(|route| route.stream_content_type.clone());
    let content_type = form.content_type().or(content_type).unwrap_or(BINARY);
    Ok(response::stream(content_type, stream))
}

/// A predict call whose body has been read.
pub(crate) struct Predict {
    query: PredictQuery,
    headers: HeaderMap,
    options: SchedulingOptions,
    form: BodyForm,
    /// The encoded body; dropped after decoding.
    body: bytes::Bytes,
    /// The route of the model in the query, if the form of the body depends on it.
    queried: Option<Result<Route, Error>>,
    /// Whether the client requests a streamed response.
    streams: bool,
}

impl Predict {
    /// A call in a message of a connection whose head had these headers and this query: a text is
    /// JSON, and other bytes are data.
    ///
    /// # Errors
    /// `InvalidArgument` when a header is malformed or the message is empty.
    pub(crate) fn of_message(
        call: &Call,
        headers: &HeaderMap,
        query: &PredictQuery,
        is_text: bool,
        body: bytes::Bytes,
    ) -> Result<Self, Error> {
        let deadline = timeout_header::read_deadline(headers)?;
        let options = scheduling_headers::read_options(headers, deadline, call)?;
        if body.is_empty() {
            return Err(Error::invalid("the message is empty"));
        }
        call.timeline.note_stage_end(RequestStage::Receive);
        let form = if is_text { BodyForm::Json } else { BodyForm::Binary };
        let (query, headers) = (query.clone(), headers.clone());
        Ok(Self { query, headers, options, form, body, queried: None, streams: true })
    }

    async fn read(call: &Call, request: HttpRequest, model: Option<&str>) -> Result<Self, Error> {
        let HttpRequest { parts, body, .. } = request;
        let mut query = PredictQuery::parse(parts.uri.query());
        if let Some(model) = model {
            model.clone_into(&mut query.model);
        }
        let (form, queried) = find_form(call, &parts.headers, &query)?;
        let optional = optional_headers::find(&parts.headers);
        let deadline = timeout_header::read_deadline(optional)?;
        let options = scheduling_headers::read_options(optional, deadline, call)?;
        let reading = collect(&parts.headers, body, call);
        let body = timeout_header::within(deadline, reading).await?;
        if body.is_empty() {
            return Err(Error::invalid("The http body is empty."));
        }
        let streams = requests_chunks(call, &parts, &query, &body);
        Ok(Self { query, headers: parts.headers, options, form, body, queried, streams })
    }
}

impl Inference for Predict {
    type Reply = Response<ReplyBody>;

    fn decode_bytes(&self) -> usize {
        self.body.len()
    }

    fn decode(&mut self, call: &Call) -> Result<Decoded, Error> {
        let bytes = std::mem::take(&mut self.body);
        let (form, query, queried) = (self.form, &self.query, self.queried.take());
        let body = PredictBody { form, query, bytes, queried };
        let (route, content) = body.decode(call, |name| find_route(call, name, &self.headers))?;
        Ok(Decoded { route, content, options: self.options.clone(), attachment: None })
    }

    fn encode_bytes(&self, output: &Content) -> usize {
        output.byte_len().saturating_mul(TEXT_BYTES_PER_BYTE)
    }

    fn encode(&self, output: Content) -> Result<Response<ReplyBody>, Error> {
        let form = if self.query.return_ndarray {
            OutputForm::NdArray
        } else if accepts_raw(&self.headers) {
            OutputForm::RawTensor
        } else {
            OutputForm::Message
        };
        encode::whole(output, form)
    }
}

/// The form of the body, and the route of the model in the query where the form depends on it.
fn find_form(
    call: &Call,
    headers: &HeaderMap,
    query: &PredictQuery,
) -> Result<(BodyForm, Option<Result<Route, Error>>), Error> {
    if let Some(form) = BodyForm::from_content_type(headers) {
        return Ok((form, None));
    }
    let route = find_route(call, &query.model, headers);
    // What the body is depends on the model, so a model that does not exist comes first.
    if let (Err(error), false) = (&route, query.model.is_empty()) {
        return Err(error.clone());
    }
    let model = route.as_ref().ok().and_then(|route| route.models().first());
    let form = BodyForm::for_model(headers, model.and_then(|model| model.spec().raw_body))?;
    Ok((form, Some(route)))
}

/// Whether the client requests the raw elements of the only output tensor.
fn accepts_raw(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/octet-stream")
}

/// Whether the client requests a streamed response: by the streaming control of the custom route,
/// and by the query only where there is none, as upstream does.
fn requests_chunks(call: &Call, parts: &Parts, query: &PredictQuery, body: &[u8]) -> bool {
    let custom = call.app.settings.custom_route_for(parts.uri.path());
    let Some(own) = custom else { return query.streaming };
    let text = parts.uri.query().unwrap_or_default();
    streaming_control::is_requested(&own.streaming, text, &parts.headers, body)
}
