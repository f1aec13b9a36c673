//! Metrics of native code in this process: the table of C functions, and the recorded values.

use grps_plugin::monitor;
use pyo3::prelude::*;

/// The address of the table of C functions.
#[pyfunction]
pub(crate) fn monitor_api() -> usize {
    monitor::api() as usize
}

/// Queues metrics of native code for `take_recorded`, for use in a worker process.
#[pyfunction]
pub(crate) fn queue_recorded() {
    monitor::record_in_queue();
}

/// The values that native code has recorded since the last call: kind, name and value.
#[pyfunction]
pub(crate) fn take_recorded() -> Vec<(&'static str, String, f64)> {
    let recorded = monitor::take_recorded().into_iter();
    recorded.map(|(kind, name, value)| (kind.name(), name, value)).collect()
}
