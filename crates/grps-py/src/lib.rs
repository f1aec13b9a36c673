//! The extension module `grps._core`: a list of registrations.

use pyo3::prelude::*;

/// Native data plane of GRPS.
#[pymodule]
mod _core {}
