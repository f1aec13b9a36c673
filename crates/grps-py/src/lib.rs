//! The extension module `grps._core`: a list of registrations.

mod build;
mod codec;
mod forwarded_log;
mod gpus;
mod instances;
mod load_run;
mod log;
mod logprobs;
mod native_metrics;
mod process;
mod replay_run;
mod service;
mod text;

use pyo3::prelude::*;

// Tensors of hundreds of kilobytes come and go with every request; the system's allocator would
// map and unmap each of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Native data plane of GRPS.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::build::build_facts;
    #[pymodule_export]
    use crate::codec::{json_to_message, message_to_json};
    #[pymodule_export]
    use crate::forwarded_log::forward_log;
    #[pymodule_export]
    use crate::gpus::find_gpus;
    #[pymodule_export]
    use crate::instances::batch::Batch;
    #[pymodule_export]
    use crate::instances::channel::Channel;
    #[pymodule_export]
    use crate::instances::current::current_request;
    #[pymodule_export]
    use crate::instances::entry::Entry;
    #[pymodule_export]
    use crate::instances::exchange::Exchange;
    #[pymodule_export]
    use crate::instances::heartbeat::Heartbeat;
    #[pymodule_export]
    use crate::instances::native_engine::LoadedCopy;
    #[pymodule_export]
    use crate::instances::plugin::{Plugin, RunningCopy};
    #[pymodule_export]
    use crate::instances::steps::{BegunSequence, StepChannel, StepPlan};
    #[pymodule_export]
    use crate::instances::worker::{Link, Lost};
    #[pymodule_export]
    use crate::load_run::LoadRun;
    #[pymodule_export]
    use crate::log::{Log, LogFile, log, start_log};
    #[pymodule_export]
    use crate::logprobs::top_logprobs;
    #[pymodule_export]
    use crate::native_metrics::{monitor_api, queue_recorded, take_recorded};
    #[pymodule_export]
    use crate::process::{StopSignals, end_after, end_with_parent};
    #[pymodule_export]
    use crate::replay_run::ReplayRun;
    #[pymodule_export]
    use crate::service::command::Command;
    #[pymodule_export]
    use crate::service::model::Model;
    #[pymodule_export]
    use crate::service::remote::{RemoteModel, Services};
    #[pymodule_export]
    use crate::service::server::Server;
}
