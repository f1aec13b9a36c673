//! Tensors to numpy arrays and back.

use grps_core::{Parts, Tensor, Values};
use half::f16;
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString};

/// Turns a tensor into a named array that owns the tensor's memory.
pub(crate) fn to_numpy(py: Python<'_>, tensor: Tensor) -> PyResult<(String, Bound<'_, PyAny>)> {
    let (name, shape, values) = tensor.into_parts();
    let array = match values {
        Values::Uint8(values) => shaped(py, values, &shape)?,
        Values::Int8(values) => shaped(py, values, &shape)?,
        Values::Int16(values) => shaped(py, values, &shape)?,
        Values::Int32(values) => shaped(py, values, &shape)?,
        Values::Int64(values) => shaped(py, values, &shape)?,
        Values::Float16(values) => shaped(py, values, &shape)?,
        Values::Float32(values) => shaped(py, values, &shape)?,
        Values::Float64(values) => shaped(py, values, &shape)?,
        Values::String(values) => {
            let objects: Vec<Py<PyAny>> =
                values.iter().map(|text| PyString::new(py, text).into_any().unbind()).collect();
            shaped(py, objects, &shape)?
        }
    };
    Ok((name, array))
}

fn shaped<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_vec(py, values).reshape(shape)?.into_any())
}

/// Copies a C-contiguous array into a tensor.
pub(crate) fn from_numpy(name: &str, array: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let mut tensors = read(name, array, None)?.into_iter();
    tensors.next().ok_or_else(|| PyValueError::new_err(format!("output '{name}' has no part")))
}

/// Copies each request's part of a C-contiguous array into a tensor of its own.
pub(crate) fn cut_numpy(
    name: &str,
    array: &Bound<'_, PyAny>,
    parts: &Parts,
) -> PyResult<Vec<Tensor>> {
    read(name, array, Some(parts))
}

/// Shapes and elements of the parts of an array, or of the array as a whole.
type Read<T> = Vec<(Vec<usize>, Vec<T>)>;

fn read(name: &str, array: &Bound<'_, PyAny>, parts: Option<&Parts>) -> PyResult<Vec<Tensor>> {
    let array = array.cast::<PyUntypedArray>().map_err(|_| {
        PyTypeError::new_err(format!("output '{name}' is {}, not a numpy array", array.get_type()))
    })?;
    if let Some(parts) = parts.filter(|parts| array.shape().first() != Some(&parts.rows)) {
        return Err(PyValueError::new_err(format!(
            "output '{name}' has shape {:?}, not {} rows",
            array.shape(),
            parts.rows
        )));
    }
    let py = array.py();
    let descr = array.dtype();
    macro_rules! try_types {
        ($($element:ty => $variant:ident),+) => {
            $(if descr.is_equiv_to(&dtype::<$element>(py)) {
                return make(name, copy::<$element>(name, array, parts)?, Values::$variant);
            })+
        };
    }
    try_types!(f32 => Float32, i64 => Int64, i32 => Int32, u8 => Uint8, f64 => Float64,
        f16 => Float16, i8 => Int8, i16 => Int16);
    if matches!(descr.kind(), b'O' | b'U' | b'S') {
        let strings = array.call_method0("ravel")?.call_method0("tolist")?.extract();
        let strings: Vec<String> = strings.map_err(|_| {
            PyTypeError::new_err(format!("output '{name}': every element must be a str"))
        })?;
        return make(name, cut(&strings, array.shape(), parts), Values::String);
    }
    Err(PyTypeError::new_err(format!(
        "output '{name}' has type {descr}, which has no GRPS data type"
    )))
}

fn copy<T: Element + Copy>(
    name: &str,
    array: &Bound<'_, PyUntypedArray>,
    parts: Option<&Parts>,
) -> PyResult<Read<T>> {
    let typed = array.cast::<PyArrayDyn<T>>()?.readonly();
    let values = typed
        .as_slice()
        .map_err(|_| PyValueError::new_err(format!("output '{name}' is not C-contiguous")))?;
    Ok(cut(values, array.shape(), parts))
}

fn cut<T: Clone>(values: &[T], shape: &[usize], parts: Option<&Parts>) -> Read<T> {
    match parts {
        Some(parts) => parts.cuts.iter().map(|part| part.cut(values, shape)).collect(),
        None => vec![(shape.to_vec(), values.to_vec())],
    }
}

fn make<T>(name: &str, parts: Read<T>, values: fn(Vec<T>) -> Values) -> PyResult<Vec<Tensor>> {
    let tensors = parts
        .into_iter()
        .map(|(shape, elements)| Tensor::new(name.to_owned(), shape, values(elements)));
    let made: Result<_, _> = tensors.collect();
    made.map_err(|error: grps_core::Error| PyValueError::new_err(error.to_string()))
}
