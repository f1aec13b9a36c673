//! Tensors to numpy arrays and back.

use grps_core::{Tensor, Values};
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
pub(crate) fn from_numpy(name: String, array: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let untyped = array.cast::<PyUntypedArray>().map_err(|_| {
        PyTypeError::new_err(format!("output '{name}' is {}, not a numpy array", array.get_type()))
    })?;
    let values = read_values(&name, untyped)?;
    let shape = untyped.shape().to_vec();
    Tensor::new(name, shape, values).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn read_values(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Values> {
    let py = array.py();
    let descr = array.dtype();
    macro_rules! try_types {
        ($($element:ty => $variant:ident),+) => {
            $(if descr.is_equiv_to(&dtype::<$element>(py)) {
                return copy::<$element>(name, array).map(Values::$variant);
            })+
        };
    }
    try_types!(f32 => Float32, i64 => Int64, i32 => Int32, u8 => Uint8, f64 => Float64,
        f16 => Float16, i8 => Int8, i16 => Int16);
    if matches!(descr.kind(), b'O' | b'U' | b'S') {
        let strings = array.call_method0("ravel")?.call_method0("tolist")?.extract();
        return strings.map(Values::String).map_err(|_| {
            PyTypeError::new_err(format!("output '{name}': every element must be a str"))
        });
    }
    Err(PyTypeError::new_err(format!(
        "output '{name}' has type {descr}, which has no GRPS data type"
    )))
}

fn copy<T: Element + Copy>(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Vec<T>> {
    let typed = array.cast::<PyArrayDyn<T>>()?;
    typed
        .readonly()
        .as_slice()
        .map(<[T]>::to_vec)
        .map_err(|_| PyValueError::new_err(format!("output '{name}' is not C-contiguous")))
}
