//! Text from Python.

use std::ops::Deref;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Text that may have held what UTF-8 can't: half of a surrogate pair becomes U+FFFD. Messages about
/// failures and log lines are taken as this, since a failure must not fail again.
pub(crate) struct LossyText(String);

impl FromPyObject<'_, '_> for LossyText {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let text = object.cast::<PyString>()?;
        Ok(Self(text.to_string_lossy().into_owned()))
    }
}

impl Deref for LossyText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<LossyText> for String {
    fn from(text: LossyText) -> Self {
        text.0
    }
}
