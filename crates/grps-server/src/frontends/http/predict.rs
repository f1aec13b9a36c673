//! `infer/predict`: body to content, content through the engine, content to body.

use bytes::Bytes;
use grps_core::metrics::RequestStage;
use grps_core::{
    Cause, Content, DataType, Error, InputForm, Model, RawBody, Request as EngineRequest, Route,
    Tensor,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::media_type::{MediaType, message_of_text};
use super::query::PredictQuery;
use super::streaming::{self, encode_message, respond_in_chunks};
use super::{collect, deadline, respond};
use crate::call::dispatch::Call;
use crate::call::{optional_headers, scheduling_headers};
use crate::codec::json::JsonRequest;
use crate::codec::{self, Data, GrpsMessage, Status, WireType, json, proto};
use crate::net::reply_body::ReplyBody;

/// Type and shape of a tensor that is answered as raw bytes.
const DTYPE: HeaderName = HeaderName::from_static("x-grps-dtype");
const SHAPE: HeaderName = HeaderName::from_static("x-grps-shape");

/// Writing a byte of a tensor as text takes as long as reading so many bytes of text.
const WRITING: usize = 8;

/// Answers a predict call.
pub(super) async fn answer(call: &Call, request: Request<Incoming>) -> Response<ReplyBody> {
    call.scope.begin();
    match predict(call, request).await {
        Ok(response) => response,
        Err(error) => {
            call.scope.judge(Some(error.cause()));
            respond::log_failure(call, &error);
            respond::failure(&error)
        }
    }
}

async fn predict(call: &Call, request: Request<Incoming>) -> Result<Response<ReplyBody>, Error> {
    let (parts, body) = request.into_parts();
    let query = PredictQuery::of(parts.uri.query());
    let media_type = match MediaType::of(&parts.headers) {
        Some(told) => told,
        None => MediaType::of_call(&parts.headers, raw_body(call, &query.model))?,
    };
    let wishes = optional_headers::of(&parts.headers);
    let deadline = deadline::of(wishes)?;
    let terms = scheduling_headers::of(wishes, deadline, call.peer.ip())?;
    let reading = collect(&parts.headers, body, call);
    let body = deadline::within(deadline, reading).await?;
    if body.is_empty() {
        return Err(Error::invalid("The http body is empty."));
    }
    let streams = query.streaming || asks_for_stream(call, &parts, &body);
    if streams && query.return_ndarray {
        return Err(Error::invalid(
            "Bad Request, err: Streaming and ret ndarray are not supported at the same time.",
        ));
    }
    let (route, content) = match (media_type, &query.shape) {
        (MediaType::Binary, Some(shape)) => {
            let route = call.app.engine.route(&query.model)?;
            call.scope.take(&route);
            let tensor = read_raw(&route, query.dtype.as_deref(), shape, &body)?;
            call.timeline.lap(RequestStage::Decode);
            (route, Content::Tensors(vec![tensor]))
        }
        _ => {
            let read = || read_message(call, media_type, &query.model, &body);
            let read = call.app.heavy.run(body.len(), read).await?;
            call.timeline.lap(RequestStage::Decode);
            read
        }
    };
    let request =
        EngineRequest { timeline: call.timeline.clone(), content, terms, attachment: None };
    if streams {
        return respond_in_chunks(call, route, request, encode_message).await;
    }
    respond_to(call, route, request, &query, &parts.headers).await
}

/// Reads a body that is a message, and where it goes: to the model it names, else to `named`.
fn read_message(
    call: &Call,
    media_type: MediaType,
    named: &str,
    body: &Bytes,
) -> Result<(Route, Content), Error> {
    let incoming = match media_type {
        MediaType::Json => decode_json(call, named, body)?,
        MediaType::Binary => without_ndarray(GrpsMessage::of_binary(body.clone())),
        MediaType::Text => without_ndarray(message_of_text(body)?),
    };
    let within = &incoming.message.model;
    let route = call.app.engine.route(if within.is_empty() { named } else { within })?;
    call.scope.take(&route);
    let content = match route.models().first() {
        Some(model) => to_content(model, route.form(), incoming, body)?,
        None => return Err(Error::new(Cause::Internal, "the route has no model")),
    };
    Ok((route, content))
}

fn without_ndarray(message: GrpsMessage) -> JsonRequest {
    JsonRequest { message, ndarray_span: None }
}

/// Runs a request and answers in the form the client asked for.
async fn respond_to(
    call: &Call,
    route: Route,
    request: EngineRequest,
    query: &PredictQuery,
    headers: &HeaderMap,
) -> Result<Response<ReplyBody>, Error> {
    let outcome = call.app.engine.infer(&route, request).await?;
    let response = match outcome {
        Content::Tensors(tensors) if !query.return_ndarray && wants_raw(headers) => {
            call.timeline.measure(RequestStage::Encode, || raw(&tensors))
        }
        outcome => {
            let work = outcome.byte_len().saturating_mul(WRITING);
            let write = || {
                let write = || to_response(outcome, query.return_ndarray);
                call.timeline.measure(RequestStage::Encode, write)
            };
            call.app.heavy.run(work, write).await
        }
    };
    if response.is_ok() {
        call.scope.judge(None);
    }
    response
}

/// Whether the client wants the elements of the answer's tensor and nothing around them.
fn wants_raw(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/octet-stream")
}

/// Reads a body that is the elements of one tensor.
fn read_raw(
    route: &Route,
    dtype: Option<&str>,
    shape: &str,
    body: &Bytes,
) -> Result<Tensor, Error> {
    let wanted = route.models().first().and_then(|model| ndarray_type(model));
    let dtype = match dtype {
        None => wanted.unwrap_or(DataType::Float32),
        Some(name) => {
            let known = WireType::ALL.map(WireType::dtype);
            known.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| {
                let known = known.map(DataType::name).join(", ");
                Error::invalid(format!("dtype is not known, give one of {known}"))
            })?
        }
    };
    codec::raw::decode(dtype, codec::raw::parse_shape(shape)?, body)
}

