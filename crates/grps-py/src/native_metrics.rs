//! Metrics of native code in this process: the table that it calls, and what has come in a worker.

use grps_plugin::monitor;
use pyo3::prelude::*;

/// The address of the table that native code calls to record metrics.
#[pyfunction]
pub(crate) fn monitor_api() -> usize {
    monitor::api() as usize
}

/// Lets metrics of native code wait for `take_recorded`, as a worker process does.
#[pyfunction]
pub(crate) fn queue_recorded() {
    monitor::record_in_queue();
}

/// What native code has recorded since the last time: kind, name and value.
#[pyfunction]
pub(crate) fn take_recorded() -> Vec<(&'static str, String, f64)> {
    let recorded = monitor::take().into_iter();
    recorded.map(|(kind, name, value)| (kind.name(), name, value)).collect()
}
