//! The inputs of a request in the form that a route takes.

use bytes::Bytes;
use grps_core::{
    Content, DataType, Elements, Error, InputForm, RawBody, Route, Tensor, TensorSpec, quoted,
};

use crate::admin::route_signature;
use crate::codec::{GrpsMessage, Room, proto};
use crate::frontends::shared::input;

/// The content of a request for a route. `body_bytes` of the request are free by the time when an
/// instance reads it.
///
/// User code that works on messages gets a message with the tensors. A converter that reads files or
/// text gets the one string of the request as its file or text.
///
/// # Errors
/// `InvalidArgument` when a message can't carry the inputs; those of the room.
pub(crate) fn to_content(
    route: &Route,
    inputs: Vec<Tensor>,
    body_bytes: usize,
    room: &Room<'_>,
) -> Result<Content, Error> {
    match route.form() {
        InputForm::Tensors => {
            input::take_strings(route, &inputs, room)?;
            Ok(Content::Tensors(inputs))
        }
        InputForm::Message if route.takes_tensors_too() => Ok(Content::Tensors(inputs)),
        InputForm::Message => {
            let message = match read_by_converter(route).zip(only_string(&inputs)) {
                Some((form, text)) => proto::encode_within(&of_file(form, text)?, room)?,
                None => proto::encode_input(&inputs, room)?,
            };
            drop(inputs);
            input::to_message(route, message, body_bytes, room)
        }
    }
}

/// The inputs that clients send: the file or text where a converter makes the inputs of the model;
/// empty when they are not known.
pub(crate) fn inputs(route: &Route) -> Vec<TensorSpec> {
    let name = match read_by_converter(route) {
        None => return route_signature::inputs(route),
        Some(RawBody::Bytes | RawBody::Http) => "file",
        Some(RawBody::Text | RawBody::Json) => "text",
    };
    let (dtype, shape) = (Some(DataType::String), Some(vec![Some(1)]));
    vec![TensorSpec { name: name.into(), dtype, shape, required: true }]
}

/// What the first model of a route reads as a whole, if it reads files or text.
pub(crate) fn read_by_converter(route: &Route) -> Option<RawBody> {
    route.models().first().filter(|_| route.graph().is_none())?.spec().raw_body
}

fn only_string(inputs: &[Tensor]) -> Option<&Bytes> {
    let [only] = inputs else { return None };
    match only.elements() {
        Elements::String([text]) => Some(text),
        _ => None,
    }
}

/// The message of a file or text.
///
/// # Errors
/// `InvalidArgument` when it is no text.
pub(crate) fn of_file(form: RawBody, bytes: &Bytes) -> Result<GrpsMessage, Error> {
    match form {
        RawBody::Bytes | RawBody::Http => Ok(GrpsMessage::of_binary(bytes.clone())),
        RawBody::Text | RawBody::Json => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(GrpsMessage::of_text(text.to_owned())),
            Err(_) => {
                let start = String::from_utf8_lossy(bytes.get(..16).unwrap_or(bytes));
                Err(Error::invalid(format!("the input {} is not UTF-8", quoted(&start))))
            }
        },
    }
}