/// The elements of the only tensor of an answer, with its type and shape in headers.
fn raw(tensors: &[Tensor]) -> Result<Response<ReplyBody>, Error> {
    let [tensor] = tensors else {
        let count = tensors.len();
        return Err(respond::user_fault(format!(
            "the model answers with {count} tensors, which raw bytes can't tell apart; accept JSON"
        )));
    };
    let mut response = respond::binary(codec::raw::encode(tensor)?);
    let shape: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    let headers = response.headers_mut();
    headers.insert(DTYPE, HeaderValue::from_static(tensor.dtype().name()));
    if let Ok(shape) = HeaderValue::from_str(&shape.join(",")) {
        headers.insert(SHAPE, shape);
    }
    Ok(response)
}

/// Whether the user's own control asks for chunks; `streaming=true` in the query always does.
fn asks_for_stream(call: &Call, parts: &Parts, body: &[u8]) -> bool {
    let custom = call.app.settings.custom_route.as_ref();
    let query = parts.uri.query().unwrap_or_default();
    custom.is_some_and(|own| streaming::is_asked(&own.streaming, query, &parts.headers, body))
}

/// What the model that the query names, or else the default, makes of a body of no telling type.
fn raw_body(call: &Call, name: &str) -> Option<RawBody> {
    call.app.engine.route(name).ok()?.models().first()?.spec().raw_body
}

/// Decodes JSON, its `ndarray` at once as the type of the model that the query names.
fn decode_json(call: &Call, name: &str, body: &Bytes) -> Result<JsonRequest, Error> {
    let route = call.app.engine.route(name).ok();
    match route.as_ref().and_then(|route| route.models().first()).and_then(|m| ndarray_type(m)) {
        // A model named in the body may want another type, so a misfit is no verdict yet.
        Some(dtype) => json::decode_as(body, dtype).or_else(|_| json::decode(body)),
        None => json::decode(body),
    }
}

/// The type that an `ndarray` takes for a model, where it is not float32.
///
/// An `ndarray` carries no type: it takes the type of the model's only input.
fn ndarray_type(model: &Model) -> Option<DataType> {
    let wanted = model.spec().signature.as_ref().and_then(|s| s.only_input_dtype());
    wanted.filter(|dtype| *dtype != DataType::Float32)
}

/// Brings a decoded body into the form the route wants, an `ndarray` as its first model does.
fn to_content(
    model: &Model,
    form: InputForm,
    incoming: JsonRequest,
    body: &Bytes,
) -> Result<Content, Error> {
    match form {
        InputForm::Message => Ok(Content::Message(proto::encode(&incoming.message))),
        InputForm::Tensors => to_tensors(model, incoming, body).map(Content::Tensors),
    }
}

fn to_tensors(model: &Model, incoming: JsonRequest, body: &Bytes) -> Result<Vec<Tensor>, Error> {
    let wanted = ndarray_type(model).unwrap_or(DataType::Float32);
    let tensors = incoming.message.into_tensors()?;
    match (incoming.ndarray_span, tensors.as_slice()) {
        (Some(span), [tensor]) if tensor.dtype() != wanted => {
            json::parse_ndarray(body, span, wanted).map(|tensor| vec![tensor])
        }
        _ => Ok(tensors),
    }
}

fn to_response(outcome: Content, return_ndarray: bool) -> Result<Response<ReplyBody>, Error> {
    match outcome {
        Content::Tensors(tensors) if return_ndarray => ndarray(&tensors),
        Content::Tensors(tensors) => {
            json::encode_tensors(Some(&Status::ok()), "", &tensors).map(respond::json)
        }
        Content::Raw(bytes) => Ok(respond::binary(bytes)),
        Content::Message(encoded) => {
            let mut message = proto::decode(&encoded).map_err(output_fault)?;
            match message.data {
                Data::Binary(data) if !data.is_empty() => return Ok(respond::binary(data)),
                _ if return_ndarray => {
                    return ndarray(&message.into_tensors().map_err(output_fault)?);
                }
                _ => {}
            }
            message.status = Some(Status::ok());
            Ok(respond::message(StatusCode::OK, &message))
        }
    }
}

fn ndarray(tensors: &[Tensor]) -> Result<Response<ReplyBody>, Error> {
    json::encode_ndarray(Some(&Status::ok()), tensors).map(respond::json).map_err(output_fault)
}

fn output_fault(error: Error) -> Error {
    respond::user_fault(error.message())
}
