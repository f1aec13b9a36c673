//! The input of a route from a message, within the memory that a request may take.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Content, DataType, Elements, Error, Route, Tensor, TensorSpec, Values};

use crate::codec::{Data, GrpsMessage, Room, proto};

/// What a string of a tensor takes where a model reads it, besides what its decoder charges for:
/// Python's object and the string of an engine, for the input and for the output.
const STRING_BYTES: usize = 256;

/// Messages of fewer bytes take little wherever they are read.
const SMALL_MESSAGE: usize = 32 << 10;

/// The tensors of a message. Text or bytes are the one element of a model's only input, if that is
/// of strings: an image, an encoded example or a text.
///
/// # Errors
/// `InvalidArgument` when the message has no tensors or malformed ones; the errors of the room.
pub(crate) fn to_tensors(
    route: &Route,
    message: GrpsMessage,
    room: &Room<'_>,
) -> Result<Vec<Tensor>, Error> {
    let input = only_input(route).filter(|input| input.dtype == Some(DataType::String));
    let tensors = match (input, message) {
        (Some(input), GrpsMessage { data: Data::Binary(bytes), .. }) => one_element(input, bytes),
        (Some(input), GrpsMessage { data: Data::Text(text), .. }) => {
            one_element(input, text.into())
        }
        (_, message) => message.into_tensors(),
    }?;
    take_strings(route, &tensors, room)?;
    Ok(tensors)
}

/// Takes what the strings of a route's input need besides what their decoder charged for.
///
/// # Errors
/// Those of the room.
pub(crate) fn take_strings(
    route: &Route,
    tensors: &[Tensor],
    room: &Room<'_>,
) -> Result<(), Error> {
    if is_read_elsewhere(route) {
        room.take(tensors.iter().map(strings_bytes).sum())?;
    }
    Ok(())
}

/// An encoded message as the input of a route. `body_bytes` of its request are free by then.
///
/// # Errors
/// Those of the room.
pub(crate) fn to_message(
    route: &Route,
    message: Bytes,
    body_bytes: usize,
    room: &Room<'_>,
) -> Result<Content, Error> {
    if message.len() >= SMALL_MESSAGE && is_read_elsewhere(route) {
        // Python has its bytes once more while it reads them.
        let needed = 2 * message.len() + proto::python_bytes(&message);
        room.raise_to(needed.saturating_sub(body_bytes))?;
    }
    Ok(Content::Message(message))
}

/// What the first model of the route says of its only input; `None` when it has several or says
/// nothing.
pub(crate) fn only_input(route: &Route) -> Option<&TensorSpec> {
    route.models().first()?.spec().signature.as_ref()?.only_input()
}

/// Whether an instance of a model reads the input in a form of its own. A model that runs inline may
/// pass it on to one.
fn is_read_elsewhere(route: &Route) -> bool {
    route.models().iter().any(|model| !model.executor().is_inline())
}

fn strings_bytes(tensor: &Tensor) -> usize {
    match tensor.elements() {
        Elements::String(strings) => {
            let wide: usize = strings.iter().map(|text| proto::wide_text_bytes(text)).sum();
            strings.len().saturating_mul(STRING_BYTES).saturating_add(wide)
        }
        _ => 0,
    }
}

fn one_element(input: &TensorSpec, bytes: Bytes) -> Result<Vec<Tensor>, Error> {
    let rank = input.shape.as_ref().map_or(1, Vec::len);
    let strings = Values::String(vec![bytes]);
    Tensor::new(Arc::clone(&input.name), vec![1; rank], strings).map(|tensor| vec![tensor])
}
