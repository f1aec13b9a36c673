//! Log-probabilities of tokens, for step models.

use grps_text::{Logit, TopLogprobs};
use half::f16;
use numpy::{
    Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// The log-probability of the token of each row, and the most probable tokens with theirs.
type Found<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f32>>);

/// Computes log-probabilities without the GIL; see `top_logprobs` of `grps-text`. The arrays are
/// C-contiguous: logits of float32 or float16 with a row for each token, and tokens of int64.
#[pyfunction]
pub(crate) fn top_logprobs<'py>(
    logits: &Bound<'py, PyUntypedArray>,
    tokens: PyReadonlyArray1<'py, i64>,
    count: usize,
) -> PyResult<Found<'py>> {
    if let Ok(logits) = logits.extract::<PyReadonlyArray2<'py, f32>>() {
        return compute(&logits, &tokens, count);
    }
    if let Ok(logits) = logits.extract::<PyReadonlyArray2<'py, f16>>() {
        return compute(&logits, &tokens, count);
    }
    let (dtype, shape) = (logits.dtype(), logits.shape());
    Err(PyTypeError::new_err(format!(
        "logits are {dtype} {shape:?}, not float32 or float16 [rows, vocabulary]"
    )))
}

fn compute<'py, T: Logit + Element + Sync>(
    logits: &PyReadonlyArray2<'py, T>,
    tokens: &PyReadonlyArray1<'py, i64>,
    count: usize,
) -> PyResult<Found<'py>> {
    let py = logits.py();
    let (rows, vocabulary) = (logits.shape()[0], logits.shape()[1]);
    let (logits, tokens) = (logits.as_slice()?, tokens.as_slice()?);
    if rows != tokens.len() {
        let count = tokens.len();
        return Err(PyValueError::new_err(format!("logits have {rows} rows, tokens are {count}")));
    }
    let found = py.detach(|| grps_text::top_logprobs(logits, vocabulary, tokens, count));
    let found = found.map_err(|error| PyValueError::new_err(error.to_string()))?;
    let TopLogprobs { logprobs, top_ids, top_logprobs } = found;
    let shape = [rows, count];
    Ok((
        logprobs.into_pyarray(py),
        top_ids.into_pyarray(py).reshape(shape)?,
        top_logprobs.into_pyarray(py).reshape(shape)?,
    ))
}
