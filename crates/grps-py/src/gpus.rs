//! The GPUs of the machine, for the CLI.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// A GPU: number, name, and used and total memory in bytes.
type Gpu = (u32, String, u64, u64);

/// The version of NVIDIA's driver, and the GPUs of the machine.
#[pyfunction]
pub(crate) fn find_gpus(py: Python<'_>) -> PyResult<(String, Vec<Gpu>)> {
    let inventory = py.detach(grps_server::find_gpus).map_err(PyOSError::new_err)?;
    let gpus = inventory
        .gpus
        .into_iter()
        .map(|gpu| (gpu.number, gpu.name, gpu.memory_used_bytes, gpu.memory_total_bytes))
        .collect();
    Ok((inventory.driver, gpus))
}
