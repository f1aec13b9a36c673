//! Decodes predict bodies to the input of a route.

use bytes::Bytes;
use grps_core::{Cause, Content, DataType, Error, InputForm, RawBody, Route, Tensor};

use crate::call::call::Call;
use crate::codec::json::JsonRequest;
use crate::codec::{self, Data, GrpsMessage, Room, WireType, json, proto};
use crate::frontends::grps_http::body_form::{BodyForm, text_message};
use crate::frontends::grps_http::query::PredictQuery;
use crate::frontends::shared::inference::content::read_by_converter;
use crate::frontends::shared::input;

/// The body of a predict call.
pub(crate) struct PredictBody<'a> {
    /// Form of the body.
    pub(crate) form: BodyForm,
    /// Query of the call.
    pub(crate) query: &'a PredictQuery,
    /// The encoded body.
    pub(crate) bytes: Bytes,
    /// The route of the model in the query, if it is resolved already.
    pub(crate) queried: Option<Result<Route, Error>>,
}

impl PredictBody<'_> {
    /// Decodes the body; `find_route` returns the route of a model by its name. A model in the body
    /// overrides the model in the query.
    ///
    /// # Errors
    /// `InvalidArgument` with the position and the reason, and the errors of `find_route`.
    pub(crate) fn decode(
        self,
        call: &Call,
        find_route: impl FnMut(&str) -> Result<Route, Error>,
    ) -> Result<(Route, Content), Error> {
        call.scope.within_room(self.bytes.len(), |room| self.decode_within(call, room, find_route))
    }

    fn decode_within(
        self,
        call: &Call,
        room: &Room<'_>,
        mut find_route: impl FnMut(&str) -> Result<Route, Error>,
    ) -> Result<(Route, Content), Error> {
        let Self { form, query, bytes, queried } = self;
        let mut resolved = queried.map(|route| (query.model.clone(), route));
        let mut route_to = |name: &str| match resolved.take_if(|(model, _)| model == name) {
            Some((_, route)) => route,
            None => find_route(name),
        };
        if let (BodyForm::Binary, Some(shape)) = (form, &query.shape) {
            let route = route_to(&query.model)?;
            call.scope.set_route(&route);
            let tensor = decode_raw(&route, query.dtype.as_deref(), shape, &bytes)?;
            return Ok((route, Content::Tensors(vec![tensor])));
        }
        let (request, early) = match form {
            BodyForm::Json => decode_any_json(&bytes, &query.model, room, &mut route_to)?,
            BodyForm::Binary => (without_ndarray(GrpsMessage::of_binary(bytes.clone())), None),
            BodyForm::Text => (without_ndarray(text_message(&bytes, room)?), None),
        };
        let in_body = &request.message.model;
        let name = if in_body.is_empty() { &query.model } else { in_body };
        let route = match early {
            Some((model, route)) if model == *name => route?,
            _ => route_to(name)?,
        };
        call.scope.set_route(&route);
        let content = to_content(&route, request, bytes, room)?;
        Ok((route, content))
    }
}

/// The route that was resolved during decoding, and its model name.
type EarlyRoute = Option<(String, Result<Route, Error>)>;

/// Decodes a message in JSON. Where the body is none, or has no data, and the model of the query reads
/// JSON of its own form, the body is the input of the model, with all keys that it has.
fn decode_any_json(
    body: &Bytes,
    queried: &str,
    room: &Room<'_>,
    route_to: &mut impl FnMut(&str) -> Result<Route, Error>,
) -> Result<(JsonRequest, EarlyRoute), Error> {
    let decoded = decode_json(body, queried, room, route_to);
    let is_message = match &decoded {
        Ok((request, _)) => !matches!(request.message.data, Data::None),
        Err(error) => error.cause() != Cause::InvalidArgument,
    };
    if is_message {
        return decoded;
    }
    let route = route_to(queried);
    let reads_json = match &route {
        Ok(route) => read_by_converter(route) == Some(RawBody::Json),
        // Whatever is wrong with the body: a model that does not exist comes first.
        Err(error) if !queried.is_empty() => return Err(error.clone()),
        Err(_) => false,
    };
    if !reads_json {
        return decoded;
    }
    room.clear();
    let request = without_ndarray(text_message(body, room)?);
    Ok((request, Some((queried.to_owned(), route))))
}

/// Decodes JSON in one pass. The element type of an `ndarray` depends on the route, so the route is
/// resolved when the decoder reaches an `ndarray`. A body that names another model after its `ndarray`
/// needs a second resolution.
fn decode_json(
    body: &Bytes,
    queried: &str,
    room: &Room<'_>,
    route_to: &mut impl FnMut(&str) -> Result<Route, Error>,
) -> Result<(JsonRequest, EarlyRoute), Error> {
    let mut early: EarlyRoute = None;
    let mut dtype_of = |in_body: &str| {
        let name = if in_body.is_empty() { queried } else { in_body };
        let route = route_to(name);
        let dtype = route.as_ref().ok().and_then(ndarray_type);
        early = Some((name.to_owned(), route));
        dtype
    };
    match json::decode_with(body, room, &mut dtype_of) {
        // A model name after the array may require another type, so a first error is not final.
        Err(error) if error.cause() == Cause::InvalidArgument => {
            room.clear();
            Ok((json::decode_with(body, room, &mut |_| None)?, early))
        }
        request => Ok((request?, early)),
    }
}

fn without_ndarray(message: GrpsMessage) -> JsonRequest {
    JsonRequest { message, ndarray_span: None }
}

/// Decodes a body with the raw elements of one tensor.
fn decode_raw(
    route: &Route,
    dtype: Option<&str>,
    shape: &str,
    body: &Bytes,
) -> Result<Tensor, Error> {
    let dtype = match dtype {
        None => ndarray_type(route).unwrap_or(DataType::Float32),
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

/// The element type of an `ndarray`: the type of the only input of the first model of the route.
/// `None` when the model does not declare it.
fn ndarray_type(route: &Route) -> Option<DataType> {
    let dtype = input::only_input(route)?.dtype?;
    // The wire has no bool: it is a number there.
    Some(if dtype == DataType::Bool { DataType::Uint8 } else { dtype })
}

/// Converts a decoded body to the form that the route requires, and an `ndarray` to the type of the
/// first model.
fn to_content(
    route: &Route,
    request: JsonRequest,
    body: Bytes,
    room: &Room<'_>,
) -> Result<Content, Error> {
    match route.form() {
        InputForm::Message => {
            let body_bytes = body.len();
            // What the message refers to of it stays.
            drop(body);
            let message = proto::encode_within(&request.message, room)?;
            drop(request);
            input::to_message(route, message, body_bytes, room)
        }
        InputForm::Tensors => {
            let tensors = input::to_tensors(route, request.message, room)?;
            match (request.ndarray_span, ndarray_type(route), tensors.as_slice()) {
                (Some(span), Some(expected), [tensor]) if tensor.dtype() != expected => {
                    let tensors = vec![json::parse_ndarray_within(&body, room, span, expected)?];
                    input::take_strings(route, &tensors, room)?;
                    Ok(Content::Tensors(tensors))
                }
                _ => Ok(Content::Tensors(tensors)),
            }
        }
    }
}
