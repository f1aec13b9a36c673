//! The extension module `grps._core`: a list of registrations.

mod batch;
mod channel;
mod codec;
mod command;
mod current;
mod entry;
mod exchange;
mod gpus;
mod graph;
mod log;
mod model;
mod native_metrics;
mod server;
mod settings;
mod tensor;
mod thread_scaler;
mod worker;

use pyo3::prelude::*;

// Tensors of hundreds of kilobytes come and go with every request; the system's allocator would
// map and unmap each of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Native data plane of GRPS.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::channel::Channel;
    #[pymodule_export]
    use crate::codec::{json_to_message, message_to_json};
    #[pymodule_export]
    use crate::command::Command;
    #[pymodule_export]
    use crate::current::current_request;
    #[pymodule_export]
    use crate::entry::Entry;
    #[pymodule_export]
    use crate::exchange::Exchange;
    #[pymodule_export]
    use crate::gpus::find_gpus;
    #[pymodule_export]
    use crate::log::{Log, LogFile, log, start_log};
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::native_metrics::{monitor_api, queue_recorded, take_recorded};
    #[pymodule_export]
    use crate::server::Server;
    #[pymodule_export]
    use crate::worker::{Link, Lost};
}
