//! What worker processes are started by.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use grps_config::types::ModelConfig;
use grps_core::metrics::Monitor;
use grps_engines::NativeEngine;

use crate::service_log::ServiceLog;
use crate::workers::child::WorkerProcess;
use crate::workers::messages::WorkerSettings;

/// What all workers of a service have in common.
#[derive(Clone)]
pub(crate) struct WorkerStarter {
    /// Libraries of engines; others are looked for.
    pub(crate) libraries: Vec<(NativeEngine, PathBuf)>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) log: Arc<ServiceLog>,
}

/// Which instance a worker runs.
#[derive(Clone)]
pub(crate) struct WorkerCopy {
    /// The project.
    pub(crate) folder: PathBuf,
    /// The model, with the device of this copy.
    pub(crate) model: ModelConfig,
    pub(crate) index: u32,
    /// The processors that one run of an engine may use.
    pub(crate) processors: usize,
}

impl WorkerStarter {
    /// Starts the worker of an instance.
    pub(crate) fn start(&self, copy: &WorkerCopy) -> io::Result<Arc<WorkerProcess>> {
        let WorkerCopy { folder, model, index, processors } = copy.clone();
        let named =
            |(engine, path): &(NativeEngine, PathBuf)| (engine.name().to_owned(), path.clone());
        let libraries = self.libraries.iter().map(named).collect();
        let log_level = self.log.level();
        let settings = WorkerSettings { folder, model, index, processors, libraries, log_level };
        WorkerProcess::start(&settings, Arc::clone(&self.monitor))
    }
}
