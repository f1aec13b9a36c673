//! The tensors of a message for the first model of a route.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{DataType, Error, Route, Tensor, TensorSpec, Values};

use crate::codec::{Data, GrpsMessage};

/// The tensors of a message. Text or bytes are the one element of a model's only input, if that is
/// of strings: an image, an encoded example or a text.
///
/// # Errors
/// `InvalidArgument` when the message has no tensors or malformed ones.
pub(crate) fn to_tensors(route: &Route, message: GrpsMessage) -> Result<Vec<Tensor>, Error> {
    let input = only_input(route).filter(|input| input.dtype == Some(DataType::String));
    match (input, message) {
        (Some(input), GrpsMessage { data: Data::Binary(bytes), .. }) => one_element(input, bytes),
        (Some(input), GrpsMessage { data: Data::Text(text), .. }) => {
            one_element(input, text.into())
        }
        (_, message) => message.into_tensors(),
    }
}

/// What the first model of the route says of its only input; `None` when it has several or says
/// nothing.
pub(crate) fn only_input(route: &Route) -> Option<&TensorSpec> {
    route.models().first()?.spec().signature.as_ref()?.only_input()
}

fn one_element(input: &TensorSpec, bytes: Bytes) -> Result<Vec<Tensor>, Error> {
    let rank = input.shape.as_ref().map_or(1, Vec::len);
    let strings = Values::String(vec![bytes]);
    Tensor::new(Arc::clone(&input.name), vec![1; rank], strings).map(|tensor| vec![tensor])
}
