//! The Python class of a run of the load generator.

use std::time::Duration;

use bytes::Bytes;
use grps_perf::{Plan, Run};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use serde::Serialize;

/// A run of the load generator, which begins at once.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct LoadRun {
    run: Run,
}

#[pymethods]
impl LoadRun {
    /// Begins a run by a plan in JSON and the bodies of its requests.
    #[new]
    fn new(py: Python<'_>, plan: &str, bodies: Vec<PyBackedBytes>) -> PyResult<Self> {
        let plan: Plan = serde_json::from_str(plan).map_err(invalid)?;
        let bodies: Vec<Bytes> = bodies.iter().map(|body| Bytes::copy_from_slice(body)).collect();
        let run = py.detach(|| Run::start(plan, &bodies)).map_err(invalid)?;
        Ok(Self { run })
    }

    /// Waits until it has ended, or for a time; returns whether it has ended.
    fn wait(&self, py: Python<'_>, timeout_s: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout_s).map_err(invalid)?;
        Ok(py.detach(|| self.run.wait(timeout)))
    }

    /// Sends no more requests and gives up those that are open.
    fn stop(&self) {
        self.run.stop();
    }

    /// How far it is, as JSON.
    fn progress(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.run.progress().map_err(invalid).and_then(|progress| json(&progress)))
    }

    /// What was measured, as JSON.
    fn report(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let report = self.run.report();
            json(&report.map_err(|error| PyOSError::new_err(error.to_string()))?)
        })
    }
}

fn invalid(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn json(value: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(value).map_err(invalid)
}
