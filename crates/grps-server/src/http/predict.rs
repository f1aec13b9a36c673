//! `infer/predict`: body to content, content through the engine, content to body.

use bytes::Bytes;
use grps_core::{
    Cause, Content, DataType, Error, InputForm, Model, Request as EngineRequest, Tensor,
};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use super::query::PredictQuery;
use super::streaming::{self, encode_message, respond_in_chunks};
use super::{collect, deadline, respond};
use crate::codec::json::JsonRequest;
use crate::codec::{Data, GrpsMessage, Status, json, proto};
use crate::dispatch::Call;
use crate::reply_body::ReplyBody;
use crate::terms;

/// The content types a body can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    Binary,
}

impl MediaType {
    /// The media type of a request, parameters such as `charset` aside.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else if essence.eq_ignore_ascii_case("application/octet-stream") {
            Some(Self::Binary)
        } else {
            None
        }
    }
}

/// Answers a predict call.
pub(super) async fn answer(call: &Call, request: Request<Incoming>) -> Response<ReplyBody> {
    let outcome = predict(call, request).await;
    call.flight.judge(outcome.is_err());
    match outcome {
        Ok(response) => response,
        Err(error) => {
            respond::log_failure(call, &error);
            respond::failure(&error)
        }
    }
}

async fn predict(call: &Call, request: Request<Incoming>) -> Result<Response<ReplyBody>, Error> {
    let (parts, body) = request.into_parts();
    let media_type = require_media_type(&parts.headers)?;
    let query = PredictQuery::of(parts.uri.query());
    let deadline = deadline::of(&parts.headers)?;
    let terms = terms::of(&parts.headers, deadline, call.peer.ip())?;
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
    let incoming = match media_type {
        MediaType::Json => decode_json(call, &query.model, &body)?,
        MediaType::Binary => {
            JsonRequest { message: GrpsMessage::of_binary(body.clone()), ndarray_span: None }
        }
    };
    let named = &incoming.message.model;
    let route = call.app.engine.route(if named.is_empty() { &query.model } else { named })?;
    let content = match route.models().first() {
        Some(model) => to_content(model, route.form(), incoming, &body)?,
        None => return Err(Error::new(Cause::Internal, "the route has no model")),
    };
    let request = EngineRequest { id: call.id.clone(), content, terms, attachment: None };
    if streams {
        return respond_in_chunks(call, route, request, encode_message).await;
    }
    let outcome = call.app.engine.infer(&route, request).await?;
    to_response(outcome, query.return_ndarray)
}

/// Whether the user's own control asks for chunks; `streaming=true` in the query always does.
fn asks_for_stream(call: &Call, parts: &Parts, body: &[u8]) -> bool {
    let custom = call.app.settings.custom_route.as_ref();
    let query = parts.uri.query().unwrap_or_default();
    custom.is_some_and(|own| streaming::is_asked(&own.streaming, query, &parts.headers, body))
}

fn require_media_type(headers: &HeaderMap) -> Result<MediaType, Error> {
    if !headers.contains_key(header::CONTENT_TYPE) {
        return Err(Error::invalid("No content type in headers."));
    }
    MediaType::of(headers).ok_or_else(|| {
        Error::new(
            Cause::UnsupportedMediaType,
            "Unsupported content type. Send application/json or application/octet-stream.",
        )
    })
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
            Ok(respond::json(json::encode_tensors(Some(&Status::ok()), "", &tensors)))
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
