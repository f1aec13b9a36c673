//! Converts what front ends know of models for text and sound from Python objects, by attribute.

use std::sync::Arc;

use grps_core::{TextNumbers, TextSpec, TranscriberSpec};
use grps_text::{PairEncoder, PairOptions};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The attributes of `grps.server.native.NativeText`.
#[derive(FromPyObject)]
pub(super) struct PyText {
    tokenizer: String,
    max_length: usize,
    ranks: bool,
    is_matryoshka: bool,
    is_normalized: bool,
    lowercase: bool,
    prefix: String,
}

impl TryFrom<PyText> for TextSpec {
    type Error = PyErr;

    fn try_from(text: PyText) -> PyResult<Self> {
        let PyText { tokenizer, max_length, lowercase, prefix, .. } = text;
        let encoder =
            PairEncoder::from_bytes(tokenizer.as_bytes(), PairOptions { lowercase, prefix });
        let (is_matryoshka, is_normalized) = (text.is_matryoshka, text.is_normalized);
        let numbers = match text.ranks {
            true => TextNumbers::Score,
            false => TextNumbers::Embedding { is_matryoshka, is_normalized },
        };
        let encoder = encoder.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { numbers, max_length, encoder: Arc::new(encoder) })
    }
}

/// The attributes of `grps.server.native.NativeTranscriber`.
#[derive(FromPyObject)]
pub(super) struct PyTranscriber {
    max_seconds: f64,
    languages: Vec<String>,
    takes_prompt: bool,
    takes_temperature: bool,
}

impl From<PyTranscriber> for TranscriberSpec {
    fn from(transcriber: PyTranscriber) -> Self {
        let PyTranscriber { max_seconds, languages, takes_prompt, takes_temperature } = transcriber;
        Self { max_seconds, languages, takes_prompt, takes_temperature }
    }
}
