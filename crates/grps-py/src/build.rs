//! How this module was built.

use std::collections::BTreeMap;

use grps_build::BUILD;
use pyo3::prelude::*;

/// Version, commit, compiler, target and profile of this module.
#[pyfunction]
pub(crate) fn build_facts() -> BTreeMap<&'static str, Option<&'static str>> {
    BTreeMap::from([
        ("version", Some(BUILD.version)),
        ("commit", BUILD.commit),
        ("rust", Some(BUILD.rust)),
        ("target", Some(BUILD.target)),
        ("profile", Some(BUILD.profile)),
    ])
}
