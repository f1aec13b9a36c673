//! Tensors of the core as TensorFlow's, and back. Neither way copies numbers, but bfloat16.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Buffer, Cause, Elements, Error, Tensor, TensorSpec, Values};
use grps_engine_api::tensorflow::{self as api, Element, Tensorflow, TensorflowError};
use half::bf16;

use crate::common::elements_for;
use crate::tensorflow::causes::cause_in;
use crate::tensorflow::types::dtype_of;

/// An input as a tensor of TensorFlow's type, which keeps its memory.
///
/// # Errors
/// `InvalidArgument` for elements of another type.
pub(super) fn to_input(
    tensorflow: &'static Tensorflow,
    tensor: &Tensor,
    spec: &TensorSpec,
    element: Element,
) -> Result<api::Tensor, Error> {
    let (shape, buffer) = (tensor.shape(), elements_for(tensor, spec));
    let made = match buffer.elements() {
        Elements::String(texts) => api::Tensor::of_texts(tensorflow, shape, texts),
        Elements::Float32(numbers) if element == Element::BFLOAT16 => {
            let short = numbers.iter().flat_map(|number| bf16::from_f32(*number).to_ne_bytes());
            api::Tensor::of_numbers(tensorflow, element, shape, short.collect::<Vec<u8>>())
        }
        _ => api::Tensor::of_numbers(tensorflow, element, shape, buffer),
    };
    made.map_err(|error| run_error(&error))
}

/// An output as a tensor in the memory of TensorFlow.
///
/// # Errors
/// `ModelFailed` for values of a type that is not served.
pub(super) fn to_tensor(name: Arc<str>, found: api::Tensor) -> Result<Tensor, Error> {
    let (element, shape) = (found.element(), found.shape());
    let buffer = match dtype_of(element) {
        _ if element == Element::STRING => {
            let texts = found.texts().unwrap_or_default();
            Some(Buffer::from(Values::String(texts.into_iter().map(Bytes::from).collect())))
        }
        _ if element == Element::BFLOAT16 => found.into_bytes().map(|bytes| {
            let numbers = bytes.as_ref().chunks_exact(2).map(|pair| match *pair {
                [low, high] => bf16::from_ne_bytes([low, high]).to_f32(),
                _ => 0.0,
            });
            Buffer::from(Values::Float32(numbers.collect()))
        }),
        Some(dtype) => {
            found.into_bytes().and_then(|bytes| Buffer::from_bytes(dtype, Bytes::from_owner(bytes)))
        }
        None => None,
    };
    let buffer = buffer.ok_or_else(|| {
        Error::new(Cause::ModelFailed, format!("output {name} has elements of an unsupported type"))
    })?;
    Tensor::new(name, shape, buffer)
}

/// The error of a run that failed. The model was run when it was loaded: if TensorFlow says that the
/// input is wrong, it is this request that does not fit.
pub(super) fn run_error(error: &TensorflowError) -> Error {
    let cause = if error.is_of_the_input() { Cause::InvalidArgument } else { Cause::ModelFailed };
    Error::new(cause, cause_in(&error.to_string()))
}
