//! The GPUs of the machine, for the tool that tells what it finds.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// A GPU: number, name, and memory in bytes, in use and in all.
type Gpu = (u32, String, u64, u64);

/// The version of NVIDIA's driver and the GPUs it has.
#[pyfunction]
pub(crate) fn find_gpus(py: Python<'_>) -> PyResult<(String, Vec<Gpu>)> {
    let machine = py.detach(grps_server::find_gpus).map_err(PyOSError::new_err)?;
    let gpus = machine
        .gpus
        .into_iter()
        .map(|gpu| (gpu.number, gpu.name, gpu.memory_used_bytes, gpu.memory_total_bytes))
        .collect();
    Ok((machine.driver, gpus))
}
