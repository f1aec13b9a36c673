//! Tensors to numpy arrays and back.

use bytes::Bytes;
use grps_core::{Error, Shape, Tensor, Values};
use half::f16;
use half::vec::{HalfBitsVecExt, HalfFloatVecExt};
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods, dtype,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyAny, PyBytes, PyString};

/// From so many bytes on, elements are copied without the GIL; for fewer, giving it up and taking
/// it again costs more than it gains.
pub(crate) const LARGE: usize = 32 << 10;

/// A name and an array, for Python.
pub(crate) type NamedArray<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

/// A name and an array, from Python.
pub(crate) type Output<'py> = (PyBackedStr, Bound<'py, PyAny>);

/// Turns tensors into named arrays that own their memory. Tensors that are the only owners of
/// theirs pass it on; the others are copied, without the GIL.
pub(crate) fn to_numpy(py: Python<'_>, tensors: Vec<Tensor>) -> PyResult<Vec<NamedArray<'_>>> {
    let all_owned = tensors.iter().all(|tensor| tensor.buffer().is_owned());
    let tensors = if all_owned {
        tensors
    } else {
        py.detach(|| tensors.into_iter().map(Tensor::into_owned).collect::<Vec<_>>())
    };
    tensors.into_iter().map(|tensor| to_array(py, tensor)).collect()
}

fn to_array(py: Python<'_>, tensor: Tensor) -> PyResult<NamedArray<'_>> {
    let (name, shape, buffer) = tensor.into_parts();
    let array = match buffer.into_values() {
        Values::Bool(values) => shaped(py, values, &shape)?,
        Values::Uint8(values) => shaped(py, values, &shape)?,
        Values::Uint16(values) => shaped(py, values, &shape)?,
        Values::Uint32(values) => shaped(py, values, &shape)?,
        Values::Uint64(values) => shaped(py, values, &shape)?,
        Values::Int8(values) => shaped(py, values, &shape)?,
        Values::Int16(values) => shaped(py, values, &shape)?,
        Values::Int32(values) => shaped(py, values, &shape)?,
        Values::Int64(values) => shaped(py, values, &shape)?,
        Values::Float16(values) => shaped(py, values, &shape)?,
        Values::Bfloat16(values) => {
            let package = py.import("ml_dtypes").map_err(|_| {
                PyTypeError::new_err(format!(
                    "input '{name}' has type bfloat16, which numpy has from the package ml_dtypes \
                     only: pip install ml_dtypes"
                ))
            })?;
            let bits = shaped(py, values.reinterpret_into(), &shape)?;
            bits.call_method1("view", (package.getattr("bfloat16")?,))?
        }
        Values::Float32(values) => shaped(py, values, &shape)?,
        Values::Float64(values) => shaped(py, values, &shape)?,
        Values::String(values) => shaped(py, to_objects(py, &values), &shape)?,
    };
    Ok((PyString::new(py, &name), array))
}

fn shaped<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: &Shape,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_vec(py, values).reshape(shape.as_slice())?.into_any())
}

/// The strings of a tensor as `str` if all are UTF-8, else all as `bytes`.
fn to_objects(py: Python<'_>, strings: &[Bytes]) -> Vec<Py<PyAny>> {
    let text = |string| std::str::from_utf8(string);
    if strings.iter().all(|string| text(string).is_ok()) {
        let texts = strings.iter().map(|string| text(string).unwrap_or_default());
        return texts.map(|text| PyString::new(py, text).into_any().unbind()).collect();
    }
    strings.iter().map(|string| PyBytes::new(py, string).into_any().unbind()).collect()
}

/// Copies C-contiguous arrays into tensors, since user code may use their memory again. Large ones
/// are copied without the GIL.
pub(crate) fn from_numpy(outputs: &[Output<'_>]) -> PyResult<Vec<Tensor>> {
    outputs.iter().map(|(name, array)| to_tensor(name, array)).collect()
}

fn to_tensor(name: &str, array: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let array = array.cast::<PyUntypedArray>().map_err(|_| {
        PyTypeError::new_err(format!("output '{name}' is {}, not a numpy array", array.get_type()))
    })?;
    let values = to_values(name, array)?;
    Tensor::new(name.into(), array.shape(), values).map_err(|error| invalid(&error))
}

/// A fault of user code's output, as Python sees it.
pub(crate) fn invalid(error: &Error) -> PyErr {
    PyValueError::new_err(error.message().to_owned())
}

fn to_values(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Values> {
    let py = array.py();
    let descr = array.dtype();
    macro_rules! try_types {
        ($($element:ty),+) => {
            $(if descr.is_equiv_to(&dtype::<$element>(py)) {
                return copy::<$element>(name, array).map(Values::from);
            })+
        };
    }
    try_types!(f32, i64, i32, u8, f64, bool, f16, i8, i16, u16, u32, u64);
    if matches!(descr.kind(), b'O' | b'U' | b'S') {
        return to_strings(name, array);
    }
    if descr.getattr("name")?.extract::<PyBackedStr>()? == "bfloat16" {
        let bits = array.call_method1("view", (dtype::<u16>(py),))?;
        let bits = copy::<u16>(name, bits.cast::<PyUntypedArray>()?)?;
        return Ok(Values::Bfloat16(bits.reinterpret_into()));
    }
    Err(PyTypeError::new_err(format!(
        "output '{name}' has type {descr}, which has no GRPS data type"
    )))
}

fn copy<T: Element + Copy>(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Vec<T>> {
    let typed = array.cast::<PyArrayDyn<T>>()?.readonly();
    // A slice is given of Fortran's order as well, which is another one.
    let elements = typed
        .as_slice()
        .ok()
        .filter(|_| array.is_c_contiguous())
        .ok_or_else(|| PyValueError::new_err(format!("output '{name}' is not C-contiguous")))?;
    if size_of_val(elements) < LARGE {
        return Ok(elements.to_vec());
    }
    Ok(array.py().detach(|| elements.to_vec()))
}

fn to_strings(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Values> {
    let objects: Vec<Bound<'_, PyAny>> =
        array.call_method0("ravel")?.call_method0("tolist")?.extract()?;
    let to_bytes = |object: &Bound<'_, PyAny>| match object.cast::<PyBytes>() {
        Ok(bytes) => Some(Bytes::copy_from_slice(bytes.as_bytes())),
        Err(_) => Some(Bytes::copy_from_slice(object.extract::<PyBackedStr>().ok()?.as_bytes())),
    };
    let strings: Option<Vec<Bytes>> = objects.iter().map(to_bytes).collect();
    strings.map(Values::String).ok_or_else(|| {
        PyTypeError::new_err(format!("output '{name}': every element must be a str or bytes"))
    })
}
