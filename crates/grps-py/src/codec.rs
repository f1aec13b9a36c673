//! The wire codec for Python: JSON to protobuf and back.

use bytes::Bytes;
use grps_server::codec::{json, proto};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

fn invalid(error: grps_core::Error) -> PyErr {
    PyValueError::new_err(error.message().to_owned())
}

/// Converts a JSON request body to an encoded `GrpsMessage`.
///
/// Raises ValueError with the position of the error.
#[pyfunction]
pub(crate) fn json_to_message<'py>(py: Python<'py>, body: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let request = json::decode(body).map_err(invalid)?;
    Ok(PyBytes::new(py, &proto::encode(&request.message)))
}

/// Converts an encoded `GrpsMessage` to JSON; with `return_ndarray` its first tensor becomes a nested
/// `ndarray`.
///
/// Raises ValueError when the message is malformed or contains no float32 tensor for the `ndarray`.
#[pyfunction]
#[pyo3(signature = (message, return_ndarray = false))]
pub(crate) fn message_to_json<'py>(
    py: Python<'py>,
    message: &[u8],
    return_ndarray: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let decoded = proto::decode(&Bytes::copy_from_slice(message)).map_err(invalid)?;
    let text = if return_ndarray {
        let status = decoded.status.clone();
        let tensors = decoded.into_tensors().map_err(invalid)?;
        json::encode_ndarray(status.as_ref(), &tensors).map_err(invalid)?
    } else {
        json::encode(&decoded)
    };
    Ok(PyBytes::new(py, &text))
}
