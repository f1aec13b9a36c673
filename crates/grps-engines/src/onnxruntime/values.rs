//! Tensors of the core as values of ONNX Runtime, and its values as tensors. Neither way copies
//! numbers.

use std::sync::Arc;

use bytemuck::{NoUninit, cast_slice};
use bytes::Bytes;
use grps_core::{Buffer, Cause, DataType, Elements, Error, Tensor, Values, quoted};
use half::f16;
use ort::session::SessionInputValue;
use ort::value::{
    DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType, TensorRef,
};

use crate::onnxruntime::causes::run_error;

/// A tensor as an input that borrows its elements.
///
/// # Errors
/// `InvalidArgument` for strings that are not text.
pub(super) fn to_input<'a>(
    tensor: &'a Tensor,
    dtype: Option<DataType>,
) -> Result<SessionInputValue<'a>, Error> {
    let shape = tensor.shape();
    macro_rules! view {
        ($elements:expr) => {
            TensorRef::from_array_view((shape, $elements)).map(SessionInputValue::from)
        };
    }
    let value = match tensor.elements() {
        // Clients of GRPS send a bool as a uint8.
        Elements::Uint8(bytes) if dtype == Some(DataType::Bool) => {
            let bools: Vec<bool> = bytes.iter().map(|byte| *byte != 0).collect();
            OrtTensor::from_array((shape, bools)).map(SessionInputValue::from)
        }
        Elements::Bool(elements) => view!(elements),
        Elements::Uint8(elements) => view!(elements),
        Elements::Int8(elements) => view!(elements),
        Elements::Int16(elements) => view!(elements),
        Elements::Int32(elements) => view!(elements),
        Elements::Int64(elements) => view!(elements),
        Elements::Float16(elements) => view!(elements),
        Elements::Float32(elements) => view!(elements),
        Elements::Float64(elements) => view!(elements),
        Elements::String(strings) => return to_texts(tensor, strings),
        other => {
            let message = format!("ONNX Runtime takes no elements of type {}", other.dtype());
            return Err(Error::invalid(message));
        }
    };
    value.map_err(|error| run_error(&error))
}

fn to_texts<'a>(tensor: &Tensor, strings: &[Bytes]) -> Result<SessionInputValue<'a>, Error> {
    let texts = strings.iter().map(|text| std::str::from_utf8(text).map(str::to_owned));
    let texts: Result<Vec<String>, _> = texts.collect();
    let texts = texts.map_err(|_| {
        let name = quoted(tensor.name());
        Error::invalid(format!("input {name} takes text, got bytes that are not UTF-8"))
    })?;
    let value = OrtTensor::from_string_array((tensor.shape(), &*texts));
    value.map(SessionInputValue::from).map_err(|error| run_error(&error))
}

/// An output as a tensor in the memory of ONNX Runtime.
///
/// # Errors
/// `ModelFailed` for values of a type that is not served.
pub(super) fn to_tensor(name: Arc<str>, value: DynValue) -> Result<Tensor, Error> {
    let (Some(ty), Some(dims)) = (value.dtype().tensor_type(), value.dtype().tensor_shape()) else {
        return Err(Error::new(Cause::ModelFailed, format!("output {name} is no tensor")));
    };
    let shape: Vec<usize> = dims.iter().filter_map(|dim| usize::try_from(*dim).ok()).collect();
    let buffer = match ty {
        TensorElementType::Bool => lent::<bool>(DataType::Bool, value),
        TensorElementType::Uint8 => lent::<u8>(DataType::Uint8, value),
        TensorElementType::Int8 => lent::<i8>(DataType::Int8, value),
        TensorElementType::Int16 => lent::<i16>(DataType::Int16, value),
        TensorElementType::Int32 => lent::<i32>(DataType::Int32, value),
        TensorElementType::Int64 => lent::<i64>(DataType::Int64, value),
        TensorElementType::Float16 => lent::<f16>(DataType::Float16, value),
        TensorElementType::Float32 => lent::<f32>(DataType::Float32, value),
        TensorElementType::Float64 => lent::<f64>(DataType::Float64, value),
        TensorElementType::String => {
            let (_, texts) = value.try_extract_strings().map_err(|error| run_error(&error))?;
            let texts = texts.into_iter().map(Bytes::from).collect();
            Some(Buffer::from(Values::String(texts)))
        }
        _ => None,
    };
    let buffer = buffer.ok_or_else(|| {
        let message = format!("output {name} has elements of the unsupported type {ty}");
        Error::new(Cause::ModelFailed, message)
    })?;
    Tensor::new(name, shape, buffer)
}

/// The elements of a value, which lives as long as something reads them.
struct Lent<T> {
    value: DynValue,
    elements: std::marker::PhantomData<T>,
}

impl<T: PrimitiveTensorElementType + NoUninit> AsRef<[u8]> for Lent<T> {
    fn as_ref(&self) -> &[u8] {
        self.value.try_extract_tensor::<T>().map_or(&[], |(_, elements)| cast_slice(elements))
    }
}

fn lent<T>(dtype: DataType, value: DynValue) -> Option<Buffer>
where
    T: PrimitiveTensorElementType + NoUninit + Send + Sync + 'static,
{
    let owner = Lent::<T> { value, elements: std::marker::PhantomData };
    Buffer::from_bytes(dtype, Bytes::from_owner(owner))
}
