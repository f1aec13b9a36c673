//! Copies of models that native code runs in a worker process.

use grps_core::{LoadInferer, LoadStepModel, run_batches, run_steps};
use grps_plugin::crash;
use grps_plugin::process::own_descriptor;
use grps_worker::{WorkerChannel, WorkerEnd, WorkerSteps};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// What loads a copy.
pub(crate) enum Load {
    /// For batches of requests.
    Requests(LoadInferer),
    /// For steps of sequences.
    Steps(LoadStepModel),
}

/// Loads a copy in a thread of its own, which is named after the instance, and runs the requests of
/// this process with it until the server ends it. The descriptors, of the socket and of the page for
/// notes, are closed with it; `loaded` is called when the copy is loaded. Returns why the copy can't
/// be used any more; None at the end.
pub(crate) fn serve_copy(
    py: Python<'_>,
    load: Load,
    name: String,
    descriptors: (i32, i32),
    loaded: Py<PyAny>,
) -> PyResult<Option<String>> {
    let (socket, note) = (own_descriptor(descriptors.0)?, own_descriptor(descriptors.1)?);
    let end = WorkerEnd { socket, note };
    let builder = std::thread::Builder::new().name(name.clone());
    crash::watch();
    let thread = builder.spawn(move || {
        let _signals = crash::SignalStack::new();
        // Without a server, there is nobody to tell.
        let tell = || drop(Python::attach(|py| loaded.call0(py)));
        match load {
            Load::Requests(load) => {
                let mut inferer = load()?;
                tell();
                Ok(run_batches(&mut WorkerChannel::new(end), &mut *inferer, &name).err())
            }
            Load::Steps(load) => {
                let mut model = load()?;
                tell();
                Ok(run_steps(&mut WorkerSteps::new(end), &mut *model).err())
            }
        }
    })?;
    let outcome = py.detach(|| thread.join());
    let outcome = outcome.map_err(|_| PyRuntimeError::new_err("the copy's thread panicked"))?;
    outcome.map_err(|cause: String| PyValueError::new_err(cause))
}
