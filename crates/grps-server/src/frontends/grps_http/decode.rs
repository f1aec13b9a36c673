//! Bodies of predict calls to the content that a route takes.

use bytes::Bytes;
use grps_core::{Content, DataType, Error, InputForm, Model, Route, Tensor};

use crate::call::call::Call;
use crate::codec::json::JsonRequest;
use crate::codec::{self, GrpsMessage, WireType, json, proto};
use crate::frontends::grps_http::body_form::{BodyForm, message_of_text};
use crate::frontends::grps_http::query::PredictQuery;

/// The body of a predict call, and what is known of its route.
pub(super) struct PredictBody<'a> {
    pub(super) form: BodyForm,
    pub(super) query: &'a PredictQuery,
    pub(super) bytes: Bytes,
    /// The route of the model that the query names, if it was asked for already.
    pub(super) queried: Option<Result<Route, Error>>,
}

impl PredictBody<'_> {
    /// Decodes the body; `resolve` finds the route of a model by its name.
    ///
    /// A model that the body names counts more than that of the query.
    ///
    /// # Errors
    /// `InvalidArgument` that says what is wrong and where; the errors of `resolve`.
    pub(super) fn decode(
        self,
        call: &Call,
        mut resolve: impl FnMut(&str) -> Result<Route, Error>,
    ) -> Result<(Route, Content), Error> {
        let Self { form, query, bytes, queried } = self;
        let mut known = queried.map(|route| (query.model.clone(), route));
        let mut route_to = |name: &str| match known.take_if(|(of, _)| of == name) {
            Some((_, route)) => route,
            None => resolve(name),
        };
        if let (BodyForm::Binary, Some(shape)) = (form, &query.shape) {
            let route = route_to(&query.model)?;
            call.scope.set_route(&route);
            let tensor = decode_raw(&route, query.dtype.as_deref(), shape, &bytes)?;
            return Ok((route, Content::Tensors(vec![tensor])));
        }
        let (request, early) = match form {
            BodyForm::Json => decode_json(&bytes, &query.model, &mut route_to)?,
            BodyForm::Binary => (without_ndarray(GrpsMessage::of_binary(bytes.clone())), None),
            BodyForm::Text => (without_ndarray(message_of_text(&bytes)?), None),
        };
        let within = &request.message.model;
        let name = if within.is_empty() { &query.model } else { within };
        let route = match early {
            Some((of, route)) if of == *name => route?,
            _ => route_to(name)?,
        };
        call.scope.set_route(&route);
        let content = to_content(&route, request, &bytes)?;
        Ok((route, content))
    }
}

/// A route that was chosen while a body was decoded, and the name that it was chosen by.
type EarlyRoute = Option<(String, Result<Route, Error>)>;

/// Decodes JSON in one pass: when it meets an `ndarray`, the route is chosen by the model that is
/// named so far, for the type of its elements. Only a body that names another model behind its
/// `ndarray` needs a second choice.
fn decode_json(
    body: &Bytes,
    queried: &str,
    route_to: &mut impl FnMut(&str) -> Result<Route, Error>,
) -> Result<(JsonRequest, EarlyRoute), Error> {
    let mut early: EarlyRoute = None;
    let mut dtype_of = |within: &str| {
        let name = if within.is_empty() { queried } else { within };
        let route = route_to(name);
        let dtype = route.as_ref().ok().and_then(|route| ndarray_type(route));
        early = Some((name.to_owned(), route));
        dtype.unwrap_or(DataType::Float32)
    };
    // A model that is named behind the array may take another type: a misfit is no verdict yet.
    let request = json::decode_with(body, &mut dtype_of).or_else(|_| json::decode(body))?;
    Ok((request, early))
}

fn without_ndarray(message: GrpsMessage) -> JsonRequest {
    JsonRequest { message, ndarray_span: None }
}

/// Decodes a body that is the elements of one tensor.
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

/// The element type of an `ndarray`, which carries none: that of the only input of the route's
/// first model. `None` where the model does not declare it.
fn ndarray_type(route: &Route) -> Option<DataType> {
    let model: &Model = route.models().first()?;
    model.spec().signature.as_ref()?.only_input_dtype()
}

/// Brings a decoded body into the form that the route takes, an `ndarray` into its first model's
/// type.
fn to_content(route: &Route, request: JsonRequest, body: &Bytes) -> Result<Content, Error> {
    match route.form() {
        InputForm::Message => Ok(Content::Message(proto::encode(&request.message))),
        InputForm::Tensors => {
            let expected = ndarray_type(route).unwrap_or(DataType::Float32);
            let tensors = request.message.into_tensors()?;
            match (request.ndarray_span, tensors.as_slice()) {
                (Some(span), [tensor]) if tensor.dtype() != expected => {
                    let tensor = json::parse_ndarray(body, span, expected)?;
                    Ok(Content::Tensors(vec![tensor]))
                }
                _ => Ok(Content::Tensors(tensors)),
            }
        }
    }
}
